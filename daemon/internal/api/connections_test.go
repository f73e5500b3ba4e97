package api

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

func TestConnect_SavesOnlyWhatWorksAndTellsWhoseTurnItIs(t *testing.T) {
	t.Parallel()
	w := setup(t)
	req := ConnectRequest{Account: "acme", Name: "Acme", Adapter: "fake", Fields: map[string]Secret{"api_key": "wrong", "user": "ada@example.com"}}
	_, err := w.Connect(t.Context(), req)
	e := requireCode(t, err, atssync.CodeCheckFailed)
	require.NotEmpty(t, e.Checks)
	require.Equal(t, "the key is not accepted", e.Checks[0].Cause)
	require.EqualValues(t, "employer", e.Checks[0].WhoseTurn)
	require.Equal(t, "make a new key", e.Checks[0].Remedy)

	req.Fields["api_key"] = goodKey
	req.DryRun = true
	res, err := w.Connect(t.Context(), req)
	require.NoError(t, err)
	require.True(t, res.DryRun)
	page, err := w.Connections(t.Context(), ConnectionQuery{})
	require.NoError(t, err)
	require.Empty(t, page.Items, "a dry run and a failed check save nothing")

	req.DryRun = false
	res, err = w.Connect(t.Context(), req)
	require.NoError(t, err)
	require.Equal(t, "Acme", res.Connection.Name)
	require.Equal(t, "ada@example.com", res.Connection.ActingUser.Email)
	require.Equal(t, 2, res.Connection.JobsVisible)
	_, err = w.Connect(t.Context(), req)
	requireCode(t, err, atssync.CodeExists)

	b, err := json.Marshal(res)
	require.NoError(t, err)
	require.NotContains(t, string(b), goodKey)
	require.NotContains(t, w.log.String(), goodKey)
}

func TestConnect_MissingFieldsAreNamed(t *testing.T) {
	t.Parallel()
	w := setup(t)
	_, err := w.Connect(t.Context(), ConnectRequest{Account: "acme", Adapter: "fake", Fields: map[string]Secret{"api_key": goodKey}})
	e := requireCode(t, err, atssync.CodeInvalid)
	require.NotEmpty(t, e.Fields)
	_, err = w.Connect(t.Context(), ConnectRequest{Adapter: "fake"})
	e = requireCode(t, err, atssync.CodeInvalid)
	require.Equal(t, "account", e.Fields[0].Path)
}

func TestConnection_LivesThroughItsChanges(t *testing.T) {
	t.Parallel()
	w, ctx := setup(t), t.Context()
	c := w.connected("acme", "ada@example.com")

	name, policy := "Acme Ltd", "hold"
	changed, err := w.UpdateConnection(ctx, c.ID, UpdateRequest{Version: c.Version, Name: &name, OnUncertain: &policy})
	require.NoError(t, err)
	require.Equal(t, name, changed.Name)
	_, err = w.UpdateConnection(ctx, c.ID, UpdateRequest{Version: c.Version, Name: &name})
	requireCode(t, err, atssync.CodeChanged)

	paused, err := w.PauseConnection(ctx, c.ID, "holidays", changed.Version)
	require.NoError(t, err)
	require.Equal(t, atssync.ConnectionPaused, paused.State)
	require.Equal(t, "holidays", paused.PausedReason)
	_, err = w.ResumeConnection(ctx, c.ID, c.Version)
	requireCode(t, err, atssync.CodeChanged)
	resumed, err := w.ResumeConnection(ctx, c.ID, 0)
	require.NoError(t, err)
	require.Equal(t, atssync.ConnectionActive, resumed.State)

	check, err := w.CheckConnection(ctx, c.ID)
	require.NoError(t, err)
	require.True(t, check.OK)
	w.ats.down = true
	_, err = w.CheckConnection(ctx, c.ID)
	requireCode(t, err, atssync.CodeAdapter)
	w.ats.down = false

	_, err = w.RepairConnection(ctx, c.ID, RepairRequest{Fields: map[string]Secret{"api_key": "wrong"}})
	requireCode(t, err, atssync.CodeCheckFailed)
	_, err = w.RepairConnection(ctx, c.ID, RepairRequest{Fields: map[string]Secret{"api_key": "key-new"}})
	require.NoError(t, err)

	pools, err := w.Pools(ctx, c.ID)
	require.NoError(t, err)
	require.Equal(t, "Cold", pools[0].Stages[0].Name)
	terms, err := w.Vocabulary(ctx, c.ID)
	require.NoError(t, err)
	require.Equal(t, "Phone screen", terms[0].Name)

	byName, err := w.Connection(ctx, "Acme Ltd")
	require.NoError(t, err)
	require.Equal(t, c.ID, byName.ID)
	removed, err := w.RemoveConnection(ctx, c.ID)
	require.NoError(t, err)
	require.Equal(t, atssync.ConnectionRemoved, removed.State)

	audit, err := w.Audit(ctx, c.ID, "", 0)
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(audit.Items), 5)
	require.Contains(t, audit.Items[0].Actor.Name, fmt.Sprintf("uid:%d", os.Getuid()))
	require.Equal(t, "socket", audit.Items[0].Actor.Via)
	require.NotContains(t, w.log.String(), goodKey)
}

func TestConnections_ArePagedAndFiltered(t *testing.T) {
	t.Parallel()
	w, ctx := setup(t), t.Context()
	for i := range 5 {
		w.connected(fmt.Sprintf("account-%d", i%2), fmt.Sprintf("u%d@example.com", i))
	}
	seen := map[string]bool{}
	for c, err := range All("", func(after string) (Page[Connection], error) {
		q := ConnectionQuery{}
		q.After, q.Limit = after, 2
		return w.Connections(ctx, q)
	}) {
		require.NoError(t, err)
		require.False(t, seen[c.ID])
		seen[c.ID] = true
	}
	require.Len(t, seen, 5)
	page, err := w.Connections(ctx, ConnectionQuery{Account: "account-1"})
	require.NoError(t, err)
	require.Len(t, page.Items, 2)

	health, err := w.Health(ctx, HealthQuery{All: true})
	require.NoError(t, err)
	require.Len(t, health.Items, 20, "four operations a connection")
	health, err = w.Health(ctx, HealthQuery{})
	require.NoError(t, err)
	require.Empty(t, health.Items)

	adapters, err := w.Adapters(ctx)
	require.NoError(t, err)
	require.Equal(t, 4711, adapters[0].PID)
	one, err := w.Adapter(ctx, "fake")
	require.NoError(t, err)
	require.Equal(t, "Fake ATS", one.Manifest.Label)
	_, err = w.Adapter(ctx, "none")
	requireCode(t, err, atssync.CodeNotFound)
}
