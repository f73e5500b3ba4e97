package web

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

// connections bounds how many connections a listener keeps. One more than that ends the one that has waited the longest for
// a request, or for the rest of one: a client that drips bytes loses its connection, one that asks and reads does not.
type connections struct {
	most int

	mu  sync.Mutex
	all map[net.Conn]*connection
}

// connection is one of them.
type connection struct {
	in    *connections
	since time.Time // when something was last asked, answered or sent on it
	busy  int       // requests that run; the second HTTP has several
}

type connectionKey struct{}

func newConnections(most int) *connections {
	return &connections{most: most, all: make(map[net.Conn]*connection)}
}

// accepted takes a connection in, and runs in the accept loop.
func (s *connections) accepted(ctx context.Context, c net.Conn) context.Context {
	cn := &connection{in: s, since: time.Now()}
	s.mu.Lock()
	s.all[c] = cn
	var gone net.Conn
	if len(s.all) > s.most {
		gone = s.longestWaiting(c)
		delete(s.all, gone)
	}
	s.mu.Unlock()
	if gone != nil {
		cutOff(gone)
	}
	return context.WithValue(ctx, connectionKey{}, cn)
}

// longestWaiting is the one to end, the newest itself when all others are at work.
func (s *connections) longestWaiting(newest net.Conn) net.Conn {
	gone, oldest := newest, s.all[newest]
	for c, cn := range s.all {
		if cn.busy == 0 && cn.since.Before(oldest.since) {
			gone, oldest = c, cn
		}
	}
	return gone
}

// cutOff closes without the courtesies of TLS, which could take seconds.
func cutOff(c net.Conn) {
	if t, ok := c.(interface{ NetConn() net.Conn }); ok {
		c = t.NetConn()
	}
	_ = c.Close()
}

// changed forgets a connection that has ended.
func (s *connections) changed(c net.Conn, state http.ConnState) {
	if state == http.StateClosed || state == http.StateHijacked {
		s.mu.Lock()
		delete(s.all, c)
		s.mu.Unlock()
	}
}

func connectionOf(ctx context.Context) *connection {
	c, _ := ctx.Value(connectionKey{}).(*connection)
	return c
}

// begin is a request that begins.
func (c *connection) begin() { c.change(1, true) }

// end is a request that ended.
func (c *connection) end() { c.change(-1, true) }

// rest is a request that waits for its body, and has waited since it began.
func (c *connection) rest() { c.change(-1, false) }

// work is a request that got some of its body; anew says that it was more than a drip.
func (c *connection) work(anew bool) { c.change(1, anew) }

func (c *connection) change(busy int, anew bool) {
	if c == nil {
		return
	}
	c.in.mu.Lock()
	defer c.in.mu.Unlock()
	c.busy += busy
	if anew {
		c.since = time.Now()
	}
}
