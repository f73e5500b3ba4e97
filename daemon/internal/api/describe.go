package api

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/web"
)

// tokenScheme names the way in, in the API's description.
const tokenScheme = "token"

// describe returns the frame of the API's description. The library's own routes for it are left out: they write on first use
// without a lock.
func describe(version string) huma.Config {
	c := huma.DefaultConfig("atssync", version)
	c.Info.Description = wordFile("words/info.md")
	c.Info.License = &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"}
	c.OpenAPIPath, c.DocsPath, c.SchemasPath = "", "", ""
	c.CreateHooks = nil
	c.RejectUnknownQueryParameters = true
	c.Transformers = []huma.Transformer{asProblem}
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{tokenScheme: {
		Type: "http", Scheme: "bearer", BearerFormat: "ats_<id>_<secret>",
		Description: "A token that `atssync tokens create` printed. Its scopes are submit, read and admin; it may be limited to some accounts or " +
			"connections, and then nothing else exists for it.",
	}}
	c.Servers = []*huma.Server{{URL: "/"}}
	return c
}

// description serves what the API says of itself.
func (s *server) description(mux *web.Mux) {
	s.schema(reflect.TypeFor[atssync.ApplicationEvent]())
	s.schema(reflect.TypeFor[atssync.SubmissionEvent]())
	s.schema(reflect.TypeFor[atssync.ConnectionEvent]())
	s.schema(reflect.TypeFor[atssync.JobEvent]())
	s.told = sync.OnceValues(s.tell)
	s.bytes = sync.OnceValues(func() ([]byte, error) {
		doc, err := s.told()
		if err != nil {
			return nil, err
		}
		return json.MarshalIndent(doc, "", " ")
	})
	at := get("/v1/openapi.json", "read-description", "Read this description").by(open)
	s.handle(mux, at, func(w http.ResponseWriter, r *http.Request) {
		b, err := s.bytes()
		if err != nil {
			s.refuse(w, r, err)
			return
		}
		w.Header().Set("Content-Type", "application/openapi+json")
		_, _ = w.Write(b)
	})
	s.page(at, media{"application/openapi+json", &huma.Schema{Type: huma.TypeObject}})
}

// media is a body of one type in the API's description.
type media struct {
	name   string
	schema *huma.Schema
}

func (m media) content() map[string]*huma.MediaType {
	return map[string]*huma.MediaType{m.name: {Schema: m.schema}}
}

func (s *server) schema(t reflect.Type) *huma.Schema {
	return s.api.OpenAPI().Components.Schemas.Schema(t, true, t.Name())
}

// page describes a route that takes nothing and whose handler the library does not know.
func (s *server) page(r route, out media) {
	op := s.operation(r)
	op.Responses["200"] = &huma.Response{Description: http.StatusText(http.StatusOK), Content: out.content()}
	s.api.OpenAPI().AddOperation(&op)
}

// document describes a route whose handler the library does not know.
func (s *server) document(r route, in, out media) *huma.Operation {
	op := s.operation(r)
	op.RequestBody = &huma.RequestBody{Required: true, Content: in.content()}
	op.Responses["200"] = &huma.Response{Description: http.StatusText(http.StatusOK), Content: out.content()}
	for _, part := range r.parameters() {
		op.Parameters = append(op.Parameters, &huma.Param{Name: part, In: "path", Required: true, Schema: &huma.Schema{Type: huma.TypeString}})
	}
	s.api.OpenAPI().AddOperation(&op)
	return &op
}

// parameters lists the names in the path.
func (r route) parameters() []string {
	var names []string
	for part := range strings.SplitSeq(r.path, "/") {
		if name, ok := strings.CutPrefix(part, "{"); ok {
			names = append(names, strings.TrimSuffix(name, "}"))
		}
	}
	return names
}
