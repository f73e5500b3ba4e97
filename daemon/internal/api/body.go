package api

import (
	"bytes"
	"io"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/intake"
	"github.com/atssync/atssync/daemon/internal/web"
)

// whole reads the body of a request before the HTTP library does, which lets pass what nobody can mean (a key given twice,
// broken text) and takes a body that ends early for a fault of the daemon.
func (s *server) whole(ctx huma.Context, next func(huma.Context)) {
	op := ctx.Operation()
	if op.RequestBody == nil {
		next(ctx)
		return
	}
	r, w := humago.Unwrap(ctx)
	data, err := io.ReadAll(io.LimitReader(r.Body, op.MaxBodyBytes+1))
	switch {
	case err != nil:
		err = broken(err)
	case int64(len(data)) > op.MaxBodyBytes:
		err = newProblem(r.Context(), http.StatusRequestEntityTooLarge, atssync.Errorf(atssync.CodeInvalid, "the body is too large: it has more than %d bytes", op.MaxBodyBytes))
	case len(data) > 0 && (mediaType(r) == "" || mediaType(r) == "application/json"):
		if problems := intake.Scan(data); len(problems) > 0 {
			err = newProblem(r.Context(), http.StatusBadRequest, &atssync.Error{Code: atssync.CodeInvalid, Message: "the body is not JSON as it is taken here", Fields: problems})
		}
	}
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	web.WasRead(w)
	r.Body = io.NopCloser(bytes.NewReader(data))
	next(ctx)
}
