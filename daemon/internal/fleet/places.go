package fleet

import (
	"context"
	"slices"
	"sync"
)

// places bounds the calls that are under way at a time by what they are for, first come, first served.
type places struct {
	mu sync.Mutex
	m  map[string]*place
}

type place struct {
	busy    int
	waiting []chan struct{}
}

// take waits until fewer than bound calls are under way for key.
func (ps *places) take(ctx context.Context, key string, bound int) error {
	ps.mu.Lock()
	if ps.m == nil {
		ps.m = make(map[string]*place)
	}
	p := ps.m[key]
	if p == nil {
		p = &place{}
		ps.m[key] = p
	}
	if p.busy < bound && len(p.waiting) == 0 {
		p.busy++
		ps.mu.Unlock()
		return nil
	}
	mine := make(chan struct{})
	p.waiting = append(p.waiting, mine)
	ps.mu.Unlock()
	select {
	case <-mine:
		return nil
	case <-ctx.Done():
	}
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if i := slices.Index(p.waiting, mine); i >= 0 {
		p.waiting = slices.Delete(p.waiting, i, i+1)
	} else {
		ps.leave(key) // it was handed over in the same moment
	}
	return ctx.Err()
}

// free gives a place back.
func (ps *places) free(key string) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	ps.leave(key)
}

// leave hands the place to the one that waits longest. The caller holds mu.
func (ps *places) leave(key string) {
	p := ps.m[key]
	if len(p.waiting) > 0 {
		close(p.waiting[0])
		p.waiting = slices.Delete(p.waiting, 0, 1)
		return
	}
	if p.busy--; p.busy == 0 {
		delete(ps.m, key)
	}
}
