package collect

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"sync"
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

// Tasks persists tasks.
type Tasks interface {
	PutTask(ctx context.Context, t atssync.Task, now time.Time) (atssync.Task, error)
}

// Connections finds connections.
type Connections interface {
	Connection(ctx context.Context, id string) (atssync.Connection, error)
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
	Store       atssync.Collect
	Lanes       Lanes
	Jobs        Jobs
	Tasks       Tasks
	Connections Connections
	Leases      Leases
	Adapters    Adapters
	Vault       Vault
	Log         *slog.Logger
	Metrics     *Metrics // nil: none

	Platform string
	// Wake has a connection's submit lane looked at.
	Wake func(connection string)
	// Settle holds terminal changes back for that long; 0 tells them at once.
	Settle time.Duration
	// MissingAfter is how many readings must miss an application; 0 means 3.
	MissingAfter int
	// QuietAfter is when an application without a change counts as quiet; 0 means 14 days. QuietIntervals are how
	// often it is read then, ever more seldom; nil means hourly, daily, weekly.
	QuietAfter     time.Duration
	QuietIntervals []time.Duration
	// Parallel bounds the connections read at a time; 0 means 32.
	Parallel int
	// ReleasePerMinute is the pace at which submissions of a job that is back are released; 0 is at once.
	ReleasePerMinute int
}

// Worker reads for all connections of this daemon.
type Worker struct {
	o      Options
	places chan struct{}

	mu      sync.Mutex
	busy    map[string]bool // connection + operation under way
	timers  map[string]*time.Timer
	stopped bool
	ctx     context.Context
	cancel  context.CancelFunc
	wg      sync.WaitGroup
}

// New returns a worker.
func New(o Options) *Worker {
	if o.Parallel <= 0 {
		o.Parallel = 32
	}
	if o.MissingAfter <= 0 {
		o.MissingAfter = 3
	}
	if o.QuietAfter <= 0 {
		o.QuietAfter = 14 * day
	}
	if len(o.QuietIntervals) == 0 {
		o.QuietIntervals = []time.Duration{time.Hour, day, 7 * day}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Wake == nil {
		o.Wake = func(string) {}
	}
	ctx, cancel := context.WithCancel(context.Background())
	return &Worker{
		o: o, places: make(chan struct{}, o.Parallel), busy: make(map[string]bool),
		timers: make(map[string]*time.Timer), ctx: ctx, cancel: cancel,
	}
}

// Stop cancels what is read and waits for it. Reads can always be made again.
func (w *Worker) Stop() {
	w.mu.Lock()
	w.stopped = true
	for _, t := range w.timers {
		t.Stop()
	}
	w.mu.Unlock()
	w.cancel()
	w.wg.Wait()
}

// Summary tells what a pass did.
type Summary struct {
	Connections, Failed, Skipped, Running int
	Asked, Read, Changed                  int
}

// String says it in words.
func (s Summary) String() string {
	text := fmt.Sprintf("%d connections", s.Connections)
	if s.Asked > 0 || s.Read > 0 {
		text += fmt.Sprintf(", %d asked, %d read, %d changed", s.Asked, s.Read, s.Changed)
	}
	for _, p := range []struct {
		n    int
		text string
	}{{s.Failed, "failed"}, {s.Skipped, "skipped"}, {s.Running, "still running"}} {
		if p.n > 0 {
			text += fmt.Sprintf(", %d %s", p.n, p.text)
		}
	}
	return text
}

func (s *Summary) add(o Summary) {
	s.Connections += o.Connections
	s.Failed += o.Failed
	s.Skipped += o.Skipped
	s.Asked += o.Asked
	s.Read += o.Read
	s.Changed += o.Changed
}

// visit is one connection in one pass.
type visit struct {
	lease    atssync.Lease
	c        atssync.Connection
	lane     atssync.Lane
	manifest sdk.Manifest
	sc       sdk.Connection
	now      func() time.Time
	asked    bool // by a person, now
}

// errSkip says that a connection has nothing to do in this pass.
var errSkip = errors.New("skipped")

// pass walks all connections of this daemon, each at its place in spread, and returns when all are done or ctx ends;
// those still under way then go on and are counted as running.
func (w *Worker) pass(ctx context.Context, op atssync.Operation, spread time.Duration, f func(context.Context, *visit) (Summary, error)) (Summary, error) {
	var (
		mu    sync.Mutex
		total Summary
		left  int
		done  = make(chan struct{}, 1)
	)
	held := w.o.Leases.Held()
	left = len(held)
	finish := func(s Summary) {
		mu.Lock()
		defer mu.Unlock()
		total.add(s)
		if left--; left == 0 {
			done <- struct{}{}
		}
	}
	if left == 0 {
		return total, nil
	}
	for _, id := range held {
		w.later(phase(id, spread), func() { finish(w.one(op, id, f)) })
	}
	select {
	case <-done:
	case <-ctx.Done():
	case <-w.ctx.Done():
	}
	mu.Lock()
	defer mu.Unlock()
	total.Running = left
	if total.Failed > 0 {
		return total, fmt.Errorf("%d of %d connections failed; see: atssync connections list", total.Failed, total.Connections)
	}
	return total, nil
}

// later runs f after d in a goroutine that Stop waits for.
func (w *Worker) later(d time.Duration, f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopped {
		return
	}
	w.wg.Go(func() {
		if d > 0 {
			t := time.NewTimer(d)
			defer t.Stop()
			select {
			case <-t.C:
			case <-w.ctx.Done():
				return
			}
		}
		f()
	})
}

// one visits one connection unless the same operation is under way on it.
func (w *Worker) one(op atssync.Operation, id string, f func(context.Context, *visit) (Summary, error)) Summary {
	key := string(op) + "/" + id
	w.mu.Lock()
	if w.busy[key] || w.stopped {
		w.mu.Unlock()
		return Summary{Connections: 1, Skipped: 1}
	}
	w.busy[key] = true
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		delete(w.busy, key)
		w.mu.Unlock()
	}()
	select {
	case w.places <- struct{}{}:
		defer func() { <-w.places }()
	case <-w.ctx.Done():
		return Summary{Connections: 1, Skipped: 1}
	}
	s, err := w.visit(w.ctx, id, f)
	s.Connections = 1
	switch {
	case errors.Is(err, errSkip):
		s.Skipped = 1
	case errors.Is(err, atssync.ErrFenced):
		if l, ok := w.o.Leases.Lease(id); ok {
			w.o.Leases.Lost(l)
		}
		s.Skipped = 1
	case err != nil && w.ctx.Err() == nil:
		s.Failed = 1
		w.o.Log.Warn("read from an ATS", "connection", id, "operation", string(op), "kind", string(sdk.KindOf(err)), "err", err)
	}
	return s
}

func (w *Worker) visit(ctx context.Context, id string, f func(context.Context, *visit) (Summary, error)) (Summary, error) {
	lease, ok := w.o.Leases.Lease(id)
	if !ok {
		return Summary{}, errSkip
	}
	start, began := time.Now(), time.Now()
	v := &visit{lease: lease, now: func() time.Time { return start.Add(time.Since(began)) }}
	var err error
	if v.c, err = w.o.Connections.Connection(ctx, id); err != nil {
		return Summary{}, err
	}
	if v.c.State != atssync.ConnectionActive {
		return Summary{}, errSkip
	}
	if v.manifest, err = w.o.Adapters.Manifest(v.c.Adapter); err != nil {
		return Summary{}, errSkip // the submit lane tells that the adapter is gone
	}
	if v.lane, err = w.o.Lanes.Lane(ctx, id); err != nil {
		return Summary{}, err
	}
	if v.sc, err = w.o.Vault.OpenConnection(v.c); err != nil {
		return Summary{}, err
	}
	return f(ctx, v)
}

// failed records a failed call in the lane, and returns the error.
func (w *Worker) failed(ctx context.Context, v *visit, op atssync.Operation, err error) error {
	if errors.Is(err, sdk.ErrNotRunning) || ctx.Err() != nil {
		return err
	}
	e := sdk.AsError(err)
	if e.Kind == sdk.KindRateLimited {
		return err // the limiter waits; it is no trouble of the connection
	}
	now := v.now()
	if _, uerr := w.o.Lanes.UpdateLane(context.WithoutCancel(ctx), v.lease, func(l *atssync.Lane) []atssync.EventDraft {
		return l.Fail(op, string(e.Kind), atssync.TroubleOf(e), now)
	}, now); uerr != nil {
		return errors.Join(err, uerr)
	}
	return err
}

// well records a success in the lane, if there is anything to record.
func (w *Worker) well(ctx context.Context, v *visit, op atssync.Operation) error {
	if _, ok := v.lane.Operations[op]; !ok {
		return nil
	}
	now := v.now()
	_, err := w.o.Lanes.UpdateLane(ctx, v.lease, func(l *atssync.Lane) []atssync.EventDraft { return l.Succeed(op, now) }, now)
	return err
}

// phase is a connection's place within an interval, the same each time.
func phase(id string, interval time.Duration) time.Duration {
	if interval <= 0 {
		return 0
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(id))
	return time.Duration(h.Sum64() % uint64(interval))
}
