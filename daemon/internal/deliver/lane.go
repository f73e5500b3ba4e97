package deliver

import (
	"context"
	"errors"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// lane is the in-memory side of one endpoint. Only the goroutine that works the lane touches it, but for its channels.
type lane struct {
	endpoint string
	// busy holds what was read to be sent and has no durable end yet, by ordering key; taken are their sequences.
	busy  map[string]int64
	taken map[int64]bool
	ready []atssync.DueDelivery // read and not begun
	ended []result              // ended and not stored

	sending int
	done    chan result // of requests; it never blocks them
	woken   chan struct{}

	signers signers
}

func newLane(endpoint string, inFlight int) *lane {
	return &lane{
		endpoint: endpoint, busy: make(map[string]int64), taken: make(map[int64]bool),
		done: make(chan result, inFlight), woken: make(chan struct{}, 1),
	}
}

func (l *lane) poke() {
	select {
	case l.woken <- struct{}{}:
	default:
	}
}

// took notes a request that ended.
func (l *lane) took(r result) {
	l.sending--
	l.ended = append(l.ended, r)
}

// collect takes what ended and waits for nothing. It reports whether all of it was delivered.
func (l *lane) collect() bool {
	for {
		select {
		case r := <-l.done:
			l.took(r)
			continue
		default:
		}
		break
	}
	for _, r := range l.ended {
		if r.class != classDelivered {
			return false
		}
	}
	return true
}

// take reserves deliveries whose ordering key is free.
func (l *lane) take(due []atssync.DueDelivery) {
	for _, d := range due {
		if _, busy := l.busy[d.Delivery.Key]; busy {
			continue
		}
		l.busy[d.Delivery.Key], l.taken[d.Delivery.Sequence] = d.Delivery.Sequence, true
		l.ready = append(l.ready, d)
	}
}

// free lets the next delivery of a key go.
func (l *lane) free(d atssync.Delivery) {
	delete(l.busy, d.Key)
	delete(l.taken, d.Sequence)
}

// dropReady gives back what was read and not begun: it is still due.
func (l *lane) dropReady() {
	for _, d := range l.ready {
		l.free(d.Delivery)
	}
	l.ready = nil
}

// Tick does the next thing for one endpoint: it stores what ended, plans and sends what is due, or finds that there is
// nothing to do before at (zero: not until woken). more says that it should be called again at once. What it sent comes
// back at a later call. When ctx ends nothing new begins. For one endpoint it is called by one goroutine at a time, and
// not while Start works the endpoint.
func (w *Worker) Tick(ctx context.Context, endpoint string, now time.Time) (at time.Time, more bool, err error) {
	w.mu.Lock()
	l := w.lanes[endpoint]
	if l == nil {
		l = newLane(endpoint, w.o.InFlight)
		w.lanes[endpoint] = l
	}
	w.mu.Unlock()
	return w.tick(ctx, l, now)
}

func (w *Worker) tick(ctx context.Context, l *lane, now time.Time) (at time.Time, more bool, err error) {
	now = now.UTC()
	if l.collect() && ctx.Err() == nil {
		w.begin(l, now) // the endpoint takes what it gets: no request waits for the commit of those before it
	}
	if err := w.finish(ctx, l); err != nil || ctx.Err() != nil {
		return time.Time{}, false, err
	}
	lease, ok := w.o.Leases.Lease(l.endpoint)
	if !ok {
		l.dropReady()
		return now.Add(askAgain), false, nil
	}
	at, more, err = w.work(ctx, l, lease, now)
	switch {
	case errors.Is(err, atssync.ErrFenced):
		w.o.Leases.Lost(lease)
		l.dropReady()
		return now.Add(askAgain), false, nil
	case ctx.Err() != nil:
		return time.Time{}, false, nil
	}
	return at, more, err
}

// work reads the endpoint and does what next says.
func (w *Worker) work(ctx context.Context, l *lane, lease atssync.Lease, now time.Time) (time.Time, bool, error) {
	e, state, err := w.o.Store.EndpointWork(ctx, l.endpoint)
	if err != nil {
		return time.Time{}, false, err
	}
	if e.State == atssync.EndpointRemoved {
		l.dropReady()
		return time.Time{}, false, atssync.Errorf(atssync.CodeNotFound, "webhook %s was removed", e.ID)
	}
	p := next(e, state, l.sending, now)
	if p.do != send {
		l.dropReady()
	}
	if p.do == rest {
		return p.at, false, nil
	}
	if err := l.signers.load(e, w.o.Secrets, now); err != nil {
		return time.Time{}, false, err
	}
	if p.do == probe {
		return w.probe(ctx, l, lease, now)
	}
	return w.fill(ctx, l, lease, now)
}

// planAtOnce is how many deliveries are planned in one commit, readAhead how many times as many as may be under way are
// read before they are sent.
const (
	planAtOnce = 200
	readAhead  = 4
)

// fill keeps as many requests under way as may be.
func (w *Worker) fill(ctx context.Context, l *lane, lease atssync.Lease, now time.Time) (at time.Time, more bool, err error) {
	if len(l.ready) < w.o.InFlight {
		if _, more, err = w.o.Store.PlanDeliveries(ctx, lease, planAtOnce, now); err != nil {
			return time.Time{}, false, err
		}
		var due []atssync.DueDelivery
		due, at, err = w.o.Store.DueDeliveries(ctx, lease, atssync.DueQuery{
			Until: now, Skip: l.taken, Limit: min(readAhead*w.o.InFlight, 500),
		})
		if err != nil {
			return time.Time{}, false, err
		}
		l.take(due)
	}
	w.begin(l, now)
	if l.sending >= w.o.InFlight {
		return time.Time{}, false, nil // an answer is what is waited for
	}
	return at, more, nil
}

// probeChoice is how many deliveries a probe chooses from.
const probeChoice = 100

// probe sends one delivery: a new one where there is any, else the one that was tried least, be it due or not.
func (w *Worker) probe(ctx context.Context, l *lane, lease atssync.Lease, now time.Time) (time.Time, bool, error) {
	if _, _, err := w.o.Store.PlanDeliveries(ctx, lease, 1, now); err != nil {
		return time.Time{}, false, err
	}
	q := atssync.DueQuery{Until: now, Skip: l.taken, Limit: probeChoice}
	due, _, err := w.o.Store.DueDeliveries(ctx, lease, q)
	if err == nil && len(due) == 0 {
		q.Until = now.Add(365 * 24 * time.Hour)
		due, _, err = w.o.Store.DueDeliveries(ctx, lease, q)
	}
	if err != nil {
		return time.Time{}, false, err
	}
	if d, ok := probeWith(due); ok {
		l.take([]atssync.DueDelivery{d})
		w.begin(l, now)
	}
	return time.Time{}, false, nil
}

// begin sends what is ready while there are free places.
func (w *Worker) begin(l *lane, now time.Time) {
	for len(l.ready) > 0 && l.sending < w.o.InFlight {
		d := l.ready[0]
		l.ready = l.ready[1:]
		l.sending++
		to, signers := l.signers.url, l.signers.valid(now)
		w.wg.Go(func() { l.done <- w.send(w.calls, d, to, signers) })
	}
}
