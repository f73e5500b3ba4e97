package web

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// reading serves, one request at a time, a handler that reads bodies, and tells when it begins to.
func reading(t *testing.T) (socket string, c *http.Client, begun chan string) {
	t.Helper()
	socket, begun = filepath.Join(shortDir(t), "s.sock"), make(chan string, 8)
	_, c = serve(t, Options{Socket: socket, MaxRequests: 1, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun <- r.URL.Path
		b, err := io.ReadAll(r.Body)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		_, _ = w.Write(b)
	})})
	return socket, c, begun
}

func dial(t *testing.T, socket, send string) net.Conn {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "unix", socket)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	_, err = io.WriteString(conn, send)
	require.NoError(t, err)
	return conn
}

func TestRequests_OneThatWaitsForItsBodyKeepsNobodyOut(t *testing.T) {
	t.Parallel()
	socket, c, begun := reading(t)
	slow := dial(t, socket, "POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab")
	require.Equal(t, "/slow", <-begun)
	a, _ := get(t, c, "/good")
	require.Equal(t, http.StatusOK, a.StatusCode)
	require.Equal(t, "/good", <-begun)
	_, err := io.WriteString(slow, "cd")
	require.NoError(t, err)
	res, err := http.ReadResponse(bufio.NewReader(slow), nil)
	require.NoError(t, err)
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.Equal(t, "abcd", string(b), "the slow one ends as it should")
}

func TestConnections_TheOneThatWaitedLongestGoesFirst(t *testing.T) {
	t.Parallel()
	socket, _, begun := reading(t)
	ask := func(conn net.Conn) {
		t.Helper()
		_, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		require.NoError(t, err)
		require.Equal(t, "/", <-begun)
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
	}
	dripping := dial(t, socket, "GET / HTTP/1.1\r\nX: ")
	good := dial(t, socket, "")
	ask(good)
	ask(dial(t, socket, "")) // the third; two are kept
	_, err := dripping.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
	ask(good)
}
