package api

import (
	"bytes"
	"context"
	"net/http"
	"reflect"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/web"
)

func (s *server) revise(mux *web.Mux) {
	at := put("/v1/submissions/{submission}", "revise-submission", "Give a submission other content, as long as nothing was sent").by(submits)
	s.handle(mux, at, func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		var a atssync.Accepted
		d, err := s.manage(ctx).Submission(ctx, r.PathValue("submission"), false)
		if err == nil {
			var data []byte
			if data, err = s.readDocument(r); err == nil {
				a, err = s.intake(ctx).ReviseJSON(ctx, d.Connection, d.ExternalID, data)
			}
		}
		s.accepted(w, r, a, err)
	})
	op := s.document(at, media{"application/json", s.schema(reflect.TypeFor[Document]())}, media{"application/json", s.schema(reflect.TypeFor[SubmitResult]())})
	op.Description = "The body is a whole document; connection and external_id may be left out, and may not change. The submission keeps its id, gets the next " +
		"revision and is judged again. The same content as before changes nothing. Once it was sent, this is a conflict. " + op.Description
}

// Revise gives a submission other content.
func (c *Client) Revise(ctx context.Context, id string, document []byte) (SubmitResult, error) {
	return call[SubmitResult](ctx, c, request{
		method: http.MethodPut, path: submissionPath(id), raw: bytes.NewReader(document), media: "application/json",
	})
}
