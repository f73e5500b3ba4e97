package manage

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// hooking is a world whose adapter takes calls of its ATS.
func hooking(t *testing.T) *world {
	t.Helper()
	w := setup(t)
	w.ats.manifest.Powers = append(w.ats.manifest.Powers, sdk.PowerHandleWebhook)
	return w
}

func TestHook_IsMadeWithTheConnectionAndShownToWhoAsks(t *testing.T) {
	t.Parallel()
	w := hooking(t)
	res, err := w.Connect(w.ctx(), adaRequest())
	require.NoError(t, err)
	require.NotNil(t, res.Hook)
	require.Regexp(t, "^/hooks/"+res.Connection.ID+"/[0-9a-f]{32}$", res.Hook.Path.Reveal())
	require.Equal(t, "https://ats-sync.example.com"+res.Hook.Path.Reveal(), res.Hook.URL.Reveal())
	require.Empty(t, res.Hook.Notice)
	h, err := w.Hook(w.ctx(), res.Connection.Name)
	require.NoError(t, err)
	require.Equal(t, *res.Hook, h)

	stored, err := w.store.Connection(t.Context(), res.Connection.ID)
	require.NoError(t, err)
	secret, err := w.OpenHook(stored)
	require.NoError(t, err)
	require.Equal(t, atssync.HookPath(stored.ID, secret), h.Path.Reveal())
	for what, v := range map[string]any{"record": stored, "answer": res, "view": res.Connection, "hook": h} {
		b, err := json.Marshal(v)
		require.NoError(t, err)
		require.NotContains(t, string(b), secret.Reveal(), what)
		require.NotContains(t, fmt.Sprintf("%v %+v %#v", v, v, v), secret.Reveal(), what)
	}
	req := adaRequest()
	req.DryRun = true
	req.Fields["api_key"] = "key-bob"
	dry, err := w.Connect(w.ctx(), req)
	require.NoError(t, err)
	require.Nil(t, dry.Hook)
}

func TestHook_TellsWhyTheAddressDoesNotWorkYet(t *testing.T) {
	t.Parallel()
	w := hooking(t)
	c := w.connect(adaRequest())
	w.o.Hooks = HookOptions{}
	h, err := w.Hook(w.ctx(), c.ID)
	require.NoError(t, err)
	require.Empty(t, h.URL)
	require.Contains(t, h.Notice, "set public_url of [http] in /etc/atssync/atssync.toml")
	w.o.Hooks = HookOptions{PublicURL: "https://ats-sync.example.com", Closed: true}
	h, err = w.Hook(w.ctx(), c.ID)
	require.NoError(t, err)
	require.Contains(t, h.Notice, "set listen and public_url")
}

func TestHook_ANewOneEndsTheOneBeforeAndIsWrittenDown(t *testing.T) {
	t.Parallel()
	w := hooking(t)
	c := w.connect(adaRequest())
	old, err := w.Hook(w.ctx(), c.ID)
	require.NoError(t, err)
	next, err := w.RotateHook(w.ctx(), c.ID)
	require.NoError(t, err)
	require.NotEqual(t, old.Path, next.Path)
	shown, err := w.Hook(w.ctx(), c.ID)
	require.NoError(t, err)
	require.Equal(t, next, shown)
	require.Equal(t, []string{"connection.create", "connection.rotate_hook"}, w.actions(c.ID))

	name := "Acme Ltd"
	_, err = w.Update(w.ctx(), c.ID, UpdateRequest{Name: &name})
	require.NoError(t, err)
	_, err = w.Repair(w.ctx(), c.ID, RepairRequest{Fields: fields("api_key", "key-ada2")})
	require.NoError(t, err)
	shown, err = w.Hook(w.ctx(), c.ID)
	require.NoError(t, err)
	require.Equal(t, next, shown, "other changes leave it")
}

func TestHook_EndsWithTheConnectionAndIsAnotherWhenItIsBack(t *testing.T) {
	t.Parallel()
	w := hooking(t)
	first, err := w.Connect(w.ctx(), adaRequest())
	require.NoError(t, err)
	_, err = w.Remove(w.ctx(), first.Connection.ID, 0)
	require.NoError(t, err)
	_, err = w.Hook(w.ctx(), first.Connection.ID)
	requireCode(t, err, atssync.CodeConflict, "was removed")
	_, err = w.RotateHook(w.ctx(), first.Connection.ID)
	requireCode(t, err, atssync.CodeConflict, "was removed")
	back, err := w.Connect(w.ctx(), adaRequest())
	require.NoError(t, err)
	require.True(t, back.Revived)
	require.Equal(t, first.Connection.ID, back.Connection.ID)
	require.NotEqual(t, first.Hook.Path, back.Hook.Path)
}

func TestHook_OfAnAdapterThatTakesNoneAndOfAConnectionFromBefore(t *testing.T) {
	t.Parallel()
	w := setup(t)
	res, err := w.Connect(w.ctx(), adaRequest())
	require.NoError(t, err)
	require.Nil(t, res.Hook)
	_, err = w.Hook(w.ctx(), res.Connection.ID)
	requireCode(t, err, atssync.CodeConflict, "takes no calls")
	_, err = w.RotateHook(w.ctx(), res.Connection.ID)
	requireCode(t, err, atssync.CodeConflict)

	w.ats.manifest.Powers = append(w.ats.manifest.Powers, sdk.PowerHandleWebhook) // a newer adapter
	_, err = w.Hook(w.ctx(), res.Connection.ID)
	requireCode(t, err, atssync.CodeNotFound, "atssync connections hook "+res.Connection.ID+" --rotate")
	made, err := w.RotateHook(w.ctx(), res.Connection.ID)
	require.NoError(t, err)
	w.ats.manifErr = sdk.ErrNotRunning
	shown, err := w.Hook(w.ctx(), res.Connection.ID)
	require.NoError(t, err, "it is shown while the adapter is gone")
	require.Equal(t, made, shown)
	_, err = w.Within(atssync.Scope{Accounts: []string{"globex"}}).Hook(w.ctx(), res.Connection.ID)
	requireCode(t, err, atssync.CodeNotFound)
}

func TestHook_AConnectionInTheFileHasOneAndKeepsIt(t *testing.T) {
	t.Parallel()
	w := hooking(t)
	w.apply([]FileConnection{fromFile()}, nil)
	h, err := w.RotateHook(w.ctx(), "acme-gh")
	require.NoError(t, err)
	f := fromFile()
	f.Name = "another"
	w.apply([]FileConnection{f}, nil)
	shown, err := w.Hook(w.ctx(), "acme-gh")
	require.NoError(t, err)
	require.Equal(t, h, shown)
}
