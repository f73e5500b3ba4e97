package rest

import (
	"net"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
)

// countedConn counts the writes that may have reached the peer. net/http's own traces fire when bytes enter a
// buffer; only the connection knows whether any left it.
type countedConn struct {
	net.Conn
	writes atomic.Int64
}

// Write counts before it writes, so that a write in progress on another goroutine is never overlooked, and
// takes the count back when the kernel took nothing.
func (c *countedConn) Write(b []byte) (int, error) {
	c.writes.Add(1)
	n, err := c.Conn.Write(b)
	if n == 0 {
		c.writes.Add(-1)
	}
	return n, err
}

// wire watches one exchange and tells whether any of its bytes may have reached the ATS.
type wire struct {
	mu      sync.Mutex
	used    []usedConn
	unknown bool
}

type usedConn struct {
	conn   *countedConn
	before int64
}

// trace observes which connections the transport picks. It may pick a second one when the first turned out to
// be dead before anything was written on it.
func (w *wire) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
		w.mu.Lock()
		defer w.mu.Unlock()
		conn := counted(info.Conn)
		if conn == nil {
			w.unknown = true
			return
		}
		w.used = append(w.used, usedConn{conn: conn, before: conn.writes.Load()})
	}}
}

// wrote reports whether bytes of the request may have left. The transport has closed the connection of a
// failed request by the time it returns, so a write that starts later cannot reach the peer.
func (w *wire) wrote() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, u := range w.used {
		if u.conn.writes.Load() > u.before {
			return true
		}
	}
	return w.unknown
}

// counted finds the counted connection beneath the layers of TLS.
func counted(c net.Conn) *countedConn {
	for {
		if cc, ok := c.(*countedConn); ok {
			return cc
		}
		inner, ok := c.(interface{ NetConn() net.Conn })
		if !ok {
			return nil
		}
		c = inner.NetConn()
	}
}
