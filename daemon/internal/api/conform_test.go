package api

import (
	"bytes"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// conforming has every answer that a test gets be one that the description tells of: an operation, a status and a body as its
// schema says, without a field that is not told.
func conforming(t *testing.T, h http.Handler) http.Handler {
	t.Helper()
	s := promised(t)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := &copied{ResponseWriter: w, status: http.StatusOK}
		h.ServeHTTP(rec, r)
		path, media := templateOf(t, r.URL.Path), w.Header().Get("Content-Type")
		status := strconv.Itoa(rec.status)
		if path == "" || !strings.HasSuffix(media, "json") || rec.body.Len() == 0 {
			return
		}
		op, ok := description(t)["paths"].(node)[path].(node)[strings.ToLower(r.Method)].(node)
		if !ok {
			return // a method that there is not
		}
		at := pointer("paths", path, strings.ToLower(r.Method), "responses", status, "content", media, "schema")
		if answer, ok := op["responses"].(node)[status].(node); media == problemMedia || !ok || answer["$ref"] != nil {
			if media != problemMedia || !ok && rec.status < http.StatusInternalServerError {
				t.Errorf("%s %s answers %s, which the description does not tell: %s", r.Method, path, status, &rec.body)
				return
			}
			at = pointer("components", "schemas", "Problem")
		}
		for line := range bytes.Lines(rec.body.Bytes()) {
			if err := s.check(at, line); err != nil { // no require: this is not the test's goroutine
				t.Errorf("%s %s answered %s: %v\n%s", r.Method, path, status, err, line)
			}
		}
	})
}

// promised are the schemas, compiled once for all tests.
var promised = func() func(t testing.TB) *schemas {
	var once sync.Once
	var s *schemas
	return func(t testing.TB) *schemas {
		once.Do(func() { s = newSchemas(t) })
		return s
	}
}()

// templates matches paths with the templates of the description, those without parameters first.
var templates = sync.OnceValue(func() []pathTemplate {
	var out, open []pathTemplate
	doc, err := described()
	if err != nil {
		return nil
	}
	for path := range doc["paths"].(node) {
		t := pathTemplate{path, regexp.MustCompile("^" + regexp.MustCompile(`\\\{[a-z_]+\\\}`).ReplaceAllString(regexp.QuoteMeta(path), "[^/]+") + "$")}
		if strings.Contains(path, "{") {
			open = append(open, t)
			continue
		}
		out = append(out, t)
	}
	return append(out, open...)
})

type pathTemplate struct {
	path    string
	matches *regexp.Regexp
}

func templateOf(t *testing.T, path string) string {
	t.Helper()
	for _, x := range templates() {
		if x.matches.MatchString(path) {
			return x.path
		}
	}
	return ""
}

// copied keeps what was answered.
type copied struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (c *copied) WriteHeader(status int) {
	c.status = status
	c.ResponseWriter.WriteHeader(status)
}

func (c *copied) Write(b []byte) (int, error) {
	c.body.Write(b)
	return c.ResponseWriter.Write(b)
}

func (c *copied) Unwrap() http.ResponseWriter { return c.ResponseWriter }
