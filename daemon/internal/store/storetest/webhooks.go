package storetest

import (
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

func (w *world) newEndpoint() atssync.Endpoint {
	return atssync.Endpoint{
		URL: "https://hooks.example.com/" + w.unique("path"), ManagedBy: atssync.ManagedByAPI,
		Secrets: []atssync.EndpointSecret{{Sealed: []byte("sealed secret"), CreatedAt: w.now}},
	}
}

// endpoint makes an endpoint that wants everything from now on.
func (w *world) endpoint(edit ...func(*atssync.Endpoint)) atssync.Endpoint {
	w.t.Helper()
	e := w.newEndpoint()
	for _, f := range edit {
		f(&e)
	}
	last, err := w.s.LastEvent(w.ctx, "")
	require.NoError(w.t, err)
	e, err = w.s.CreateEndpoint(w.ctx, e, last, w.now)
	require.NoError(w.t, err)
	return e
}

func (w *world) updateEndpoint(e atssync.Endpoint, change func(*atssync.Endpoint)) atssync.Endpoint {
	w.t.Helper()
	e, err := w.s.UpdateEndpoint(w.ctx, e.ID, 0, func(e *atssync.Endpoint) error { change(e); return nil }, w.now)
	require.NoError(w.t, err)
	return e
}

func (w *world) endpointWork(e atssync.Endpoint) atssync.EndpointWork {
	w.t.Helper()
	_, work, err := w.s.EndpointWork(w.ctx, e.ID)
	require.NoError(w.t, err)
	return work
}

var webhookTests = map[string]func(*world){
	"made, read, listed and not made twice": func(w *world) {
		a := w.endpoint()
		require.True(w.t, atssync.ValidID(atssync.PrefixWebhook, a.ID))
		require.Equal(w.t, atssync.EndpointActive, a.State)
		require.Equal(w.t, int64(1), a.Version)
		named := w.endpoint(func(e *atssync.Endpoint) { e.ID, e.ManagedBy = "from-file", atssync.ManagedByFile })
		_, err := w.s.CreateEndpoint(w.ctx, named, 0, w.now)
		w.code(err, atssync.CodeExists)
		got, err := w.s.Endpoint(w.ctx, a.ID)
		require.NoError(w.t, err)
		require.Equal(w.t, a, got)
		_, err = w.s.Endpoint(w.ctx, "whk_none")
		w.code(err, atssync.CodeNotFound)
		_, _, err = w.s.EndpointWork(w.ctx, "whk_none")
		w.code(err, atssync.CodeNotFound)
		for range 5 {
			w.endpoint()
		}
		all, n := pages(w, 3, func(p atssync.Paging) (atssync.Page[atssync.Endpoint], error) {
			return w.s.Endpoints(w.ctx, atssync.EndpointQuery{Paging: p})
		})
		require.Len(w.t, all, 7)
		require.Equal(w.t, 3, n)
	},
	"changed, with its version and the audit record": func(w *world) {
		e := w.endpoint()
		person := atssync.WithActor(w.ctx, atssync.Actor{Name: "uid:1000", Via: "socket"})
		change := func(version int64, f func(*atssync.Endpoint)) (atssync.Endpoint, error) {
			return w.s.UpdateEndpoint(person, e.ID, version, func(e *atssync.Endpoint) error { f(e); return nil }, w.now)
		}
		got, err := change(1, func(e *atssync.Endpoint) {
			e.URL, e.Types = "https://other.example.com/", []atssync.EventType{atssync.EventSubmitted}
		})
		require.NoError(w.t, err)
		require.Equal(w.t, int64(2), got.Version)
		_, err = change(1, func(e *atssync.Endpoint) { e.URL = "https://third.example.com/" })
		w.code(err, atssync.CodeChanged)
		_, err = change(0, func(e *atssync.Endpoint) { e.State = atssync.EndpointRemoved })
		w.code(err, atssync.CodeInvalid)
		_, err = change(0, func(e *atssync.Endpoint) { e.ID = "whk_other" })
		w.code(err, atssync.CodeInvalid)
		same, err := change(0, func(*atssync.Endpoint) {})
		require.NoError(w.t, err)
		require.Equal(w.t, got, same)
		_, err = change(0, func(e *atssync.Endpoint) { e.Rotate([]byte("sealed anew"), w.now.Add(time.Hour), w.now) })
		require.NoError(w.t, err)
		_, err = change(0, func(e *atssync.Endpoint) { e.State, e.Reason = atssync.EndpointPaused, "moving" })
		require.NoError(w.t, err)
		_, err = change(0, func(e *atssync.Endpoint) { e.State, e.Reason = atssync.EndpointActive, "" })
		require.NoError(w.t, err)
		require.NoError(w.t, w.s.RemoveEndpoint(person, e.ID, w.now))
		log, err := w.s.AuditRecords(w.ctx, e.ID, atssync.Paging{})
		require.NoError(w.t, err)
		var did []string
		for _, a := range log.Items {
			did = append(did, a.Action+" "+a.Detail)
			require.NotContains(w.t, fmt.Sprintf("%+v", a), "sealed")
		}
		require.ElementsMatch(w.t, []string{
			"webhook.update url, types", "webhook.rotate ", "webhook.pause moving", "webhook.resume ", "webhook.remove https://other.example.com/",
		}, did)
	},
	"removed, with everything that waited, and its id taken over": func(w *world) {
		c := w.connect("acme")
		e := w.endpoint(func(e *atssync.Endpoint) { e.ID = "from-file" })
		l := w.endpointLease(e)
		for range 450 {
			w.submit(c, w.unique("app"), "unlinked")
		}
		w.plan(l)
		require.NoError(w.t, w.s.RemoveEndpoint(w.ctx, e.ID, w.now))
		require.NoError(w.t, w.s.RemoveEndpoint(w.ctx, e.ID, w.now), "again")
		w.code(w.s.RemoveEndpoint(w.ctx, "whk_none", w.now), atssync.CodeNotFound)
		_, err := w.s.Endpoint(w.ctx, e.ID)
		w.code(err, atssync.CodeNotFound)
		_, err = w.s.Deliveries(w.ctx, atssync.DeliveryQuery{Endpoint: e.ID})
		w.code(err, atssync.CodeNotFound)
		gone, work, err := w.s.EndpointWork(w.ctx, e.ID)
		require.NoError(w.t, err)
		require.Equal(w.t, atssync.EndpointRemoved, gone.State)
		require.Empty(w.t, gone.Secrets)
		require.Zero(w.t, work.Pending)
		p, err := w.s.Endpoints(w.ctx, atssync.EndpointQuery{})
		require.NoError(w.t, err)
		require.Empty(w.t, p.Items)
		_, _, err = w.s.PlanDeliveries(w.ctx, l, 10, w.now)
		w.code(err, atssync.CodeNotFound)

		again, err := w.s.CreateEndpoint(w.ctx, gone, 449, w.now)
		require.NoError(w.t, err)
		require.Greater(w.t, again.Version, e.Version)
		w.updateEndpoint(again, func(e *atssync.Endpoint) { e.State = atssync.EndpointActive })
		due := w.due(l, 10)
		require.Empty(w.t, due)
		w.plan(l)
		due = w.due(l, 10)
		require.Len(w.t, due, 1)
		require.Equal(w.t, int64(451), due[0].Delivery.Sequence, "numbers go on")
	},
	"a lease like that of a connection": func(w *world) {
		e := w.endpoint()
		old := w.endpointLease(e)
		w.pass(2 * time.Hour)
		require.NoError(w.t, w.s.Heartbeat(w.ctx, "daemon-2", w.now.Add(time.Hour), w.now))
		got, err := w.s.Acquire(w.ctx, "daemon-2", []string{atssync.DeliveryLease(e.ID), atssync.DeliveryLease("whk_none")}, w.now)
		require.NoError(w.t, err)
		require.Len(w.t, got, 1)
		require.Greater(w.t, got[0].Epoch, old.Epoch)
		_, _, err = w.s.PlanDeliveries(w.ctx, old, 1, w.now)
		require.ErrorIs(w.t, err, atssync.ErrFenced)
		_, _, err = w.s.DueDeliveries(w.ctx, old, atssync.DueQuery{Until: w.now})
		require.ErrorIs(w.t, err, atssync.ErrFenced)
		require.ErrorIs(w.t, w.s.FinishDeliveries(w.ctx, old, nil, nil, w.now), atssync.ErrFenced)
		c := w.connect("acme")
		_, _, err = w.s.PlanDeliveries(w.ctx, w.lease(c, "daemon-2"), 1, w.now)
		require.ErrorIs(w.t, err, atssync.ErrFenced, "a connection's lease is for no endpoint")
	},
}

// endpointLease makes a daemon live for an hour and takes the endpoint's lease.
func (w *world) endpointLease(e atssync.Endpoint) atssync.Lease {
	w.t.Helper()
	require.NoError(w.t, w.s.Heartbeat(w.ctx, "daemon-1", w.now.Add(time.Hour), w.now))
	got, err := w.s.Acquire(w.ctx, "daemon-1", []string{atssync.DeliveryLease(e.ID)}, w.now)
	require.NoError(w.t, err)
	require.Len(w.t, got, 1)
	return got[0]
}

// plan plans everything there is and returns how much it was.
func (w *world) plan(l atssync.Lease) int {
	w.t.Helper()
	total := 0
	for more := true; more; {
		var n int
		var err error
		n, more, err = w.s.PlanDeliveries(w.ctx, l, 100, w.now)
		require.NoError(w.t, err)
		total += n
	}
	return total
}

func (w *world) due(l atssync.Lease, limit int, skip ...int64) []atssync.DueDelivery {
	w.t.Helper()
	q := atssync.DueQuery{Until: w.now, Limit: limit, Skip: map[int64]bool{}}
	for _, s := range skip {
		q.Skip[s] = true
	}
	out, _, err := w.s.DueDeliveries(w.ctx, l, q)
	require.NoError(w.t, err)
	return out
}
