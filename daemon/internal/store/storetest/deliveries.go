package storetest

import (
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

func sequences(due []atssync.DueDelivery) []int64 {
	out := []int64{}
	for _, d := range due {
		out = append(out, d.Delivery.Sequence)
	}
	return out
}

func (w *world) delivery(e atssync.Endpoint, sequence int64) atssync.Delivery {
	w.t.Helper()
	d, err := w.s.Delivery(w.ctx, e.ID, sequence)
	require.NoError(w.t, err)
	return d
}

func (w *world) end(l atssync.Lease, to atssync.DeliveryState, sequences ...int64) {
	w.t.Helper()
	var in []atssync.DeliveryFinish
	for _, s := range sequences {
		f := atssync.DeliveryFinish{Sequence: s, To: to, Attempt: atssync.DeliveryAttempt{At: w.now, Status: 200, DurationMS: 3, Answer: "ok"}}
		if to == atssync.DeliveryPending {
			f.NextAt, f.Climb, f.Attempt.Status, f.Attempt.Error = w.now.Add(time.Hour), true, 500, "the answer was 500"
		}
		in = append(in, f)
	}
	require.NoError(w.t, w.s.FinishDeliveries(w.ctx, l, in, nil, w.now))
}

func (w *world) replayAll(q atssync.Replay) int {
	w.t.Helper()
	total := 0
	for {
		n, next, err := w.s.Replay(w.ctx, q, w.now)
		require.NoError(w.t, err)
		if total += n; next == 0 {
			return total
		}
		require.Greater(w.t, next, q.From)
		q.From = next
	}
}

func (w *world) deliveries(q atssync.DeliveryQuery) []int64 {
	w.t.Helper()
	all, _ := pages(w, 3, func(p atssync.Paging) (atssync.Page[atssync.Delivery], error) {
		q.Paging = p
		return w.s.Deliveries(w.ctx, q)
	})
	out := []int64{}
	for _, d := range all {
		out = append(out, d.Sequence)
	}
	return out
}

// toldThrice has a submission tell three events: held, released, cancelled.
func (w *world) toldThrice(c atssync.Connection) atssync.Submission {
	w.t.Helper()
	s := w.submit(c, w.unique("app"), "job-1")
	w.act(s, atssync.ActHold)
	w.act(s, atssync.ActRelease)
	w.act(s, atssync.ActCancel)
	return w.sub(s.ID)
}

var deliveryTests = map[string]func(*world){
	"planned once, in order and numbered without gaps, as the filters say": func(w *world) {
		a, b := w.connect("acme"), w.connect("globex")
		all := w.endpoint()
		types := w.endpoint(func(e *atssync.Endpoint) { e.Types = []atssync.EventType{atssync.EventCancelled} })
		account := w.endpoint(func(e *atssync.Endpoint) { e.Accounts = []string{"globex"} })
		either := w.endpoint(func(e *atssync.Endpoint) { e.Accounts, e.Connections = []string{"globex"}, []string{a.ID} })
		none := w.endpoint(func(e *atssync.Endpoint) { e.Accounts = []string{"initech"} })
		w.link(a, "job-1")
		w.link(b, "job-1")
		w.toldThrice(a)
		w.toldThrice(b)
		for _, x := range []struct {
			e    atssync.Endpoint
			want int
		}{{all, 6}, {types, 2}, {account, 3}, {either, 6}, {none, 0}} {
			l := w.endpointLease(x.e)
			require.Equal(w.t, x.want, w.plan(l))
			require.Zero(w.t, w.plan(l), "planned twice")
			work := w.endpointWork(x.e)
			require.Equal(w.t, int64(x.want), work.Sequence)
			require.Equal(w.t, int64(x.want), work.Pending)
			require.Equal(w.t, int64(6), work.Cursor)
		}
		events := w.read(atssync.EventQuery{})
		for i, e := range events {
			d := w.delivery(all, int64(i+1))
			require.Equal(w.t, e.ID, d.Event)
			require.Equal(w.t, e.Sequence, d.EventSequence)
			require.Equal(w.t, e.Subject, d.Key)
			require.Equal(w.t, e.At, d.EventAt)
		}
		_, err := w.s.Delivery(w.ctx, all.ID, 7)
		w.code(err, atssync.CodeNotFound)
	},
	"only the first of a key is due, and the next one when it ended": func(w *world) {
		c := w.connect("acme")
		e := w.endpoint()
		w.link(c, "job-1")
		w.toldThrice(c) // 1 2 3
		w.toldThrice(c) // 4 5 6
		w.pause(c)      // 7, of the connection
		l := w.endpointLease(e)
		w.plan(l)
		due := w.due(l, 0)
		require.Len(w.t, due, 1, "the limit is at least one")
		due = w.due(l, 100)
		require.Equal(w.t, []int64{1, 4, 7}, sequences(due))
		require.Equal(w.t, c.ID, due[2].Delivery.Key)
		require.Equal(w.t, due[0].Delivery.Event, due[0].Event.ID)
		require.Equal(w.t, []int64{4, 7}, sequences(w.due(l, 100, 1)), "one under way keeps the rest of its key waiting")
		w.end(l, atssync.DeliveryPending, 1)
		w.end(l, atssync.DeliveryDelivered, 4)
		w.end(l, atssync.DeliveryDead, 7)
		require.Equal(w.t, []int64{5}, sequences(w.due(l, 100)))
		_, next, err := w.s.DueDeliveries(w.ctx, l, atssync.DueQuery{Until: w.now, Limit: 10})
		require.NoError(w.t, err)
		require.Equal(w.t, w.now.Add(time.Hour), next)
		w.pass(time.Hour)
		require.Equal(w.t, []int64{5, 1}, sequences(w.due(l, 100)), "the longest due first")
		w.end(l, atssync.DeliveryDead, 1)
		require.Equal(w.t, []int64{2, 5}, sequences(w.due(l, 100)), "a dead one frees the next")
		work := w.endpointWork(e)
		require.Equal(w.t, int64(4), work.Pending)
		require.Equal(w.t, int64(2), work.Dead)
		d := w.delivery(e, 1)
		require.Equal(w.t, 2, d.Attempts)
		require.Equal(w.t, 1, d.Failures)
		require.Equal(w.t, 500, d.Log[0].Status)
		require.Equal(w.t, atssync.DeliveryDead, d.State)
		require.Zero(w.t, d.NextAt)
		w.end(l, atssync.DeliveryPending, 1)
		require.Equal(w.t, d, w.delivery(e, 1), "what ended is left alone")
	},
	"many ends of one key in one call": func(w *world) {
		c := w.connect("acme")
		e := w.endpoint()
		w.link(c, "job-1")
		w.toldThrice(c)
		l := w.endpointLease(e)
		w.plan(l)
		w.end(l, atssync.DeliveryDelivered, 1, 2, 3, 99)
		require.Empty(w.t, w.due(l, 10))
		require.Zero(w.t, w.endpointWork(e).Pending)
		w.toldThrice(c)
		w.plan(l)
		w.end(l, atssync.DeliveryDelivered, 6, 5)
		require.Equal(w.t, []int64{4}, sequences(w.due(l, 10)))
		w.end(l, atssync.DeliveryDelivered, 4)
		require.Empty(w.t, w.due(l, 10))
	},
	"a paused endpoint plans nothing and loses nothing": func(w *world) {
		c := w.connect("acme")
		e := w.endpoint()
		l := w.endpointLease(e)
		for _, state := range []atssync.EndpointState{atssync.EndpointPaused, atssync.EndpointDisabled} {
			w.updateEndpoint(e, func(e *atssync.Endpoint) { e.State = state })
			w.submit(c, w.unique("app"), "unlinked")
			require.Zero(w.t, w.plan(l))
		}
		b, err := w.s.EndpointBacklog(w.ctx, e.ID)
		require.NoError(w.t, err)
		require.Equal(w.t, int64(2), b.Behind)
		require.Equal(w.t, w.now, b.OldestAt)
		w.updateEndpoint(e, func(e *atssync.Endpoint) { e.State = atssync.EndpointActive })
		require.Equal(w.t, 2, w.plan(l))
		w.pass(time.Minute)
		b, err = w.s.EndpointBacklog(w.ctx, e.ID)
		require.NoError(w.t, err)
		require.Zero(w.t, b.Behind)
		require.Equal(w.t, w.now.Add(-time.Minute), b.OldestAt)
		require.Equal(w.t, int64(2), b.Work.Pending)
		w.end(l, atssync.DeliveryDelivered, 1, 2)
		b, err = w.s.EndpointBacklog(w.ctx, e.ID)
		require.NoError(w.t, err)
		require.Zero(w.t, b.OldestAt)
	},
	"the endpoint's change is in the commit of the ends": func(w *world) {
		c := w.connect("acme")
		e := w.endpoint()
		l := w.endpointLease(e)
		w.submit(c, "app-1", "unlinked")
		w.plan(l)
		require.NoError(w.t, w.s.FinishDeliveries(w.ctx, l, nil, func(e *atssync.Endpoint, k *atssync.EndpointWork) {
			e.State, e.Reason = atssync.EndpointDisabled, "it answered 410"
			k.Failed(true, "410", func(int) time.Duration { return time.Minute }, w.now)
		}, w.now))
		got, work, err := w.s.EndpointWork(w.ctx, e.ID)
		require.NoError(w.t, err)
		require.Equal(w.t, atssync.EndpointDisabled, got.State)
		require.Equal(w.t, e.Version+1, got.Version)
		require.Equal(w.t, 1, work.Breaker.Failures)
		w.updateEndpoint(e, func(e *atssync.Endpoint) { e.State, e.Reason = atssync.EndpointActive, "" })
		require.Zero(w.t, w.endpointWork(e).Breaker, "a resumed one is tried at once")
	},
	"replayed by event, range and state, as they were and before what waits": func(w *world) {
		c := w.connect("acme")
		e := w.endpoint()
		w.link(c, "job-1")
		w.toldThrice(c) // 1 2 3
		w.toldThrice(c) // 4 5 6
		l := w.endpointLease(e)
		w.plan(l)
		w.end(l, atssync.DeliveryDelivered, 1)
		w.end(l, atssync.DeliveryDelivered, 4)
		w.end(l, atssync.DeliveryDead, 2)
		w.end(l, atssync.DeliveryPending, 5)
		before := w.delivery(e, 1)
		require.Equal(w.t, 1, w.replayAll(atssync.Replay{Endpoint: e.ID, Event: before.Event}))
		d := w.delivery(e, 1)
		require.Equal(w.t, before.Event, d.Event)
		require.Equal(w.t, 1, d.Replays)
		require.Contains(w.t, sequences(w.due(l, 10)), int64(1))
		require.NotContains(w.t, sequences(w.due(l, 10)), int64(3), "a replayed one goes before what waits of its key")
		require.Equal(w.t, 1, w.replayAll(atssync.Replay{Endpoint: e.ID, States: []atssync.DeliveryState{atssync.DeliveryDead}}))
		require.Zero(w.t, w.endpointWork(e).Dead)
		w.end(l, atssync.DeliveryDelivered, 1)
		require.Equal(w.t, []int64{2}, sequences(w.due(l, 10)))
		require.Equal(w.t, 2, w.replayAll(atssync.Replay{Endpoint: e.ID, From: 5, States: []atssync.DeliveryState{atssync.DeliveryPending}}))
		require.Contains(w.t, sequences(w.due(l, 10)), int64(5), "a pending one is due at once")
		require.Equal(w.t, 2, w.replayAll(atssync.Replay{Endpoint: e.ID, From: 1, To: 4}))
		require.Equal(w.t, int64(6), w.endpointWork(e).Pending)
		for len(w.due(l, 10)) > 0 {
			w.end(l, atssync.DeliveryDelivered, sequences(w.due(l, 10))...)
		}
		require.Equal(w.t, 6, w.replayAll(atssync.Replay{Endpoint: e.ID}))
		_, _, err := w.s.Replay(w.ctx, atssync.Replay{Endpoint: e.ID, Event: "evt_none"}, w.now)
		w.code(err, atssync.CodeNotFound)
		_, _, err = w.s.Replay(w.ctx, atssync.Replay{Endpoint: "whk_none"}, w.now)
		w.code(err, atssync.CodeNotFound)
	},
	"listed from the newest, by state, type and key": func(w *world) {
		c := w.connect("acme")
		e := w.endpoint()
		w.link(c, "job-1")
		s := w.toldThrice(c)
		w.toldThrice(c)
		l := w.endpointLease(e)
		w.plan(l)
		w.end(l, atssync.DeliveryDelivered, 1)
		w.end(l, atssync.DeliveryDead, 4)
		list := func(q atssync.DeliveryQuery) []int64 { q.Endpoint = e.ID; return w.deliveries(q) }
		require.Equal(w.t, []int64{6, 5, 4, 3, 2, 1}, list(atssync.DeliveryQuery{}))
		require.Equal(w.t, []int64{6, 5, 3, 2}, list(atssync.DeliveryQuery{State: atssync.DeliveryPending}))
		require.Equal(w.t, []int64{4}, list(atssync.DeliveryQuery{State: atssync.DeliveryDead}))
		require.Equal(w.t, []int64{1}, list(atssync.DeliveryQuery{State: atssync.DeliveryDelivered}))
		require.Equal(w.t, []int64{5, 2}, list(atssync.DeliveryQuery{Type: atssync.EventReleased}))
		require.Equal(w.t, []int64{3, 2, 1}, list(atssync.DeliveryQuery{Key: s.ID}))
	},
	"pruned after their time, but for what was not delivered": func(w *world) {
		c := w.connect("acme")
		e, removed := w.endpoint(), w.endpoint()
		for range 250 {
			w.submit(c, w.unique("app"), "unlinked")
		}
		l := w.endpointLease(e)
		w.plan(l)
		var all []int64
		for i := range int64(248) {
			all = append(all, i+3)
		}
		w.end(l, atssync.DeliveryDead, 1)
		w.end(l, atssync.DeliveryDelivered, all...)
		require.NoError(w.t, w.s.RemoveEndpoint(w.ctx, removed.ID, w.now))
		prune := func(before time.Time) int {
			total := 0
			for {
				n, err := w.s.PruneDeliveries(w.ctx, before, 100, w.now)
				require.NoError(w.t, err)
				if n == 0 {
					return total
				}
				total += n
			}
		}
		require.Zero(w.t, prune(w.now))
		w.pass(time.Hour)
		require.Equal(w.t, 248, prune(w.now))
		require.Equal(w.t, []int64{2, 1}, w.deliveries(atssync.DeliveryQuery{Endpoint: e.ID}))
		require.Equal(w.t, 1, w.replayAll(atssync.Replay{Endpoint: e.ID}))
		w.end(l, atssync.DeliveryDelivered, 1, 2)
		require.Equal(w.t, 2, prune(w.now.Add(time.Second)))
		require.Empty(w.t, w.deliveries(atssync.DeliveryQuery{Endpoint: e.ID}))
		_, _, err := w.s.Replay(w.ctx, atssync.Replay{Endpoint: e.ID, Event: w.read(atssync.EventQuery{})[9].ID}, w.now)
		w.code(err, atssync.CodeNotFound)
	},
	"random ends and replays keep every key in order": func(w *world) {
		t, ok := w.t.(rapid.TB)
		require.True(w.t, ok)
		rapid.Check(t, func(rt *rapid.T) {
			deliveryModel(&world{t: rt, s: w.s, ctx: w.ctx, now: w.now}, rt)
		})
	},
}

// deliveryModel compares random steps with the rule: of each key the pending delivery with the lowest number is due.
func deliveryModel(w *world, rt *rapid.T) {
	in := w.newConnection("acme")
	run := atssync.NewID(atssync.PrefixRun, w.now)
	in.Name, in.IdentityKeys = run, []string{run}
	c, err := w.s.CreateConnection(w.ctx, in, w.now)
	require.NoError(rt, err)
	e := w.endpoint(func(e *atssync.Endpoint) { e.Connections = []string{c.ID} })
	l := w.endpointLease(e)
	var subs []atssync.Submission
	for range 3 {
		d := w.document(c, atssync.NewID(atssync.PrefixRun, w.now), "unlinked")
		subs = append(subs, w.accept(d)[0].Submission)
	}
	state := map[int64]atssync.DeliveryState{}
	key := map[int64]string{}
	planned := int64(0)
	rt.Repeat(map[string]func(*rapid.T){
		"tell": func(rt *rapid.T) {
			s := w.sub(subs[rapid.IntRange(0, 2).Draw(rt, "submission")].ID)
			if s.State == atssync.StateHeld { // another content tells again that it is held
				d := w.document(c, s.ExternalID, "unlinked")
				d.Submission.Fingerprint = atssync.NewID(atssync.PrefixRun, w.now)
				w.accept(d)
			}
		},
		"plan": func(*rapid.T) {
			n := w.plan(l)
			for range n {
				planned++
				state[planned], key[planned] = atssync.DeliveryPending, w.delivery(e, planned).Key
			}
		},
		"end": func(rt *rapid.T) {
			due := sequences(w.due(l, 10))
			if len(due) == 0 {
				return
			}
			s := rapid.SampledFrom(due).Draw(rt, "sequence")
			to := rapid.SampledFrom(atssync.DeliveryStates()).Draw(rt, "to")
			w.end(l, to, s)
			state[s] = to
			w.pass(time.Hour)
		},
		"replay": func(rt *rapid.T) {
			from := rapid.Int64Range(1, max(planned, 1)).Draw(rt, "from")
			to := rapid.Int64Range(from, from+3).Draw(rt, "to")
			w.replayAll(atssync.Replay{Endpoint: e.ID, From: from, To: to})
			for s := from; s <= min(to, planned); s++ {
				state[s] = atssync.DeliveryPending
			}
		},
		"": func(rt *rapid.T) {
			first := map[string]int64{}
			pending, dead := int64(0), int64(0)
			for s := planned; s > 0; s-- {
				switch state[s] {
				case atssync.DeliveryPending:
					pending++
					first[key[s]] = s
				case atssync.DeliveryDead:
					dead++
				}
				require.Equal(rt, state[s], w.delivery(e, s).State)
			}
			want := []int64{}
			for _, s := range first {
				want = append(want, s)
			}
			due, _, err := w.s.DueDeliveries(w.ctx, l, atssync.DueQuery{Until: w.now.Add(24 * time.Hour), Limit: 100})
			require.NoError(rt, err)
			require.ElementsMatch(rt, want, sequences(due))
			work := w.endpointWork(e)
			require.Equal(rt, pending, work.Pending)
			require.Equal(rt, dead, work.Dead)
		},
	})
}
