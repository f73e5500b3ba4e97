package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// shortDir is a folder whose paths fit into a socket address, which those of t.TempDir may not.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "web")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// serve starts a server on a socket and returns a client for it. Any URL's host reaches it.
func serve(t *testing.T, o Options) (*Server, *http.Client) {
	t.Helper()
	if o.Socket == "" {
		o.Socket = filepath.Join(shortDir(t), "s.sock")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	o.Name = "test"
	s, err := New(o)
	require.NoError(t, err)
	s.Start()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = s.Stop(ctx)
	})
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", o.Socket)
	}}
	t.Cleanup(transport.CloseIdleConnections)
	return s, &http.Client{Transport: transport, Timeout: 20 * time.Second}
}

// answer is a response that was read to its end.
type answer struct {
	StatusCode int
	Header     http.Header
}

func get(t *testing.T, c *http.Client, path string) (answer, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://daemon"+path, nil)
	require.NoError(t, err)
	return do(t, c, req)
}

func do(t *testing.T, c *http.Client, req *http.Request) (answer, string) {
	t.Helper()
	res, err := c.Do(req)
	require.NoError(t, err)
	b, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	return answer{res.StatusCode, res.Header}, string(b)
}

func TestServer_AnswersAddrBeforeStartAndToleratesTwice(t *testing.T) {
	t.Parallel()
	s, err := New(Options{Listen: "127.0.0.1:0", Handler: NewMux(), Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	require.NotZero(t, s.Addr().(*net.TCPAddr).Port)
	s.Start()
	s.Start()
	require.NoError(t, s.Stop(t.Context()))
	require.NoError(t, s.Stop(t.Context()))
	s.Start()
	_, err = net.DialTimeout("tcp", s.Addr().String(), time.Second)
	require.Error(t, err, "a stopped server must not come back")
}

func TestServer_StopBeforeStartFreesTheSocket(t *testing.T) {
	t.Parallel()
	path := filepath.Join(shortDir(t), "s.sock")
	o := Options{Socket: path, Handler: NewMux(), Logger: slog.New(slog.DiscardHandler)}
	s, err := New(o)
	require.NoError(t, err)
	require.NoError(t, s.Stop(t.Context()))
	require.NoFileExists(t, path)
	s, err = New(o)
	require.NoError(t, err)
	require.NoError(t, s.Stop(t.Context()))
}

func TestServer_StopWaitsForRequestsAndEndsStreams(t *testing.T) {
	t.Parallel()
	inside, finish := make(chan string, 2), make(chan struct{})
	m := NewMux()
	m.HandleFunc("GET /slow", func(w http.ResponseWriter, _ *http.Request) {
		inside <- "slow"
		<-finish
		_, _ = io.WriteString(w, "whole")
	})
	m.HandleFunc("GET /stream", func(w http.ResponseWriter, r *http.Request) {
		inside <- "stream"
		<-Draining(r.Context())
		_, _ = io.WriteString(w, "ended")
		close(finish)
	})
	s, c := serve(t, Options{Handler: m})
	answers := make(chan string, 2)
	for _, path := range []string{"/slow", "/stream"} {
		go func() {
			_, body := get(t, c, path)
			answers <- body
		}()
		<-inside
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	require.NoError(t, s.Stop(ctx))
	require.ElementsMatch(t, []string{"whole", "ended"}, []string{<-answers, <-answers})
}

func TestServer_StopEndsABodyThatIsStillSent(t *testing.T) {
	t.Parallel()
	inside, ended := make(chan struct{}), make(chan error, 1)
	s, c := serve(t, Options{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		st := NewStream(w, r, time.Minute)
		defer st.Close()
		_, _ = io.ReadFull(st, make([]byte, 5))
		close(inside)
		_, err := io.ReadAll(st)
		st.Extend() // gives time to answer, and none to read on
		_, again := st.Read(make([]byte, 1))
		if st.Context().Err() != nil {
			again = errors.New("what was read cannot be worked on")
		}
		ended <- errors.Join(err, again)
		_, _ = io.WriteString(w, "as far as it came")
	})})
	body, sender := io.Pipe()
	answers := make(chan string, 1)
	go func() {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://daemon/", body)
		if err == nil {
			_, text := do(t, c, req)
			answers <- text
		}
	}()
	_, err := io.WriteString(sender, "12345")
	require.NoError(t, err)
	<-inside
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	require.NoError(t, s.Stop(ctx))
	err = <-ended
	require.ErrorIs(t, err, ErrStopping)
	require.NotContains(t, err.Error(), "cannot be worked on")
	require.Equal(t, "as far as it came", <-answers)
	_ = sender.Close()
}

func TestStream_ASilentSenderIsGivenUp(t *testing.T) {
	t.Parallel()
	ended := make(chan error, 1)
	_, c := serve(t, Options{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		st := NewStream(w, r, 50*time.Millisecond)
		defer st.Close()
		_, err := io.ReadAll(st)
		ended <- errors.Join(err, st.Context().Err())
	})})
	body, sender := io.Pipe()
	go func() {
		res, err := c.Post("http://daemon/", "text/plain", body)
		if err == nil {
			_ = res.Body.Close()
		}
	}()
	_, err := io.WriteString(sender, "1")
	require.NoError(t, err)
	err = <-ended
	require.ErrorIs(t, err, ErrSilent)
	require.NotErrorIs(t, err, context.Canceled, "what was read is still to be worked on")
	_ = sender.Close()
}

func TestStream_EndsItsContextWhenTheCallerGoesAway(t *testing.T) {
	t.Parallel()
	inside, gone := make(chan struct{}), make(chan struct{})
	_, c := serve(t, Options{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		st := NewStream(w, r, time.Minute)
		defer st.Close()
		close(inside)
		_, _ = io.ReadAll(st)
		<-st.Context().Done()
		close(gone)
	})})
	ctx, cancel := context.WithCancel(t.Context())
	body, _ := io.Pipe()
	go func() {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://daemon/", body)
		if err == nil {
			res, err := c.Do(req)
			if err == nil {
				_ = res.Body.Close()
			}
		}
	}()
	<-inside
	cancel()
	<-gone
}

func TestStream_IsCutWithTheServer(t *testing.T) {
	t.Parallel()
	inside, gone := make(chan struct{}), make(chan struct{})
	s, c := serve(t, Options{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		st := NewStream(w, r, time.Minute)
		defer st.Close()
		close(inside)
		_, _ = io.ReadAll(st)
		<-st.Context().Done()
		close(gone)
	})})
	body, sender := io.Pipe()
	go func() {
		res, err := c.Post("http://daemon/", "text/plain", body)
		if err == nil {
			_ = res.Body.Close()
		}
	}()
	<-inside
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, s.Stop(ctx), context.DeadlineExceeded)
	<-gone
	_ = sender.Close()
}

func TestServer_StopCutsWhatDoesNotEnd(t *testing.T) {
	t.Parallel()
	inside, cut := make(chan struct{}), make(chan struct{})
	s, c := serve(t, Options{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(inside)
		<-r.Context().Done()
		close(cut)
	})})
	go func() {
		res, err := c.Get("http://daemon/")
		if err == nil {
			_ = res.Body.Close()
		}
	}()
	<-inside
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, s.Stop(ctx), context.Canceled)
	<-cut
}

func TestServer_PanicIsAProblemAndTheProcessLives(t *testing.T) {
	t.Parallel()
	var log logBuffer
	m := NewMux()
	m.HandleFunc("GET /boom", func(http.ResponseWriter, *http.Request) { panic("canary in the coal mine") })
	m.HandleFunc("GET /half", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "half")
		_ = http.NewResponseController(w).Flush()
		panic("late")
	})
	m.HandleFunc("GET /fine", func(http.ResponseWriter, *http.Request) {})
	_, c := serve(t, Options{Handler: m, Logger: slog.New(slog.NewTextHandler(&log, nil))})

	res, body := get(t, c, "/boom")
	require.Equal(t, http.StatusInternalServerError, res.StatusCode)
	require.Equal(t, "application/problem+json", res.Header.Get("Content-Type"))
	require.NotContains(t, body, "canary", "what went wrong inside is for the log")
	var p Problem
	require.NoError(t, json.Unmarshal([]byte(body), &p))
	require.Equal(t, "/v1/docs#problem-internal", p.Type)
	require.Equal(t, res.Header.Get("X-Request-Id"), p.RequestID)
	require.Contains(t, log.String(), "canary")
	require.Contains(t, log.String(), p.RequestID)

	half, err := c.Get("http://daemon/half")
	require.NoError(t, err)
	_, err = io.ReadAll(half.Body)
	_ = half.Body.Close()
	require.Error(t, err, "a half answer must not look whole")
	res, _ = get(t, c, "/fine")
	require.Equal(t, http.StatusOK, res.StatusCode)
}

func TestServer_RequestsBeyondTheBoundAreSentAway(t *testing.T) {
	t.Parallel()
	inside, finish := make(chan struct{}, 2), make(chan struct{})
	_, c := serve(t, Options{MaxRequests: 1, Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		inside <- struct{}{}
		<-finish
	})})
	first := make(chan int, 1)
	go func() {
		res, _ := get(t, c, "/")
		first <- res.StatusCode
	}()
	<-inside
	res, body := get(t, c, "/")
	require.Equal(t, http.StatusTooManyRequests, res.StatusCode)
	require.Equal(t, "1", res.Header.Get("Retry-After"))
	require.Equal(t, "1", res.Header.Get("Retry-After"))
	require.Contains(t, body, `"code":"too_many_requests"`)
	close(finish)
	require.Equal(t, http.StatusOK, <-first)
	res, _ = get(t, c, "/")
	require.Equal(t, http.StatusOK, res.StatusCode, "the place is free again")
}

func TestServer_BodiesAreBounded(t *testing.T) {
	t.Parallel()
	m := NewMux()
	m.HandleFunc("POST /bounded", func(w http.ResponseWriter, r *http.Request) {
		_, err := io.ReadAll(r.Body)
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
		}
	})
	m.HandleFunc("POST /stream", func(w http.ResponseWriter, r *http.Request) {
		st := NewStream(w, r, time.Minute)
		defer st.Close()
		n, err := io.Copy(io.Discard, st)
		if err != nil || n != 100 {
			w.WriteHeader(http.StatusTeapot)
		}
	})
	_, c := serve(t, Options{Handler: m, MaxBody: 10})
	for _, tt := range []struct {
		name, path, encoding string
		size, status         int
	}{
		{"within", "/bounded", "", 10, http.StatusOK},
		{"beyond", "/bounded", "", 11, http.StatusRequestEntityTooLarge},
		{"a stream has a bound of its own", "/stream", "", 100, http.StatusOK},
		{"encoded", "/bounded", "gzip", 5, http.StatusUnsupportedMediaType},
	} {
		t.Run(tt.name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://daemon"+tt.path, strings.NewReader(strings.Repeat("x", tt.size)))
			require.NoError(t, err)
			if tt.encoding != "" {
				req.Header.Set("Content-Encoding", tt.encoding)
			}
			res, _ := do(t, c, req)
			require.Equal(t, tt.status, res.StatusCode)
		})
	}
}

func TestServer_HeadersAreBounded(t *testing.T) {
	t.Parallel()
	_, c := serve(t, Options{Handler: NewMux()})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://daemon/", nil)
	require.NoError(t, err)
	req.Header.Set("X-Large", strings.Repeat("x", 32<<10))
	res, _ := do(t, c, req)
	require.Equal(t, http.StatusRequestHeaderFieldsTooLarge, res.StatusCode)
}

func TestServer_TakesOnlyHarmlessRequestIDs(t *testing.T) {
	t.Parallel()
	_, c := serve(t, Options{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, RequestID(r.Context()))
	})})
	for given, kept := range map[string]bool{
		"": false, "abc-1.2_X": true, "a b": false, `a"b`: false, strings.Repeat("a", 65): false, "ä": false,
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://daemon/", nil)
		require.NoError(t, err)
		req.Header.Set("X-Request-Id", given)
		res, body := do(t, c, req)
		require.Equal(t, res.Header.Get("X-Request-Id"), body)
		require.NotEmpty(t, body)
		require.Equal(t, kept, body == given, "%q", given)
	}
}
