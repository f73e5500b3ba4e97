package storetest

import (
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// A clock that ran ahead and was put right keeps nothing waiting for the time that it was ahead.
var clockTests = map[string]func(*world){
	"what was queued in the future is due": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		w.pass(365 * 24 * time.Hour)
		accepted := w.submit(c, "app-1", "job-1")
		w.pass(-365 * 24 * time.Hour)
		l := w.lease(c, "daemon-1")
		due, _, err := w.s.NextSubmissions(w.ctx, l, 10, w.now)
		require.NoError(w.t, err)
		require.Len(w.t, due, 1)
		require.Equal(w.t, accepted.ID, due[0].Submission.ID)
		w.finish(l, w.arrived(accepted, w.begin(l, accepted)))
		w.balanced(c)
	},
	"what waits for its back-off is not": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		l := w.lease(c, "daemon-1")
		for _, wait := range []time.Duration{5 * time.Second, time.Hour, 40 * 24 * time.Hour} {
			s := w.submit(c, w.unique("app"), "job-1")
			a := w.begin(l, s)
			w.finish(l, atssync.Finish{Submission: s.ID, Attempt: a.Number, To: atssync.StateQueued, NextAt: w.now.Add(wait)})
		}
		due, next, err := w.s.NextSubmissions(w.ctx, l, 10, w.now.Add(-time.Second)) // clocks are set back by a little
		require.NoError(w.t, err)
		require.Empty(w.t, due)
		require.Equal(w.t, w.now.Add(5*time.Second), next)
	},
	"a task goes on": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		s := w.submit(c, "app-1", "job-1")
		w.pass(24 * time.Hour)
		w.act(s, atssync.ActHold)
		_, err := w.s.PutTask(w.ctx, atssync.Task{Kind: atssync.TaskRelease, Connection: c.ID, Reason: atssync.HeldOperator, PerMinute: 1}, w.now)
		require.NoError(w.t, err)
		w.pass(-24 * time.Hour)
		w.work(c)
		require.Equal(w.t, "queued", w.state(s.ID))
	},
}
