package collect

import (
	"context"
	"fmt"
	"hash/fnv"
	"slices"
	"sync"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// operation is what a pass does on each connection.
type operation struct {
	op    atssync.Operation
	do    func(context.Context, *visit) (Summary, error)
	asked bool // by a person, now
}

// pass walks all connections of this daemon, each at its place in spread, and returns when all are done or ctx ends;
// those still under way then go on and are counted as running.
func (w *Worker) pass(ctx context.Context, spread time.Duration, o operation) (Summary, error) {
	held := w.o.Leases.Held()
	slices.SortFunc(held, func(a, b string) int { return int(phase(a, spread) - phase(b, spread)) })
	began := time.Now()
	t := tally{left: len(held), done: make(chan struct{})}
	if t.left == 0 {
		return Summary{}, nil
	}
	for _, id := range held {
		if !w.until(ctx, began.Add(phase(id, spread))) || !w.spawn(func() { t.add(w.one(o, id)) }) {
			break
		}
	}
	select {
	case <-t.done:
	case <-ctx.Done():
	case <-w.ctx.Done():
	}
	total := t.sum()
	if total.Failed > 0 {
		return total, fmt.Errorf("%d of %d connections failed; see: atssync connections list", total.Failed, total.Connections)
	}
	return total, nil
}

// tally adds up what visits did.
type tally struct {
	mu    sync.Mutex
	total Summary
	left  int
	done  chan struct{} // closed when none is left
}

func (t *tally) add(s Summary) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.total.add(s)
	if t.left--; t.left == 0 {
		close(t.done)
	}
}

func (t *tally) sum() Summary {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.total
	s.Running = t.left
	return s
}

// until waits; false says that the pass or the worker ended first.
func (w *Worker) until(ctx context.Context, at time.Time) bool {
	d := time.Until(at)
	if d <= 0 {
		return ctx.Err() == nil && w.ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
	case <-w.ctx.Done():
	}
	return false
}

// spawn runs f in a goroutine that Stop waits for; false after Stop.
func (w *Worker) spawn(f func()) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopped {
		return false
	}
	w.wg.Go(f)
	return true
}

// appointment is a visit that will be made.
type appointment struct {
	at    time.Time
	timer *time.Timer
}

// appoint has f run at that time, or at the one that key has already when it is earlier. It never blocks.
func (w *Worker) appoint(key string, at time.Time, f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopped {
		return
	}
	if a, ok := w.timers[key]; ok {
		if !at.Before(a.at) {
			return
		}
		a.timer.Stop()
	}
	a := &appointment{at: at}
	a.timer = time.AfterFunc(max(time.Until(at), 0), func() {
		w.mu.Lock()
		mine := w.timers[key] == a
		if mine {
			delete(w.timers, key)
		}
		w.mu.Unlock()
		if mine {
			w.spawn(f)
		}
	})
	w.timers[key] = a
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
