package web

import (
	"io"
	"net/http"
	"time"
)

// Stream frees a request from the bounds that count its whole length. Each Extend gives it that much time for its next
// bytes, in and out.
type Stream struct {
	control *http.ResponseController
	body    io.ReadCloser
	idle    time.Duration
}

// NewStream makes r a stream that may be silent for idle, in each direction. Reading goes on while the answer is written.
func NewStream(w http.ResponseWriter, r *http.Request, idle time.Duration) *Stream {
	s := &Stream{control: http.NewResponseController(w), body: r.Body, idle: idle}
	if q := requestOf(r.Context()); q != nil {
		s.body = q.body
	}
	_ = s.control.EnableFullDuplex() // a transport that cannot (HTTP/2 always can) reads the body first
	s.Extend()
	return s
}

// Body is the request's body without the bound on its length.
func (s *Stream) Body() io.Reader { return s.body }

// Extend starts the idle time anew.
func (s *Stream) Extend() {
	until := time.Now().Add(s.idle)
	_ = s.control.SetReadDeadline(until) // not every writer has deadlines (a test's recorder): then none is kept
	_ = s.control.SetWriteDeadline(until)
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

// Patience lets the answer to a request take d from now, where a handler has to wait for somebody else.
func Patience(w http.ResponseWriter, d time.Duration) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(d)) // a writer without deadlines has patience
}
