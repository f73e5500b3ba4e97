package fleet

import (
	"context"
	"errors"
	"fmt"
	"os"
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

func (a *adapter) set(s State, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.state != s {
		a.since = time.Now()
	}
	a.state, a.err = s, err
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
}

// supervise keeps one adapter running until ctx ends.
func (f *Fleet) supervise(ctx context.Context, a *adapter) {
	backoff := firstBackoff
	for ctx.Err() == nil {
		started := time.Now()
		err := f.runOnce(ctx, a)
		a.once.Do(func() { close(a.tried) })
		if ctx.Err() != nil || a.isStopped() {
			return
		}
		wait := f.judgeEnd(a, err, backoff)
		f.o.Changed(a.spec.Name)
		backoff = min(backoff*2, longestBackoff)
		if time.Since(started) > crashWindow {
			backoff = firstBackoff
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

func (a *adapter) isStopped() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.stopped
}

// errLaunch marks a process that could not be started, as opposed to one that died.
type errLaunch struct{ error }

func (e errLaunch) Unwrap() error { return e.error }

// judgeEnd sets the state after a process ended or did not start, and says when to try again.
func (f *Fleet) judgeEnd(a *adapter, err error, backoff time.Duration) time.Duration {
	var l errLaunch
	if errors.As(err, &l) {
		a.set(StateMissing, l.error)
		f.o.Log.Error("launch an adapter", "adapter", a.spec.Name, "err", l.error)
		return missingRetry
	}
	now := time.Now()
	a.mu.Lock()
	a.restarts++
	recent := a.crashes[:0]
	for _, t := range a.crashes {
		if now.Sub(t) < crashWindow {
			recent = append(recent, t)
		}
	}
	a.crashes = append(recent, now)
	tooMany := len(a.crashes) >= crashBudget
	if tooMany {
		a.crashes = nil
	}
	a.mu.Unlock()
	f.o.Metrics.restarted(a.spec.Name)
	if tooMany {
		a.set(StateDeactivated, err)
		f.o.Log.Error("deactivate an adapter that keeps crashing", "adapter", a.spec.Name, "for", deactivatedFor, "err", err)
		return deactivatedFor
	}
	a.set(StateRestarting, err)
	f.o.Log.Warn("an adapter ended; launching it again", "adapter", a.spec.Name, "in", backoff, "err", err)
	return backoff
}

// runOnce launches the process and returns when it has ended.
func (f *Fleet) runOnce(ctx context.Context, a *adapter) error {
	if _, err := os.Stat(a.spec.Path); errors.Is(err, os.ErrNotExist) {
		return errLaunch{fmt.Errorf("the adapter %s has no program at %s; install it there or set [adapters.%s] path", a.spec.Name, a.spec.Path, a.spec.Name)}
	}
	p, err := f.o.Launch(ctx, host.Options{
		Path: a.spec.Path, SHA256: a.spec.SHA256, RuntimeDir: f.o.RuntimeDir, Env: f.o.Env,
		Logger: f.o.Log.With("adapter", a.spec.Name), PartnerName: f.o.PartnerName,
	})
	if err != nil {
		return errLaunch{fmt.Errorf("adapter %s: %w", a.spec.Name, err)}
	}
	m := p.Manifest()
	if m.Name != a.spec.Name {
		_ = p.Stop(ctx)
		return errLaunch{fmt.Errorf("the program at %s says it is the adapter %q, but the config calls it %q", a.spec.Path, m.Name, a.spec.Name)}
	}
	a.mu.Lock()
	if a.stopped {
		a.mu.Unlock()
		return p.Stop(ctx)
	}
	a.process, a.manifest, a.state, a.err, a.since = p, &m, StateRunning, nil, time.Now()
	a.mu.Unlock()
	a.limiters.describe(m)
	a.once.Do(func() { close(a.tried) })
	f.o.Metrics.up(a.spec.Name, true)
	f.o.Log.Info("adapter is running", "adapter", a.spec.Name, "version", m.Version, "pid", p.PID())
	f.o.Changed(a.spec.Name)
	err = f.watch(ctx, p)
	f.o.Metrics.up(a.spec.Name, false)
	a.mu.Lock()
	a.process, a.stderr = nil, p.Stderr()
	a.mu.Unlock()
	return err
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
