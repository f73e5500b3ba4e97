package api

import (
	"bytes"
	"context"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/intake"
	"github.com/atssync/atssync/daemon/internal/web"
)

func (s *server) revise(mux *web.Mux) {
	at := put("/v1/submissions/{submission}", "revise-submission", "Give a submission other content, as long as nothing was sent").by(submits).plainly()
	at.ifMatch = true
	s.handle(mux, at, func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		a, err := s.revised(ctx, r)
		if err == nil && a.Err == nil {
			w.Header().Set("ETag", etag(int64(a.Submission.Revision)))
		}
		s.accepted(w, r, a, err)
	})
	op := s.document(at, media{"application/json", s.schema(reflect.TypeFor[Document]())}, media{"application/json", s.schema(reflect.TypeFor[SubmitResult]())})
	op.Parameters = append(op.Parameters, &huma.Param{
		Name: "If-Match", In: "header", Schema: &huma.Schema{Type: huma.TypeString},
		Description: "the revision that the content is meant to replace, as an ETag gave it; with another one nothing is changed (412)",
	})
}

func (s *server) revised(ctx context.Context, r *http.Request) (atssync.Accepted, error) {
	version, err := IfMatch{r.Header.Get("If-Match")}.version()
	if err != nil {
		return atssync.Accepted{}, err
	}
	d, err := s.manage(ctx).Submission(ctx, r.PathValue("submission"), false)
	if err != nil {
		return atssync.Accepted{}, err
	}
	data, err := s.readDocument(r)
	if err != nil {
		return atssync.Accepted{}, err
	}
	return s.intake(ctx).ReviseJSON(ctx, intake.Revised{Connection: d.Connection, ExternalID: d.ExternalID, Revision: int(version)}, data)
}

// Revise gives a submission other content; revision is the one that it is meant to replace, 0 any.
func (c *Client) Revise(ctx context.Context, id string, revision int, document []byte) (SubmitResult, error) {
	return call[SubmitResult](ctx, c, request{
		method: http.MethodPut, path: submissionPath(id), raw: bytes.NewReader(document), media: "application/json",
		ifMatch: int64(revision),
	})
}
