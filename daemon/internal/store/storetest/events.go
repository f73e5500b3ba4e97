package storetest

import (
	"encoding/json"
	"math"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// read follows a cursor to its end.
func (w *world) read(q atssync.EventQuery) []atssync.Event {
	w.t.Helper()
	var out []atssync.Event
	for {
		es, after, err := w.s.Events(w.ctx, q)
		require.NoError(w.t, err)
		out = append(out, es...)
		if after == q.After {
			return out
		}
		require.Greater(w.t, after, q.After)
		q.After = after
	}
}

var eventTests = map[string]func(*world){
	"numbered without gaps per connection and in order over all": func(w *world) {
		a, b := w.connect("acme"), w.connect("globex")
		for range 5 {
			w.submit(a, w.unique("app"), "job-1")
			w.submit(b, w.unique("app"), "job-1")
		}
		require.Len(w.t, w.events(a), 5)
		require.Len(w.t, w.events(b), 5)
		all := w.read(atssync.EventQuery{Limit: 3})
		require.Len(w.t, all, 10)
		for i, e := range all {
			require.Equal(w.t, int64(i+1), e.Position)
			require.Equal(w.t, []string{a.ID, b.ID}[i%2], e.Connection)
			require.Equal(w.t, int64(i/2+1), e.Sequence)
			require.True(w.t, atssync.ValidID(atssync.PrefixEvent, e.ID))
			require.Equal(w.t, w.now, e.At)
			require.True(w.t, json.Valid(e.Data))
		}
		for _, want := range []struct {
			connection string
			n          int64
		}{{a.ID, 5}, {b.ID, 5}, {"", 10}, {"con_none", 0}} {
			n, err := w.s.LastEvent(w.ctx, want.connection)
			require.NoError(w.t, err)
			require.Equal(w.t, want.n, n)
		}
	},
	"filtered without losing the place": func(w *world) {
		a, b := w.connect("acme"), w.connect("globex")
		w.link(a, "job-1")
		l := w.lease(a, "daemon-1")
		var subs []string
		for range 4 {
			subs = append(subs, w.submitted(a, l, w.unique("app"), "job-1").ID)
			w.submit(a, w.unique("app"), "unlinked")
			w.submit(b, w.unique("app"), "unlinked")
		}
		held := []atssync.EventType{atssync.EventHeld}
		require.Len(w.t, w.read(atssync.EventQuery{Types: held, Limit: 3}), 8)
		require.Len(w.t, w.read(atssync.EventQuery{Types: held, Connection: a.ID, Limit: 3}), 4)
		require.Len(w.t, w.read(atssync.EventQuery{Account: "acme", Limit: 3}), 8)
		require.Len(w.t, w.read(atssync.EventQuery{Account: "acme", Connection: b.ID}), 0)
		require.Len(w.t, w.read(atssync.EventQuery{Account: "nobody"}), 0)
		for _, q := range []atssync.EventQuery{{Subject: subs[2]}, {Subject: subs[2], Connection: a.ID}, {Subject: subs[2], Account: "acme"}} {
			got := w.read(q)
			require.Len(w.t, got, 1)
			require.Equal(w.t, subs[2], got[0].Subject)
			require.Equal(w.t, atssync.EventSubmitted, got[0].Type)
		}
		require.Len(w.t, w.read(atssync.EventQuery{Subject: subs[2], Connection: b.ID}), 0)
		require.Len(w.t, w.read(atssync.EventQuery{Subject: subs[2], Types: held}), 0)
	},
	"a subject's history by number": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		w.submit(c, "other", "unlinked")
		s := w.submit(c, "app-1", "job-1")
		w.act(s, atssync.ActHold)
		w.act(s, atssync.ActRelease)
		w.act(s, atssync.ActCancel)
		got := w.read(atssync.EventQuery{Connection: c.ID, Subject: s.ID, After: 2})
		require.Len(w.t, got, 2)
		require.Equal(w.t, int64(3), got[0].Sequence)
		require.Len(w.t, w.read(atssync.EventQuery{Subject: s.ID, After: 2}), 2)
	},
	"a subject of another connection moves nothing": func(w *world) {
		a, b := w.connect("acme"), w.connect("globex")
		w.submit(a, "app-0", "job-1")
		s := w.submit(a, "app-1", "job-1")
		es, after, err := w.s.Events(w.ctx, atssync.EventQuery{Connection: b.ID, Subject: s.ID})
		require.NoError(w.t, err)
		require.Empty(w.t, es)
		require.Zero(w.t, after, "a number of another connection is told as one of this")
	},
	"the end is where nothing moves": func(w *world) {
		c := w.connect("acme")
		w.submit(c, "app-1", "job-1")
		for _, q := range []atssync.EventQuery{{After: 1}, {After: 99}, {Connection: c.ID, After: 1}, {After: math.MaxInt64}, {Connection: "con_none"}} {
			es, after, err := w.s.Events(w.ctx, q)
			require.NoError(w.t, err)
			require.Empty(w.t, es)
			require.Equal(w.t, q.After, after)
		}
	},
	"the limit is kept": func(w *world) {
		c := w.connect("acme")
		var in []atssync.NewSubmission
		for range 250 {
			in = append(in, w.document(c, w.unique("app"), "job-1"))
		}
		w.accept(in...)
		for want, limit := range map[int]int{100: 0, 7: 7, 250: 5000} {
			es, after, err := w.s.Events(w.ctx, atssync.EventQuery{Limit: limit})
			require.NoError(w.t, err)
			require.Len(w.t, es, want)
			require.Equal(w.t, int64(want), after)
		}
	},
	"a refused step uses no number": func(w *world) {
		c := w.connect("acme")
		l := w.lease(c, "daemon-1")
		w.submit(c, "app-1", "job-1")
		l.Epoch++
		_, err := w.s.UpdateLane(w.ctx, l, func(*atssync.Lane) []atssync.EventDraft {
			return []atssync.EventDraft{{Type: atssync.EventConnectionHealthy, At: w.now, Data: atssync.ConnectionEvent{}}}
		}, w.now)
		require.ErrorIs(w.t, err, atssync.ErrFenced)
		w.pass(time.Second)
		w.submit(c, "app-2", "job-1")
		require.Len(w.t, w.events(c), 2)
	},
}

var runTests = map[string]func(*world){
	"stored, replaced and listed from the newest": func(w *world) {
		_, err := w.s.LastRun(w.ctx, "status")
		w.code(err, atssync.CodeNotFound)
		var ids []string
		for i := range 7 {
			r := atssync.Run{ID: atssync.NewID(atssync.PrefixRun, w.now), Pass: []string{"status", "jobs"}[i%2], Trigger: "schedule", StartedAt: w.now}
			require.NoError(w.t, w.s.PutRun(w.ctx, r, w.now))
			r.FinishedAt, r.Summary = w.now.Add(time.Second), "done"
			require.NoError(w.t, w.s.PutRun(w.ctx, r, w.now))
			ids = append([]string{r.ID}, ids...)
			w.pass(time.Minute)
		}
		got, n := pages(w, 2, func(p atssync.Paging) (atssync.Page[atssync.Run], error) {
			return w.s.Runs(w.ctx, atssync.RunQuery{Pass: "", Paging: p})
		})
		require.Equal(w.t, 4, n)
		for i, r := range got {
			require.Equal(w.t, ids[i], r.ID)
			require.Equal(w.t, "done", r.Summary)
		}
		got, _ = pages(w, 2, func(p atssync.Paging) (atssync.Page[atssync.Run], error) {
			return w.s.Runs(w.ctx, atssync.RunQuery{Pass: "jobs", Paging: p})
		})
		require.Len(w.t, got, 3)
		last, err := w.s.LastRun(w.ctx, "status")
		require.NoError(w.t, err)
		require.Equal(w.t, ids[0], last.ID)
	},
	"a run without an id is refused": func(w *world) {
		w.code(w.s.PutRun(w.ctx, atssync.Run{Pass: "status"}, w.now), atssync.CodeInvalid)
	},
	"a run that is put elsewhere is one": func(w *world) {
		r := atssync.Run{ID: "run_1", Pass: "status", StartedAt: w.now}
		require.NoError(w.t, w.s.PutRun(w.ctx, r, w.now))
		r.Pass, r.StartedAt = "jobs", w.now.Add(time.Second)
		require.NoError(w.t, w.s.PutRun(w.ctx, r, w.now))
		p, err := w.s.Runs(w.ctx, atssync.RunQuery{Pass: ""})
		require.NoError(w.t, err)
		require.Equal(w.t, []atssync.Run{r}, p.Items)
		_, err = w.s.LastRun(w.ctx, "status")
		w.code(err, atssync.CodeNotFound)
	},
}
