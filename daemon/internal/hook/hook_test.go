package hook

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/store/kv"
	"github.com/atssync/atssync/daemon/internal/store/memory"
	sdk "github.com/atssync/atssync/plugin-sdk"
	"github.com/atssync/atssync/plugin-sdk/adaptertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secret = "0123456789abcdef0123456789abcdef"

// bundle is a handler with the real store in memory and an adapter that the test plays. One application was submitted, as
// candidate cand-1 and under the external id x-1.
type bundle struct {
	*Handler
	t     *testing.T
	store *kv.Store
	conn  atssync.Connection
	log   *bytes.Buffer

	mu       sync.Mutex
	manifest error // why there is none
	powers   []sdk.Power
	reserve  error
	handle   func(context.Context, sdk.WebhookRequest) (sdk.WebhookReply, error)
	queue    error
	woken    []string
	open     int
}

func setup(t *testing.T) *bundle {
	t.Helper()
	b := &bundle{
		t: t, store: kv.New(memory.New(), kv.Options{SoleOwner: true}), log: &bytes.Buffer{}, powers: []sdk.Power{sdk.PowerHandleWebhook},
		handle: func(context.Context, sdk.WebhookRequest) (sdk.WebhookReply, error) {
			return sdk.WebhookReply{Status: http.StatusOK, EventID: "evt-1", Touched: []sdk.Touched{{ExternalID: "x-1"}}, Body: []byte("thanks")}, nil
		},
	}
	t.Cleanup(func() {
		require.NoError(t, b.store.Close())
		require.Zero(t, b.open, "a place was reserved and never given back")
	})
	var err error
	b.conn, err = b.store.CreateConnection(t.Context(), atssync.Connection{
		Name: "acme", Account: "acme", Adapter: "fake", Hook: []byte(secret), HookAt: time.Now(),
	}, time.Now())
	require.NoError(t, err)
	_, err = b.store.Accept(t.Context(), []atssync.NewSubmission{{
		Submission: atssync.Submission{
			ID: "sub_1", Connection: b.conn.ID, ExternalID: "x-1", ExternalKey: b.ExternalKey(b.conn.ID, "x-1"), Fingerprint: "1", PlatformJob: "job",
		},
		Payload: atssync.Payload("{}"),
	}}, time.Now())
	require.NoError(t, err)
	b.Handler = New(Options{
		Store: b, Secrets: b, Adapters: b, Keys: b, Wake: func(c string) { b.woken = append(b.woken, c) }, Timeout: 50 * time.Millisecond,
		Log: slog.New(slog.NewTextHandler(b.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	return b
}

// What follows makes the bundle everything that a handler asks.

func (b *bundle) Connection(ctx context.Context, id string) (atssync.Connection, error) {
	return b.store.Connection(ctx, id)
}

func (b *bundle) QueueHints(ctx context.Context, h atssync.Hook, now time.Time) (atssync.HookResult, error) {
	if b.queue != nil {
		return atssync.HookResult{}, b.queue
	}
	return b.store.QueueHints(ctx, h, now)
}

func (b *bundle) OpenConnection(c atssync.Connection) (sdk.Connection, error) {
	return sdk.Connection{ID: c.ID}, nil
}

func (b *bundle) OpenHook(c atssync.Connection) (sdk.Secret, error) { return sdk.Secret(c.Hook), nil }

func (b *bundle) ExternalKey(connection, externalID string) string {
	return connection + "/" + externalID
}
func (b *bundle) EventKey(connection, event string) string { return connection + "/" + event }
func (b *bundle) Manifest(string) (sdk.Manifest, error) {
	return sdk.Manifest{Name: "fake", Powers: b.powers}, b.manifest
}
func (b *bundle) change(f func()) { b.mu.Lock(); defer b.mu.Unlock(); f() }
func (b *bundle) path() string    { return atssync.HookPath(b.conn.ID, secret) }

func (b *bundle) Reserve(_ context.Context, _ string, _ sdk.Connection, p sdk.Power) (sdk.Client, func(), error) {
	if b.reserve != nil || p != sdk.PowerHandleWebhook {
		return nil, nil, errors.Join(b.reserve, errors.New("no"))
	}
	b.change(func() { b.open++ })
	return &adaptertest.Fake{HandleWebhookFunc: b.handle}, func() { b.change(func() { b.open-- }) }, nil
}

func (b *bundle) call(method, path string, body io.Reader) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(b.t.Context(), method, "http://hooks.example.com"+path, body)
	r.Header.Set("X-Signature", "signed")
	w := httptest.NewRecorder()
	b.ServeHTTP(w, r)
	return w
}

func (b *bundle) post() *httptest.ResponseRecorder {
	return b.call(http.MethodPost, b.path(), strings.NewReader(`{"a": 1}`))
}

func (b *bundle) waiting() int64 {
	b.t.Helper()
	got, err := b.store.HintBacklog(b.t.Context(), "")
	require.NoError(b.t, err)
	return got.Waiting
}

func TestHook_IsQueuedBeforeItIsAnswered(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.queue = errors.New("the disk is gone")
	w := b.post()
	require.Equal(t, http.StatusServiceUnavailable, w.Code)
	require.NotContains(t, w.Body.String(), "thanks")
	require.Empty(t, b.woken)
	b.queue = nil
	w = b.post()
	require.Equal(t, http.StatusOK, w.Code)
	require.Equal(t, "thanks", w.Body.String())
	require.EqualValues(t, 1, b.waiting())
	require.Equal(t, []string{b.conn.ID}, b.woken)
	w = b.post()
	require.Equal(t, http.StatusOK, w.Code, "a repetition is answered the same")
	require.Equal(t, []string{b.conn.ID}, b.woken, "and does nothing")
}

func TestHook_TheAdapterGetsEverythingAsItCame(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var got []sdk.WebhookRequest
	b.handle = func(_ context.Context, r sdk.WebhookRequest) (sdk.WebhookReply, error) {
		got = append(got, r)
		return sdk.WebhookReply{Status: http.StatusAccepted}, nil
	}
	methods := []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions}
	for _, m := range methods {
		require.Equal(t, http.StatusAccepted, b.call(m, b.path()+"?challenge=a%20b&x=1&x=2", strings.NewReader("\x00\xff raw")).Code, m)
	}
	for i, r := range got {
		require.Equal(t, methods[i], r.Method)
		require.Equal(t, "challenge=a%20b&x=1&x=2", r.Query)
		require.Equal(t, []byte("\x00\xff raw"), r.Body)
		require.Equal(t, "signed", r.Header.Get("X-Signature"))
		require.Equal(t, b.conn.ID, r.Connection.ID)
	}
	require.Len(t, got, len(methods))
}

func TestHook_WhatTheAdapterRefusesTouchesNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, status := range []int{http.StatusUnauthorized, http.StatusBadRequest, http.StatusInternalServerError} {
		b.handle = func(context.Context, sdk.WebhookRequest) (sdk.WebhookReply, error) {
			return sdk.WebhookReply{Status: status, EventID: "evt-1", Touched: []sdk.Touched{{ExternalID: "x-1"}}}, nil
		}
		require.Equal(t, status, b.post().Code)
	}
	require.Zero(t, b.waiting())
	require.Empty(t, b.woken)
}

func TestHook_WhatCannotBeTakenIsSentAgain(t *testing.T) {
	t.Parallel()
	for name, trouble := range map[string]func(*bundle){
		"the adapter never ran":     func(b *bundle) { b.manifest = sdk.ErrNotRunning },
		"the adapter is gone":       func(b *bundle) { b.reserve = sdk.ErrNotRunning },
		"the adapter has a fault":   func(b *bundle) { b.handle = failing(&sdk.Error{Kind: sdk.KindInternal, Message: "a fault"}) },
		"the adapter lacks a field": func(b *bundle) { b.handle = failing(&sdk.Error{Kind: sdk.KindConfigRequired, Message: "no secret"}) },
		"the adapter hangs": func(b *bundle) {
			b.handle = func(ctx context.Context, _ sdk.WebhookRequest) (sdk.WebhookReply, error) {
				<-ctx.Done()
				return sdk.WebhookReply{}, ctx.Err()
			}
		},
		"too much waits":   func(b *bundle) { b.queue = atssync.Errorf(atssync.CodeBusy, "too much") },
		"the disk is full": func(b *bundle) { b.queue = atssync.Errorf(atssync.CodeNoSpace, "full") },
		"too many at once": func(b *bundle) {
			for range atOnce {
				b.places <- struct{}{}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			trouble(b)
			w := b.post()
			require.Equal(t, http.StatusServiceUnavailable, w.Code)
			require.Equal(t, retryAfter, w.Header().Get("Retry-After"))
			require.Zero(t, b.waiting())
			require.NotContains(t, b.log.String(), secret)
			require.Contains(t, b.log.String(), b.conn.ID)
		})
	}
}

func failing(err error) func(context.Context, sdk.WebhookRequest) (sdk.WebhookReply, error) {
	return func(context.Context, sdk.WebhookRequest) (sdk.WebhookReply, error) { return sdk.WebhookReply{}, err }
}

func TestHook_WhoDoesNotKnowTheSecretLearnsNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	asked := false
	b.handle = func(context.Context, sdk.WebhookRequest) (sdk.WebhookReply, error) {
		asked = true
		return sdk.WebhookReply{Status: http.StatusOK}, nil
	}
	without, err := b.store.CreateConnection(t.Context(), atssync.Connection{Name: "no hook", Account: "acme", Adapter: "fake"}, time.Now())
	require.NoError(t, err)
	gone, err := b.store.CreateConnection(t.Context(), atssync.Connection{Name: "gone", Account: "acme", Adapter: "fake", Hook: []byte(secret)}, time.Now())
	require.NoError(t, err)
	_, err = b.store.RemoveConnection(t.Context(), gone.ID, 0, time.Now())
	require.NoError(t, err)
	zeros := strings.Repeat("0", len(secret))
	want := b.call(http.MethodPost, atssync.HookPath("con_nobody", secret), nil)
	require.Equal(t, http.StatusNotFound, want.Code)
	for name, path := range map[string]string{
		"another secret": atssync.HookPath(b.conn.ID, sdk.Secret(zeros)), "none": Prefix + b.conn.ID + "/", "half": Prefix + b.conn.ID,
		"nothing": Prefix, "a removed one": atssync.HookPath(gone.ID, secret), "one without": atssync.HookPath(without.ID, sdk.Secret(zeros)),
		"more": b.path() + "/", "capitals": Prefix + b.conn.ID + "/" + strings.ToUpper(secret), "a name": atssync.HookPath("acme", secret),
	} {
		w := b.call(http.MethodPost, path, strings.NewReader("{}"))
		require.Equal(t, want.Code, w.Code, name)
		require.Equal(t, want.Body.String(), w.Body.String(), name)
		require.Equal(t, want.Header(), w.Header(), name)
	}
	b.powers = []sdk.Power{sdk.PowerSubmit}
	w := b.post()
	require.Equal(t, want.Body.String(), w.Body.String(), "an adapter that takes none")
	b.powers = []sdk.Power{sdk.PowerHandleWebhook}
	b.handle = failing(&sdk.Error{Kind: sdk.KindUnsupported, Message: "no"})
	require.Equal(t, want.Body.String(), b.post().Body.String())
	require.False(t, asked)
	require.NotContains(t, b.log.String(), secret)
	require.NotContains(t, b.log.String(), zeros)
}

func TestHook_ABodyIsBounded(t *testing.T) {
	t.Parallel()
	b := setup(t)
	w := b.call(http.MethodPost, b.path(), io.LimitReader(endless{}, maxBody+1))
	require.Equal(t, http.StatusRequestEntityTooLarge, w.Code)
	require.Equal(t, http.StatusOK, b.call(http.MethodPost, b.path(), io.LimitReader(endless{}, maxBody)).Code)
	w = b.call(http.MethodPost, b.path(), io.MultiReader(strings.NewReader("{"), broken1{}))
	require.Equal(t, http.StatusBadRequest, w.Code)
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

type broken1 struct{}

func (broken1) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestAnswer_IsWhatTheAdapterSaysAsFarAsItIsHarmless(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	answer(w, sdk.WebhookReply{
		Status: http.StatusCreated, Body: []byte("<script>"), Header: http.Header{
			"content-type": {"text/html"}, "X-Hook-Secret": {"echo", "twice"}, "Set-Cookie": {"a=b"}, "connection": {"close"},
			"Transfer-Encoding": {"chunked"}, "Location": {"https://example.com"}, "Content-Length": {"3"}, "Bad Name": {"x"}, "": {"x"},
			"X-Split": {"a\r\nSet-Cookie: b"}, "X-Tab": {"a\tb"}, "X-Content-Type-Options": {"sniff"},
		},
	})
	require.Equal(t, http.StatusCreated, w.Code)
	require.Equal(t, "<script>", w.Body.String())
	require.Equal(t, http.Header{
		"Content-Type": {"text/html"}, "X-Hook-Secret": {"echo", "twice"}, "X-Tab": {"a\tb"},
		"X-Content-Type-Options": {"nosniff"}, "Content-Security-Policy": {"default-src 'none'; sandbox"},
	}, w.Header())

	for status, want := range map[int]int{200: 200, 204: 204, 302: 502, 308: 502, 401: 401, 500: 500, 100: 502, 0: 502, 999: 502} {
		w := httptest.NewRecorder()
		answer(w, sdk.WebhookReply{Status: status, Body: []byte("x")})
		require.Equal(t, want, w.Code, status)
		require.Equal(t, want != 204, w.Body.Len() > 0)
	}
	w = httptest.NewRecorder()
	answer(w, sdk.WebhookReply{Status: 200, Body: make([]byte, maxReplyBody+1)})
	require.Zero(t, w.Body.Len())
	many := http.Header{}
	for _, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" {
		many["X-"+string(c)+string(c)] = []string{"v"}
	}
	require.LessOrEqual(t, len(harmless(many)), maxReplyHeaders)
	require.Empty(t, harmless(http.Header{"X-Long": {strings.Repeat("x", maxHeaderBytes)}}))
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"", Prefix, Prefix + "a/" + secret, Prefix + "a/b/" + secret, Prefix + "/" + secret, "/hooks", Prefix + "con_1/" + secret + "/", "/v1/hooks/a/b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, path string) {
		connection, secret, ok := parse(path)
		if !ok {
			require.Empty(t, connection+secret)
			return
		}
		require.Equal(t, path, atssync.HookPath(connection, sdk.Secret(secret)), "only the one form is one")
		require.LessOrEqual(t, len(connection), maxConnection)
	})
}

func FuzzHarmless(f *testing.F) {
	f.Add("X-A", "b", "Set-Cookie", "c")
	f.Add("x\r\ny", "b\nc", "TE", "\x00")
	f.Fuzz(func(t *testing.T, a, x, b, y string) {
		for name, values := range harmless(http.Header{a: {x, y}, b: {y}}) {
			require.False(t, slices.Contains(ours, name))
			require.True(t, token(name))
			for _, v := range values {
				require.NotContains(t, v, "\n")
				require.NotContains(t, v, "\r")
			}
		}
	})
}
