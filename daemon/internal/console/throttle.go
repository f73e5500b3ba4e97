package console

import (
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	wrongMost  = 10 // wrong secrets of one address within wrongFor
	wrongFor   = time.Minute
	maxWatched = 10_000
)

// throttle counts the wrong secrets that come from an address. A token has 256 random bits that nobody guesses; this keeps who
// tries from costing anything.
type throttle struct {
	mu   sync.Mutex
	from map[string]*misses
}

type misses struct {
	n     int
	since time.Time
}

func newThrottle() *throttle { return &throttle{from: make(map[string]*misses)} }

func source(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// wait is how long an address has to wait until it may try again; 0 when it may now.
func (t *throttle) wait(r *http.Request, now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	m := t.from[source(r)]
	if m == nil || m.n < wrongMost {
		return 0
	}
	return max(0, wrongFor-now.Sub(m.since))
}

// miss notes a wrong secret.
func (t *throttle) miss(r *http.Request, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := source(r)
	m := t.from[key]
	if m == nil || now.Sub(m.since) >= wrongFor {
		if len(t.from) >= maxWatched {
			clear(t.from)
		}
		m = &misses{since: now}
		t.from[key] = m
	}
	m.n++
}
