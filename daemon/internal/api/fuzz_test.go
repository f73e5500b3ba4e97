package api

import (
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// FuzzRequests sends anything to every route: a refusal is a problem, and nothing is ever a fault.
func FuzzRequests(f *testing.F) {
	w := setup(f)
	c := w.connected("acme", "ada")
	o := w.served
	o.Logger = slog.New(slog.DiscardHandler)
	o.Authenticate = func(*http.Request) (Caller, error) {
		return Caller{Actor: atssync.Actor{Name: "fuzz", Via: "http"}, Token: &atssync.Token{Powers: []atssync.TokenPower{atssync.TokenAdmin}}}, nil
	}
	s, mux, err := build(o)
	require.NoError(f, err)
	handler := s.gate(mux)
	patterns := slices.Sorted(maps.Keys(s.routes))
	p := place{"acme", c.ID, c.Name, "job-1", "app-1", "sub_none"}
	for i, pattern := range patterns {
		f.Add(uint8(i), "", p.fill(routeRows[pattern].body), "", "")
		f.Add(uint8(i), "limit=1&after=AAAA&since=2026-01-01T00:00:00Z&connection="+c.ID, `{"name":"a","expires_at":"2026-01-01"}`, "application/json", `"1"`)
	}
	f.Fuzz(func(t *testing.T, route uint8, query, body, media, ifMatch string) {
		w.t = t // one input at a time
		pattern := patterns[int(route)%len(patterns)]
		method, path, _ := strings.Cut(pattern, " ")
		if row := routeRows[pattern]; row.path != "" {
			path = row.path
		}
		if method == http.MethodDelete && strings.HasSuffix(path, "{connection}") || strings.Contains(query, "wait=") {
			return // it would leave nothing to fuzz, or wait
		}
		path, _, _ = strings.Cut(path, "?")
		r := httptest.NewRequestWithContext(t.Context(), method, p.fill(path), strings.NewReader(body))
		r.URL.RawQuery = query
		r.Header["Content-Type"], r.Header["If-Match"] = []string{media}, []string{ifMatch}
		if ifMatch == "" {
			delete(r.Header, "If-Match")
		}
		rec := httptest.NewRecorder()
		handler.ServeHTTP(rec, r)
		require.Less(t, rec.Code, 500, "%s?%s: %s", pattern, url.QueryEscape(query), rec.Body)
		if rec.Code >= 400 {
			require.Equal(t, "application/problem+json", rec.Header().Get("Content-Type"))
			require.True(t, json.Valid(rec.Body.Bytes()), "%q", rec.Body)
		}
	})
}
