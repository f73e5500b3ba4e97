package storetest

import (
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

func (w *world) acquire(owner string, connections ...string) []atssync.Lease {
	w.t.Helper()
	got, err := w.s.Acquire(w.ctx, owner, connections, w.now)
	require.NoError(w.t, err)
	return got
}

func (w *world) beat(owner string, d time.Duration) {
	w.t.Helper()
	require.NoError(w.t, w.s.Heartbeat(w.ctx, owner, w.now.Add(d), w.now))
}

var leaseTests = map[string]func(*world){
	"who does not live gets nothing": func(w *world) {
		c := w.connect("acme")
		_, err := w.s.Acquire(w.ctx, "daemon-1", []string{c.ID}, w.now)
		require.ErrorIs(w.t, err, atssync.ErrFenced)
		w.beat("daemon-1", time.Minute)
		w.pass(time.Minute)
		_, err = w.s.Acquire(w.ctx, "daemon-1", []string{c.ID}, w.now)
		require.ErrorIs(w.t, err, atssync.ErrFenced)
		w.code(w.s.Heartbeat(w.ctx, "", w.now.Add(time.Minute), w.now), atssync.CodeInvalid)
	},
	"a live owner is left alone": func(w *world) {
		c, free := w.connect("acme"), w.connect("acme")
		w.beat("daemon-1", time.Minute)
		w.beat("daemon-2", time.Hour)
		first := w.acquire("daemon-1", c.ID)
		require.Equal(w.t, []atssync.Lease{{Connection: c.ID, Owner: "daemon-1", Epoch: 1}}, first)
		require.Equal(w.t, []atssync.Lease{{Connection: free.ID, Owner: "daemon-2", Epoch: 1}}, w.acquire("daemon-2", c.ID, free.ID, "con_none"))
		require.Equal(w.t, first, w.acquire("daemon-1", c.ID), "one's own is given again, at the same epoch")
	},
	"a dead owner's is taken at a new epoch and fences": func(w *world) {
		c := w.connect("acme")
		w.beat("daemon-1", time.Minute)
		old := w.acquire("daemon-1", c.ID)[0]
		w.pass(time.Minute)
		w.beat("daemon-2", time.Hour)
		got := w.acquire("daemon-2", c.ID)[0]
		require.Equal(w.t, atssync.Lease{Connection: c.ID, Owner: "daemon-2", Epoch: 2}, got)
		_, err := w.s.UpdateLane(w.ctx, old, func(*atssync.Lane) []atssync.EventDraft { return nil }, w.now)
		require.ErrorIs(w.t, err, atssync.ErrFenced)
		w.beat("daemon-1", time.Hour)
		require.Empty(w.t, w.acquire("daemon-1", c.ID), "it comes back too late")
	},
	"what was being sent becomes uncertain in the same commit": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		l := w.lease(c, "daemon-1")
		sending, queued := w.submit(c, "app-1", "job-1"), w.submit(c, "app-2", "job-1")
		w.begin(l, sending)
		w.pass(2 * time.Hour)
		w.lease(c, "daemon-2")
		s := w.sub(sending.ID)
		require.Equal(w.t, atssync.StateUncertain, s.State)
		require.Equal(w.t, sdk.KindAmbiguous, s.Trouble.Kind)
		require.Contains(w.t, s.Trouble.Message, "stopped while")
		require.Equal(w.t, "queued", w.state(queued.ID))
		attempts, err := w.s.Attempts(w.ctx, s.ID)
		require.NoError(w.t, err)
		require.Equal(w.t, atssync.StateUncertain, attempts[0].Outcome)
		require.Equal(w.t, w.now, attempts[0].EndedAt)
		lane, err := w.s.Lane(w.ctx, c.ID)
		require.NoError(w.t, err)
		h := lane.Health(atssync.OpSubmit)
		require.Equal(w.t, atssync.HealthStopped, h.State)
		require.Equal(w.t, atssync.CauseUncertain, h.Cause)
		require.Equal(w.t, []string{"submission.uncertain"}, w.events(c))
		require.Equal(w.t, map[atssync.State]int64{atssync.StateUncertain: 1, atssync.StateQueued: 1}, w.balanced(c))
	},
	"the same owner's sending goes on": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		l := w.lease(c, "daemon-1")
		s := w.submit(c, "app-1", "job-1")
		a := w.begin(l, s)
		w.acquire("daemon-1", c.ID)
		require.Equal(w.t, "sending", w.state(s.ID))
		w.finish(l, w.arrived(s, a))
	},
	"given back is free at once": func(w *world) {
		a, b := w.connect("acme"), w.connect("acme")
		w.beat("daemon-1", time.Hour)
		old := w.acquire("daemon-1", a.ID, b.ID)
		require.Len(w.t, old, 2)
		require.NoError(w.t, w.s.Release(w.ctx, "daemon-1", w.now))
		_, err := w.s.UpdateLane(w.ctx, old[0], func(*atssync.Lane) []atssync.EventDraft { return nil }, w.now)
		require.ErrorIs(w.t, err, atssync.ErrFenced)
		_, err = w.s.Acquire(w.ctx, "daemon-1", []string{a.ID}, w.now)
		require.ErrorIs(w.t, err, atssync.ErrFenced, "it is forgotten")
		w.beat("daemon-2", time.Hour)
		got := w.acquire("daemon-2", a.ID, b.ID)
		require.Len(w.t, got, 2)
		require.Equal(w.t, int64(2), got[0].Epoch, "the epoch never goes back")
		require.NoError(w.t, w.s.Release(w.ctx, "daemon-1", w.now), "twice is once")
		require.Len(w.t, w.acquire("daemon-2", a.ID), 1)
	},
	"many connections at once": func(w *world) {
		var ids []string
		for range 120 {
			ids = append(ids, w.connect("acme").ID)
		}
		w.beat("daemon-1", time.Hour)
		got := w.acquire("daemon-1", ids...)
		require.Len(w.t, got, 120)
		require.NoError(w.t, w.s.Release(w.ctx, "daemon-1", w.now))
		w.beat("daemon-2", time.Hour)
		require.Len(w.t, w.acquire("daemon-2", ids...), 120)
	},
}
