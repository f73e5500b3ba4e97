package storetest

import (
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// part brings a submission to where the ATS holds a part of it and the next write is due.
func (w *world) part(c atssync.Connection, l atssync.Lease, external string) atssync.Submission {
	w.t.Helper()
	s := w.submit(c, external, "job-1")
	a := w.begin(l, s)
	w.finish(l, atssync.Finish{
		Submission: s.ID, Attempt: a.Number, To: atssync.StateQueued, NextAt: s.NextAt, Continuation: []byte("the person is made"),
	})
	return w.sub(s.ID)
}

// changed is other content for the same external id.
func (w *world) changed(c atssync.Connection, external string) atssync.NewSubmission {
	in := w.document(c, external, "job-1")
	in.Submission.Fingerprint = "another print of " + external
	return in
}

// What the ATS holds a part of is finished from there or not at all: begun anew it would be there twice.
var partTests = map[string]func(*world){
	"no other content while the next write comes by itself": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		s := w.part(c, w.lease(c, "daemon-1"), "app-1")
		a := w.accept(w.changed(c, "app-1"))[0]
		require.Equal(w.t, atssync.CodeConflict, atssync.CodeOf(a.Err))
		require.Equal(w.t, s, w.sub(s.ID))
	},
	"a refused part is revised and tried again with what is known of it": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		l := w.lease(c, "daemon-1")
		for _, again := range []func(s atssync.Submission){
			func(s atssync.Submission) {
				a := w.accept(w.changed(c, s.ExternalID))[0]
				require.NoError(w.t, a.Err)
				require.Equal(w.t, atssync.AcceptedRevision, a.Result)
			},
			func(s atssync.Submission) {
				_, err := w.s.Act(w.ctx, s.ID, atssync.ActRetry, w.now)
				require.NoError(w.t, err)
			},
		} {
			s := w.part(c, l, w.unique("app"))
			a := w.begin(l, s)
			w.finish(l, atssync.Finish{
				Submission: s.ID, Attempt: a.Number, To: atssync.StateRefused, Continuation: s.Continuation,
				Trouble: &atssync.Trouble{Kind: sdk.KindInvalid},
			})
			again(w.sub(s.ID))
			require.Equal(w.t, "queued", w.state(s.ID))
			require.Equal(w.t, s.Continuation, w.sub(s.ID).Continuation)
		}
		w.balanced(c)
	},
	"who cancels a part is told that it is there": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		s := w.part(c, w.lease(c, "daemon-1"), "app-1")
		got, err := w.s.Act(w.ctx, s.ID, atssync.ActCancel, w.now)
		require.NoError(w.t, err)
		require.NotNil(w.t, got.Trouble)
		require.NotEmpty(w.t, got.Trouble.Turn)
		require.NotEmpty(w.t, got.Trouble.Remedy)
		a := w.accept(w.changed(c, "app-1"))[0]
		require.NoError(w.t, a.Err)
		require.Equal(w.t, s.Continuation, w.sub(s.ID).Continuation)
		require.Nil(w.t, w.sub(s.ID).Trouble)
	},
	"a part whose connection was removed goes on when it is connected and sent again": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		s := w.part(c, w.lease(c, "daemon-1"), "app-1")
		_, err := w.s.RemoveConnection(w.ctx, c.ID, 0, w.now)
		require.NoError(w.t, err)
		w.work(c)
		require.Equal(w.t, "cancelled", w.state(s.ID))
		w.pass(time.Hour)
		_, err = w.s.CreateConnection(w.ctx, c, w.now)
		require.NoError(w.t, err)
		w.link(c, "job-1")
		a := w.accept(w.document(c, "app-1", "job-1"))[0]
		require.NoError(w.t, a.Err)
		require.Equal(w.t, "queued", w.state(s.ID))
		require.Equal(w.t, s.Continuation, w.sub(s.ID).Continuation)
	},
	"what was given up in doubt is a possible duplicate when it is sent after all": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		l := w.lease(c, "daemon-1")
		doubtful := w.uncertain(c, l, "app-1", "job-1")
		_, err := w.s.Resolve(w.ctx, doubtful.ID, atssync.SettleUncertain{Resolution: atssync.ResolvedGiveUp, By: "person"}, w.now)
		require.NoError(w.t, err)
		plain := w.submit(c, "app-2", "job-1")
		_, err = w.s.Act(w.ctx, plain.ID, atssync.ActCancel, w.now)
		require.NoError(w.t, err)
		for _, a := range w.accept(w.changed(c, "app-1"), w.changed(c, "app-2")) {
			require.NoError(w.t, a.Err)
			require.Equal(w.t, atssync.AcceptedRevision, a.Result)
		}
		require.True(w.t, w.sub(doubtful.ID).PossibleDuplicate)
		require.False(w.t, w.sub(plain.ID).PossibleDuplicate)
	},
}
