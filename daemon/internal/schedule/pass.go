package schedule

import (
	"context"
	"sync"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// nextShown is how many coming runs a Status lists.
const nextShown = 5

// pass is one pass with what its loop and the callers of Runner share.
type pass struct {
	name        string
	do          func(ctx context.Context) (string, error)
	asked       chan chan string // a trigger by hand, answered with the id of the run
	respecified chan struct{}    // wakes the loop after a change of spec

	mu      sync.Mutex
	spec    Spec
	from    time.Time // the next run is the first one after this
	running bool
	stopped chan struct{} // closed when the loop ends; nil before it began and after
	last    atssync.Run
	skipped int
}

// begin prepares the loop. A pass that ran before goes on from there, so that a run missed meanwhile is due at once; one
// that never ran waits for its first time.
func (p *pass) begin(last atssync.Run) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last, p.from, p.skipped = last, wallClock(), 0
	switch {
	case !last.FinishedAt.IsZero():
		p.from = last.FinishedAt
	case !last.StartedAt.IsZero():
		p.from = last.StartedAt
	}
	p.stopped = make(chan struct{})
}

func (p *pass) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.stopped)
	p.stopped = nil
}

// state returns a channel that is closed when the loop ends, nil if there is no loop, and whether a run is under way.
func (p *pass) state() (stopped <-chan struct{}, running bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped == nil {
		return nil, false
	}
	return p.stopped, p.running
}

// wait returns how long it is until the next run as seen at now; negative when the run is late. A clock that was set
// back must not keep the pass waiting for what it showed before.
func (p *pass) wait(now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.from.After(now) {
		p.from = now
	}
	at := p.spec.Next(p.from)
	if at.IsZero() {
		return recheck
	}
	return at.Sub(now)
}

func (p *pass) next(after time.Time) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.spec.Next(after)
}

func (p *pass) respecify(spec Spec) {
	p.mu.Lock()
	defer p.mu.Unlock()
	// A new spec counts from now: what it would have asked for in the past was not missed.
	p.spec, p.from = spec, wallClock()
	select {
	case p.respecified <- struct{}{}:
	default:
	}
}

func (p *pass) started(run atssync.Run) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running, p.last = true, run
}

// finished ends a run and returns how many others were due while it was under way; those are not made up for.
func (p *pass) finished(run atssync.Run) (skipped int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for at := p.spec.Next(run.StartedAt); !at.IsZero() && !at.After(run.FinishedAt) && skipped < maxSkipped; at = p.spec.Next(at) {
		skipped++
	}
	p.running, p.last, p.from = false, run, run.FinishedAt
	p.skipped += skipped
	return skipped
}

func (p *pass) status(now time.Time) Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := Status{
		Name: p.name, Spec: p.spec.String(), Zone: p.spec.Zone(),
		Running: p.running, Last: p.last, Skipped: p.skipped,
	}
	for at := p.spec.Next(now); !at.IsZero() && len(s.Next) < nextShown; at = p.spec.Next(at) {
		s.Next = append(s.Next, at)
	}
	return s
}
