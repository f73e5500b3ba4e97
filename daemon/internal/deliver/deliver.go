package deliver

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// Store is what the worker needs of the store.
type Store interface {
	atssync.Deliver
	Endpoints(ctx context.Context, q atssync.EndpointQuery) (atssync.Page[atssync.Endpoint], error)
}

// Leases tells which endpoints this daemon may work.
type Leases interface {
	// Lease returns the lease on an endpoint, taking it when nobody has it; ok is false when another daemon does.
	Lease(endpoint string) (l atssync.Lease, ok bool)
	// Lost says that a step under l was fenced.
	Lost(l atssync.Lease)
}

// Secrets opens signing secrets.
type Secrets interface {
	// OpenWebhookSecret returns whsec_ and the key in base64.
	OpenWebhookSecret(endpoint string, sealed []byte) (string, error)
}

// Door makes requests. Redirects are answers to it.
type Door interface {
	Do(r *http.Request) (*http.Response, error)
}

// Options are what a Worker is made of.
type Options struct {
	Policy  Policy // at first; Reconfigure puts another one in force
	Store   Store
	Leases  Leases
	Secrets Secrets
	Log     *slog.Logger
	Metrics *Metrics // nil: none
	// Changed dates changes, for the metrics; nil: nobody knows.
	Changed Changed
	// InFlight bounds the requests to one endpoint at a time; 0 is 50.
	InFlight int
	// UserAgent is told to receivers.
	UserAgent string
}

// Worker works the endpoints of this daemon.
type Worker struct {
	policy atomic.Pointer[Policy]
	o      Options

	mu      sync.Mutex
	lanes   map[string]*lane
	started bool
	stopped bool
	wg      sync.WaitGroup
	// idle ends when Stop begins: nothing new is sent. calls ends when Stop gives up waiting: requests under way are cut.
	idle, calls       context.Context
	endIdle, endCalls context.CancelFunc
}

const (
	// lookAgain is how soon a lane looks again that nobody woke: another daemon may have told something.
	lookAgain = time.Minute
	// askAgain is how soon a lane asks again for a lease that it did not get.
	askAgain = 5 * time.Second
	// listAgain is how soon endpoints are listed again that nobody told of.
	listAgain = 30 * time.Second
	// afterFault is how long a lane waits after a fault of the store.
	afterFault = 5 * time.Second
)

// New returns a worker; Start begins its work.
func New(o Options) *Worker {
	if o.InFlight <= 0 {
		o.InFlight = 50
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.UserAgent == "" {
		o.UserAgent = "atssync"
	}
	w := &Worker{o: o, lanes: make(map[string]*lane)}
	w.Reconfigure(o.Policy)
	w.calls, w.endCalls = context.WithCancel(context.Background())
	w.idle, w.endIdle = context.WithCancel(w.calls)
	return w
}

// Start lets every endpoint be worked and returns. It may be called twice.
func (w *Worker) Start() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.started || w.stopped {
		return
	}
	w.started = true
	w.wg.Go(w.list)
}

// list finds the endpoints, now and then again.
func (w *Worker) list() {
	for {
		wait := listAgain
		if err := w.find(w.idle); err != nil && w.idle.Err() == nil {
			w.o.Log.Error("list the webhook endpoints", "err", err)
			wait = afterFault
		}
		select {
		case <-w.idle.Done():
			return
		case <-time.After(wait):
		}
	}
}

func (w *Worker) find(ctx context.Context) error {
	p := atssync.Paging{Limit: 500}
	for {
		page, err := w.o.Store.Endpoints(ctx, atssync.EndpointQuery{Paging: p})
		if err != nil {
			return err
		}
		for _, e := range page.Items {
			w.ensure(e.ID) //nolint:contextcheck // a lane outlives the look that found it.
		}
		if page.Next == "" {
			return nil
		}
		p.After = page.Next
	}
}

// ensure has an endpoint worked. It returns its lane, nil once the worker stopped.
func (w *Worker) ensure(endpoint string) *lane {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopped || !w.started {
		return nil
	}
	l := w.lanes[endpoint]
	if l == nil {
		l = newLane(endpoint, w.o.InFlight)
		w.lanes[endpoint] = l
		w.wg.Go(func() { w.run(l) })
	}
	return l
}

// Changed has an endpoint looked at that was made, changed or given something to do. It never blocks.
func (w *Worker) Changed(endpoint string) {
	if l := w.ensure(endpoint); l != nil {
		l.poke()
	}
}

// Wake has every endpoint looked at, because there are new events. It never blocks.
func (w *Worker) Wake() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, l := range w.lanes {
		l.poke()
	}
}

// Stop lets requests under way end and stores their end; it waits for that until ctx ends and then cuts them: they are
// made again. Nothing new is sent. It may be called twice.
func (w *Worker) Stop(ctx context.Context) {
	w.mu.Lock()
	w.stopped = true
	w.mu.Unlock()
	w.endIdle()
	done := make(chan struct{})
	go func() { w.wg.Wait(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
		w.endCalls()
		<-done
	}
	w.endCalls()
}

// run works one lane until its endpoint is gone or the worker stops.
func (w *Worker) run(l *lane) {
	for {
		at, more, err := w.tick(w.idle, l, time.Now())
		switch {
		case w.idle.Err() != nil:
			w.drain(l)
			return
		case atssync.CodeOf(err) == atssync.CodeNotFound:
			if l.sending == 0 {
				w.mu.Lock()
				delete(w.lanes, l.endpoint)
				w.mu.Unlock()
				return
			}
		case err != nil:
			w.o.Log.Error("work a webhook endpoint", "webhook", l.endpoint, "err", err)
			at, more = time.Now().Add(afterFault), false
		}
		if more {
			continue
		}
		wait := lookAgain
		if !at.IsZero() {
			wait = min(wait, max(time.Until(at), time.Millisecond))
		}
		timer := time.NewTimer(wait)
		select {
		case r := <-l.done:
			l.took(r)
		case <-l.woken:
		case <-timer.C:
		case <-w.idle.Done():
		}
		timer.Stop()
	}
}

// drain waits for the requests under way and stores how they ended, where the worker was given time for it.
func (w *Worker) drain(l *lane) {
	for l.sending > 0 {
		l.took(<-l.done)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(w.calls), afterFault)
	defer cancel()
	if err := w.finish(ctx, l); err != nil {
		w.o.Log.Error("store the end of webhook requests", "webhook", l.endpoint, "err", err)
	}
}
