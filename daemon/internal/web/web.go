// Package web is the daemon's front door: it binds the unix socket and the TCP listeners, bounds what a caller may cost (time,
// header, body, requests at once), gives each request an id and the peer's uid, keeps a panic from ending the process, and
// serves the ops endpoints. What lies behind a path belongs to package api and its neighbours; nothing here knows the domain.
package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// The bounds of every listener. A handler that streams frees itself from the two of them that count its whole length with
// NewStream.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 30 * time.Second
	writeTimeout      = 60 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 16 << 10
	queueTimeout      = 2 * time.Second
)

// Options says what a server listens on and whom it asks.
type Options struct {
	// Name stands in the log: socket, ops, http.
	Name string
	// Socket is the path of a unix socket, at most 100 bytes; Listen is a TCP address. Exactly one of them is set.
	Socket, Listen string
	// TLS has the TCP listener speak TLS; nil is plain text.
	TLS *TLS
	// SocketGroup is the group that may use the socket, by name or number; "" leaves the process's own.
	SocketGroup string
	Handler     http.Handler
	Logger      *slog.Logger
	// MaxRequests bounds the requests under way; as many more wait two seconds and are then answered 429. 0 is 512.
	// Twice as many connections are kept, and half as many (128 at least) that wait for a request's body; beyond, the one
	// that has waited the longest goes.
	MaxRequests int
	// MaxBody bounds a request body in bytes, except where a handler sets its own bound. 0 is 1 MiB.
	MaxBody int64
	// Observe, when set, is told of every request that ended.
	Observe func(Request)
}

// Request is what is told of a request that ended.
type Request struct {
	Route    string // the pattern that matched, "" for none
	Method   string
	Status   int
	Duration time.Duration
}

// Server is one bound listener and its handler.
type Server struct {
	http     *http.Server
	listener net.Listener
	log      *slog.Logger
	cancel   context.CancelFunc // ends the requests that outlive Stop's patience
	draining chan struct{}
	failed   chan error

	mu      sync.Mutex
	started bool
	served  chan struct{} // closed when Serve returned
	stopped chan struct{} // closed when Stop is done; nil before the first Stop
}

// New binds the address, so that Addr answers at once and a taken address is known before anything else starts. Callers
// wait in the backlog until Start.
func New(o Options) (*Server, error) {
	if o.Handler == nil || o.Logger == nil {
		return nil, errors.New("web: a handler and a logger are needed")
	}
	if (o.Socket == "") == (o.Listen == "") {
		return nil, errors.New("web: exactly one of socket and listen is needed")
	}
	if o.TLS != nil && o.Socket != "" {
		return nil, errors.New("web: a socket has no TLS")
	}
	log := o.Logger.With("component", "web", "listener", o.Name)
	certificates, err := o.TLS.load(log)
	if err != nil {
		return nil, err
	}
	base, cancel := context.WithCancel(context.Background())
	l, err := bind(base, o)
	if err != nil {
		cancel()
		return nil, err
	}
	s := &Server{
		listener: watching{l}, log: log, cancel: cancel,
		draining: make(chan struct{}), failed: make(chan error, 1), served: make(chan struct{}),
	}
	base = context.WithValue(base, phaseKey{}, phases{draining: s.draining, cut: base.Done()})
	if o.MaxRequests <= 0 {
		o.MaxRequests = defaultMaxRequests
	}
	conns := newConnections(o.MaxRequests)
	s.http = &http.Server{
		TLSConfig:         certificates,
		Handler:           chain(o, s.log),
		ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
		ErrorLog:    slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		BaseContext: func(net.Listener) context.Context { return base },
		ConnContext: func(ctx context.Context, c net.Conn) context.Context { return conns.accepted(withPeer(ctx, c), c) },
		ConnState:   conns.changed,
	}
	return s, nil
}

func bind(ctx context.Context, o Options) (net.Listener, error) {
	if o.Socket != "" {
		return listenUnix(ctx, o.Socket, o.SocketGroup)
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", o.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen on %s for %s: %w", o.Listen, o.Name, err)
	}
	return l, nil
}

// Addr is where the server listens; port 0 is resolved.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Failed gets an error if serving ends by anything but Stop.
func (s *Server) Failed() <-chan error { return s.failed }

// Start begins to serve and returns. A second Start, and one after Stop, do nothing.
func (s *Server) Start() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.started || s.stopped != nil {
		return
	}
	s.started = true
	go func() {
		defer close(s.served)
		serve := s.http.Serve
		if s.http.TLSConfig != nil {
			serve = func(l net.Listener) error { return s.http.ServeTLS(l, "", "") }
		}
		if err := serve(s.listener); err != nil && !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("listener failed", "err", err)
			s.failed <- fmt.Errorf("serve %s: %w", s.listener.Addr(), err)
		}
	}()
}

// Stop takes no more calls, tells streams to end (see Draining), waits for the requests under way until ctx ends and cuts
// the rest. It returns when nothing of the server runs any more; every further Stop waits for the first.
func (s *Server) Stop(ctx context.Context) error {
	s.mu.Lock()
	if s.stopped != nil {
		s.mu.Unlock()
		<-s.stopped
		return nil
	}
	s.stopped = make(chan struct{})
	started := s.started
	s.mu.Unlock()
	defer close(s.stopped)
	defer s.cancel()

	close(s.draining)
	if !started {
		return s.listener.Close()
	}
	err := s.http.Shutdown(ctx)
	if err != nil {
		s.cancel()
		err = errors.Join(fmt.Errorf("stop %s: %w", s.listener.Addr(), err), s.http.Close())
	}
	<-s.served
	return err
}

type phaseKey struct{}

// phases are closed as the server stops: draining when it begins to, cut when its patience is at an end.
type phases struct{ draining, cut <-chan struct{} }

// Draining is closed when the server that took the request begins to stop. A handler that streams without end returns then. It is
// nil, and never ready, outside of a server.
func Draining(ctx context.Context) <-chan struct{} {
	p, _ := ctx.Value(phaseKey{}).(phases)
	return p.draining
}

func cut(ctx context.Context) <-chan struct{} {
	p, _ := ctx.Value(phaseKey{}).(phases)
	return p.cut
}
