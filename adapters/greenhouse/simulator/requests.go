package simulator

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Request is one request to the partner API as it was received, and what became of it. The key is not kept.
type Request struct {
	// Seq numbers all requests of a simulator in the order they were answered.
	Seq      uint64    `json:"seq"`
	At       time.Time `json:"at"`
	Employer string    `json:"employer,omitempty"`
	// User is the On-Behalf-Of address as sent, or the address of a token's user.
	User   string `json:"user,omitempty"`
	Method string `json:"method"`
	Path   string `json:"path"`
	Query  string `json:"query,omitempty"`
	Body   Body   `json:"body,omitempty"`
	// Status is what was answered; 0 when the connection was cut or left hanging.
	Status int `json:"status"`
	// Applied says that candidates were made; Created names them.
	Applied bool     `json:"applied"`
	Created []int64  `json:"created,omitempty"`
	Faults  []string `json:"faults,omitempty"`
}

// Body is what a request carried. It stands in JSON as itself where it is JSON, and as a text where it is not.
type Body []byte

// MarshalJSON writes the body.
func (b Body) MarshalJSON() ([]byte, error) {
	if json.Valid(b) {
		return b, nil
	}
	return json.Marshal(string(b))
}

// requestLog keeps the writes, as a rule all, and the last reads, and counts everything.
type requestLog struct {
	mu     sync.Mutex
	writes ring
	reads  ring
	counts map[requestKind]int
}

func newRequestLog(o *Options) *requestLog {
	l := &requestLog{writes: ring{limit: everything}, reads: ring{limit: o.ReadLog}}
	if o.ForgetBodies {
		l.writes.limit = o.ReadLog
	}
	return l
}

// everything is the limit of a ring that never turns.
const everything = -1

// ring keeps the last requests, as many as its limit says.
type ring struct {
	limit  int
	list   []Request
	oldest int
}

func (g *ring) add(r Request) {
	switch {
	case g.limit == everything || len(g.list) < g.limit:
		g.list = append(g.list, r)
	case g.limit > 0:
		g.list[g.oldest] = r
		g.oldest = (g.oldest + 1) % g.limit
	}
}

// all gives a copy, oldest first.
func (g *ring) all() []Request { return slices.Concat(g.list[g.oldest:], g.list[:g.oldest]) }

type requestKind struct {
	method, path string
	status       int
}

func (l *requestLog) add(r Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.counts == nil {
		l.counts = make(map[requestKind]int)
	}
	kind := requestKind{method: r.Method, path: strings.TrimPrefix(r.Path, partnerPath), status: r.Status}
	if endpointsOf(kind.path) == nil {
		// Paths that do not exist are counted together, or a client could grow the map without end.
		kind.path = "other"
	}
	l.counts[kind]++
	if r.Method == http.MethodPost {
		l.writes.add(r)
	} else {
		l.reads.add(r)
	}
}

func (l *requestLog) written() []Request {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.writes.all()
}

func (l *requestLog) read() []Request {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.reads.all()
}

func (l *requestLog) clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.writes, l.reads, l.counts = ring{limit: l.writes.limit}, ring{limit: l.reads.limit}, nil
}

// RequestCount says how often a kind of request got a status; status 0 counts cut and hanging connections.
type RequestCount struct {
	Method   string `json:"method"`
	Endpoint string `json:"endpoint"`
	Status   int    `json:"status"`
	Count    int    `json:"count"`
}

func (l *requestLog) counted() []RequestCount {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := make([]RequestCount, 0, len(l.counts))
	for k, n := range l.counts {
		list = append(list, RequestCount{Method: k.method, Endpoint: k.path, Status: k.status, Count: n})
	}
	slices.SortFunc(list, func(a, b RequestCount) int {
		if c := strings.Compare(a.Method+" "+a.Endpoint, b.Method+" "+b.Endpoint); c != 0 {
			return c
		}
		return a.Status - b.Status
	})
	return list
}

// Received lists every write (POST) that named one of this organisation's keys, in order; with Options.ForgetBodies the last ones.
func (e *Employer) Received() []Request { return e.log.written() }

// Reads lists the last reads (GET), as many as Options.ReadLog says, oldest first.
func (e *Employer) Reads() []Request { return e.log.read() }

// RequestCounts counts all requests since the start, kept or not.
func (e *Employer) RequestCounts() []RequestCount { return e.log.counted() }

// Strangers lists the writes, then the last reads, that named no known key or token.
func (s *Server) Strangers() []Request {
	return slices.Concat(s.strangers.written(), s.strangers.read())
}
