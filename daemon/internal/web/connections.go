package web

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// connections bounds how many connections a listener keeps, and how many of them may wait for the rest of a request, which
// costs some 40 KiB each. One more than that ends the one that has waited the longest: a client that drips bytes loses its
// connection, one that asks and reads does not.
type connections struct {
	most, mostResting int

	mu      sync.Mutex
	all     map[net.Conn]*connection
	resting int // connections with a request that waits for its body
}

// leastResting is how many may always wait for the rest of a request: for an instant every request with a body does.
const leastResting = 128

// grace is what one that waits for a new request is ahead of one that waits for the rest of one.
const grace = time.Second

// connection is one of them.
type connection struct {
	in    *connections
	raw   *watched  // nil where nobody watches
	since time.Time // when something was last asked, answered or sent on it
	busy  int       // requests that run; the second HTTP has several
	rests int       // requests that wait for their body
	over  bool      // it was forgotten
}

type connectionKey struct{}

// newConnections bounds connections for so many requests under way.
func newConnections(requests int) *connections {
	return &connections{most: 2 * requests, mostResting: max(requests/2, leastResting), all: make(map[net.Conn]*connection)}
}

// accepted takes a connection in, and runs in the accept loop.
func (s *connections) accepted(ctx context.Context, c net.Conn) context.Context {
	cn := &connection{in: s, raw: watchedOf(c), since: time.Now()}
	s.mu.Lock()
	s.all[c] = cn
	var gone net.Conn
	if len(s.all) > s.most {
		gone = s.longestWaiting(c)
		s.forget(gone)
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
		if cn.waits() && cn.waitsLonger(oldest) {
			gone, oldest = c, cn
		}
	}
	return gone
}

// longestResting is the one to end of those that wait for the rest of a request, nil when all are at work, too.
func (s *connections) longestResting() (gone net.Conn) {
	var oldest *connection
	for c, cn := range s.all {
		if cn.rests > 0 && cn.waits() && (oldest == nil || cn.since.Before(oldest.since)) {
			gone, oldest = c, cn
		}
	}
	return gone
}

// waits says whether it is the client's turn. A request whose body has arrived rests, too, until its goroutine runs, which on a
// busy machine may be later than hundreds of others begin to: what lies unread tells it from one that drips.
func (c *connection) waits() bool {
	return c.busy == 0 && (c.rests == 0 || c.raw == nil || c.raw.starved.Load())
}

// waitsLonger compares two connections that wait.
func (c *connection) waitsLonger(than *connection) bool {
	patience := func(c *connection) time.Time {
		if c.rests > 0 {
			return c.since
		}
		return c.since.Add(grace)
	}
	return patience(c).Before(patience(than))
}

// forget takes a connection off the list.
func (s *connections) forget(c net.Conn) {
	cn := s.all[c]
	if cn == nil {
		return
	}
	if cn.over = true; cn.rests > 0 {
		s.resting--
	}
	delete(s.all, c)
}

// cutOff closes without the courtesies of TLS, which could take seconds.
func cutOff(c net.Conn) {
	_ = beneath(c).Close()
}

// beneath is the connection under TLS and under what watches it.
func beneath(c net.Conn) net.Conn {
	for {
		over, ok := c.(interface{ NetConn() net.Conn })
		if !ok {
			return c
		}
		c = over.NetConn()
	}
}

// watching has every connection of a listener tell whether it has been read empty.
type watching struct{ net.Listener }

// Accept implements net.Listener.
func (l watching) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &watched{Conn: c}, nil
}

// watched is a connection that tells whether a read of it waits.
type watched struct {
	net.Conn
	starved atomic.Bool
}

// watchedOf finds it, under TLS also; nil when there is none.
func watchedOf(c net.Conn) *watched {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	w, _ := c.(*watched)
	return w
}

// Read implements net.Conn.
func (w *watched) Read(p []byte) (int, error) {
	w.starved.Store(true)
	defer w.starved.Store(false)
	return w.Conn.Read(p)
}

// NetConn is the connection that is watched.
func (w *watched) NetConn() net.Conn { return w.Conn }

// CloseWrite ends what the daemon says and still hears the other side: net/http does so that a refusal arrives at a client
// that is still sending.
func (w *watched) CloseWrite() error {
	if c, ok := w.Conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return errors.ErrUnsupported
}

// changed forgets a connection that has ended.
func (s *connections) changed(c net.Conn, state http.ConnState) {
	if state == http.StateClosed || state == http.StateHijacked {
		s.mu.Lock()
		s.forget(c)
		s.mu.Unlock()
	}
}

func connectionOf(ctx context.Context) *connection {
	c, _ := ctx.Value(connectionKey{}).(*connection)
	return c
}

// begin is a request that begins.
func (c *connection) begin() { c.change(1, 0, true) }

// end is a request that ended.
func (c *connection) end() { c.change(-1, 0, true) }

// rest is a request that waits for its body, and has waited since it began.
func (c *connection) rest() { c.change(-1, 1, false) }

// work is a request that got some of its body; anew says that it was more than a drip.
func (c *connection) work(anew bool) { c.change(1, -1, anew) }

func (c *connection) change(busy, rests int, anew bool) {
	if c == nil {
		return
	}
	if gone := c.changed(busy, rests, anew); gone != nil {
		cutOff(gone)
	}
}

// changed returns the connection that has to go for it.
func (c *connection) changed(busy, rests int, anew bool) (gone net.Conn) {
	in := c.in
	in.mu.Lock()
	defer in.mu.Unlock()
	did := c.rests > 0
	c.busy += busy
	c.rests += rests
	if anew {
		c.since = time.Now()
	}
	if c.over {
		return nil
	}
	switch does := c.rests > 0; {
	case does && !did:
		in.resting++
	case did && !does:
		in.resting--
	}
	if rests > 0 && in.resting > in.mostResting {
		if gone = in.longestResting(); gone != nil {
			in.forget(gone)
		}
	}
	return gone
}
