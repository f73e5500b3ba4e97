package web

import (
	"context"
	"io"
	"sync"
)

// place is one of the requests that run at once. While a request waits for bytes of its body it does not run, and others
// take its place: clients that send slowly, or never, keep nobody out.
type place struct {
	places chan struct{}
	mu     sync.Mutex
	held   bool
	over   bool
}

// leave gives the place to others.
func (p *place) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drop()
}

func (p *place) drop() {
	if p.held {
		p.held = false
		<-p.places
	}
}

// back takes a place again, once there is one or ctx ends.
func (p *place) back(ctx context.Context) {
	select {
	case p.places <- struct{}{}:
	case <-ctx.Done():
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over || p.held {
		<-p.places
		return
	}
	p.held = true
}

// end gives the place up for good.
func (p *place) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
	p.drop()
}

// awaited is a body for which its request leaves its place.
type awaited struct {
	io.ReadCloser
	request context.Context
	place   *place      // nil before the request has one
	conn    *connection // nil outside of a server
}

// progress is how many bytes at a time are more than a drip.
const progress = 1 << 10

// Read reads the body.
func (a *awaited) Read(p []byte) (n int, err error) {
	if a.place != nil {
		a.place.leave()
		defer a.place.back(a.request)
	}
	a.conn.rest()
	defer func() { a.conn.work(n >= progress) }() // before it waits for a place: that is no fault of its client
	return a.ReadCloser.Read(p)
}
