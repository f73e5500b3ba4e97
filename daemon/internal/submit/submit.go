package submit

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// Store is what the worker needs of the store.
type Store interface {
	atssync.SubmitLane
	atssync.Hold
}

// Uncertain is what settling needs of the store.
type Uncertain interface {
	Submissions(ctx context.Context, q atssync.SubmissionQuery) (atssync.Page[atssync.Submission], error)
	Payload(ctx context.Context, id string) (atssync.Payload, error)
	Resolve(ctx context.Context, id string, how atssync.SettleUncertain, now time.Time) (atssync.Submission, error)
	Propose(ctx context.Context, id string, proposal atssync.Receipt, now time.Time) error
	// Expire ends submissions whose time is over; one that a lane meets is never sent.
	Expire(ctx context.Context, limit int, now time.Time) (int, error)
}

// Tasks persists the tasks that hold and release when an adapter goes and comes back.
type Tasks interface {
	PutTask(ctx context.Context, t atssync.Task, now time.Time) (atssync.Task, error)
}

// Waiting is what looking again at resumes that submissions are held for needs of the store.
type Waiting interface {
	Submission(ctx context.Context, id string) (atssync.Submission, error)
	Submissions(ctx context.Context, q atssync.SubmissionQuery) (atssync.Page[atssync.Submission], error)
	Payload(ctx context.Context, id string) (atssync.Payload, error)
	atssync.Relook
}

// Resumes looks at a resume's address as an ATS would. It returns when ctx ends at the latest.
type Resumes func(ctx context.Context, r atssync.Resume, rule sdk.ResumeRule, now time.Time) atssync.ResumeLook

// Connections finds connections.
type Connections interface {
	Connection(ctx context.Context, id string) (atssync.Connection, error)
}

// Leases tells which connections this daemon may work.
type Leases interface {
	// Lease returns the lease on a connection; ok is false when another daemon has it, or nobody.
	Lease(connection string) (l atssync.Lease, ok bool)
	// Lost says that a step under l was fenced.
	Lost(l atssync.Lease)
}

// Adapters reaches the adapter processes.
type Adapters interface {
	// Manifest returns what the adapter says of itself; sdk.ErrNotRunning when it never ran.
	Manifest(adapter string) (sdk.Manifest, error)
	// Reserve waits until the limits allow a call of that power ("" for Check) for the connection. done
	// must be called after the call.
	Reserve(ctx context.Context, adapter string, c sdk.Connection, p sdk.Power) (client sdk.Client, done func(), err error)
	// Gone reports why the adapter will not be back by itself (no file, wrong checksum, given up after
	// crashes), or "".
	Gone(adapter string) string
}

// Vault opens and seals what is secret or personal.
type Vault interface {
	// OpenConnection returns the connection as an adapter's call carries it.
	OpenConnection(c atssync.Connection) (sdk.Connection, error)
	// OpenDocument opens a submission's payload.
	OpenDocument(s atssync.Submission, p atssync.Payload) (atssync.Document, error)
	// SealNote and SealContinuation seal what the worker keeps with an attempt or a submission.
	SealNote(s atssync.Submission, text string) ([]byte, error)
	SealContinuation(s atssync.Submission, b []byte) ([]byte, error)
	OpenContinuation(s atssync.Submission) ([]byte, error)
}

// Options are what a Worker is made of.
type Options struct {
	Policy      Policy // at first; Reconfigure puts another one in force
	Store       Store
	Uncertain   Uncertain
	Waiting     Waiting
	Tasks       Tasks
	Connections Connections
	Leases      Leases
	Adapters    Adapters
	Vault       Vault
	Log         *slog.Logger
	Metrics     *Metrics // nil: none

	// Platform is the platform's name, for notes.
	Platform string
	// Arrived is called after the first submission on a job arrived, so that it is read back. May be nil.
	Arrived func(connection string)
}

// Worker works all lanes of this daemon.
type Worker struct {
	policy    atomic.Pointer[Policy]
	o         Options
	incidents incidents
	notes     noteCache
	lookups   lookups
	looks     looks
	heldLooks heldLooks

	mu    sync.Mutex
	lanes map[string]*lane
	// underway holds when each call that is under way began.
	underway map[*flight]time.Time
	// resting holds the lanes that had nothing queued and nothing wrong when they were looked at last.
	resting map[string]bool
	stopped bool
	wg      sync.WaitGroup
	// idle ends when Stop begins: nothing is waited for and nothing begins any more. calls ends when Stop gives
	// up waiting: calls under way are cut.
	idle, calls       context.Context
	endIdle, endCalls context.CancelFunc
}

// lane is the in-memory side of one connection: whether it is worked now, and when next.
type lane struct {
	running bool
	again   bool // woken while running
	timer   *time.Timer
}

// New returns a worker; the first Wake starts its first lane.
func New(o Options) *Worker {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	w := &Worker{o: o, lanes: make(map[string]*lane), resting: make(map[string]bool), underway: make(map[*flight]time.Time)}
	w.Reconfigure(o.Policy)
	w.calls, w.endCalls = context.WithCancel(context.Background())
	w.idle, w.endIdle = context.WithCancel(w.calls)
	return w
}

// Wake has a lane worked soon. It never blocks and may be called for any connection at any time.
func (w *Worker) Wake(connection string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wake(connection)
}

// Nudge is Wake but for a lane at rest: whoever gives it something to do wakes it. Where there are very many connections,
// most lanes rest most of the time, and to look at each of them every minute costs more than everything else.
func (w *Worker) Nudge(connection string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.resting[connection] {
		w.wake(connection)
	}
}

// wake is Wake; the caller holds mu.
func (w *Worker) wake(connection string) {
	if w.stopped {
		return
	}
	delete(w.resting, connection)
	l := w.lanes[connection]
	if l == nil {
		l = &lane{}
		w.lanes[connection] = l
	}
	if l.running {
		l.again = true
		return
	}
	if l.timer != nil {
		l.timer.Stop()
		l.timer = nil
	}
	l.running = true
	w.wg.Go(func() { w.run(connection, l) })
}

// Longest returns the connection whose call has been under way for the longest time, and since when; "" when there is none.
func (w *Worker) Longest() (connection string, since time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for f, began := range w.underway {
		if connection == "" || began.Before(since) {
			connection, since = f.r.c.ID, began
		}
	}
	return connection, since
}

// calling keeps that a call is under way until the function that it returns is called.
func (w *Worker) calling(f *flight, began time.Time) (over func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.underway[f] = began
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.underway, f)
	}
}

// Stop lets calls in flight end and their outcome be stored; it waits for that until ctx ends and then
// cuts them: what was not answered by then is uncertain. Nothing new begins. It may be called twice.
func (w *Worker) Stop(ctx context.Context) {
	w.mu.Lock()
	w.stopped = true
	for _, l := range w.lanes {
		if l.timer != nil {
			l.timer.Stop()
		}
	}
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

// afterFault is how long a lane waits after a fault of the store.
const afterFault = 5 * time.Second

// run works one lane until nothing is due, then sets its timer and ends.
func (w *Worker) run(connection string, l *lane) {
	for {
		now := time.Now()
		at, more, rests, err := w.step(w.idle, connection, now, now)
		if err != nil && w.idle.Err() == nil {
			w.o.Log.Error("work a lane", "connection", connection, "err", err)
			at, more = time.Now().Add(afterFault), false
		}
		w.mu.Lock()
		if (more || l.again) && !w.stopped {
			l.again = false
			w.mu.Unlock()
			continue
		}
		switch {
		case w.stopped:
		case at.IsZero():
			delete(w.lanes, connection)
			if rests {
				w.resting[connection] = true
			}
		default:
			l.timer = time.AfterFunc(max(time.Until(at), time.Millisecond), func() { w.Wake(connection) })
		}
		l.running = false
		w.mu.Unlock()
		return
	}
}
