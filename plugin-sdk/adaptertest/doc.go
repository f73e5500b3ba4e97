// Package adaptertest is the conformance suite of adapters: it starts any adapter's binary as the daemon
// does, over the real wire, and holds it against the contract. It stands beside host and serve, for authors
// of adapters in any language and for "atssync adapters test". Fake is an adapter for tests of the host's
// side.
//
// # From a test
//
//	func TestConformance(t *testing.T) {
//		sim := httptest.NewServer(simulator.New(simulator.Options{}))
//		defer sim.Close()
//		adaptertest.Test(t, adaptertest.Options{Path: buildAdapter(t), Fake: sim.URL})
//	}
//
// # From a shell
//
//	myadapter simulate --listen 127.0.0.1:9000 &
//	atssync adapters test ./myadapter --fake http://127.0.0.1:9000
//
// # The verdict
//
// Every check passes, fails with a sentence, or is skipped with its reason. Reasons are declared, never
// guessed: a power that the manifest does not announce, a setting that makes writes take two steps and is
// not given, a fake that does not offer what a check needs. An adapter conforms when nothing fails. Build it
// with -race to have data races seen too: what the race detector prints fails a check.
//
// # What a fake may offer
//
// A fake is whatever speaks like the ATS: usually the adapter's own simulator. The checks that count people
// or break connections need three things from it beside the ATS's own endpoints, all optional, all JSON over
// HTTP under the fake's URL; one that is not there answers 404.
//
//	GET /adaptertest
//
// says how to connect: {"settings": {...}, "credentials": {...}, "two_step": {...}}, keyed by the names of
// the manifest's fields. two_step holds the settings that make a submission take several writes. What
// Options has wins.
//
//	GET /adaptertest/people?external_id=ID
//
// counts what the fake holds for an external id: {"people": 1, "applications": 1}. Two writes of one person
// are two people here, however alike they are.
//
//	POST /adaptertest/fault {"fault": KIND, "delay_ms": N}
//
// breaks the next request that the fault is for, once, and answers 204. "delay" delays the next request by
// delay_ms; "cut_after_write" applies the next write and ends its connection without an answer;
// "fail_after_write" applies it and answers 503; "no_list" answers the next read with 200 and {}.
//
//	DELETE /adaptertest/fault
//
// ends the faults that were set through this door and answers 204; the suite asks for it when it is done.
//
// A fake may show late what was written, as many an ATS does: checks that read what they wrote wait for it for
// Options.ReadLag, 15 s.
//
// # Without a fake
//
// Against a real ATS, with Options.Settings and Options.Credentials, only what reads is checked, unless
// Options.Write says that people may be made there.
package adaptertest
