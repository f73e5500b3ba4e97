package api

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/intake"
	"github.com/atssync/atssync/daemon/internal/manage"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

func TestHook_IsToldWhenItIsMadeAskedForAndRotated(t *testing.T) {
	t.Parallel()
	w, ctx := setup(t), t.Context()
	w.ats.manifest.Powers = append(w.ats.manifest.Powers, sdk.PowerHandleWebhook)
	res, err := w.Connect(ctx, ConnectRequest{Account: "acme", Adapter: "fake", Fields: map[string]Secret{"api_key": goodKey, "user": "ada@example.com"}})
	require.NoError(t, err)
	require.NotNil(t, res.Hook)
	require.Equal(t, "https://ats-sync.example.com"+res.Hook.Path, res.Hook.URL)
	require.Empty(t, res.Hook.Notice)
	h, err := w.Hook(ctx, res.Connection.ID)
	require.NoError(t, err)
	require.Equal(t, *res.Hook, h)
	next, err := w.RotateHook(ctx, res.Connection.ID)
	require.NoError(t, err)
	require.NotEqual(t, h.Path, next.Path)
	require.Regexp(t, "^/hooks/"+res.Connection.ID+"/[0-9a-f]{32}$", next.Path)
	for _, secret := range []string{h.Path[len(h.Path)-32:], next.Path[len(next.Path)-32:]} {
		require.NotContains(t, w.log.String(), secret)
	}

	got, err := w.do(ctx, request{path: connectionPath(res.Connection.ID) + "/hook"})
	require.NoError(t, err)
	require.NoError(t, got.Body.Close())
	require.Equal(t, "no-store", got.Header.Get("Cache-Control"))
	_, err = w.Hook(ctx, "nobody")
	requireCode(t, err, atssync.CodeNotFound)
}

func TestHook_IsForAdministratorsAlone(t *testing.T) {
	t.Parallel()
	for _, power := range []atssync.TokenPower{atssync.TokenRead, atssync.TokenSubmit} {
		h, err := New(Options{
			Manage: manage.New(manage.Options{}), Intake: intake.New(intake.Options{}), Logger: slog.New(slog.DiscardHandler),
			Authenticate: func(*http.Request) (Caller, error) {
				return Caller{Token: &atssync.Token{ID: "tok_1", Powers: []atssync.TokenPower{power}}}, nil
			},
		})
		require.NoError(t, err)
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			rec := httptest.NewRecorder()
			h.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), method, "/v1/connections/con_1/hook", nil))
			require.Equal(t, http.StatusForbidden, rec.Code, "%s %s", method, power)
		}
	}
}
