package web

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOps_ReadyTellsWhatIsNot(t *testing.T) {
	t.Parallel()
	good := Check{"store", func(context.Context) error { return nil }}
	bad := Check{"adapters", func(context.Context) error { return errors.New("none\nruns") }}
	for _, tt := range []struct {
		name, path string
		ready      []Check
		status     int
		body       string
	}{
		{"all hold", "/readyz", []Check{good}, 200, "ok\n"},
		{"all hold, told", "/readyz?verbose", []Check{good}, 200, "[+] store ok\nok\n"},
		{"one fails", "/readyz", []Check{good, bad}, 503, "adapters: none runs\n"},
		{"one fails, told", "/readyz?verbose", []Check{good, bad}, 503, "[+] store ok\n[-] adapters: none runs\nnot ok\n"},
		{"alive though not ready", "/livez", []Check{bad}, 200, "ok\n"},
		{"no profiles unless asked", "/debug/pprof/", nil, 404, ""},
		{"metrics", "/metrics", nil, 200, "a 1\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := NewOps(Ops{Ready: tt.ready, Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "a 1\n") })})
			rec := httptest.NewRecorder()
			h.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, tt.path, nil))
			require.Equal(t, tt.status, rec.Code)
			if tt.body != "" {
				require.Equal(t, tt.body, rec.Body.String())
			}
		})
	}
}

func TestOps_ProfilesWhenAsked(t *testing.T) {
	t.Parallel()
	rec := httptest.NewRecorder()
	NewOps(Ops{Pprof: true}).ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/debug/pprof/cmdline", nil))
	require.Equal(t, http.StatusOK, rec.Code)
}

func TestOps_ChecksSeeADeadline(t *testing.T) {
	t.Parallel()
	h := NewOps(Ops{Ready: []Check{{"slow", func(ctx context.Context) error {
		_, ok := ctx.Deadline()
		if !ok {
			return errors.New("could hang for ever")
		}
		return nil
	}}}})
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/readyz", nil))
	require.Equal(t, http.StatusOK, rec.Code, rec.Body.String())
}
