package api

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"sync"

	"github.com/danielgtaylor/huma/v2"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/web"
)

// The docs are pages that the daemon writes itself, from the same description that programs read. They load nothing from
// elsewhere and run no script.
//
//go:embed pages
var pageFiles embed.FS

var pages = template.Must(template.New("").Funcs(template.FuncMap{
	"prose": prose, "inline": inline, "anchor": anchor, "indented": indented,
}).ParseFS(pageFiles, "pages/*.html"))

// docsPolicy lets a page load its style sheet and nothing else.
const docsPolicy = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

func (s *server) docs(mux *web.Mux) {
	html := media{"text/html", &huma.Schema{Type: huma.TypeString}}
	for _, p := range []struct {
		at   route
		file string
	}{
		{get("/v1/docs", "read-docs", "Read the guides and the table of problems"), "guide.html"},
		{get("/v1/docs/reference", "read-reference", "Read the reference"), "reference.html"},
	} {
		at := p.at.by(open)
		written := sync.OnceValues(func() ([]byte, error) { return s.written(p.file) })
		s.handle(mux, at, func(w http.ResponseWriter, r *http.Request) {
			b, err := written()
			if err != nil {
				s.refuse(w, r, err)
				return
			}
			sent(w, "text/html; charset=utf-8", b)
		})
		s.page(at, html)
	}
	style := get("/v1/docs/style.css", "read-docs-style", "Read the style sheet of the docs").by(open)
	css, err := pageFiles.ReadFile("pages/style.css")
	if err != nil {
		panic(err) // it is embedded
	}
	s.handle(mux, style, func(w http.ResponseWriter, _ *http.Request) { sent(w, "text/css; charset=utf-8", css) })
	s.page(style, media{"text/css", &huma.Schema{Type: huma.TypeString}})
}

// sent answers with a page.
func sent(w http.ResponseWriter, mediaType string, b []byte) {
	h := w.Header()
	h.Set("Content-Type", mediaType)
	h.Set("Content-Security-Policy", docsPolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-cache")
	_, _ = w.Write(b) // the reader is gone; there is nobody to tell
}

// pageView is what the templates show.
type pageView struct {
	Version  string
	Problems []ProblemRow
	Events   []eventView
	Document json.RawMessage
	Held     json.RawMessage
	Changed  json.RawMessage
	Groups   []groupView
	Schemas  []schemaView
}

// eventView is one type of event.
type eventView struct {
	Type, Text, Schema string
	Example            json.RawMessage
}

// written writes a page.
func (s *server) written(file string) ([]byte, error) {
	doc, err := s.told()
	if err != nil {
		return nil, err
	}
	v := pageView{
		Version: s.Version, Problems: Problems(), Document: encoded(Example(exampleAt)), Held: encoded(Delivered(atssync.EventHeld)),
		Changed: encoded(Delivered(atssync.EventStatusChanged)), Groups: groups(doc), Schemas: s.schemaViews(doc),
	}
	for _, t := range append(atssync.EventTypes(), atssync.EventTest) {
		v.Events = append(v.Events, eventView{
			Type: string(t), Text: eventWords[string(t)], Schema: carries(t).schema, Example: EventExample(t).Data,
		})
	}
	var b bytes.Buffer
	if err := pages.ExecuteTemplate(&b, file, v); err != nil {
		return nil, fmt.Errorf("write the page %s: %w", file, err)
	}
	return b.Bytes(), nil
}
