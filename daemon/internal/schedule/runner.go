package schedule

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// Errors of Trigger and Reschedule.
var (
	ErrUnknown = errors.New("there is no pass of this name")
	ErrRunning = errors.New("the pass is running already")
	ErrStopped = errors.New("the schedule is stopped")
)

// recheck is how long a loop trusts its timer: timers are monotonic, and the clock on the wall may be set.
const recheck = 30 * time.Second

// maxSkipped bounds the counting of runs that were due while one was under way.
const maxSkipped = 10_000

// What started a run, as it is kept in atssync.Run.
const (
	triggerSchedule = "schedule"
	triggerCatchUp  = "catch_up"
	triggerPerson   = "person"
)

// Pass is a named piece of work and when it is due.
type Pass struct {
	Name string
	Spec Spec
	// Do does the work and returns one line about it. Its context ends with Stop. Both the line and the error are kept
	// and shown, and hold no personal data.
	Do func(ctx context.Context) (summary string, err error)
}

// Runs keeps the runs of passes. LastRun returns the zero Run or an error with atssync.CodeNotFound for a pass that
// never ran.
type Runs interface {
	PutRun(ctx context.Context, r atssync.Run, now time.Time) error
	LastRun(ctx context.Context, pass string) (atssync.Run, error)
}

// Options are what New needs.
type Options struct {
	Passes []Pass // each name once
	Runs   Runs
	Log    *slog.Logger
	// Observe is told of every finished run and of how many runs were skipped because it was under way; nil is
	// allowed. It is called from the goroutine of the pass and must not block.
	Observe func(run atssync.Run, skipped int)
}

// Runner runs passes when they are due: never two of one pass at a time, a missed one once, each in its own goroutine.
type Runner struct {
	options Options
	names   []string // in the order of Options.Passes
	passes  map[string]*pass

	mu     sync.Mutex
	cancel context.CancelFunc // nil when stopped
	done   sync.WaitGroup
}

// New returns a runner that is not started.
func New(o Options) (*Runner, error) {
	r := &Runner{options: o, passes: map[string]*pass{}}
	for _, p := range o.Passes {
		if p.Name == "" || p.Do == nil {
			return nil, errors.New("a pass needs a name and something to do")
		}
		if _, twice := r.passes[p.Name]; twice {
			return nil, fmt.Errorf("the pass %s stands twice", p.Name)
		}
		r.names = append(r.names, p.Name)
		r.passes[p.Name] = &pass{
			name: p.Name, spec: p.Spec, do: p.Do,
			asked: make(chan chan string), respecified: make(chan struct{}, 1),
		}
	}
	return r, nil
}

// Start reads when each pass ran last and begins to run them, until Stop or the end of ctx. It returns an error, and
// starts nothing, when the runs cannot be read. A second Start does nothing.
func (r *Runner) Start(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cancel != nil {
		return nil
	}
	last := make(map[string]atssync.Run, len(r.passes))
	for _, name := range r.names {
		run, err := r.options.Runs.LastRun(ctx, name)
		if err != nil && atssync.CodeOf(err) != atssync.CodeNotFound {
			return fmt.Errorf("reading the last run of %s: %w", name, err)
		}
		last[name] = run
	}
	ctx, r.cancel = context.WithCancel(ctx)
	for _, name := range r.names {
		p := r.passes[name]
		p.begin(last[name])
		r.done.Go(func() { r.loop(ctx, p) })
	}
	return nil
}

// Stop ends the context of the runs under way and waits for them; a pass must not call it. A second Stop, or one before
// Start, does nothing.
func (r *Runner) Stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cancel == nil {
		return
	}
	r.cancel()
	r.done.Wait()
	r.cancel = nil
}

// Trigger starts a pass now, whenever it is due, and returns the id of the run without waiting for its end.
// The errors are ErrUnknown, ErrRunning, ErrStopped and the context's.
func (r *Runner) Trigger(ctx context.Context, name string) (id string, err error) {
	p, ok := r.passes[name]
	if !ok {
		return "", fmt.Errorf("%s: %w", name, ErrUnknown)
	}
	stopped, running := p.state()
	switch {
	case stopped != nil && running:
		return "", fmt.Errorf("%s: %w", name, ErrRunning)
	case stopped == nil:
		return "", ErrStopped
	}
	started := make(chan string, 1)
	select {
	case p.asked <- started:
		return <-started, nil
	case <-stopped:
		return "", ErrStopped
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// Reschedule gives a pass another spec, at once. The error is ErrUnknown.
func (r *Runner) Reschedule(name string, spec Spec) error {
	p, ok := r.passes[name]
	if !ok {
		return fmt.Errorf("%s: %w", name, ErrUnknown)
	}
	p.respecify(spec)
	return nil
}

// Status is what is known of a pass.
type Status struct {
	Name, Spec, Zone string
	Running          bool
	Last             atssync.Run // the run under way, or the last one; zero when it never ran
	Skipped          int         // runs that were due while another was under way, since Start
	Next             []time.Time // the next five, in UTC
}

// List returns the status of every pass in the order in which they were given.
func (r *Runner) List(now time.Time) []Status {
	list := make([]Status, 0, len(r.names))
	for _, name := range r.names {
		list = append(list, r.passes[name].status(now))
	}
	return list
}

// loop runs one pass until ctx ends.
func (r *Runner) loop(ctx context.Context, p *pass) {
	defer p.end()
	for ctx.Err() == nil {
		wait := p.wait(wallClock())
		if wait <= 0 {
			trigger := triggerSchedule
			if wait < -recheck {
				trigger = triggerCatchUp
			}
			r.run(ctx, p, trigger, nil)
			continue
		}
		timer := time.NewTimer(min(wait, recheck))
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-p.respecified:
		case started := <-p.asked:
			r.run(ctx, p, triggerPerson, started)
		}
		timer.Stop()
	}
}

// run does one run of a pass and keeps it, at its start and at its end.
func (r *Runner) run(ctx context.Context, p *pass, trigger string, started chan<- string) {
	now := wallClock()
	run := atssync.Run{ID: atssync.NewID(atssync.PrefixRun, now), Pass: p.name, Trigger: trigger, StartedAt: now, NextAt: p.next(now)}
	p.started(run)
	if started != nil {
		started <- run.ID
	}
	r.keep(ctx, run)

	summary, err := r.do(ctx, p)

	run.FinishedAt, run.Summary = wallClock(), summary
	run.NextAt = p.next(run.FinishedAt)
	if err != nil {
		run.Error = err.Error()
	}
	skipped := p.finished(run)
	// The end of a run is kept also when it is Stop that ended it.
	r.keep(context.WithoutCancel(ctx), run)
	if r.options.Observe != nil {
		r.options.Observe(run, skipped)
	}
	attrs := []any{"pass", p.name, "run", run.ID, "trigger", trigger, "duration", run.FinishedAt.Sub(run.StartedAt), "skipped", skipped}
	if err != nil && ctx.Err() == nil {
		r.options.Log.Warn("pass ended with an error", append(attrs, "error", err)...)
		return
	}
	r.options.Log.Debug("pass done", attrs...)
}

// keep stores a run. A run that cannot be kept is no reason not to do the work.
func (r *Runner) keep(ctx context.Context, run atssync.Run) {
	if err := r.options.Runs.PutRun(ctx, run, wallClock()); err != nil && ctx.Err() == nil {
		r.options.Log.Error("run of a pass not kept", "pass", run.Pass, "run", run.ID, "error", err)
	}
}

// do turns a panic of the pass into its error. The text of a panic may hold anything, also personal data, so that it
// is kept only where the runtime wrote it.
func (r *Runner) do(ctx context.Context, p *pass) (summary string, err error) {
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		summary, err = "", fmt.Errorf("the pass %s panicked (%T)", p.name, v)
		if e, ok := v.(runtime.Error); ok {
			err = fmt.Errorf("the pass %s panicked: %w", p.name, e)
		}
		r.options.Log.Error("pass panicked", "pass", p.name, "error", err, "stack", string(debug.Stack()))
	}()
	return p.do(ctx)
}

// wallClock is the time on the wall, in UTC and without the monotonic part, so that a set clock is noticed.
func wallClock() time.Time { return time.Now().Round(0).UTC() }
