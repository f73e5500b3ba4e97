package api

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"os"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/web"
)

// codes is the one table of code and HTTP status, used by the server and by the client. Where codes share a status, the
// first is what a bare status (from something between client and daemon) means.
var codes = [...]struct {
	code   atssync.Code
	status int
}{
	{atssync.CodeInvalid, http.StatusUnprocessableEntity},
	{atssync.CodeInvalid, http.StatusBadRequest},
	{atssync.CodeInvalid, http.StatusMethodNotAllowed},
	{atssync.CodeInvalid, http.StatusRequestEntityTooLarge},
	{atssync.CodeInvalid, http.StatusUnsupportedMediaType},
	{atssync.CodeInvalid, http.StatusRequestTimeout},
	{atssync.CodeInvalid, http.StatusRequestHeaderFieldsTooLarge},
	{atssync.CodeNotFound, http.StatusNotFound},
	{atssync.CodeConflict, http.StatusConflict},
	{atssync.CodeExists, http.StatusConflict},
	{atssync.CodeGone, http.StatusGone},
	{atssync.CodeChanged, http.StatusPreconditionFailed},
	{atssync.CodeForbidden, http.StatusForbidden},
	{atssync.CodeUnauthenticated, http.StatusUnauthorized},
	{atssync.CodeAccountMismatch, http.StatusForbidden},
	{atssync.CodeCheckFailed, http.StatusFailedDependency},
	{atssync.CodeBusy, http.StatusTooManyRequests},
	{atssync.CodeUnavailable, http.StatusServiceUnavailable},
	{atssync.CodeAdapter, http.StatusServiceUnavailable},
	{atssync.CodeATS, http.StatusBadGateway},
	{atssync.CodeNoSpace, http.StatusInsufficientStorage},
	{atssync.CodeInternal, http.StatusInternalServerError},
}

// statusOf returns the HTTP status that a code is answered with: its first in the table.
func statusOf(c atssync.Code) int {
	for _, row := range codes {
		if row.code == c {
			return row.status
		}
	}
	return http.StatusInternalServerError
}

// codeOf returns what a bare HTTP status means.
func codeOf(status int) atssync.Code {
	for _, row := range codes {
		if row.status == status {
			return row.code
		}
	}
	if status >= http.StatusInternalServerError {
		return atssync.CodeUnavailable
	}
	return atssync.CodeInvalid
}

// Problem is a refusal on the wire.
type Problem struct {
	web.Problem
	Errors []atssync.FieldError  `json:"errors,omitempty" doc:"every refused field"`
	Checks []atssync.CheckResult `json:"checks,omitempty" doc:"with check_failed: what was found, whose turn it is, what to do"`
	// Reached is whom credentials reached that are good and another's.
	Reached *atssync.Reached `json:"reached,omitempty" doc:"with conflict: the other ATS user or account that the credentials reach"`
}

// Error returns the detail; a Problem is an error where the HTTP library wants one.
func (p *Problem) Error() string { return p.Detail }

// GetStatus returns the HTTP status.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType names problems by their own media type.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// GetHeaders tells a caller who is not let in any more how to come in.
func (p *Problem) GetHeaders() http.Header {
	if p.Status != http.StatusUnauthorized {
		return nil
	}
	return http.Header{"Www-Authenticate": {`Bearer realm="atssync"`}}
}

// err returns what the problem was made of.
func (p *Problem) err() *atssync.Error {
	return &atssync.Error{Code: atssync.Code(p.Code), Message: p.Detail, Remedy: p.Remedy, Fields: p.Errors, Checks: p.Checks, Reached: p.Reached}
}

func newProblem(ctx context.Context, status int, e *atssync.Error) *Problem {
	return &Problem{
		Problem: web.Problem{
			Type: web.TypePrefix + string(e.Code), Title: http.StatusText(status), Status: status, Code: string(e.Code),
			Detail: e.Message, Remedy: e.Remedy, RequestID: web.RequestID(ctx),
		},
		Errors: e.Fields, Checks: e.Checks, Reached: e.Reached,
	}
}

// problem turns what a handler refused into what the caller is told. What is not meant for people is logged and told by the
// request's id only: it may hold anything.
func (s *server) problem(ctx context.Context, err error) *Problem {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	if e, ok := errors.AsType[*atssync.Error](context.Cause(ctx)); ok {
		err = e // whatever broke, this is why
	}
	if e, ok := errors.AsType[*atssync.Error](err); ok {
		e = s.shown(ctx, e)
		return newProblem(ctx, statusOf(e.Code), e)
	}
	if b, ok := errors.AsType[*brokenBody](err); ok {
		return newProblem(ctx, b.status(), atssync.Errorf(atssync.CodeInvalid, "%s", b).WithRemedy("send it again, whole"))
	}
	if ctx.Err() != nil {
		return newProblem(ctx, http.StatusServiceUnavailable,
			atssync.Errorf(atssync.CodeUnavailable, "the request ended before its answer was there").WithRemedy("try again"))
	}
	s.log.Error("request failed", "request_id", web.RequestID(ctx), "err", err)
	return newProblem(ctx, http.StatusInternalServerError,
		atssync.Errorf(atssync.CodeInternal, "the daemon met a fault of its own").
			WithRemedy("look for request %s in the daemon's log", web.RequestID(ctx)))
}

// shown is a refusal as the caller may see it.
func (s *server) shown(ctx context.Context, e *atssync.Error) *atssync.Error {
	return callerOf(ctx).within().Shown(e)
}

// brokenBody is a body that did not arrive as a whole.
type brokenBody struct{ err error }

// broken marks what reading a body failed with; its end is no failure.
func broken(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	return &brokenBody{err}
}

func (b *brokenBody) Unwrap() error { return b.err }

func (b *brokenBody) Error() string {
	switch b.status() {
	case http.StatusRequestTimeout:
		return "the body did not arrive in time"
	case http.StatusRequestEntityTooLarge:
		return "the body is too large"
	}
	return "the body could not be read to its end"
}

func (b *brokenBody) status() int {
	if _, ok := errors.AsType[*http.MaxBytesError](b.err); ok {
		return http.StatusRequestEntityTooLarge
	}
	if errors.Is(b.err, os.ErrDeadlineExceeded) {
		return http.StatusRequestTimeout
	}
	return http.StatusBadRequest
}

// mediaType is what the request says of its body, "" when it says nothing.
func mediaType(r *http.Request) string {
	media, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	return strings.ToLower(strings.TrimSpace(media))
}

// refuse answers a plain handler's request with a problem.
func (s *server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	p := s.problem(r.Context(), err)
	h := w.Header()
	maps.Copy(h, p.GetHeaders())
	h.Set("Content-Type", p.ContentType(""))
	w.WriteHeader(p.Status)
	_ = jsonTo(w, p) // the caller is gone; there is nobody to tell
}

// asProblem turns the HTTP library's own refusals into problems. What was sent is not echoed: it may be a secret.
func asProblem(ctx huma.Context, _ string, v any) (any, error) {
	m, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	e := &atssync.Error{Code: codeOf(m.Status), Message: sentence(m)}
	for _, d := range m.Errors {
		if d != nil {
			e.Fields = append(e.Fields, atssync.FieldError{Path: strings.TrimPrefix(d.Location, "body."), Message: d.Message})
		}
	}
	return newProblem(ctx.Context(), m.Status, e), nil
}

func sentence(m *huma.ErrorModel) string {
	switch m.Status {
	case http.StatusUnprocessableEntity:
		return "the request is refused"
	case http.StatusRequestEntityTooLarge:
		return "the body is too large"
	case http.StatusRequestTimeout:
		return "the body did not arrive in time"
	case http.StatusInternalServerError:
		return "the daemon met a fault of its own"
	}
	return m.Detail
}

// problemResponse describes problems in the API's description.
func problemResponse(api huma.API) *huma.Response {
	return &huma.Response{
		Description: "A problem. Switch on its code.",
		Content: map[string]*huma.MediaType{"application/problem+json": {
			Schema: api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[Problem](), true, "Problem"),
		}},
	}
}

// ErrorBody is a refusal of one item among several.
type ErrorBody struct {
	Code    atssync.Code          `json:"code"`
	Message string                `json:"message"`
	Remedy  string                `json:"remedy,omitempty"`
	Fields  []atssync.FieldError  `json:"errors,omitempty"`
	Checks  []atssync.CheckResult `json:"checks,omitempty"`
}

// Err returns the error that the item was refused with, nil for a nil body.
func (b *ErrorBody) Err() *Error {
	if b == nil {
		return nil
	}
	return &Error{Code: b.Code, Message: b.Message, Remedy: b.Remedy, Fields: b.Fields, Checks: b.Checks}
}

// errorBody converts an item's refusal, nil for none.
func errorBody(e *atssync.Error) *ErrorBody {
	if e == nil {
		return nil
	}
	return &ErrorBody{Code: e.Code, Message: e.Message, Remedy: e.Remedy, Fields: e.Fields, Checks: e.Checks}
}

// invalid refuses one parameter.
func invalid(path, message string) *Error {
	return &Error{Code: atssync.CodeInvalid, Message: "the request is refused", Fields: []FieldError{{Path: path, Message: message}}}
}
