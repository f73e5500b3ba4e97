package web

import (
	"net/http"
	"path"
	"strings"
)

// Mux is the standard mux whose own refusals are problems like all others, and that tells the server which route matched.
type Mux struct{ *http.ServeMux }

// NewMux returns an empty mux.
func NewMux() *Mux { return &Mux{http.NewServeMux()} }

// ServeHTTP dispatches to the handler of the most specific pattern.
func (m *Mux) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, pattern := m.Handler(r)
	if !clean(r.URL.Path) {
		pattern = "" // the standard mux would answer with a page that leads elsewhere, and have a body sent twice
	}
	if q := requestOf(r.Context()); q != nil {
		q.route = pattern
	}
	if pattern != "" {
		m.ServeMux.ServeHTTP(w, r)
		return
	}
	blank := &discard{header: http.Header{}}
	if clean(r.URL.Path) {
		m.ServeMux.ServeHTTP(blank, r)
	}
	if allow := blank.header.Get("Allow"); allow != "" {
		w.Header().Set("Allow", allow)
		WriteProblem(w, r, Problem{
			Status: http.StatusMethodNotAllowed, Code: "invalid", Detail: r.Method + " is not understood here",
			Remedy: "use " + strings.ReplaceAll(allow, ", ", " or "),
		})
		return
	}
	WriteProblem(w, r, Problem{Status: http.StatusNotFound, Code: "not_found", Detail: "there is nothing at " + r.URL.Path})
}

// clean reports whether a path has neither empty parts nor dots that lead elsewhere.
func clean(p string) bool {
	c := path.Clean(p)
	return p == c || p == c+"/"
}

// discard takes the standard refusal, of which only the Allow header is used.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(int)             {}
