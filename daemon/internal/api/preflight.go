package api

import (
	"bytes"
	"context"
	"net/http"
	"reflect"

	"github.com/atssync/atssync/daemon/internal/web"
)

func (s *server) preflight(mux *web.Mux) {
	at := post("/v1/submissions:preflight", "preflight", "Say whether a submission would go through now, and create nothing").by(submits).plainly()
	s.handle(mux, at, func(w http.ResponseWriter, r *http.Request) {
		data, err := s.readDocument(r)
		if err != nil {
			s.refuse(w, r, err)
			return
		}
		p, err := s.intake(r.Context()).PreflightJSON(r.Context(), data)
		if err != nil {
			s.refuse(w, r, err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = jsonTo(w, p) // the caller is gone; nothing was made
	})
	s.document(at, media{"application/json", s.schema(reflect.TypeFor[Document]())}, media{"application/json", s.schema(reflect.TypeFor[Preflight]())})
}

// Preflight says whether a document would go through now, and creates nothing.
func (c *Client) Preflight(ctx context.Context, document []byte) (Preflight, error) {
	return call[Preflight](ctx, c, request{
		method: http.MethodPost, path: "/v1/submissions:preflight", raw: bytes.NewReader(document), media: "application/json",
	})
}
