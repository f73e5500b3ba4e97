package fleet

import (
	"context"
	"sync"
)

// calls counts those that were promised to one process: reserved, or under way.
type calls struct {
	mu      sync.Mutex
	n       int
	waiting chan struct{} // closed when the last one is over; nil until somebody waits
}

func newCalls() *calls { return &calls{} }

// begin counts a call until the function that it returns is called; a second time does nothing.
func (c *calls) begin() func() {
	c.mu.Lock()
	c.n++
	c.mu.Unlock()
	return sync.OnceFunc(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.n--; c.n == 0 && c.waiting != nil {
			close(c.waiting)
			c.waiting = nil
		}
	})
}

// wait returns when no call is left, or when ctx ends. No call may begin any more.
func (c *calls) wait(ctx context.Context) {
	c.mu.Lock()
	if c.n == 0 {
		c.mu.Unlock()
		return
	}
	if c.waiting == nil {
		c.waiting = make(chan struct{})
	}
	over := c.waiting
	c.mu.Unlock()
	select {
	case <-over:
	case <-ctx.Done():
	}
}
