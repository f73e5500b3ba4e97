package app

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBesideAPI_EachPathHasItsHandler(t *testing.T) {
	t.Parallel()
	says := func(status int) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
	}
	b := besideAPI{[]door{{"/hooks/", says(http.StatusAccepted)}}, "/sync/console", says(http.StatusTeapot)}
	for _, c := range []struct {
		method, path string
		want         int
		to           string
	}{
		{http.MethodGet, "/", http.StatusSeeOther, "/sync/console"},
		{http.MethodPost, "/", http.StatusTeapot, ""},
		{http.MethodGet, "/v1/health", http.StatusTeapot, ""},
		{http.MethodPost, "/hooks/x", http.StatusAccepted, ""},
	} {
		w := httptest.NewRecorder()
		b.ServeHTTP(w, httptest.NewRequest(c.method, c.path, http.NoBody))
		require.Equal(t, c.want, w.Code, c.path)
		require.Equal(t, c.to, w.Header().Get("Location"), c.path)
	}
}

func TestHTTP_LeadsToTheConsoleWhereThereIsOne(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		more string
		want int
		to   string
	}{
		"plain":                {``, http.StatusSeeOther, "/console"},
		"below a proxy's path": {`public_url = "http://127.0.0.1:1/sync"`, http.StatusSeeOther, "/sync/console"},
		"switched off":         {"[console]\nenabled = false", http.StatusUnauthorized, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, newATS(t), "[http]\nlisten = \"127.0.0.1:0\"\n"+c.more+"\n")
			w.start()
			m := httpLine.FindStringSubmatch(w.log.String())
			require.NotNil(t, m, "the log names no address")
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+m[1]+"/", http.NoBody)
			require.NoError(t, err)
			res, err := http.DefaultTransport.RoundTrip(req)
			require.NoError(t, err)
			require.NoError(t, res.Body.Close())
			require.Equal(t, c.want, res.StatusCode)
			require.Equal(t, c.to, res.Header.Get("Location"))
		})
	}
}
