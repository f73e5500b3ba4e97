package storetest

import (
	"fmt"
	"slices"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

func (w *world) act(s atssync.Submission, kind atssync.ActKind) atssync.Submission {
	w.t.Helper()
	got, err := w.s.Act(w.ctx, s.ID, kind, w.now)
	require.NoError(w.t, err)
	require.Equal(w.t, w.sub(s.ID), got)
	return got
}

var actTests = map[string]func(*world){
	"hold and release": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		s := w.submit(c, "app-1", "job-1")
		require.Equal(w.t, atssync.HeldOperator, w.act(s, atssync.ActHold).HeldReason)
		w.pass(time.Minute)
		got := w.act(s, atssync.ActRelease)
		require.Equal(w.t, atssync.StateQueued, got.State)
		require.Equal(w.t, w.now, got.NextAt)
		require.Equal(w.t, []string{"submission.held", "submission.released"}, w.events(c))
	},
	"release looks again": func(w *world) {
		c := w.connect("acme")
		s := w.submit(c, "app-1", "job-1")
		require.Equal(w.t, atssync.HeldJobNotLinked, w.act(s, atssync.ActRelease).HeldReason, "its reason still holds")
		require.Len(w.t, w.events(c), 1, "nothing changed, nothing is told")
		w.link(c, "job-2")
		other := w.submit(c, "app-2", "job-2")
		w.act(other, atssync.ActHold)
		require.NoError(w.t, w.s.RemoveJobLink(w.ctx, c.ID, "job-2", 0, w.now))
		require.Equal(w.t, atssync.HeldJobNotLinked, w.act(other, atssync.ActRelease).HeldReason)
	},
	"retry": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		l := w.lease(c, "daemon-1")
		s := w.submit(c, "app-1", "job-1")
		require.NoError(w.t, w.s.HoldSubmissions(w.ctx, l, []string{s.ID}, "", &atssync.Trouble{Kind: sdk.KindInvalid, Message: "no e-mail"}, w.now))
		got := w.act(s, atssync.ActRetry)
		require.Equal(w.t, atssync.StateQueued, got.State)
		require.Nil(w.t, got.Trouble)
		a := w.begin(l, s)
		w.finish(l, atssync.Finish{Submission: s.ID, Attempt: a.Number, To: atssync.StateQueued, NextAt: w.now.Add(time.Hour), Counted: true})
		w.pass(time.Minute)
		got = w.act(s, atssync.ActRetry)
		require.Equal(w.t, w.now, got.NextAt)
		due, _, err := w.s.NextSubmissions(w.ctx, l, 10, w.now)
		require.NoError(w.t, err)
		require.Len(w.t, due, 1)
	},
	"cancel": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		queued, held := w.submit(c, "app-1", "job-1"), w.submit(c, "app-2", "job-2")
		w.act(queued, atssync.ActCancel)
		w.act(held, atssync.ActCancel)
		require.Equal(w.t, map[atssync.State]int64{atssync.StateCancelled: 2}, w.balanced(c))
		require.Equal(w.t, []string{"submission.held", "submission.cancelled", "submission.cancelled"}, w.events(c))
		due, next, err := w.s.NextSubmissions(w.ctx, w.lease(c, "daemon-1"), 10, w.now)
		require.NoError(w.t, err)
		require.Empty(w.t, due)
		require.Zero(w.t, next)
	},
	"what the state does not allow is refused": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		l := w.lease(c, "daemon-1")
		sending := w.submit(c, "sending", "job-1")
		w.begin(l, sending)
		subs := map[atssync.State]atssync.Submission{
			atssync.StateSending: sending, atssync.StateSubmitted: w.submitted(c, l, "submitted", "job-1"),
			atssync.StateUncertain: w.uncertain(c, l, "uncertain", "job-1"), atssync.StateHeld: w.submit(c, "held", "job-2"),
			atssync.StateQueued: w.submit(c, "queued", "job-1"), atssync.StateCancelled: w.act(w.submit(c, "cancelled", "job-1"), atssync.ActCancel),
		}
		allowed := map[atssync.ActKind][]atssync.State{
			atssync.ActHold: {atssync.StateQueued}, atssync.ActRelease: {atssync.StateHeld},
			atssync.ActRetry: {atssync.StateQueued}, atssync.ActCancel: {atssync.StateQueued, atssync.StateHeld},
		}
		for kind, states := range allowed {
			for state, s := range subs {
				if slices.Contains(states, state) {
					continue
				}
				_, err := w.s.Act(w.ctx, s.ID, kind, w.now)
				w.code(err, atssync.CodeConflict)
				require.ErrorContains(w.t, err, string(state))
				require.Equal(w.t, state, w.sub(s.ID).State)
			}
		}
		_, err := w.s.Act(w.ctx, sending.ID, "jump", w.now)
		w.code(err, atssync.CodeInvalid)
		_, err = w.s.Act(w.ctx, "sub_none", atssync.ActCancel, w.now)
		w.code(err, atssync.CodeNotFound)
	},
	"a removed connection sends nothing again": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		l := w.lease(c, "daemon-1")
		s := w.uncertain(c, l, "app-1", "job-1")
		held := w.submit(c, "app-2", "job-2")
		_, err := w.s.RemoveConnection(w.ctx, c.ID, 0, w.now)
		require.NoError(w.t, err)
		_, err = w.s.Resolve(w.ctx, s.ID, atssync.SettleUncertain{Resolution: atssync.ResolvedSendAgain, By: "person"}, w.now)
		w.code(err, atssync.CodeConflict)
		_, err = w.s.Act(w.ctx, held.ID, atssync.ActRelease, w.now)
		w.code(err, atssync.CodeConflict)
		_, err = w.s.Resolve(w.ctx, s.ID, atssync.SettleUncertain{Resolution: atssync.ResolvedGiveUp, By: "person"}, w.now)
		require.NoError(w.t, err)
	},
	"who looked for an earlier attempt sends nothing again": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		s := w.uncertain(c, w.lease(c, "daemon-1"), "app-1", "job-1")
		for _, r := range []atssync.Resolution{atssync.ResolvedSendAgain, atssync.ResolvedGiveUp} {
			_, err := w.s.Resolve(w.ctx, s.ID, atssync.SettleUncertain{Resolution: r, By: "person", Attempt: s.Attempt + 1}, w.now)
			w.code(err, atssync.CodeChanged)
		}
		_, err := w.s.Resolve(w.ctx, s.ID, atssync.SettleUncertain{Resolution: atssync.ResolvedSendAgain, By: "person", Attempt: s.Attempt}, w.now)
		require.NoError(w.t, err)
	},
	"resolved as submitted is followed": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		s := w.uncertain(c, w.lease(c, "daemon-1"), "app-1", "job-1")
		r := atssync.Receipt{CandidateID: "c1", ApplicationID: "a1"}
		app := atssync.NewApplication(s, r, "Engineer", w.now)
		got, err := w.s.Resolve(w.ctx, s.ID, atssync.SettleUncertain{Resolution: atssync.ResolvedSubmitted, By: "find", Receipt: &r, Application: &app}, w.now)
		require.NoError(w.t, err)
		require.Equal(w.t, atssync.StateSubmitted, got.State)
		require.Equal(w.t, &r, got.Receipt)
		require.Equal(w.t, got, w.sub(s.ID))
		a, err := w.s.Application(w.ctx, s.ID)
		require.NoError(w.t, err)
		require.Equal(w.t, "a1", a.ApplicationID)
		found, err := w.s.SubmissionsByReceipt(w.ctx, c.ID, "", "a1")
		require.NoError(w.t, err)
		require.Len(w.t, found, 1)
		attempts, err := w.s.Attempts(w.ctx, s.ID)
		require.NoError(w.t, err)
		require.Equal(w.t, atssync.StateSubmitted, attempts[0].Outcome)
		require.Equal(w.t, []string{"submission.uncertain", "submission.resolved", "submission.submitted"}, w.events(c))
		require.Equal(w.t, map[atssync.State]int64{atssync.StateSubmitted: 1}, w.balanced(c))
		_, err = w.s.Resolve(w.ctx, s.ID, atssync.SettleUncertain{Resolution: atssync.ResolvedGiveUp, By: "person"}, w.now)
		w.code(err, atssync.CodeConflict)
	},
	"resolved by sending again is marked": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		s := w.uncertain(c, w.lease(c, "daemon-1"), "app-1", "job-1")
		got, err := w.s.Resolve(w.ctx, s.ID, atssync.SettleUncertain{Resolution: atssync.ResolvedSendAgain, By: "person"}, w.now)
		require.NoError(w.t, err)
		require.True(w.t, got.PossibleDuplicate)
		require.Equal(w.t, "queued", w.state(s.ID))
		w.balanced(c)
	},
	"resolved by giving up": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		s := w.uncertain(c, w.lease(c, "daemon-1"), "app-1", "job-1")
		_, err := w.s.Resolve(w.ctx, s.ID, atssync.SettleUncertain{Resolution: atssync.ResolvedGiveUp, By: "person"}, w.now)
		require.NoError(w.t, err)
		require.Equal(w.t, []string{"submission.uncertain", "submission.resolved", "submission.cancelled"}, w.events(c))
		require.Equal(w.t, map[atssync.State]int64{atssync.StateCancelled: 1}, w.balanced(c))
	},
	"a proposal waits for a person": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		s := w.uncertain(c, w.lease(c, "daemon-1"), "app-1", "job-1")
		r := atssync.Receipt{CandidateID: "c1"}
		require.NoError(w.t, w.s.Propose(w.ctx, s.ID, r, w.now))
		require.Equal(w.t, "uncertain", w.state(s.ID))
		require.Equal(w.t, &r, w.sub(s.ID).Proposal)
		other := w.submit(c, "app-2", "job-1")
		w.code(w.s.Propose(w.ctx, other.ID, r, w.now), atssync.CodeConflict)
		w.code(w.s.Propose(w.ctx, "sub_none", r, w.now), atssync.CodeNotFound)
	},
	"what waited too long expires": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		l := w.lease(c, "daemon-1")
		expiring := func(external, job string) atssync.Submission {
			in := w.document(c, external, job)
			in.Submission.ExpiresAt = w.now.Add(time.Hour)
			return w.accept(in)[0].Submission
		}
		queued, held, sending, part := expiring("queued", "job-1"), expiring("held", "job-2"), expiring("sending", "job-1"), expiring("part", "job-1")
		later := w.submit(c, "later", "job-1")
		w.begin(l, sending)
		a := w.begin(l, part)
		w.finish(l, atssync.Finish{Submission: part.ID, Attempt: a.Number, To: atssync.StateQueued, NextAt: w.now, Continuation: []byte("half done")})
		n, err := w.s.Expire(w.ctx, 100, w.now.Add(time.Hour-time.Second))
		require.NoError(w.t, err)
		require.Zero(w.t, n)
		n, err = w.s.Expire(w.ctx, 100, w.now.Add(time.Hour))
		require.NoError(w.t, err)
		require.Equal(w.t, 2, n)
		require.Equal(w.t, "expired", w.state(queued.ID))
		require.Equal(w.t, "expired", w.state(held.ID))
		require.Equal(w.t, "sending", w.state(sending.ID))
		require.Equal(w.t, "queued", w.state(part.ID), "the ATS holds a part of it")
		require.Equal(w.t, "queued", w.state(later.ID))
		require.Equal(w.t, []string{"submission.held", "submission.expired", "submission.expired"}, w.events(c))
		w.balanced(c)
	},
	"expiring stops at the limit": func(w *world) {
		c := w.connect("acme")
		for i := range 5 {
			in := w.document(c, fmt.Sprintf("app-%d", i), "job-1")
			in.Submission.ExpiresAt = w.now.Add(time.Hour)
			w.accept(in)
		}
		for _, want := range []int{2, 2, 1, 0} {
			n, err := w.s.Expire(w.ctx, 2, w.now.Add(2*time.Hour))
			require.NoError(w.t, err)
			require.Equal(w.t, want, n)
		}
	},
}
