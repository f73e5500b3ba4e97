package rest_test

import (
	"bufio"
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	sdk "github.com/atssync/atssync/plugin-sdk"
	"github.com/atssync/atssync/plugin-sdk/rest"
)

// bundle is a client, an ATS that answers with handler, and what a call to it needs.
type bundle struct {
	client *rest.Client
	base   *url.URL
	meta   sdk.Meta
}

func setup(t *testing.T, handler http.HandlerFunc) *bundle {
	t.Helper()
	srv := httptest.NewServer(handler)
	t.Cleanup(srv.Close)
	return at(t, srv.URL, rest.Options{Name: "Acme ATS"})
}

func at(t *testing.T, address string, o rest.Options) *bundle {
	t.Helper()
	base, err := rest.ParseBase(address)
	require.NoError(t, err)
	client := rest.New(o)
	t.Cleanup(client.Close)
	return &bundle{client: client, base: base}
}

func (b *bundle) read(t *testing.T) (rest.Reply, error) {
	t.Helper()
	return b.client.Do(t.Context(), rest.Call{Method: http.MethodGet, Base: b.base, Path: "/v1/jobs"}, &b.meta)
}

func (b *bundle) write(t *testing.T) (rest.Reply, error) {
	t.Helper()
	return b.client.Do(t.Context(), rest.Call{
		Method: http.MethodPost, Base: b.base, Path: "/v1/people", Write: true, Body: map[string]string{"name": "Ada"},
	}, &b.meta)
}

func TestDo_ClassifiesEveryStatusForReadsAndWrites(t *testing.T) {
	t.Parallel()
	const ambiguous = sdk.KindAmbiguous
	cases := []struct {
		status      int
		read, write sdk.Kind
	}{
		{200, "", ""},
		{201, "", ""},
		{204, "", ""},
		{301, sdk.KindRemoteChanged, ambiguous},
		{307, sdk.KindRemoteChanged, ambiguous},
		{400, sdk.KindInvalid, sdk.KindInvalid},
		{401, sdk.KindAuth, sdk.KindAuth},
		{402, sdk.KindPermission, sdk.KindPermission},
		{403, sdk.KindPermission, sdk.KindPermission},
		{404, sdk.KindNotFound, sdk.KindNotFound},
		{405, sdk.KindUnsupported, sdk.KindUnsupported},
		{407, sdk.KindConfigRequired, sdk.KindConfigRequired},
		{408, sdk.KindTransient, ambiguous},
		{409, sdk.KindRemoteChanged, sdk.KindDuplicate},
		{410, sdk.KindNotFound, sdk.KindNotFound},
		{413, sdk.KindInvalid, sdk.KindInvalid},
		{414, sdk.KindUnsupported, sdk.KindUnsupported},
		{418, sdk.KindRemoteChanged, ambiguous},
		{422, sdk.KindInvalid, sdk.KindInvalid},
		{423, sdk.KindRemoteChanged, ambiguous},
		{425, sdk.KindTransient, ambiguous},
		{429, sdk.KindRateLimited, sdk.KindRateLimited},
		{500, sdk.KindTransient, ambiguous},
		{501, sdk.KindTransient, ambiguous},
		{502, sdk.KindTransient, ambiguous},
		{503, sdk.KindTransient, ambiguous},
		{504, sdk.KindTransient, ambiguous},
		{529, sdk.KindTransient, ambiguous},
	}
	for _, c := range cases {
		t.Run(fmt.Sprint(c.status), func(t *testing.T) {
			t.Parallel()
			b := setup(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(c.status) })
			_, err := b.read(t)
			require.Equal(t, c.read, sdk.KindOf(err))
			_, err = b.write(t)
			require.Equal(t, c.write, sdk.KindOf(err))
			require.Len(t, b.meta.Exchanges, 2)
			require.Equal(t, c.status, b.meta.Exchanges[1].Status)
			if err == nil {
				return
			}
			e := sdk.AsError(err)
			require.Equal(t, c.status, e.Status)
			require.Equal(t, c.write != ambiguous, e.NotApplied)
			require.NotEmpty(t, e.Turn)
			require.NotEmpty(t, e.Message)
			require.Len(t, e.Exchanges, 2)
		})
	}
}

func TestDo_DeclaredStatusProvesThatAWriteWasRefused(t *testing.T) {
	t.Parallel()
	b := setup(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	_, err := b.client.Do(t.Context(), rest.Call{
		Method: http.MethodPost, Base: b.base, Path: "/p", Write: true, RefusedBeforeProcessing: []int{503},
	}, &b.meta)
	e := sdk.AsError(err)
	require.Equal(t, sdk.KindTransient, e.Kind)
	require.True(t, e.NotApplied)
	require.Equal(t, 7*time.Second, e.RetryAfter)
}

func TestDo_SendsWhatWasAskedAndReportsTheExchange(t *testing.T) {
	t.Parallel()
	b := setup(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Request-Id", "req-1 <b>")
		w.Header().Set("X-RateLimit-Limit", "50")
		w.Header().Set("X-RateLimit-Remaining", "49")
		w.Header().Set("X-RateLimit-Reset", "9")
		user, _, _ := r.BasicAuth()
		_, _ = fmt.Fprintf(w, "%s %s?%s %s %s %s", r.Method, r.URL.Path, r.URL.RawQuery, user, r.Header.Get("On-Behalf-Of"), body)
	})
	reply, err := b.client.Do(t.Context(), rest.Call{
		Method: http.MethodPost, Base: b.base, Path: "/v1/people/7", Query: "ids=1,2", Endpoint: "/v1/people/{id}",
		Auth: rest.Basic("key", ""), Header: map[string]string{"On-Behalf-Of": "u@example.com"}, Body: map[string]string{"a": "<&>"},
	}, &b.meta)
	require.NoError(t, err)
	require.Equal(t, `POST /v1/people/7?ids=1,2 key u@example.com {"a":"<&>"}`, string(reply.Body))
	require.Len(t, b.meta.Exchanges, 1)
	x := b.meta.Exchanges[0]
	require.Equal(t, "/v1/people/{id}", x.Endpoint)
	require.Equal(t, "req-1b", x.RequestID)
	require.Empty(t, x.Excerpt)
	require.Positive(t, x.Duration)
	require.Equal(t, &sdk.Budget{Limit: 50, Remaining: 49, ResetAfter: 9 * time.Second}, b.meta.Budget)
}

// closingServer answers the first request of each connection and closes the connection after it has read the
// second one, as a server does whose idle time ends. It counts the POSTs it has read.
func closingServer(t *testing.T) (address string, posts *atomic.Int64) {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	posts = &atomic.Int64{}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				br := bufio.NewReader(conn)
				for n := range 2 {
					r, err := http.ReadRequest(br)
					if err != nil {
						return
					}
					_, _ = io.Copy(io.Discard, r.Body)
					if r.Method == http.MethodPost {
						posts.Add(1)
					}
					if n == 0 {
						_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
					}
				}
			}()
		}
	}()
	return "http://" + l.Addr().String(), posts
}

func TestDo_WriteOnADyingKeptAliveConnectionIsSentOnceAndIsAmbiguous(t *testing.T) {
	t.Parallel()
	address, posts := closingServer(t)
	b := at(t, address, rest.Options{Name: "Acme ATS"})
	_, err := b.write(t)
	require.NoError(t, err)
	_, err = b.write(t)
	e := sdk.AsError(err)
	require.Equal(t, sdk.KindAmbiguous, e.Kind)
	require.False(t, e.NotApplied)
	require.EqualValues(t, 2, posts.Load(), "each Do may put its POST on the wire once")
}

func TestDo_RefusesHeadersThatLetNetHTTPRepeatAWrite(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"Idempotency-Key", "X-Idempotency-Key", "idempotency-key"} {
		b := setup(t, func(http.ResponseWriter, *http.Request) { t.Error("a request was sent") })
		_, err := b.client.Do(t.Context(), rest.Call{
			Method: http.MethodPost, Base: b.base, Path: "/p", Write: true, Header: map[string]string{name: "1"},
		}, &b.meta)
		require.Equal(t, sdk.KindInternal, sdk.KindOf(err))
		require.True(t, sdk.AsError(err).NotApplied)
	}
}

func TestDo_RedirectIsNeitherFollowedNorReplayed(t *testing.T) {
	t.Parallel()
	var calls atomic.Int64
	b := setup(t, func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	})
	_, err := b.write(t)
	require.Equal(t, sdk.KindAmbiguous, sdk.KindOf(err))
	require.EqualValues(t, 1, calls.Load())
}

func TestDo_WriteThatNeverLeftIsNotApplied(t *testing.T) {
	t.Parallel()
	silent := func(t *testing.T) string {
		var lc net.ListenConfig
		l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
		require.NoError(t, err)
		t.Cleanup(func() { _ = l.Close() })
		return l.Addr().String()
	}
	refused := func(t *testing.T) string {
		var lc net.ListenConfig
		l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
		require.NoError(t, err)
		require.NoError(t, l.Close())
		return "http://" + l.Addr().String()
	}
	untrusted := func(t *testing.T) string {
		srv := httptest.NewUnstartedServer(http.NotFoundHandler())
		srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
		srv.StartTLS()
		t.Cleanup(srv.Close)
		return srv.URL
	}
	cases := []struct {
		name    string
		address func(t *testing.T) string
		opt     rest.Options
		words   string
	}{
		{"refused connection", refused, rest.Options{}, "connection was refused"},
		{"name not found", func(*testing.T) string { return "https://ats.invalid" }, rest.Options{}, "name was not found"},
		{"certificate not trusted", untrusted, rest.Options{}, "certificate is not trusted"},
		{
			"handshake never ends", func(t *testing.T) string { return "https://" + silent(t) },
			rest.Options{Timeout: 50 * time.Millisecond},
			"time-out",
		},
		{"proxy refuses", func(*testing.T) string { return "https://ats.invalid" }, rest.Options{Proxy: "http://127.0.0.1:1"}, "refused"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.opt.Name = "Acme ATS"
			b := at(t, c.address(t), c.opt)
			_, err := b.write(t)
			e := sdk.AsError(err)
			require.Equal(t, sdk.KindTransient, e.Kind, e.Message)
			require.True(t, e.NotApplied)
			require.Contains(t, e.Message, c.words)
			require.Len(t, e.Exchanges, 1)
			require.Zero(t, e.Exchanges[0].Status)
		})
	}
}

func TestDo_CancelledBeforeTheFirstByteIsNotApplied(t *testing.T) {
	t.Parallel()
	b := setup(t, func(http.ResponseWriter, *http.Request) { t.Error("a request was sent") })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := b.client.Do(ctx, rest.Call{Method: http.MethodPost, Base: b.base, Path: "/p", Write: true, Body: 1}, &b.meta)
	e := sdk.AsError(err)
	require.Equal(t, sdk.KindTransient, e.Kind)
	require.True(t, e.NotApplied)
}

func TestDo_LostAnswerIsAmbiguousForAWriteAndTransientForARead(t *testing.T) {
	t.Parallel()
	cases := map[string]http.HandlerFunc{
		"cut before answering": func(w http.ResponseWriter, _ *http.Request) { hijack(w, "") },
		"cut in the header":    func(w http.ResponseWriter, _ *http.Request) { hijack(w, "HTTP/1.1 200 OK\r\nContent-") },
		"no HTTP at all":       func(w http.ResponseWriter, _ *http.Request) { hijack(w, "220 mail.example.com ESMTP\r\n") },
		"cut in the body": func(w http.ResponseWriter, _ *http.Request) {
			hijack(w, "HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{\"id\":1,")
		},
		"no answer in time": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	}
	for name, handler := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				handler(w, r)
			})
			b.client = rest.New(rest.Options{Name: "Acme ATS", Timeout: 200 * time.Millisecond})
			_, err := b.write(t)
			e := sdk.AsError(err)
			require.Equal(t, sdk.KindAmbiguous, e.Kind, e.Message)
			require.False(t, e.NotApplied)
			_, err = b.read(t)
			require.Equal(t, sdk.KindTransient, sdk.KindOf(err))
		})
	}
}

func hijack(w http.ResponseWriter, answer string) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	_, _ = io.WriteString(conn, answer)
	_ = conn.Close()
}

func TestDo_TrustsTheAuthorityFileAndSaysWhenItIsBroken(t *testing.T) {
	t.Parallel()
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") }))
	t.Cleanup(srv.Close)
	dir := t.TempDir()
	good, empty := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "empty.pem")
	require.NoError(t, os.WriteFile(good, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}), 0o600))
	require.NoError(t, os.WriteFile(empty, nil, 0o600))

	_, err := at(t, srv.URL, rest.Options{Name: "Acme ATS", CAFile: good}).write(t)
	require.NoError(t, err)
	for _, o := range []rest.Options{{CAFile: empty}, {CAFile: filepath.Join(dir, "none")}, {Proxy: "::"}} {
		_, err = at(t, srv.URL, o).write(t)
		require.Equal(t, sdk.KindConfigRequired, sdk.KindOf(err))
		require.Equal(t, sdk.TurnOperator, sdk.AsError(err).Turn)
		require.True(t, sdk.AsError(err).NotApplied)
	}
}

func TestDo_GoesThroughTheProxy(t *testing.T) {
	t.Parallel()
	var asked atomic.Value
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Store(r.Host)
		w.WriteHeader(http.StatusBadGateway)
	}))
	t.Cleanup(proxy.Close)
	_, err := at(t, "https://ats.example.com", rest.Options{Proxy: proxy.URL}).write(t)
	e := sdk.AsError(err)
	require.Equal(t, sdk.KindTransient, e.Kind)
	require.True(t, e.NotApplied, "a proxy that opens no tunnel passes nothing on")
	require.Equal(t, "ats.example.com:443", asked.Load())
}

func TestParseBase(t *testing.T) {
	t.Parallel()
	for _, ok := range []string{
		"https://api.example.com", "https://api.example.com/ats/", "http://127.0.0.1:8080", "http://[::1]:1", "http://localhost:9",
	} {
		_, err := rest.ParseBase(ok)
		require.NoError(t, err, ok)
	}
	for _, bad := range []string{
		"", "api.example.com", "ftp://api.example.com", "http://api.example.com", "https://u:p@api.example.com",
		"https://api.example.com?x=1", "https://api.example.com#f", "https://", "http://127.0.0.1.example.com", "::",
	} {
		_, err := rest.ParseBase(bad)
		require.Equal(t, sdk.KindConfigRequired, sdk.KindOf(err), bad)
		require.NotContains(t, err.Error(), "u:p")
	}
}

func TestDo_ErrorsAreSDKErrors(t *testing.T) {
	t.Parallel()
	b := setup(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	_, err := b.read(t)
	var e *sdk.Error
	require.True(t, errors.As(err, &e))
}
