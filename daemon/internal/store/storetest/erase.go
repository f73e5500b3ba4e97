package storetest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

func (w *world) erase(in atssync.NewErasure) atssync.Erasure {
	w.t.Helper()
	e, err := w.s.CreateErasure(w.ctx, in, w.now)
	require.NoError(w.t, err)
	return e
}

// workErasure works an erasure and returns it as it is then.
func (w *world) workErasure(e atssync.Erasure) atssync.Erasure {
	w.t.Helper()
	done, err := w.s.WorkErasure(w.ctx, e.ID, w.now)
	require.NoError(w.t, err)
	e, err = w.s.Erasure(w.ctx, e.ID)
	require.NoError(w.t, err)
	require.Equal(w.t, done, !e.FinishedAt.IsZero())
	require.Equal(w.t, done, len(e.Waiting) == 0)
	return e
}

func (w *world) byExternal(c atssync.Connection, external string) atssync.NewErasure {
	return atssync.NewErasure{By: atssync.ErasedByExternalID, ExternalKey: "hmac of " + c.ID + " " + external}
}

// document of a person whose name is canary.
func (w *world) ofPerson(c atssync.Connection, external, job, person string) atssync.Submission {
	w.t.Helper()
	in := w.document(c, external, job)
	in.Submission.PersonKeys = []string{person, "mail of " + person}
	a := w.accept(in)[0]
	require.NoError(w.t, a.Err)
	return a.Submission
}

const canary = "canary"

// nowhere requires that nothing which can be read of a submission holds the canary.
func (w *world) nowhere(s atssync.Submission) {
	w.t.Helper()
	attempts, err := w.s.Attempts(w.ctx, s.ID)
	require.NoError(w.t, err)
	events, _, err := w.s.Events(w.ctx, atssync.EventQuery{Subject: s.ID})
	require.NoError(w.t, err)
	audit, err := w.s.AuditRecords(w.ctx, s.ID, atssync.Paging{})
	require.NoError(w.t, err)
	tombstone := w.sub(s.ID)
	tombstone.ExternalKey = "" // an HMAC elsewhere
	b, err := json.Marshal([]any{tombstone, attempts, events, audit})
	require.NoError(w.t, err)
	require.NotContains(w.t, string(b), canary)
	_, err = w.s.Payload(w.ctx, s.ID)
	w.code(err, atssync.CodeNotFound)
	_, err = w.s.Application(w.ctx, s.ID)
	w.code(err, atssync.CodeNotFound)
}

var erasureTests = map[string]func(*world){
	"what is decided goes at once and leaves a tombstone": func(w *world) {
		w.ctx = atssync.WithActor(w.ctx, atssync.Actor{Name: "uid:1000", Via: "socket"})
		c := w.connect("acme")
		w.link(c, "job-1")
		l := w.lease(c, "daemon-1")
		s := w.ofPerson(c, canary, "job-1", "ada")
		a := w.begin(l, s)
		f := w.arrived(s, a)
		f.Exchanges[0].Excerpt = canary
		w.finish(l, f)
		app := w.app(s.ID)
		app.ATSJobName = canary
		_, err := w.s.RecordReadings(w.ctx, l, []atssync.ApplicationChange{w.reading(app, "active", canary)}, nil, w.now)
		require.NoError(w.t, err)
		require.NoError(w.t, w.s.AppendAudit(w.ctx, atssync.Audit{At: w.now, Action: "submission.open", Object: s.ID, Detail: canary}))
		before := w.balanced(c)
		types := w.events(c)
		w.pass(time.Hour)
		e := w.workErasure(w.erase(w.byExternal(c, canary)))
		require.Equal(w.t, []atssync.ErasedItem{{
			ErasureTarget: atssync.ErasureTarget{Submission: s.ID, Connection: c.ID, Account: "acme"}, State: atssync.StateSubmitted,
			Copy: atssync.CopyHeld, Receipt: f.Receipt, ErasedAt: w.now,
		}}, e.Erased)
		w.nowhere(s)
		got := w.sub(s.ID)
		require.Empty(w.t, got.PersonKeys)
		require.Empty(w.t, got.Fingerprint)
		require.Equal(w.t, s.ExternalKey, got.ExternalKey)
		require.Equal(w.t, atssync.StateSubmitted, got.State)
		found, err := w.s.SubmissionsByReceipt(w.ctx, c.ID, f.Receipt.CandidateID, f.Receipt.ApplicationID)
		require.NoError(w.t, err)
		require.Empty(w.t, found)
		require.Equal(w.t, before, w.balanced(c), "the ledger stays")
		require.Equal(w.t, types, w.events(c), "events keep their numbers and types")
		for _, ev := range w.allEvents(c) {
			require.JSONEq(w.t, `{"submission":"`+s.ID+`","erased":true}`, string(ev.Data))
		}
		audit, err := w.s.AuditRecords(w.ctx, e.ID, atssync.Paging{})
		require.NoError(w.t, err)
		require.Equal(w.t, "by external_id, submissions: 1", audit.Items[0].Detail)
	},
	"the same external id is gone and another one of the same person goes through": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		in := w.inATS(c, "app-1", "job-1")
		in.Submission.PersonKeys = []string{"ada"}
		s := w.accept(in)[0].Submission
		w.workErasure(w.erase(w.byExternal(c, "app-1")))
		again := w.accept(w.inATS(c, "app-1", "job-1"))[0]
		w.code(again.Err, atssync.CodeGone)
		require.Equal(w.t, atssync.AcceptRefused, again.Result)
		changed := w.inATS(c, "app-1", "job-1")
		changed.Submission.Fingerprint = "other"
		w.code(w.accept(changed)[0].Err, atssync.CodeGone)
		for _, kind := range []atssync.ActKind{atssync.ActRetry, atssync.ActRelease, atssync.ActCancel, atssync.ActHold} {
			_, err := w.s.Act(w.ctx, s.ID, kind, w.now)
			w.code(err, atssync.CodeGone)
		}
		_, err := w.s.Import(w.ctx, w.inATS(c, "app-1", "job-1"), atssync.Application{CandidateID: "7"}, w.now)
		require.NoError(w.t, err)
		imported, err := w.s.Import(w.ctx, w.inATS(c, "app-1", "job-1"), atssync.Application{CandidateID: "7"}, w.now)
		require.NoError(w.t, err)
		w.code(imported.Err, atssync.CodeGone)
		w.remove(c)
		other := w.connect("acme")
		w.link(other, "job-1")
		w.code(w.accept(w.inATS(other, "app-1", "job-1"))[0].Err, atssync.CodeGone)

		genuine := w.ofPerson(other, "app-2", "job-1", "ada")
		require.Equal(w.t, atssync.StateQueued, genuine.State)
		w.balanced(c)
		w.balanced(other)
	},
	"a person is found by key after the document is gone, everywhere within the scope": func(w *world) {
		a, b := w.connect("acme"), w.connect("globex")
		w.link(a, "job-1")
		l := w.lease(a, "daemon-1")
		first := w.ofPerson(a, "app-1", "job-1", "ada")
		w.finish(l, w.arrived(first, w.begin(l, first)))
		second, third := w.ofPerson(a, "app-2", "job-1", "ada"), w.ofPerson(b, "app-3", "job-1", "ada")
		bystander := w.ofPerson(a, "app-4", "job-1", "grace")
		w.pass(48 * time.Hour)
		require.Equal(w.t, 1, w.dropPayloads(w.now, 10))
		keys := []string{"mail of ada", "ada"}
		e := w.workErasure(w.erase(atssync.NewErasure{By: atssync.ErasedByEmail, PersonKeys: keys, Within: atssync.Scope{Accounts: []string{"acme"}}}))
		require.Len(w.t, e.Erased, 2)
		require.Equal(w.t, atssync.CopyHeld, e.Erased[slices.IndexFunc(e.Erased, func(i atssync.ErasedItem) bool { return i.Submission == first.ID })].Copy)
		require.Equal(w.t, atssync.CopyNone, e.Erased[slices.IndexFunc(e.Erased, func(i atssync.ErasedItem) bool { return i.Submission == second.ID })].Copy)
		require.Zero(w.t, w.sub(third.ID).Erasure, "another account's")
		require.Zero(w.t, w.sub(bystander.ID).Erasure)
		require.Equal(w.t, atssync.StateCancelled, w.sub(second.ID).State, "what waits is cancelled first")
		_, err := w.s.Erasure(w.ctx, "era_none")
		w.code(err, atssync.CodeNotFound)
		e = w.workErasure(w.erase(atssync.NewErasure{By: atssync.ErasedByEmail, PersonKeys: keys}))
		require.Len(w.t, e.Erased, 1, "what is left")
		again := w.erase(atssync.NewErasure{By: atssync.ErasedByEmail, PersonKeys: keys})
		require.Empty(w.t, again.Waiting)
		require.Equal(w.t, w.now, again.FinishedAt, "nothing is kept of them")
		w.balanced(a)
		w.balanced(b)
	},
	"what is being sent is waited for and not sent again": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		l := w.lease(c, "daemon-1")
		s := w.submit(c, "app-1", "job-1")
		a := w.begin(l, s)
		e := w.workErasure(w.erase(w.byExternal(c, "app-1")))
		require.Len(w.t, e.Waiting, 1)
		require.Empty(w.t, e.Erased)
		require.True(w.t, w.hasPayload(s))
		require.Equal(w.t, e, w.workErasure(e), "waiting writes nothing")
		require.Equal(w.t, e.ID, w.erase(w.byExternal(c, "app-1")).ID, "asking twice is asking once")
		w.code(w.accept(w.document(c, "app-1", "job-1"))[0].Err, atssync.CodeGone)
		w.finish(l, atssync.Finish{Submission: s.ID, Attempt: a.Number, To: atssync.StateQueued, NextAt: w.now})
		due, _, err := w.s.NextSubmissions(w.ctx, l, 10, w.now)
		require.NoError(w.t, err)
		require.Empty(w.t, due)
		begun, err := w.s.BeginAttempts(w.ctx, l, []atssync.BeginAttempt{w.attempt(s)}, w.now)
		require.NoError(w.t, err)
		require.Empty(w.t, begun)
		e = w.workErasure(e)
		require.Equal(w.t, atssync.CopyNone, e.Erased[0].Copy)
		require.Equal(w.t, map[atssync.State]int64{atssync.StateCancelled: 1}, w.balanced(c))
	},
	"what is uncertain is waited for until somebody settles it": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		l := w.lease(c, "daemon-1")
		there, given := w.uncertain(c, l, "there", "job-1"), w.uncertain(c, l, "given up", "job-1")
		e, f := w.erase(w.byExternal(c, "there")), w.erase(w.byExternal(c, "given up"))
		require.Len(w.t, w.workErasure(e).Waiting, 1)
		require.Len(w.t, w.workErasure(f).Waiting, 1)
		pending, err := w.s.Erasures(w.ctx, atssync.ErasureQuery{Pending: true})
		require.NoError(w.t, err)
		require.Len(w.t, pending.Items, 2)
		_, err = w.s.Resolve(w.ctx, there.ID, atssync.SettleUncertain{Resolution: atssync.ResolvedSendAgain, By: "person"}, w.now)
		w.code(err, atssync.CodeGone)
		r := atssync.Receipt{CandidateID: "7", ProfileURL: "https://ats.example.com/people/7"}
		app := atssync.NewApplication(there, r, "Engineer", w.now)
		_, err = w.s.Resolve(w.ctx, there.ID, atssync.SettleUncertain{Resolution: atssync.ResolvedSubmitted, By: "person", Receipt: &r, Application: &app}, w.now)
		require.NoError(w.t, err)
		_, err = w.s.Resolve(w.ctx, given.ID, atssync.SettleUncertain{Resolution: atssync.ResolvedGiveUp, By: "person"}, w.now)
		require.NoError(w.t, err)
		e, f = w.workErasure(e), w.workErasure(f)
		require.Equal(w.t, atssync.CopyHeld, e.Erased[0].Copy)
		require.Equal(w.t, &r, e.Erased[0].Receipt)
		require.Equal(w.t, atssync.CopyPossible, f.Erased[0].Copy)
		w.nowhere(there)
		w.nowhere(given)
		pending, err = w.s.Erasures(w.ctx, atssync.ErasureQuery{Pending: true})
		require.NoError(w.t, err)
		require.Empty(w.t, pending.Items)
		w.balanced(c)
	},
	"answers of webhooks are erased, those under way too": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		e := w.endpoint()
		s := w.toldThrice(c)
		l := w.endpointLease(e)
		w.plan(l)
		w.end(l, atssync.DeliveryDelivered, 1)
		require.NotEmpty(w.t, w.delivery(e, 1).Log[0].Answer)
		require.NotEmpty(w.t, w.due(l, 1))
		w.workErasure(w.erase(w.byExternal(c, s.ExternalID)))
		require.Empty(w.t, w.delivery(e, 1).Log[0].Answer)
		due := w.due(l, 1)
		require.JSONEq(w.t, `{"submission":"`+s.ID+`","erased":true}`, string(due[0].Event.Data))
		w.end(l, atssync.DeliveryDelivered, 2)
		require.Empty(w.t, w.delivery(e, 2).Log[0].Answer, "it may repeat what was sent before")
	},
	"what the ATS holds a part of is told": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		l := w.lease(c, "daemon-1")
		s := w.part(c, l, "app-1")
		require.NotEmpty(w.t, w.sub(s.ID).Continuation)
		e := w.workErasure(w.erase(w.byExternal(c, "app-1")))
		require.Equal(w.t, atssync.CopyPartial, e.Erased[0].Copy)
		require.Empty(w.t, w.sub(s.ID).Continuation)
	},
	"a hint that waits is forgotten, and none is taken any more": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		l := w.lease(c, "daemon-1")
		s := w.submitted(c, l, "app-1", "job-1")
		touch := []atssync.Touch{{ExternalKey: s.ExternalKey}, {CandidateID: s.Receipt.CandidateID}}
		got, err := w.s.QueueHints(w.ctx, atssync.Hook{Connection: c.ID, Touched: touch}, w.now)
		require.NoError(w.t, err)
		require.Equal(w.t, 1, got.Queued)
		w.workErasure(w.erase(w.byExternal(c, "app-1")))
		backlog, err := w.s.HintBacklog(w.ctx, c.ID)
		require.NoError(w.t, err)
		require.Zero(w.t, backlog.Waiting)
		got, err = w.s.QueueHints(w.ctx, atssync.Hook{Connection: c.ID, Touched: touch}, w.now)
		require.NoError(w.t, err)
		require.Zero(w.t, got.Queued)
	},
	"many events take many commits and a crash between them is gone on from": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		l := w.lease(c, "daemon-1")
		s := w.submitted(c, l, "app-1", "job-1")
		for i := range 300 {
			_, err := w.s.RecordReadings(w.ctx, l, []atssync.ApplicationChange{w.reading(w.app(s.ID), "active", fmt.Sprint(canary, i))}, nil, w.now)
			require.NoError(w.t, err)
		}
		e := w.workErasure(w.erase(w.byExternal(c, "app-1")))
		require.Len(w.t, e.Erased, 1)
		for _, ev := range w.allEvents(c) {
			require.NotContains(w.t, string(ev.Data), canary)
		}
		require.Len(w.t, w.events(c), 301)
	},
	"unknown, and more than one erasure takes": func(w *world) {
		c := w.connect("acme")
		_, err := w.s.CreateErasure(w.ctx, w.byExternal(c, "none"), w.now)
		w.code(err, atssync.CodeNotFound)
		for i := range atssync.MaxErasure + 20 {
			w.ofPerson(c, fmt.Sprintf("app-%d", i), "job-1", "tester")
		}
		q := atssync.NewErasure{By: atssync.ErasedByPerson, PersonKeys: []string{"tester"}}
		e := w.workErasure(w.erase(q))
		require.Len(w.t, e.Erased, atssync.MaxErasure)
		require.True(w.t, e.More)
		e = w.workErasure(w.erase(q))
		require.Len(w.t, e.Erased, 20)
		require.False(w.t, e.More)
		require.Equal(w.t, int64(atssync.MaxErasure+20), w.balanced(c)[atssync.StateCancelled])
		mine, n := pages(w, 1, func(p atssync.Paging) (atssync.Page[atssync.Erasure], error) {
			return w.s.Erasures(w.ctx, atssync.ErasureQuery{Within: atssync.Scope{Accounts: []string{"acme"}}, Paging: p})
		})
		require.Len(w.t, mine, 2)
		require.Equal(w.t, 2, n)
		theirs, err := w.s.Erasures(w.ctx, atssync.ErasureQuery{Within: atssync.Scope{Accounts: []string{"globex"}}})
		require.NoError(w.t, err)
		require.Empty(w.t, theirs.Items)
	},
	"a trouble's words and a proposal go": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		l := w.lease(c, "daemon-1")
		s := w.submit(c, "app-1", "job-1")
		w.finish(l, atssync.Finish{Submission: s.ID, Attempt: w.begin(l, s).Number, To: atssync.StateUncertain, Trouble: &atssync.Trouble{
			Kind: sdk.KindAmbiguous, Message: strings.Repeat(canary+" ", 3),
		}})
		require.NoError(w.t, w.s.Propose(w.ctx, s.ID, atssync.Receipt{ProfileURL: canary}, w.now))
		e := w.workErasure(w.erase(w.byExternal(c, "app-1")))
		_, err := w.s.Resolve(w.ctx, s.ID, atssync.SettleUncertain{Resolution: atssync.ResolvedGiveUp, By: "person"}, w.now)
		require.NoError(w.t, err)
		w.workErasure(e)
		w.nowhere(s)
	},
}
