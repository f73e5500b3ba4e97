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
	b := besideAPI{[]door{{"/hooks/", says(http.StatusAccepted)}}, says(http.StatusTeapot)}
	for _, c := range []struct {
		method, path string
		want         int
		to           string
	}{
		{http.MethodGet, "/", http.StatusSeeOther, "/console"},
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
