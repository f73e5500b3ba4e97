package web

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMux_RefusesAsProblemsAndTellsTheRoute(t *testing.T) {
	t.Parallel()
	seen := make(chan Request, 3)
	m := NewMux()
	m.HandleFunc("GET /things/{id}", func(http.ResponseWriter, *http.Request) {})
	_, c := serve(t, Options{Handler: m, Observe: func(q Request) { seen <- q }})
	res, _ := get(t, c, "/things/1")
	require.Equal(t, http.StatusOK, res.StatusCode)
	require.Equal(t, "GET /things/{id}", (<-seen).Route)

	res, body := get(t, c, "/nothing")
	require.Equal(t, http.StatusNotFound, res.StatusCode)
	require.Contains(t, body, `"code":"not_found"`)
	q := <-seen
	require.Equal(t, "", q.Route)
	require.Equal(t, http.StatusNotFound, q.Status)

	for _, path := range []string{"//things/1", "/things//1", "/./things/1", "/nothing/../things/1"} {
		res, body = get(t, c, path)
		require.Equal(t, http.StatusNotFound, res.StatusCode, path)
		require.Contains(t, body, `"code":"not_found"`)
		<-seen
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, "http://daemon/things/1", nil)
	require.NoError(t, err)
	res, body = do(t, c, req)
	require.Equal(t, http.StatusMethodNotAllowed, res.StatusCode)
	require.Equal(t, "GET, HEAD", res.Header.Get("Allow"))
	require.Contains(t, body, "GET or HEAD")
}

func TestSetRoute_NamesTheRouteAndNeverThePath(t *testing.T) {
	t.Parallel()
	seen := make(chan Request, 1)
	_, c := serve(t, Options{
		Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { SetRoute(r.Context(), "/secrets/{secret}") }),
		Observe: func(q Request) { seen <- q },
	})
	res, _ := get(t, c, "/secrets/4711")
	require.Equal(t, http.StatusOK, res.StatusCode)
	require.Equal(t, "/secrets/{secret}", (<-seen).Route)
	SetRoute(t.Context(), "outside of a server it does nothing")
}
