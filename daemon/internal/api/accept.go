package api

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/intake"
	"github.com/atssync/atssync/daemon/internal/web"
)

const (
	ndjson = "application/x-ndjson"
	// streamIdle is how long either side of a stream may be silent.
	streamIdle = 2 * time.Minute
	// resultStopped is the result of the last line of an answer that ends before the batch does.
	resultStopped atssync.AcceptResult = "stopped"
	// maxLine bounds a line of an answer; a refusal with hundreds of fields is far below.
	maxLine = 1 << 20
)

// accept are the two ways in for documents. Both are plain handlers: intake decodes the bytes itself, so that a document
// alone and a line of a batch are judged by the same words, and the batch is a stream.
func (s *server) accept(mux *web.Mux) {
	one := post("/v1/submissions", "submit", "Accept one submission document").by(submits).plainly()
	many := post("/v1/submissions:batch", "submit-batch", "Accept submission documents, one a line").by(submits).plainly()
	s.handle(mux, one, s.submit)
	s.handle(mux, many, s.submitBatch)
	document := s.schema(reflect.TypeFor[Document]())
	result := s.schema(reflect.TypeFor[SubmitResult]())
	op := s.document(one, media{"application/json", document}, media{"application/json", result})
	op.Responses["201"] = &huma.Response{Description: "Created", Content: media{"application/json", result}.content()}
	op.RequestBody.Content["application/json"].Example = Example(exampleAt)
	s.document(many, media{ndjson, document}, media{ndjson, result})
}

func (s *server) submit(w http.ResponseWriter, r *http.Request) {
	data, err := s.readDocument(r)
	var a atssync.Accepted
	if err == nil {
		a, err = s.intake(r.Context()).SubmitJSON(r.Context(), data)
	}
	s.accepted(w, r, a, err)
}

// readDocument reads a body that holds one document.
func (s *server) readDocument(r *http.Request) ([]byte, error) {
	if media := mediaType(r); media != "" && media != "application/json" {
		return nil, newProblem(r.Context(), http.StatusUnsupportedMediaType, atssync.Errorf(atssync.CodeInvalid, "a document of the type %q is not taken", media).
			WithRemedy("send application/json"))
	}
	data, err := readBody(r, s.MaxDocument+1)
	if err != nil {
		return nil, broken(err)
	}
	if int64(len(data)) > s.MaxDocument {
		return nil, newProblem(r.Context(), http.StatusRequestEntityTooLarge,
			atssync.Errorf(atssync.CodeInvalid, "the document has more than %d bytes", s.MaxDocument))
	}
	return data, nil
}

// readBody reads at most that many bytes of a body, into memory of the size that its sender announced when that is usual
// for a document.
func readBody(r *http.Request, most int64) ([]byte, error) {
	const usual = 16 << 10
	var buf bytes.Buffer
	if n := r.ContentLength; n > 0 && n <= usual {
		buf.Grow(int(n) + bytes.MinRead)
	}
	_, err := buf.ReadFrom(io.LimitReader(r.Body, most))
	return buf.Bytes(), err
}

// accepted tells what became of one document.
func (s *server) accepted(w http.ResponseWriter, r *http.Request, a atssync.Accepted, err error) {
	if err == nil {
		err = a.Err
	}
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if a.Result == atssync.AcceptedNew {
		w.WriteHeader(http.StatusCreated)
	}
	sub := a.Submission
	_ = jsonTo(w, SubmitResult{ // the caller is gone; what was accepted stays so, and a second try is a replay
		Result: a.Result, ID: sub.ID, Connection: sub.Connection, ExternalID: sub.ExternalID, Job: sub.PlatformJob,
		State: sub.State, HeldReason: sub.HeldReason, Revision: sub.Revision,
	}.withRemedy())
}

func (s *server) submitBatch(w http.ResponseWriter, r *http.Request) {
	if media := mediaType(r); media != "" && media != ndjson && media != "application/ndjson" && media != "application/jsonl" {
		s.refuse(w, r, newProblem(r.Context(), http.StatusUnsupportedMediaType, atssync.Errorf(atssync.CodeInvalid, "a batch of the type %q is not taken", media).
			WithRemedy("send "+ndjson)))
		return
	}
	st := &batchStream{Stream: web.NewStream(w, r, streamIdle), s: s, w: w, out: bufio.NewWriterSize(w, 32<<10)}
	st.ahead = readAhead(extended{st.Stream})
	defer st.Close()
	defer st.ahead.end(st.Interrupt)
	err := streamEnd(s.intake(r.Context()).SubmitBatch(st.Context(), st, st.result)) //nolint:contextcheck // It is the request's, without its end at a read that failed.
	st.Extend()                                                                      // the last commit may have taken its time
	if err != nil && !st.begun {
		st.Refuse(w.Header())
		s.refuse(w, r, err)
		return
	}
	if err != nil {
		e := s.problem(st.Context(), err).err() //nolint:contextcheck // As above.
		_ = jsonTo(st.out, SubmitResult{Result: resultStopped, Error: errorBody(e)})
	}
	st.begin()
	_ = st.out.Flush() // the caller is gone; what was reported is durable all the same
}

// streamEnd tells a person why a stream ended before its sender ended it.
func streamEnd(err error) error {
	switch {
	case errors.Is(err, web.ErrStopping):
		return atssync.Errorf(atssync.CodeUnavailable, "the daemon is stopping, and took no more of it").
			WithRemedy("send it again once the daemon runs; what was accepted stays so")
	case errors.Is(err, web.ErrSilent):
		return atssync.Errorf(atssync.CodeInvalid, "nothing came for too long, and the daemon stopped waiting").
			WithRemedy("send it again; what was accepted stays so")
	}
	return err
}

// batchStream reads the documents and writes the results. Results wait in a buffer while more documents come in and
// go out when reading could block, so that a slow sender sees each of them.
type batchStream struct {
	*web.Stream
	s     *server
	w     http.ResponseWriter
	ahead *ahead
	out   *bufio.Writer
	begun bool
	fresh bool // results wait in out
}

// extended starts the idle time of a stream anew with each read.
type extended struct{ *web.Stream }

func (e extended) Read(p []byte) (int, error) {
	e.Extend()
	n, err := e.Stream.Read(p)
	return n, broken(err)
}

// Soon has what came accepted and told before more is waited for: see intake.SubmitBatch.
func (st *batchStream) Soon(within time.Duration) bool { return st.ahead.ready(within) }

// Read sends what waits, where it would wait, and reads on.
func (st *batchStream) Read(p []byte) (int, error) {
	if st.fresh && !st.ahead.ready(0) {
		st.fresh = false
		_ = st.out.Flush()
		st.Flush()
	}
	return st.ahead.Read(p)
}

func (st *batchStream) begin() {
	if !st.begun {
		st.begun = true
		st.w.Header().Set("Content-Type", ndjson)
		st.w.WriteHeader(http.StatusOK)
	}
}

func (st *batchStream) result(r intake.Result) error {
	st.begin()
	st.fresh = true
	return jsonTo(st.out, SubmitResult{
		Line: r.Line, Result: r.Result, ID: r.ID, Connection: r.Connection, ExternalID: r.ExternalID, Job: r.Job,
		State: r.State, HeldReason: r.HeldReason, Revision: r.Revision, Error: errorBody(st.s.shown(st.Context(), r.Err)),
	}.withRemedy())
}

// Submit sends one document, as JSON. A refusal is an *Error with every field.
func (c *Client) Submit(ctx context.Context, document []byte) (SubmitResult, error) {
	return call[SubmitResult](ctx, c, request{
		method: http.MethodPost, path: "/v1/submissions", raw: bytes.NewReader(document), media: "application/json",
	})
}

// SubmitBatch sends documents, one a line, and tells what became of each as the answers come in. It ends with the first error:
// each's, the daemon's when it accepts nothing any more, or that of a broken exchange; what was told before
// stays accepted.
func (c *Client) SubmitBatch(ctx context.Context, documents io.Reader, each func(SubmitResult) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the sending when the answer ends early
	res, err := c.do(ctx, request{method: http.MethodPost, path: "/v1/submissions:batch", raw: io.NopCloser(documents), media: ndjson})
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(make([]byte, 64<<10), maxLine)
	for lines.Scan() {
		var r SubmitResult
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return c.lost(fmt.Errorf("read a result: %w", err))
		}
		if r.Result == resultStopped {
			return r.Error.Err()
		}
		if err := each(r); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return c.lost(errors.Join(errors.New("the answer ended early"), err))
	}
	return nil
}
