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
	spec     Spec
	limiters *limiters
	tried    chan struct{} // closed after the first launch

	mu       sync.Mutex
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
		spec: s, limiters: newLimiters(s.Limits), tried: make(chan struct{}),
		state: StateStarting, since: time.Now(),
	}
}

// why tells why the adapter is not running. The caller holds mu.
func (a *adapter) why() string {
	switch {
	case a.err != nil && a.state == StateDeactivated:
		return fmt.Sprintf("the adapter %s crashed %d times within a minute and is deactivated for a while; the last time: %v", a.spec.Name, crashBudget, a.err)
	case a.err != nil:
		return a.err.Error()
	case a.state == StateRunning:
		return "the adapter " + a.spec.Name + " has just ended"
	}
	return "the adapter " + a.spec.Name + " is " + string(a.state)
}

func (a *adapter) status() Status {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := Status{
		Name: a.spec.Name, Path: a.spec.Path, State: a.state, Since: a.since, Restarts: a.restarts,
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

// client returns the running process.
func (a *adapter) client() (Process, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.process == nil || a.state != StateRunning {
		return nil, fmt.Errorf("adapter %s: %s: %w", a.spec.Name, a.why(), sdk.ErrNotRunning)
	}
	return a.process, nil
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

// supervise keeps one adapter running until ctx ends.
func (f *Fleet) supervise(ctx context.Context, a *adapter) {
	defer a.ready()
	backoff := firstBackoff
	for ctx.Err() == nil {
		started := time.Now()
		err := f.runOnce(ctx, a)
		a.ready()
		if ctx.Err() != nil || a.isStopped() {
			return
		}
		if time.Since(started) > crashWindow {
			backoff = firstBackoff
		}
		wait, changed := f.judgeEnd(a, err, backoff+rand.N(backoff/5))
		if changed {
			f.o.Changed(a.spec.Name)
		}
		backoff = min(backoff*2, longestBackoff)
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
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
			f.o.Log.Error("launch an adapter", "adapter", a.spec.Name, "err", e.error)
		}
		return missingRetry, changed
	}
	f.o.Metrics.restarted(a.spec.Name)
	if a.crashed(time.Now()) {
		f.o.Log.Error("deactivate an adapter that keeps crashing", "adapter", a.spec.Name, "for", deactivatedFor, "err", err)
		return deactivatedFor, a.set(StateDeactivated, err)
	}
	f.o.Log.Warn("an adapter ended; launching it again", "adapter", a.spec.Name, "in", backoff, "err", err)
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

// runOnce launches the process and returns when it has ended.
func (f *Fleet) runOnce(ctx context.Context, a *adapter) error {
	p, err := f.launch(ctx, a.spec)
	if err != nil {
		return err
	}
	m := p.Manifest()
	a.mu.Lock()
	if a.stopped {
		a.mu.Unlock()
		return p.Stop(ctx)
	}
	a.process, a.manifest, a.state, a.err, a.since = p, &m, StateRunning, nil, time.Now()
	a.mu.Unlock()
	a.limiters.describe(m)
	a.ready()
	f.o.Metrics.up(a.spec.Name, true)
	f.o.Log.Info("adapter is running", "adapter", a.spec.Name, "version", m.Version, "pid", p.PID())
	f.o.Changed(a.spec.Name)
	err = f.watch(ctx, p)
	f.o.Metrics.up(a.spec.Name, false)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.process, a.stderr, a.err = nil, p.Stderr(), err
	return err
}

// launch starts the program and sees that it is the adapter that the config calls it.
func (f *Fleet) launch(ctx context.Context, s Spec) (Process, error) {
	p, err := f.o.Launch(ctx, host.Options{
		Path: s.Path, SHA256: s.SHA256, RuntimeDir: f.o.RuntimeDir, Env: f.o.Env,
		Logger: f.o.Log.With("adapter", s.Name), PartnerName: f.o.PartnerName,
	})
	switch {
	case errors.Is(err, host.ErrMissing):
		return nil, errUnfit{fmt.Errorf("the adapter %s has no program at %s; install it there or set [adapters.%s] path", s.Name, s.Path, s.Name)}
	case unfit(err):
		return nil, errUnfit{fmt.Errorf("adapter %s: %w", s.Name, err)}
	case err != nil:
		return nil, fmt.Errorf("adapter %s: %w", s.Name, err)
	}
	if name := p.Manifest().Name; name != s.Name {
		_ = p.Stop(ctx)
		return nil, errUnfit{fmt.Errorf("the program at %s says it is the adapter %q, but the config calls it %q", s.Path, name, s.Name)}
	}
	return p, nil
}

// watch pings the process until it ends, and kills it when it does not answer.
func (f *Fleet) watch(ctx context.Context, p Process) error {
	t := time.NewTicker(pingEvery)
	defer t.Stop()
	missed := 0
	for {
		select {
		case <-p.Done():
			if err := p.Err(); err != nil {
				return err
			}
			return errors.New("the process ended")
		case <-ctx.Done():
			return ctx.Err()
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
		return fmt.Errorf("the process did not answer %d pings in a row and was ended", missed)
	}
}
