package api

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/intake"
	"github.com/atssync/atssync/daemon/internal/manage"
)

// raw asks without the client, which would never send such a thing.
func (w *world) raw(method, path, body string, header ...string) (status int, media, text string) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), method, "http://daemon"+path, strings.NewReader(body))
	require.NoError(w.t, err)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := w.http.Do(req)
	require.NoError(w.t, err)
	b, err := io.ReadAll(res.Body)
	require.NoError(w.t, err)
	require.NoError(w.t, res.Body.Close())
	return res.StatusCode, res.Header.Get("Content-Type"), string(b)
}

func TestProblem_EveryRefusalHasTheSameForm(t *testing.T) {
	t.Parallel()
	w := setup(t)
	for name, tt := range map[string]struct {
		method, path, body string
		header             []string
		status             int
		code, holds        string
	}{
		"no such route":   {"GET", "/v1/nonsense", "", nil, 404, "not_found", "/v1/nonsense"},
		"no such method":  {"PUT", "/v1/submissions", "", nil, 405, "invalid", "GET"},
		"no such thing":   {"GET", "/v1/connections/con_none", "", nil, 404, "not_found", "con_none"},
		"unknown query":   {"GET", "/v1/connections?colour=red", "", nil, 422, "invalid", "query.colour"},
		"no JSON":         {"POST", "/v1/connections", "{", nil, 400, "invalid", ""},
		"unknown key":     {"POST", "/v1/connections", `{"account":"a","adapter":"fake","fields":{},"x":1}`, nil, 422, "invalid", `"path":"x"`},
		"wrong type":      {"POST", "/v1/connections", `{"account":1,"adapter":"fake","fields":{}}`, nil, 422, "invalid", `"path":"account"`},
		"other media":     {"POST", "/v1/connections", "a=b", []string{"Content-Type", "application/x-www-form-urlencoded"}, 415, "invalid", ""},
		"too large":       {"POST", "/v1/connections", strings.Repeat("x", 2<<20), nil, 413, "invalid", "too large"},
		"large document":  {"POST", "/v1/submissions", strings.Repeat("x", 300<<10), nil, 413, "invalid", "262144"},
		"no version":      {"POST", "/v1/connections/con_none/resume", "", []string{"If-Match", "yesterday"}, 422, "invalid", "If-Match"},
		"secret in error": {"POST", "/v1/connections", `{"account":"a","adapter":"fake","fields":{"api_key":["` + goodKey + `"]}}`, nil, 422, "invalid", "api_key"},
	} {
		t.Run(name, func(t *testing.T) {
			status, media, text := w.raw(tt.method, tt.path, tt.body, tt.header...)
			require.Equal(t, tt.status, status, text)
			require.Equal(t, "application/problem+json", media)
			require.Contains(t, text, `"code":"`+tt.code+`"`)
			require.Contains(t, text, `"type":"/v1/docs#problem-`+tt.code+`"`)
			require.Contains(t, text, `"request_id":"`)
			require.Contains(t, text, tt.holds)
			require.NotContains(t, text, goodKey, "a refusal echoes what may be a secret")
		})
	}
}

func TestProblem_AFaultIsLoggedAndNotShown(t *testing.T) {
	t.Parallel()
	w := setup(t)
	c := w.connected("acme", "ada@example.com")
	w.ats.panics = true
	_, err := w.CheckConnection(t.Context(), c.ID)
	e := requireCode(t, err, atssync.CodeInternal)
	require.Contains(t, e.Remedy, "log")
	require.Contains(t, w.log.String(), "request panicked")
	w.ats.panics = false
	_, err = w.CheckConnection(t.Context(), c.ID)
	require.NoError(t, err, "the daemon lives on")
}

func TestAuth_WhoeverIsNotKnownIsRefused(t *testing.T) {
	t.Parallel()
	h, err := New(Options{
		Manage: manage.New(manage.Options{}), Intake: intake.New(intake.Options{}), Authenticate: Socket, Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	for _, path := range []string{"/v1/connections", "/v1/tokens", "/v1/submissions", "/v1/nonsense"} {
		rec := httptest.NewRecorder() // no unix socket, no peer
		h.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		require.Equal(t, http.StatusForbidden, rec.Code, path)
		require.Contains(t, rec.Body.String(), `"code":"forbidden"`)
	}
}

func TestNew_NeedsItsParts(t *testing.T) {
	t.Parallel()
	_, err := New(Options{})
	require.ErrorContains(t, err, "needed")
}

func FuzzIfMatch(f *testing.F) {
	for _, s := range []string{"", "*", `"3"`, "3", `W/"3"`, "-1", "9223372036854775808", `""`, `"`, `"3`, `3"`, `"*"`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, err := IfMatch{IfMatch: s}.version()
		if err != nil {
			require.Zero(t, v)
			return
		}
		require.GreaterOrEqual(t, v, int64(0))
		if text := strings.TrimSpace(s); v == 0 {
			require.Contains(t, []string{"", "*"}, text, "a change that is meant for a version would be made to any")
		}
	})
}

func FuzzCursor(f *testing.F) {
	for _, s := range []string{"e10", "e1zz", "12", "e1-5", "e1", "", "e1zzzzzzzzzzzzzzzz", "e2", "e2!", "e2AAAAAAAAAAA"} {
		f.Add(s, "")
		f.Add(s, "con_x")
	}
	s := &server{Options: Options{Manage: manage.New(manage.Options{Keys: box{}, Sealer: box{}})}}
	genuine, err := s.cursor(f.Context(), "", 4711)
	require.NoError(f, err)
	f.Add(genuine, "")
	f.Add(genuine[:len(genuine)-1]+"A", "") // of the right form, and not ours
	f.Fuzz(func(t *testing.T, text, connection string) {
		if text == "last" {
			return
		}
		n, err := s.place(t.Context(), connection, text)
		if err != nil || text == "" {
			return
		}
		text, err = s.cursor(t.Context(), connection, n)
		require.NoError(t, err)
		again, err := s.place(t.Context(), connection, text)
		require.NoError(t, err)
		require.Equal(t, n, again)
	})
}
