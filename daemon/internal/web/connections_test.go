package web

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
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
	require.Error(t, err)
	require.False(t, errors.Is(err, os.ErrDeadlineExceeded), "%v", err)
	ask(good)
}

// Clients that drip their bodies cost one another their connections, and nobody who waits for a new request.
func TestConnections_TooManyThatWaitForTheirBody(t *testing.T) {
	t.Parallel()
	s := newConnections(1)
	s.most, s.mostResting = 10, 2
	var conns []net.Conn
	begin := func() *connection {
		here, there := net.Pipe()
		t.Cleanup(func() { _, _ = here.Close(), there.Close() })
		conns = append(conns, here)
		c := connectionOf(s.accepted(t.Context(), here))
		c.begin()
		return c
	}
	ended := func(i int) bool {
		_ = conns[i].SetReadDeadline(time.Now()) // one that has ended takes none
		_, err := conns[i].Read(make([]byte, 1))
		return errors.Is(err, io.ErrClosedPipe)
	}
	idle := begin()
	idle.end()
	first, second := begin(), begin()
	first.since, second.since = first.since.Add(-2*time.Second), second.since.Add(-time.Second)
	first.rest()
	second.rest()
	require.False(t, ended(1))
	begin().rest()
	require.True(t, ended(1), "the one that has waited the longest")
	require.False(t, ended(0))
	require.False(t, ended(2))
	require.Equal(t, 2, s.resting)
	first.work(false) // its read has failed
	first.end()
	s.changed(conns[1], http.StateClosed)
	require.Equal(t, 2, s.resting)
	second.work(true)
	require.Equal(t, 1, s.resting)
	begin().rest()
	require.False(t, ended(2))
	require.False(t, ended(3))
	require.Equal(t, 2, s.resting)

	s.most = 4 // one too many altogether: who drips goes before who has just been served
	begin()
	require.False(t, ended(0))
	require.True(t, ended(3))
	require.Equal(t, 1, s.resting)
}

// On a busy machine, hundreds of clients that drip may begin to between a good request's arrival and its turn.
func TestConnections_OneWhoseBodyHasArrivedStays(t *testing.T) {
	t.Parallel()
	s := newConnections(1)
	s.most, s.mostResting = 10, 2
	begin := func() (c *connection, there net.Conn) {
		here, there := net.Pipe()
		t.Cleanup(func() { _, _ = here.Close(), there.Close() })
		w := &watched{Conn: here}
		c = connectionOf(s.accepted(t.Context(), w))
		c.begin()
		return c, there
	}
	starve := func(c *connection) {
		go func() { _, _ = c.raw.Read(make([]byte, 1)) }()
		require.Eventually(t, c.raw.starved.Load, 5*time.Second, time.Millisecond)
	}
	good, _ := begin()
	good.rest() // all of its body lies read already
	for range 3 {
		dripping, _ := begin()
		starve(dripping)
		dripping.rest()
	}
	require.False(t, good.over)
	require.Equal(t, 2, s.resting, "the good one and the last that drips")
	s.most = 2 // one too many altogether
	begin()
	require.False(t, good.over)
	good.work(false)
	require.Equal(t, 0, s.resting)
}

func TestWatched(t *testing.T) {
	t.Parallel()
	here, there := net.Pipe()
	defer func() { _, _ = here.Close(), there.Close() }()
	w := &watched{Conn: here}
	require.Equal(t, here, beneath(tls.Server(w, nil)))
	require.Same(t, w, watchedOf(tls.Server(w, nil)))
	require.Nil(t, watchedOf(here))
	require.ErrorIs(t, w.CloseWrite(), errors.ErrUnsupported, "a pipe has no two ends to close apart")
	read := make(chan error)
	go func() {
		_, err := w.Read(make([]byte, 1))
		read <- err
	}()
	require.Eventually(t, w.starved.Load, 5*time.Second, time.Millisecond)
	_, err := there.Write([]byte("a"))
	require.NoError(t, err)
	require.NoError(t, <-read)
	require.False(t, w.starved.Load())
}
