package storetest

import (
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// restore makes the store one that was just loaded from a backup.
func (w *world) restore() atssync.Restore {
	w.t.Helper()
	r := atssync.Restore{Backup: w.unique("backup"), MadeAt: w.now.Add(-time.Hour), At: w.now}
	require.NoError(w.t, w.s.HoldRestored(w.ctx, r, w.now))
	return r
}

func (w *world) learn(in ...atssync.Evidence) []atssync.Learned {
	w.t.Helper()
	out, err := w.s.Learn(w.ctx, in, w.now)
	require.NoError(w.t, err)
	require.Len(w.t, out, len(in))
	return out
}

func (w *world) learnOne(e atssync.Evidence) atssync.Learned {
	w.t.Helper()
	return w.learn(e)[0]
}

func (w *world) release(c atssync.Connection) {
	w.t.Helper()
	require.NoError(w.t, w.s.ReleaseRestored(w.ctx, c.ID, 0, w.now))
	w.work(c)
}

// evidence is what a journal says of a submission's next attempt.
func (w *world) evidence(s atssync.Submission, to atssync.State) atssync.Evidence {
	e := atssync.Evidence{
		Connection: s.Connection, Submission: s.ID, ExternalKey: s.ExternalKey, AccountKey: s.AccountKey, Attempt: s.Attempt + 1,
		State: to, ATSJob: "ats-" + s.PlatformJob, As: sdk.AsCandidate, At: w.now, Source: "journal",
	}
	if to == atssync.StateSubmitted || to == atssync.StateAlreadyApplied {
		e.Receipt = &atssync.Receipt{CandidateID: "cand " + s.ExternalID, ApplicationID: "app " + s.ExternalID}
	}
	return e
}

func (w *world) restoration() atssync.Restoration {
	w.t.Helper()
	r, err := w.s.Restoration(w.ctx)
	require.NoError(w.t, err)
	return r
}

var restoreTests = map[string]func(*world){
	"a store that never was restored": func(w *world) {
		require.Empty(w.t, w.restoration().Restores)
		require.False(w.t, w.restoration().Open())
		_, err := w.s.Learn(w.ctx, []atssync.Evidence{{Connection: "con_1", State: atssync.StateSubmitted}}, w.now)
		w.code(err, atssync.CodeConflict)
		c := w.connect("acme")
		w.code(w.s.ReleaseRestored(w.ctx, c.ID, 0, w.now), atssync.CodeConflict)
		w.code(w.s.ReleaseRestored(w.ctx, "con_none", 0, w.now), atssync.CodeNotFound)
	},
	"everything that waits is held, and what was sent is uncertain": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		l := w.lease(c, "daemon-1")
		sending := w.submit(c, "sending", "job-1")
		w.begin(l, sending)
		queued, unlinked := w.submit(c, "queued", "job-1"), w.submit(c, "unlinked", "job-2")
		done := w.submitted(c, l, "done", "job-1")
		byHand := w.act(w.submit(c, "by hand", "job-1"), atssync.ActHold)
		var many []atssync.Submission
		for i := range 450 {
			many = append(many, w.submit(c, fmt.Sprint("many-", i), "job-1"))
		}
		w.restore()
		for _, s := range append(many, queued, unlinked, byHand) {
			require.Equal(w.t, "held: restored", w.state(s.ID), s.ExternalID)
		}
		require.Equal(w.t, "uncertain", w.state(sending.ID))
		require.Equal(w.t, "submitted", w.state(done.ID))
		require.Equal(w.t, "held: restored", w.state(w.submit(c, "new", "job-1").ID))
		held := w.sub(queued.ID)
		turn, remedy := held.Next()
		require.Equal(w.t, sdk.TurnOperator, turn)
		require.Contains(w.t, remedy, "atssync connections release")
		require.Equal(w.t, map[atssync.State]int64{
			atssync.StateHeld: 454, atssync.StateUncertain: 1, atssync.StateSubmitted: 1,
		}, w.balanced(c))
		require.Equal(w.t, atssync.ErrFenced, w.s.FinishAttempts(w.ctx, l, nil, func(*atssync.Lane) []atssync.EventDraft { return nil }, w.now))
		again := w.lease(c, "daemon-2")
		require.Greater(w.t, again.Epoch, l.Epoch+1000)

		w.release(c)
		require.Equal(w.t, "queued", w.state(queued.ID))
		require.Equal(w.t, "held: job_not_linked", w.state(unlinked.ID))
		require.Equal(w.t, "held: operator", w.state(byHand.ID), "a person held it")
		require.Equal(w.t, "queued", w.state(w.submit(c, "newer", "job-1").ID))
		require.False(w.t, w.restoration().Open())
		w.code(w.s.ReleaseRestored(w.ctx, c.ID, 0, w.now), atssync.CodeConflict)
		w.balanced(c)
	},
	"holding it again changes nothing": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		w.submit(c, "app-1", "job-1")
		r := w.restore()
		before := w.allEvents(c)
		require.NoError(w.t, w.s.HoldRestored(w.ctx, r, w.now))
		require.Equal(w.t, before, w.allEvents(c))
		require.Len(w.t, w.restoration().Restores, 1)
		w.pass(time.Hour)
		w.restore()
		require.Len(w.t, w.restoration().Restores, 2)
	},
	"no number is given twice": func(w *world) {
		c := w.connect("acme")
		e, err := w.s.CreateEndpoint(w.ctx, atssync.Endpoint{ID: "hook", URL: "https://hooks.example.com", State: atssync.EndpointActive}, 0, w.now)
		require.NoError(w.t, err)
		w.submit(c, "app-1", "job-1")
		w.submit(c, "app-2", "job-1")
		hook, err := w.s.Acquire(w.ctx, w.lease(c, "daemon-1").Owner, []string{atssync.DeliveryLease(e.ID)}, w.now)
		require.NoError(w.t, err)
		planned, _, err := w.s.PlanDeliveries(w.ctx, hook[0], 500, w.now)
		require.NoError(w.t, err)
		require.Equal(w.t, 2, planned)
		last, err := w.s.LastEvent(w.ctx, "")
		require.NoError(w.t, err)

		r := w.restore()
		events := w.allEvents(c)
		require.Equal(w.t, atssync.EventConnectionRestored, events[2].Type)
		require.Equal(w.t, int64(atssync.RestoreStride+1), events[2].Sequence)
		require.Contains(w.t, string(events[2].Data), `"last_sequence":2`)
		position, err := w.s.LastEvent(w.ctx, "")
		require.NoError(w.t, err)
		require.Greater(w.t, position, int64(atssync.RestoreStride))
		feed, _, err := w.s.Events(w.ctx, atssync.EventQuery{After: last + 100, Limit: 10})
		require.NoError(w.t, err)
		require.NotEmpty(w.t, feed, "a consumer that was told more than the backup knows goes on")
		require.Equal(w.t, events[2], feed[0])

		b, err := w.s.EndpointBacklog(w.ctx, e.ID)
		require.NoError(w.t, err)
		require.Equal(w.t, int64(len(events)-2), b.Behind, "what was never given is not waited for")
		hook, err = w.s.Acquire(w.ctx, w.lease(c, "daemon-2").Owner, []string{atssync.DeliveryLease(e.ID)}, w.now)
		require.NoError(w.t, err)
		_, _, err = w.s.PlanDeliveries(w.ctx, hook[0], 500, w.now)
		require.NoError(w.t, err)
		page, err := w.s.Deliveries(w.ctx, atssync.DeliveryQuery{Endpoint: e.ID})
		require.NoError(w.t, err)
		require.Greater(w.t, page.Items[0].Sequence, int64(atssync.RestoreStride))
		require.NotEmpty(w.t, r.Backup)
	},
	"a connection that the backup does not know is held too": func(w *world) {
		w.restore()
		c := w.connect("acme")
		w.link(c, "job-1")
		s := w.submit(c, "app-1", "job-1")
		require.Equal(w.t, "held: restored", w.state(s.ID))
		w.release(c)
		require.Equal(w.t, "queued", w.state(s.ID))
		other := w.connect("harbor")
		w.link(other, "job-2")
		require.Equal(w.t, "queued", w.state(w.submit(other, "app-2", "job-2").ID), "the last one was released")
	},
	"new connections are released by themselves": func(w *world) {
		c := w.connect("acme")
		w.restore()
		require.NoError(w.t, w.s.ReleaseRestored(w.ctx, "", 0, w.now))
		other := w.connect("harbor")
		w.link(other, "job-2")
		require.Equal(w.t, "queued", w.state(w.submit(other, "app-2", "job-2").ID))
		w.link(c, "job-1")
		require.Equal(w.t, "held: restored", w.state(w.submit(c, "app-1", "job-1").ID))
	},
	"a removed connection cancels what waits, and is held when it comes back": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		s := w.submit(c, "app-1", "job-1")
		_, err := w.s.RemoveConnection(w.ctx, c.ID, 0, w.now)
		require.NoError(w.t, err)
		w.restore()
		w.work(c)
		require.Equal(w.t, "cancelled", w.state(s.ID))
		again := w.newConnection("acme")
		again.IdentityKeys = []string{"user of connection-1", "key of connection-1"}
		back, err := w.s.CreateConnection(w.ctx, again, w.now)
		require.NoError(w.t, err)
		require.Equal(w.t, c.ID, back.ID)
		require.Equal(w.t, "held: restored", w.state(w.submit(back, "app-2", "job-1").ID))
	},
	"an adapter that was missing": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		l := w.lease(c, "daemon-1")
		_, err := w.s.UpdateLane(w.ctx, l, func(l *atssync.Lane) []atssync.EventDraft { return l.AdapterGone(nil, w.now) }, w.now)
		require.NoError(w.t, err)
		s := w.submit(c, "app-1", "job-1")
		require.Equal(w.t, "held: adapter_missing", w.state(s.ID))
		w.restore()
		w.release(c)
		require.Equal(w.t, "queued", w.state(s.ID))
		lane, err := w.s.Lane(w.ctx, c.ID)
		require.NoError(w.t, err)
		require.Equal(w.t, atssync.HealthOK, lane.Health(atssync.OpSubmit).State)
	},
	"the answer none to a backlog stands": func(w *world) {
		c := w.connect("acme")
		s := w.submit(c, "app-1", "job-1")
		p := w.newLink(c, "job-1")
		p.Backlog = &atssync.Backlog{Mode: atssync.BacklogNone}
		_, _, err := w.s.PutJobLink(w.ctx, p, 0, w.now)
		require.NoError(w.t, err)
		w.restore()
		w.release(c)
		require.Equal(w.t, "held: job_not_linked", w.state(s.ID))
	},
	"a revision of what a restore holds stays held": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		s := w.act(w.submit(c, "app-1", "job-1"), atssync.ActHold)
		w.restore()
		other := w.document(c, "app-1", "job-1")
		other.Submission.Fingerprint = "other"
		require.Equal(w.t, atssync.AcceptedRevision, w.accept(other)[0].Result)
		require.Equal(w.t, "held: restored", w.state(s.ID))
		w.release(c)
		require.Equal(w.t, "held: operator", w.state(s.ID))
	},
}

var evidenceTests = map[string]func(*world){
	"settles what the store has": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		done := w.submitted(c, w.lease(c, "daemon-1"), "app-before", "job-1")
		for to, want := range map[atssync.State]string{
			atssync.StateSubmitted: "submitted", atssync.StateAlreadyApplied: "already_applied", atssync.StateRefused: "refused",
			atssync.StateCancelled: "cancelled", atssync.StateUncertain: "uncertain", atssync.StateSending: "uncertain",
			atssync.StateQueued: "held: restored", atssync.StateHeld: "held: restored", atssync.StateExpired: "expired",
		} {
			s := w.submit(c, w.unique("app"), "job-1")
			w.restore()
			w.pass(time.Minute)
			require.Equal(w.t, atssync.LearnedSettled, w.learnOne(w.evidence(s, to)), to)
			require.Equal(w.t, want, w.state(s.ID), to)
			require.Equal(w.t, 1, w.sub(s.ID).Attempt, to)
			require.Equal(w.t, atssync.LearnedKnown, w.learnOne(w.evidence(s, to)), "%s again", to)
			attempts, err := w.s.Attempts(w.ctx, s.ID)
			require.NoError(w.t, err)
			require.Len(w.t, attempts, 1)
			w.balanced(c)
		}
		require.Equal(w.t, atssync.LearnedKnown, w.learnOne(w.evidence(done, atssync.StateRefused)), "what is decided stays")
		require.Equal(w.t, "submitted", w.state(done.ID))
	},
	"what went in is followed": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		s := w.submit(c, "app-1", "job-1")
		w.restore()
		w.learn(w.evidence(s, atssync.StateSubmitted))
		got := w.sub(s.ID)
		require.Equal(w.t, "cand app-1", got.Receipt.CandidateID)
		app, err := w.s.Application(w.ctx, s.ID)
		require.NoError(w.t, err)
		require.Equal(w.t, "app app-1", app.ApplicationID)
		require.Equal(w.t, "ats-job-1", app.ATSJob)
		found, err := w.s.SubmissionsByReceipt(w.ctx, c.ID, "", "app app-1")
		require.NoError(w.t, err)
		require.Len(w.t, found, 1)
		es := w.allEvents(c)
		require.Equal(w.t, atssync.EventSubmitted, es[len(es)-1].Type)
		w.release(c)
		require.Equal(w.t, "submitted", w.state(s.ID))
	},
	"an attempt of before the backup says nothing, its end does": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		l := w.lease(c, "daemon-1")
		s := w.submit(c, "app-1", "job-1")
		w.begin(l, s)
		w.restore()
		e := w.evidence(w.sub(s.ID), atssync.StateSubmitted)
		e.Attempt = 0
		e.State = atssync.StateUncertain
		require.Equal(w.t, atssync.LearnedKnown, w.learnOne(e))
		e.Attempt, e.State = 1, atssync.StateSending
		require.Equal(w.t, atssync.LearnedKnown, w.learnOne(e))
		e.State, e.Receipt = atssync.StateSubmitted, nil
		w.learn(e)
		require.Equal(w.t, "uncertain", w.state(s.ID), "without a receipt nobody could follow it")
		e.Receipt = &atssync.Receipt{CandidateID: "7"}
		require.Equal(w.t, atssync.LearnedSettled, w.learnOne(e))
		require.Equal(w.t, "submitted", w.state(s.ID))
		es := w.allEvents(c)
		require.Equal(w.t, atssync.EventResolved, es[len(es)-2].Type)
		require.Contains(w.t, string(es[len(es)-2].Data), `"resolved_by":"journal"`)
		w.balanced(c)
	},
	"an operator's hold and a cancellation of after the backup": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		held, gone := w.submit(c, "app-1", "job-1"), w.submit(c, "app-2", "job-1")
		w.restore()
		e := w.evidence(held, atssync.StateHeld)
		e.Attempt, e.HeldReason = 0, atssync.HeldOperator
		require.Equal(w.t, atssync.LearnedKnown, w.learnOne(e), "events tell of it too, and know less")
		e = w.evidence(gone, atssync.StateCancelled)
		e.Attempt = gone.Attempt
		w.learn(e)
		require.Equal(w.t, "cancelled", w.state(gone.ID))
	},
	"what is uncertain by a source that counts no attempts can be sent again": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		known := w.submit(c, "app-1", "job-1")
		w.restore()
		lost := w.document(c, "app-2", "job-1")
		lost.Submission.ID = "sub_lost"
		for _, s := range []atssync.Submission{known, lost.Submission} {
			e := w.evidence(s, atssync.StateUncertain)
			e.Attempt = 0
			w.learn(e)
		}
		for _, id := range []string{known.ID, w.accept(lost)[0].Submission.ID} {
			s := w.sub(id)
			require.Equal(w.t, atssync.StateUncertain, s.State)
			require.Equal(w.t, 1, s.Attempt)
			require.Contains(w.t, s.Trouble.Remedy, "--attempt 1 ")
			_, err := w.s.Resolve(w.ctx, id, atssync.SettleUncertain{Resolution: atssync.ResolvedSendAgain, By: "person", Attempt: 1}, w.now)
			require.NoError(w.t, err)
		}
		w.balanced(c)
	},
	"what the store has not waits for the platform to send it again": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		w.restore()
		for to, want := range map[atssync.State]string{
			atssync.StateSubmitted: "submitted", atssync.StateAlreadyApplied: "already_applied", atssync.StateRefused: "refused",
			atssync.StateUncertain: "uncertain", atssync.StateSending: "uncertain", atssync.StateCancelled: "cancelled",
			atssync.StateQueued: "held: restored", atssync.StateHeld: "held: restored",
		} {
			doc := w.document(c, w.unique("app"), "job-1")
			lost := doc.Submission
			lost.ID = "sub_lost_" + doc.Submission.ExternalID
			require.Equal(w.t, atssync.LearnedRemembered, w.learnOne(w.evidence(lost, to)), to)
			got := w.accept(doc)[0]
			require.NoError(w.t, got.Err)
			require.Equal(w.t, atssync.AcceptedNew, got.Result)
			require.Equal(w.t, want, w.state(got.Submission.ID), to)
			if want == "held: restored" {
				require.Equal(w.t, doc.Submission.ID, got.Submission.ID)
				continue // nothing was applied: it is like any other
			}
			require.Equal(w.t, lost.ID, got.Submission.ID, "the platform knows it by this id")
			require.Equal(w.t, atssync.AcceptedReplay, w.accept(doc)[0].Result)
			w.balanced(c)
		}
	},
	"it is found from another connection of the account": func(w *world) {
		w.restore()
		c := w.connect("acme")
		w.link(c, "job-1")
		lost := atssync.Evidence{
			Connection: "con_lost", Submission: "sub_lost", ExternalKey: "key of the lost one", AccountKey: "account key", Attempt: 1,
			State: atssync.StateSubmitted, Receipt: &atssync.Receipt{CandidateID: "7"}, ATSJob: "ats-job-1", As: sdk.AsCandidate, Source: "journal",
		}
		w.learn(lost)
		require.Equal(w.t, 1, w.restoration().Remembered)
		doc := w.document(c, "app-1", "job-1")
		doc.Submission.AccountKey = "account key"
		got := w.accept(doc)[0]
		require.NoError(w.t, got.Err)
		require.Equal(w.t, "already_applied", w.state(got.Submission.ID))
		require.Equal(w.t, doc.Submission.ID, got.Submission.ID)
		require.Zero(w.t, w.restoration().Remembered)
	},
	"the later evidence counts": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		w.restore()
		doc := w.document(c, "app-1", "job-1")
		lost := doc.Submission
		begun := w.evidence(lost, atssync.StateSending)
		ended := w.evidence(lost, atssync.StateSubmitted)
		require.Equal(w.t, []atssync.Learned{"remembered", "remembered"}, w.learn(begun, ended))
		older := begun
		older.Attempt = 0
		require.Equal(w.t, atssync.LearnedKnown, w.learnOne(older))
		require.Equal(w.t, "submitted", w.state(w.accept(doc)[0].Submission.ID))
	},
	"more than fits one commit": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		var all []atssync.Evidence
		for i := range 500 {
			all = append(all, w.evidence(w.submit(c, fmt.Sprint("app-", i), "job-1"), atssync.StateSubmitted))
		}
		w.restore()
		for _, l := range w.learn(all...) {
			require.Equal(w.t, atssync.LearnedSettled, l)
		}
		require.Equal(w.t, map[atssync.State]int64{atssync.StateSubmitted: 500}, w.balanced(c))
		_, err := w.s.Learn(w.ctx, append(all, all[0]), w.now)
		w.code(err, atssync.CodeInvalid)
	},
}
