package web

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"sync"
	"time"
)

// Why a stream's body ends before its sender ended it.
var (
	// ErrStopping says that the server stops: what was read is whole, what follows was not taken.
	ErrStopping = errors.New("the server is stopping")
	// ErrSilent says that nothing came for the stream's idle time.
	ErrSilent = errors.New("nothing came for too long")
)

// Stream frees a request from the bounds that count its whole length. Each Extend gives it its idle time for its next
// bytes, in and out. When the server stops, reading ends with ErrStopping. Close ends what the stream runs.
type Stream struct {
	control *http.ResponseController
	body    io.Reader
	idle    time.Duration
	context context.Context
	closed  context.CancelCauseFunc

	mu       sync.Mutex
	whole    bool // the body was read to its end
	ended    bool // by Close: the connection may serve another request already
	stopping bool
	cause    error // why the request was ended from inside
	deadline time.Time
}

// NewStream makes r a stream that may be silent for idle, in each direction. Reading goes on while the answer is written.
func NewStream(w http.ResponseWriter, r *http.Request, idle time.Duration) *Stream {
	s := &Stream{control: http.NewResponseController(w), body: r.Body, idle: idle}
	if q := requestOf(r.Context()); q != nil {
		s.body = q.body
	}
	s.context, s.closed = context.WithCancelCause(context.WithoutCancel(r.Context()))
	_ = s.control.EnableFullDuplex() // a transport that cannot reads the body first
	s.Extend()
	go s.watch(r.Context())
	return s
}

// Context ends when the caller goes away, when the request's context is ended with a cause, which it passes on, or when the server
// cuts what does not end. It does not end with the body: net/http ends a request's own context when reading fails, and what was
// read until then is still to be worked on.
func (s *Stream) Context() context.Context { return s.context }

// Close ends the stream's context; the handler defers it. From then on nothing of the stream touches the connection, which
// may serve the next request: a deadline that was set late would cut that one.
func (s *Stream) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	s.closed(nil)
}

// watch passes on to the stream what happens to its request, until Close.
func (s *Stream) watch(request context.Context) {
	draining, ended := Draining(request), request.Done()
	for {
		select {
		case <-draining:
			s.Interrupt()
			draining = nil
		case <-ended:
			if !s.ours() {
				s.end(context.Cause(request)) // the caller went away, or may go on no more
				return
			}
			ended = nil
		case <-cut(request):
			s.closed(nil)
			return
		case <-s.context.Done():
			return
		}
	}
}

// ours reports whether reading ended by the stream's own deadline.
func (s *Stream) ours() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopping || !time.Now().Before(s.deadline)
}

// Read reads the request's body, without the bound on its length.
func (s *Stream) Read(p []byte) (int, error) {
	n, err := s.body.Read(p)
	if err == nil {
		return n, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case errors.Is(err, io.EOF):
		s.whole = true
	case s.cause != nil:
		err = s.cause
	case s.stopping:
		err = ErrStopping
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = ErrSilent
	}
	return n, err
}

// Refuse prepares an answer that comes before the body was read to its end. The server ends the connection after it, and a
// client that was not told would send its next request into that.
func (s *Stream) Refuse(h http.Header) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.whole {
		h.Set("Connection", "close")
	}
}

// Extend starts the idle time anew. Not every writer has deadlines (a test's recorder): then none is kept.
func (s *Stream) Extend() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return
	}
	s.deadline = time.Now().Add(s.idle)
	_ = s.control.SetWriteDeadline(s.deadline)
	if !s.stopping {
		_ = s.control.SetReadDeadline(s.deadline)
	}
}

// Interrupt ends a Read that waits, and every later one.
func (s *Stream) Interrupt() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return
	}
	s.stopping = true
	_ = s.control.SetReadDeadline(time.Unix(1, 0))
}

// end ends the context and a Read that waits.
func (s *Stream) end(cause error) {
	s.mu.Lock()
	s.cause = cause
	s.mu.Unlock()
	s.Interrupt()
	s.closed(cause)
}

// Flush sends what was written so far.
func (s *Stream) Flush() { _ = s.control.Flush() }

// recorder remembers the status of an answer.
type recorder struct {
	http.ResponseWriter
	status int
}

// WriteHeader keeps the first final status.
func (w *recorder) WriteHeader(status int) {
	if w.status == 0 && status >= http.StatusOK {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write is an answer of 200 unless another status came before.
func (w *recorder) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap gives http.ResponseController the real writer.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *recorder) code() int {
	if w.status == 0 {
		return http.StatusOK
	}
	return w.status
}

// WasRead says that nothing more is to be read of a request. Its read deadline is lifted, which else would end the context of
// a handler that waits: the standard server takes it for a caller that is gone.
func WasRead(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) // a writer without deadlines has none to lift
}

// Patience lets the answer to a request take d from now, where a handler has to wait for somebody else.
func Patience(w http.ResponseWriter, d time.Duration) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(d)) // a writer without deadlines has patience
}
