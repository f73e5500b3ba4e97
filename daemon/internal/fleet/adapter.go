package fleet

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	sdk "github.com/atssync/atssync/plugin-sdk"
	"github.com/atssync/atssync/plugin-sdk/host"
)

// The crash budget: so many crashes within the window deactivate an adapter for a while.
const (
	crashBudget     = 5
	crashWindow     = time.Minute
	deactivatedFor  = 5 * time.Minute
	missingRetry    = 10 * time.Second
	firstBackoff    = 100 * time.Millisecond
	longestBackoff  = time.Minute
	pingEvery       = 10 * time.Second
	pingDeadline    = 3 * time.Second
	pingsToKill     = 3
	defaultCalls    = 256
	defaultDeadline = 60 * time.Second
)

// adapter is one adapter with its process, if it has one.
type adapter struct {
	name   string
	tried  chan struct{} // closed after the first launch
	gone   chan struct{} // closed when it left the config
	relief chan Process  // a process that takes the place of the one that runs, or of none

	mu       sync.Mutex
	spec     Spec
	limiters *limiters
	program  stamp // of the file that process was launched from
	calls    *calls
	state    State
	since    time.Time
	err      error
	process  Process
	manifest *sdk.Manifest
	restarts int
	crashes  []time.Time
	stderr   []string
	stopped  bool
	once     sync.Once
}

func newAdapter(s Spec) *adapter {
	return &adapter{
		name: s.Name, spec: s, limiters: newLimiters(s.Limits), tried: make(chan struct{}),
		gone: make(chan struct{}), relief: make(chan Process, 1), state: StateStarting, since: time.Now(),
	}
}

// why tells why the adapter is not running. The caller holds mu.
func (a *adapter) why() string {
	switch {
	case a.err != nil && a.state == StateDeactivated:
		return fmt.Sprintf("the adapter %s crashed %d times within a minute and is deactivated for a while; the last time: %v", a.name, crashBudget, a.err)
	case a.err != nil:
		return a.err.Error()
	case a.state == StateRunning:
		return "the adapter " + a.name + " has just ended"
	}
	return "the adapter " + a.name + " is " + string(a.state)
}

func (a *adapter) status() Status {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := Status{
		Name: a.name, Path: a.spec.Path, State: a.state, Since: a.since, Restarts: a.restarts,
		Manifest: a.manifest, Stderr: a.stderr,
	}
	if a.process != nil {
		s.PID, s.Stderr = a.process.PID(), a.process.Stderr()
	}
	if a.state != StateRunning && a.err != nil {
		s.Error = a.why()
	}
	return s
}

// set reports whether the state is another one than before.
func (a *adapter) set(s State, err error) (changed bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if changed = a.state != s; changed {
		a.since = time.Now()
	}
	a.state, a.err = s, err
	return changed
}

// client returns the running process, and what is called once the call that it is for is over: a process that is relieved
// goes when the last of them is.
func (a *adapter) client() (p Process, timeout time.Duration, done func(), err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.process == nil || a.state != StateRunning {
		return nil, 0, nil, fmt.Errorf("adapter %s: %s: %w", a.name, a.why(), sdk.ErrNotRunning)
	}
	timeout = a.spec.Limits.CallTimeout
	if timeout <= 0 {
		timeout = defaultDeadline
	}
	return a.process, timeout, a.calls.begin(), nil
}

// limits returns the limiters in force, and whether the adapter runs.
func (a *adapter) limits() (*limiters, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.process == nil || a.state != StateRunning {
		return nil, fmt.Errorf("adapter %s: %s: %w", a.name, a.why(), sdk.ErrNotRunning)
	}
	return a.limiters, nil
}

func (a *adapter) stop(ctx context.Context) {
	a.mu.Lock()
	p := a.process
	a.stopped = true
	a.mu.Unlock()
	if p != nil {
		_ = p.Stop(ctx)
	}
	a.set(StateStopped, nil)
	a.ready()
}

// supervise keeps one adapter running until ctx ends, beginning with next where it was launched already.
func (f *Fleet) supervise(ctx context.Context, a *adapter, next Process) {
	defer a.ready()
	defer a.unused(ctx)
	backoff := firstBackoff
	for ctx.Err() == nil {
		started := time.Now()
		err := f.runOnce(ctx, a, next)
		next = nil
		a.ready()
		if ctx.Err() != nil || a.isStopped() {
			return
		}
		if time.Since(started) > crashWindow {
			backoff = firstBackoff
		}
		wait, changed := f.judgeEnd(a, err, backoff+rand.N(backoff/5))
		if changed {
			f.o.Changed(a.name)
		}
		backoff = min(backoff*2, longestBackoff)
		select {
		case <-ctx.Done():
			return
		case <-a.gone:
			return
		case next = <-a.relief:
			backoff = firstBackoff
		case <-time.After(wait):
		}
	}
}

// relieve has p take the place of the process that runs. The caller holds mu.
func (a *adapter) relieve(ctx context.Context, p Process) {
	a.unused(ctx)
	a.relief <- p
}

// unused ends a process that was to relieve another one and is not needed any more.
func (a *adapter) unused(ctx context.Context) {
	select {
	case p := <-a.relief:
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pingDeadline)
		defer cancel()
		_ = p.Stop(ctx) // nobody has called it
	default:
	}
}

// ready says that the adapter was launched once, or given up.
func (a *adapter) ready() { a.once.Do(func() { close(a.tried) }) }

func (a *adapter) isStopped() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.stopped
}

// errUnfit marks a program that cannot be the adapter: another start would end the same way.
type errUnfit struct{ error }

func (e errUnfit) Unwrap() error { return e.error }

// unfit lists why package host does not start a program that somebody has to mend first. What ended while it was
// starting, or was too slow, has crashed and is started again.
func unfit(err error) bool {
	for _, why := range []error{
		host.ErrMissing, host.ErrUnsafe, host.ErrChecksum, host.ErrSocketPath, host.ErrExecute, host.ErrHandshake,
		host.ErrProtocol, host.ErrManifest,
	} {
		if errors.Is(err, why) {
			return true
		}
	}
	return false
}

// judgeEnd sets the state after a process ended or did not start, and says when to try again and whether the
// state is another one than before.
func (f *Fleet) judgeEnd(a *adapter, err error, backoff time.Duration) (wait time.Duration, changed bool) {
	if e := (errUnfit{}); errors.As(err, &e) {
		if changed = a.set(StateMissing, e.error); changed {
			f.o.Log.Error("launch an adapter", "adapter", a.name, "err", e.error)
		}
		return missingRetry, changed
	}
	f.o.Metrics.restarted(a.name, err)
	if a.crashed(time.Now()) {
		f.o.Log.Error("deactivate an adapter that keeps crashing", "adapter", a.name, "for", deactivatedFor, "err", err)
		return deactivatedFor, a.set(StateDeactivated, err)
	}
	f.o.Log.Warn("an adapter ended; launching it again", "adapter", a.name, "in", backoff, "err", err)
	return backoff, a.set(StateRestarting, err)
}

// crashed counts a crash and reports whether the budget is used up.
func (a *adapter) crashed(now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.restarts++
	a.crashes = slices.DeleteFunc(a.crashes, func(t time.Time) bool { return now.Sub(t) >= crashWindow })
	a.crashes = append(a.crashes, now)
	if len(a.crashes) < crashBudget {
		return false
	}
	a.crashes = nil
	return true
}

// runOnce has p run, or a process that it launches, and whatever relieves it, and returns when the last one has ended.
func (f *Fleet) runOnce(ctx context.Context, a *adapter, p Process) error {
	for {
		if p == nil {
			var err error
			if p, err = f.launchNow(ctx, a); err != nil {
				return err
			}
		}
		c, m := newCalls(), p.Manifest()
		if !a.install(p, m, c) {
			return p.Stop(ctx)
		}
		f.o.Metrics.up(a.name, true)
		f.o.Log.Info("adapter is running", "adapter", a.name, "version", m.Version, "pid", p.PID())
		f.o.Changed(a.name)
		next, err := f.watch(ctx, a, p)
		if next != nil {
			relieved := p
			f.wg.Go(func() { f.retire(ctx, relieved, c) })
			p = next
			continue
		}
		f.o.Metrics.up(a.name, false)
		a.mu.Lock()
		defer a.mu.Unlock()
		a.process, a.stderr, a.err = nil, p.Stderr(), err
		return err
	}
}

// launchNow launches the program that the config names now.
func (f *Fleet) launchNow(ctx context.Context, a *adapter) (Process, error) {
	a.mu.Lock()
	spec := a.spec
	a.mu.Unlock()
	program := stampOf(spec.Path)
	p, err := f.launch(ctx, spec, f.surroundings())
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	a.program = program
	a.mu.Unlock()
	return p, nil
}

// install makes p the process that calls go to; false when the adapter was stopped meanwhile.
func (a *adapter) install(p Process, m sdk.Manifest, c *calls) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.stopped {
		return false
	}
	a.process, a.calls, a.manifest, a.state, a.err, a.since = p, c, &m, StateRunning, nil, time.Now()
	a.limiters.describe(m)
	a.ready()
	return true
}

// retire ends a process that was relieved, once the calls that were promised to it are over.
func (f *Fleet) retire(ctx context.Context, p Process, c *calls) {
	c.wait(ctx)
	sctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pingDeadline)
	defer cancel()
	_ = p.Stop(sctx) // it has nothing to do any more
}

// launch starts the program and sees that it is the adapter that the config calls it.
func (f *Fleet) launch(ctx context.Context, s Spec, around Surroundings) (Process, error) {
	p, err := f.o.Launch(ctx, host.Options{
		Path: s.Path, SHA256: s.SHA256, RuntimeDir: f.o.RuntimeDir, Env: around.Env,
		Logger: f.o.Log.With("adapter", s.Name), PartnerName: around.PartnerName,
	})
	switch {
	case errors.Is(err, host.ErrMissing):
		return nil, errUnfit{fmt.Errorf("the adapter %s has no program at %s; install it there or set [adapters.%s] path", s.Name, s.Path, s.Name)}
	case unfit(err):
		return nil, errUnfit{fmt.Errorf("adapter %s: %w", s.Name, err)}
	case err != nil:
		return nil, errEnd{fmt.Errorf("adapter %s: %w", s.Name, err), endedLaunch}
	}
	if name := p.Manifest().Name; name != s.Name {
		_ = p.Stop(ctx)
		return nil, errUnfit{fmt.Errorf("the program at %s says it is the adapter %q, but the config calls it %q", s.Path, name, s.Name)}
	}
	return p, nil
}

// watch pings the process until it ends or is relieved, and kills it when it does not answer.
func (f *Fleet) watch(ctx context.Context, a *adapter, p Process) (next Process, err error) {
	t := time.NewTicker(pingEvery)
	defer t.Stop()
	missed := 0
	for {
		select {
		case <-p.Done():
			if err := p.Err(); err != nil {
				return nil, err
			}
			return nil, errors.New("the process ended")
		case <-ctx.Done():
			return nil, ctx.Err()
		case next := <-a.relief:
			return next, nil
		case <-t.C:
		}
		pctx, cancel := context.WithTimeout(ctx, pingDeadline)
		err := p.Ping(pctx)
		cancel()
		if err == nil {
			missed = 0
			continue
		}
		if missed++; missed < pingsToKill {
			continue
		}
		kctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pingDeadline)
		_ = p.Stop(kctx)
		cancel()
		return nil, errEnd{fmt.Errorf("the process did not answer %d pings in a row and was ended", missed), endedSilent}
	}
}
