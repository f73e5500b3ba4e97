package storetest

import (
	"bytes"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

var laneTests = map[string]func(*world){
	"a lane that nobody wrote is well": func(w *world) {
		c := w.connect("acme")
		l, err := w.s.Lane(w.ctx, c.ID)
		require.NoError(w.t, err)
		require.Equal(w.t, atssync.Lane{Connection: c.ID}, l)
		_, err = w.s.Lane(w.ctx, "con_none")
		w.code(err, atssync.CodeNotFound)
	},
	"changed by the holder only, and told": func(w *world) {
		c := w.connect("acme")
		l := w.lease(c, "daemon-1")
		fail := func(l *atssync.Lane) []atssync.EventDraft {
			return l.Fail(atssync.OpSubmit, string(sdk.KindAuth), &atssync.Trouble{Message: "no"}, w.now)
		}
		got, err := w.s.UpdateLane(w.ctx, l, fail, w.now)
		require.NoError(w.t, err)
		require.Equal(w.t, atssync.HealthStopped, got.Health(atssync.OpSubmit).State)
		stored, err := w.s.Lane(w.ctx, c.ID)
		require.NoError(w.t, err)
		require.Equal(w.t, got, stored)
		require.Equal(w.t, []string{"connection.unhealthy"}, w.events(c))
		l.Epoch++
		_, err = w.s.UpdateLane(w.ctx, l, fail, w.now)
		require.ErrorIs(w.t, err, atssync.ErrFenced)
		_, err = w.s.UpdateLane(w.ctx, atssync.Lease{Connection: c.ID}, fail, w.now)
		require.ErrorIs(w.t, err, atssync.ErrFenced)
	},
	"due is read in order with all that sending needs": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		l := w.lease(c, "daemon-1")
		a := w.submit(c, "app-1", "job-1")
		w.pass(time.Second)
		b := w.submit(c, "app-2", "job-1")
		w.submit(c, "app-3", "job-unlinked")
		at := w.begin(l, a)
		retry := w.now.Add(time.Minute)
		w.finish(l, atssync.Finish{Submission: a.ID, Attempt: at.Number, To: atssync.StateQueued, NextAt: retry})
		due, next, err := w.s.NextSubmissions(w.ctx, l, 10, w.now)
		require.NoError(w.t, err)
		require.Len(w.t, due, 1)
		require.Equal(w.t, b, due[0].Submission)
		require.Equal(w.t, atssync.Payload("sealed document of app-2"), due[0].Payload)
		require.Equal(w.t, "ats-job-1", due[0].Link.ATSJob)
		require.Nil(w.t, due[0].Job)
		require.Equal(w.t, retry, next)

		w.list(l, "ats-job-1")
		due, next, err = w.s.NextSubmissions(w.ctx, l, 10, retry)
		require.NoError(w.t, err)
		require.Len(w.t, due, 2)
		require.Equal(w.t, b.ID, due[0].Submission.ID, "the longest due comes first")
		require.Equal(w.t, a.ID, due[1].Submission.ID)
		require.Equal(w.t, "Job ats-job-1", due[0].Job.Name)
		require.Zero(w.t, next)

		due, next, err = w.s.NextSubmissions(w.ctx, l, 1, retry)
		require.NoError(w.t, err)
		require.Len(w.t, due, 1)
		require.Equal(w.t, retry, next, "more is due already")

		require.NoError(w.t, w.s.RemoveJobLink(w.ctx, c.ID, "job-1", 0, w.now))
		due, _, err = w.s.NextSubmissions(w.ctx, l, 1, retry)
		require.NoError(w.t, err)
		require.Nil(w.t, due[0].Link)

		l.Epoch++
		_, _, err = w.s.NextSubmissions(w.ctx, l, 10, retry)
		require.ErrorIs(w.t, err, atssync.ErrFenced)
	},
	"a paused connection has nothing due and begins nothing": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		l := w.lease(c, "daemon-1")
		s := w.submit(c, "app-1", "job-1")
		w.pause(c)
		due, _, err := w.s.NextSubmissions(w.ctx, l, 10, w.now)
		require.NoError(w.t, err)
		require.Empty(w.t, due)
		got, err := w.s.BeginAttempts(w.ctx, l, []atssync.BeginAttempt{w.attempt(s)}, w.now)
		require.NoError(w.t, err)
		require.Empty(w.t, got)
	},
	"begun is durable and begun once": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		l := w.lease(c, "daemon-1")
		s, held := w.submit(c, "app-1", "job-1"), w.submit(c, "app-2", "job-2")
		stale := w.attempt(s)
		stale.Revision = 2
		got, err := w.s.BeginAttempts(w.ctx, l, []atssync.BeginAttempt{
			stale, w.attempt(s), w.attempt(s), w.attempt(held), {Submission: "sub_none", Revision: 1},
		}, w.now)
		require.NoError(w.t, err)
		require.Len(w.t, got, 1)
		require.Equal(w.t, s.ID, got[0].Submission)
		require.Equal(w.t, 1, got[0].Number)
		require.Equal(w.t, l.Epoch, got[0].Epoch)
		after := w.sub(s.ID)
		require.Equal(w.t, atssync.StateSending, after.State)
		require.Equal(w.t, "ats-job-1", after.ATSJob)
		require.Equal(w.t, map[atssync.State]int64{atssync.StateSending: 1, atssync.StateHeld: 1}, w.balanced(c))
		due, _, err := w.s.NextSubmissions(w.ctx, l, 10, w.now)
		require.NoError(w.t, err)
		require.Empty(w.t, due)
	},
	"another connection's lease begins nothing": func(w *world) {
		a, b := w.connect("acme"), w.connect("acme")
		w.link(a, "job-1")
		s := w.submit(a, "app-1", "job-1")
		got, err := w.s.BeginAttempts(w.ctx, w.lease(b, "daemon-1"), []atssync.BeginAttempt{w.attempt(s)}, w.now)
		require.NoError(w.t, err)
		require.Empty(w.t, got)
	},
	"no more begin than there are places": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		l := w.lease(c, "daemon-1")
		first, second, third := w.attempt(w.submit(c, "app-1", "job-1")), w.attempt(w.submit(c, "app-2", "job-1")), w.attempt(w.submit(c, "app-3", "job-1"))
		first.Places, second.Places, third.Places = 2, 2, 2
		got, err := w.s.BeginAttempts(w.ctx, l, []atssync.BeginAttempt{first, second, third}, w.now)
		require.NoError(w.t, err)
		require.Len(w.t, got, 2)
		got, err = w.s.BeginAttempts(w.ctx, l, []atssync.BeginAttempt{third}, w.now)
		require.NoError(w.t, err)
		require.Empty(w.t, got)
		w.finish(l, w.arrived(w.sub(first.Submission), atssync.Attempt{Number: 1}))
		got, err = w.s.BeginAttempts(w.ctx, l, []atssync.BeginAttempt{third}, w.now)
		require.NoError(w.t, err)
		require.Len(w.t, got, 1)
		require.Equal(w.t, map[atssync.State]int64{atssync.StateSending: 2, atssync.StateSubmitted: 1}, w.balanced(c))
	},
	"long notes take several commits": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		l := w.lease(c, "daemon-1")
		var in []atssync.BeginAttempt
		for range 40 {
			b := w.attempt(w.submit(c, w.unique("app"), "job-1"))
			b.Note = bytes.Repeat([]byte("n"), 200<<10)
			in = append(in, b)
		}
		got, err := w.s.BeginAttempts(w.ctx, l, in, w.now)
		require.NoError(w.t, err)
		require.Len(w.t, got, 40)
		attempts, err := w.s.Attempts(w.ctx, in[39].Submission)
		require.NoError(w.t, err)
		require.Len(w.t, attempts[0].Note, 200<<10)
	},
	"every end of an attempt": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		l := w.lease(c, "daemon-1")
		for _, end := range []struct {
			f      atssync.Finish
			events []string
		}{
			{atssync.Finish{To: atssync.StateSubmitted, Receipt: &atssync.Receipt{Pending: "p"}}, []string{"submission.submitted"}},
			{atssync.Finish{To: atssync.StateAlreadyApplied, Receipt: &atssync.Receipt{CandidateID: "c"}}, []string{"submission.already_applied"}},
			{atssync.Finish{To: atssync.StateRefused, Trouble: &atssync.Trouble{Kind: sdk.KindInvalid}}, []string{"submission.refused"}},
			{atssync.Finish{To: atssync.StateHeld, HeldReason: atssync.HeldQuota}, []string{"submission.held"}},
			{atssync.Finish{To: atssync.StateUncertain}, []string{"submission.uncertain"}},
			{atssync.Finish{To: atssync.StateQueued, NextAt: w.now.Add(time.Hour), Counted: true}, nil},
		} {
			before := len(w.allEvents(c))
			s := w.submit(c, w.unique("app"), "job-1")
			f := end.f
			f.Submission, f.Attempt = s.ID, w.begin(l, s).Number
			w.finish(l, f)
			got := w.sub(s.ID)
			require.Equal(w.t, f.To, got.State)
			require.Equal(w.t, f.HeldReason, got.HeldReason)
			require.Equal(w.t, f.Trouble, got.Trouble)
			require.Equal(w.t, f.Receipt, got.Receipt)
			require.Equal(w.t, append([]string{}, end.events...), append([]string{}, w.events(c)[before:]...))
			if f.To == atssync.StateQueued {
				require.Equal(w.t, f.NextAt, got.NextAt)
				require.Equal(w.t, 1, got.Failures)
			}
		}
		w.balanced(c)
	},
	"arrived is followed": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		s := w.submitted(c, w.lease(c, "daemon-1"), "app-1", "job-1")
		a, err := w.s.Application(w.ctx, s.ID)
		require.NoError(w.t, err)
		require.Equal(w.t, "app "+s.ID, a.ApplicationID)
		require.Equal(w.t, "acme", a.Account)
		require.Equal(w.t, int64(1), a.Version)
	},
	"the lane moves with the finish": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		l := w.lease(c, "daemon-1")
		s := w.submit(c, "app-1", "job-1")
		a := w.begin(l, s)
		f := atssync.Finish{Submission: s.ID, Attempt: a.Number, To: atssync.StateUncertain}
		require.NoError(w.t, w.s.FinishAttempts(w.ctx, l, []atssync.Finish{f}, func(l *atssync.Lane) []atssync.EventDraft {
			return l.Fail(atssync.OpSubmit, string(sdk.KindAuth), nil, w.now)
		}, w.now))
		lane, err := w.s.Lane(w.ctx, c.ID)
		require.NoError(w.t, err)
		require.Equal(w.t, atssync.HealthStopped, lane.Health(atssync.OpSubmit).State)
		require.Equal(w.t, []string{"submission.uncertain", "connection.unhealthy"}, w.events(c))
	},
	"an attempt ends once": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		l := w.lease(c, "daemon-1")
		s := w.submit(c, "app-1", "job-1")
		f := w.arrived(s, w.begin(l, s))
		w.finish(l, f)
		require.ErrorIs(w.t, w.s.FinishAttempts(w.ctx, l, []atssync.Finish{f}, nil, w.now), atssync.ErrFenced)
		other := f
		other.Attempt = 2
		require.ErrorIs(w.t, w.s.FinishAttempts(w.ctx, l, []atssync.Finish{other}, nil, w.now), atssync.ErrFenced)
		require.Equal(w.t, map[atssync.State]int64{atssync.StateSubmitted: 1}, w.balanced(c))
	},
	"a stale lease ends nothing but brings evidence": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		l := w.lease(c, "daemon-1")
		arrived, failed := w.submit(c, "app-1", "job-1"), w.submit(c, "app-2", "job-1")
		a, b := w.begin(l, arrived), w.begin(l, failed)
		w.pass(2 * time.Hour)
		next := w.lease(c, "daemon-2")
		require.Equal(w.t, "uncertain", w.state(arrived.ID))
		require.Equal(w.t, "uncertain", w.state(failed.ID))
		called := false
		err := w.s.FinishAttempts(w.ctx, l, []atssync.Finish{
			{Submission: failed.ID, Attempt: b.Number, To: atssync.StateQueued, NextAt: w.now}, w.arrived(arrived, a),
		}, func(*atssync.Lane) []atssync.EventDraft { called = true; return nil }, w.now)
		require.ErrorIs(w.t, err, atssync.ErrFenced)
		require.False(w.t, called, "the lane is the new holder's")
		require.Equal(w.t, "submitted", w.state(arrived.ID), "a receipt is evidence")
		require.Equal(w.t, "uncertain", w.state(failed.ID))
		_, err = w.s.Application(w.ctx, arrived.ID)
		require.NoError(w.t, err)
		require.Equal(w.t, []string{
			"submission.uncertain", "submission.uncertain", "submission.resolved", "submission.submitted",
		}, w.events(c))
		attempts, err := w.s.Attempts(w.ctx, arrived.ID)
		require.NoError(w.t, err)
		require.Equal(w.t, atssync.StateSubmitted, attempts[0].Outcome)

		again, err := w.s.Resolve(w.ctx, failed.ID, atssync.SettleUncertain{Resolution: atssync.ResolvedSendAgain, By: "person"}, w.now)
		require.NoError(w.t, err)
		w.begin(next, again)
		err = w.s.FinishAttempts(w.ctx, l, []atssync.Finish{w.arrived(failed, b)}, nil, w.now)
		require.ErrorIs(w.t, err, atssync.ErrFenced, "evidence of an old attempt is none of the new one")
		require.Equal(w.t, "sending", w.state(failed.ID))
		w.balanced(c)
	},
	"a lease that was given back ends nothing but brings evidence": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		l := w.lease(c, "daemon-1")
		arrived, failed := w.submit(c, "app-1", "job-1"), w.submit(c, "app-2", "job-1")
		a, b := w.begin(l, arrived), w.begin(l, failed)
		require.NoError(w.t, w.s.Release(w.ctx, "daemon-1", w.now))
		err := w.s.FinishAttempts(w.ctx, l, []atssync.Finish{
			{Submission: failed.ID, Attempt: b.Number, To: atssync.StateRefused},
			w.arrived(arrived, a),
		}, nil, w.now)
		require.ErrorIs(w.t, err, atssync.ErrFenced)
		require.Equal(w.t, "sending", w.state(failed.ID))
		require.Equal(w.t, "submitted", w.state(arrived.ID))
		w.lease(c, "daemon-2")
		require.Equal(w.t, "uncertain", w.state(failed.ID))
		w.balanced(c)
	},
	"what is put aside": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		l := w.lease(c, "daemon-1")
		a, b, sending := w.submit(c, "app-1", "job-1"), w.submit(c, "app-2", "job-1"), w.submit(c, "app-3", "job-1")
		w.begin(l, sending)
		t := &atssync.Trouble{Kind: sdk.KindAttachment, Message: "the resume is gone"}
		require.NoError(w.t, w.s.HoldSubmissions(w.ctx, l, []string{a.ID, sending.ID, "sub_none"}, atssync.HeldResumeUnavailable, t, w.now))
		require.Equal(w.t, "held: resume_unavailable", w.state(a.ID))
		require.Equal(w.t, t, w.sub(a.ID).Trouble)
		require.Equal(w.t, "sending", w.state(sending.ID))
		require.NoError(w.t, w.s.HoldSubmissions(w.ctx, l, []string{b.ID}, "", t, w.now))
		require.Equal(w.t, "refused", w.state(b.ID))
		require.Equal(w.t, []string{"submission.held", "submission.refused"}, w.events(c))
		l.Epoch++
		require.ErrorIs(w.t, w.s.HoldSubmissions(w.ctx, l, []string{a.ID}, atssync.HeldQuota, nil, w.now), atssync.ErrFenced)
		w.balanced(c)
	},
	"many finish in one call": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		l := w.lease(c, "daemon-1")
		var in []atssync.NewSubmission
		for range 450 {
			in = append(in, w.document(c, w.unique("app"), "job-1"))
		}
		var begin []atssync.BeginAttempt
		var finish []atssync.Finish
		for _, a := range w.accept(in...) {
			begin = append(begin, w.attempt(a.Submission))
			finish = append(finish, w.arrived(a.Submission, atssync.Attempt{Number: 1}))
		}
		got, err := w.s.BeginAttempts(w.ctx, l, begin, w.now)
		require.NoError(w.t, err)
		require.Len(w.t, got, 450)
		changes := 0
		require.NoError(w.t, w.s.FinishAttempts(w.ctx, l, finish, func(l *atssync.Lane) []atssync.EventDraft {
			changes++
			l.LastSentAt = w.now
			return nil
		}, w.now))
		require.Equal(w.t, map[atssync.State]int64{atssync.StateSubmitted: 450}, w.balanced(c))
		require.GreaterOrEqual(w.t, changes, 1)
		require.Len(w.t, w.events(c), 450)
	},
}
