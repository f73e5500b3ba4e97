package collect

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// Lanes is what the worker needs of the lanes.
type Lanes interface {
	Lane(ctx context.Context, connection string) (atssync.Lane, error)
	UpdateLane(ctx context.Context, l atssync.Lease, change atssync.LaneChange, now time.Time) (atssync.Lane, error)
}

// Jobs takes job listings.
type Jobs interface {
	PutATSJobs(ctx context.Context, l atssync.Lease, listing atssync.JobListing, now time.Time) (atssync.JobsSummary, error)
	ATSJobs(ctx context.Context, q atssync.JobQuery) (atssync.Page[atssync.ATSJob], error)
}

// Connections finds connections.
type Connections interface {
	Connection(ctx context.Context, id string) (atssync.Connection, error)
}

// Submissions settles what is uncertain where a hook led to it.
type Submissions interface {
	Submission(ctx context.Context, id string) (atssync.Submission, error)
	SubmissionsByReceipt(ctx context.Context, connection, candidate, application string) ([]atssync.Submission, error)
	Resolve(ctx context.Context, id string, how atssync.SettleUncertain, now time.Time) (atssync.Submission, error)
}

// Leases tells which connections this daemon may work.
type Leases interface {
	Lease(connection string) (l atssync.Lease, ok bool)
	Lost(l atssync.Lease)
	// Held returns the connections whose leases this daemon holds.
	Held() []string
}

// Adapters reaches the adapter processes; see package submit.
type Adapters interface {
	Manifest(adapter string) (sdk.Manifest, error)
	Reserve(ctx context.Context, adapter string, c sdk.Connection, p sdk.Power) (client sdk.Client, done func(), err error)
}

// Vault opens connections.
type Vault interface {
	OpenConnection(c atssync.Connection) (sdk.Connection, error)
}

// Options are what a Worker is made of.
type Options struct {
	Policy      Policy // at first; Reconfigure puts another one in force
	Store       atssync.Collect
	Lanes       Lanes
	Jobs        Jobs
	Connections Connections
	Hints       atssync.Hints
	Submissions Submissions
	Leases      Leases
	Adapters    Adapters
	Vault       Vault
	Log         *slog.Logger
	Metrics     *Metrics // nil: none
	// Dated is told of each change of a status that was seen at that moment, and since when it stood in the ATS; nil is nobody.
	Dated func(submission string, seen time.Time, since Since)

	Platform string
	// Wake has a connection's submit lane looked at.
	Wake func(connection string)
	// Parallel bounds the connections of one adapter that are read at a time; 0 means 64.
	Parallel int
}

// Worker reads for all connections of this daemon.
type Worker struct {
	policy atomic.Pointer[Policy]
	o      Options

	mu      sync.Mutex
	places  map[string]chan struct{} // by adapter, those for hints apart
	busy    map[string]*underWay     // by operation and connection
	timers  map[string]*appointment  // operation + connection
	stopped bool
	ctx     context.Context
	cancel  context.CancelFunc
	wg      sync.WaitGroup
}

// New returns a worker.
func New(o Options) *Worker {
	if o.Parallel <= 0 {
		o.Parallel = 64
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Wake == nil {
		o.Wake = func(string) {}
	}
	ctx, cancel := context.WithCancel(context.Background())
	w := &Worker{
		o: o, places: make(map[string]chan struct{}), busy: make(map[string]*underWay),
		timers: make(map[string]*appointment), ctx: ctx, cancel: cancel,
	}
	w.Reconfigure(o.Policy)
	return w
}

// Stop cancels what is read and waits for it. Reads can always be made again. It may be called twice.
func (w *Worker) Stop() {
	w.mu.Lock()
	w.stopped = true
	for _, t := range w.timers {
		t.timer.Stop()
	}
	w.mu.Unlock()
	w.cancel()
	w.wg.Wait()
}

// place waits for one of the places of an adapter, so that one whose ATS hangs keeps no other one waiting. What an ATS
// hinted at has places of its own: a long pass keeps it from none.
func (w *Worker) place(ctx context.Context, adapter string, op atssync.Operation) (free func(), err error) {
	key := adapter
	if op == opHints {
		key += "/" + string(op)
	}
	w.mu.Lock()
	p := w.places[key]
	if p == nil {
		p = make(chan struct{}, w.o.Parallel)
		w.places[key] = p
	}
	w.mu.Unlock()
	select {
	case p <- struct{}{}:
		return func() { <-p }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Summary tells what a pass did.
type Summary struct {
	Connections, Failed, Skipped, Running int
	Throttled                             int // left alone, because the ATS asked for it
	Asked, Read, Changed, Unreadable      int
}

// String says it in words.
func (s Summary) String() string {
	words := []string{fmt.Sprintf("%d connections", s.Connections)}
	if s.Asked > 0 || s.Read > 0 {
		words = append(words, fmt.Sprintf("%d asked, %d read, %d changed", s.Asked, s.Read, s.Changed))
	}
	for _, p := range []struct {
		n    int
		text string
	}{
		{s.Unreadable, "not readable"}, {s.Failed, "failed"}, {s.Skipped, "skipped"}, {s.Throttled, "throttled"}, {s.Running, "still running"},
	} {
		if p.n > 0 {
			words = append(words, fmt.Sprintf("%d %s", p.n, p.text))
		}
	}
	return strings.Join(words, ", ")
}

func (s *Summary) add(o Summary) {
	s.Connections += o.Connections
	s.Failed += o.Failed
	s.Skipped += o.Skipped
	s.Throttled += o.Throttled
	s.Asked += o.Asked
	s.Read += o.Read
	s.Changed += o.Changed
	s.Unreadable += o.Unreadable
}
