package manage

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

func TestErase_ByEmailReachesEveryAccountWithinTheScopeAndNamesNobody(t *testing.T) {
	t.Parallel()
	w, c, sub := linked(t)
	other := adaRequest()
	other.Account, other.Fields = "globex", fields("api_key", "key-bob", "user_email", "bob@example.com")
	o := w.connect(other)
	theirs := w.accept(o, "app-1", "eng")
	_, err := w.Remove(w.ctx(), o.ID, 0)
	require.NoError(t, err)

	acme := w.Within(atssync.Scope{Accounts: []string{"acme"}})
	e, err := acme.Erase(w.ctx(), EraseRequest{Email: " ADA@example.com "})
	require.NoError(t, err)
	require.Equal(t, "done", e.State)
	require.Len(t, e.Erased, 1)
	require.Equal(t, sub.ID, e.Erased[0].Submission)
	require.Equal(t, c.Name, e.Erased[0].ConnectionName)
	require.Equal(t, atssync.CopyNone, e.Erased[0].Copy)
	require.Equal(t, e.FinishedAt, e.BackupsBefore)
	require.Zero(t, w.state(theirs.ID).Erasure, "another account's is not touched")
	_, err = w.Within(atssync.Scope{Accounts: []string{"globex"}}).Erasure(w.ctx(), e.ID)
	requireCode(t, err, atssync.CodeNotFound)
	_, err = acme.Erase(w.ctx(), EraseRequest{Email: "ada@example.com", Account: "globex"})
	requireCode(t, err, atssync.CodeNotFound)

	e, err = w.Erase(w.ctx(), EraseRequest{Person: "ada"})
	require.NoError(t, err)
	require.Len(t, e.Erased, 1, "of a removed connection")
	require.Equal(t, theirs.ID, e.Erased[0].Submission)
	list, err := w.Erasures(w.ctx(), false, atssync.Paging{})
	require.NoError(t, err)
	require.Len(t, list.Items, 2)
	b, err := json.Marshal(list)
	require.NoError(t, err)
	audit, err := w.Audit(w.ctx(), "", atssync.Paging{})
	require.NoError(t, err)
	a, err := json.Marshal(audit)
	require.NoError(t, err)
	for _, text := range []string{string(a), string(b)} {
		require.NotContains(t, text, "ada@")
		require.NotContains(t, text, "app-1")
	}
	require.Equal(t, []string{"erasure.create"}, w.actions(e.ID))
}

func TestErase_WhatIsUncertainIsPendingWithWhoseTurnItIs(t *testing.T) {
	t.Parallel()
	w, c, sub := linked(t)
	w.uncertain(sub)
	e, err := w.Erase(w.ctx(), EraseRequest{ExternalID: "app-1", Connection: c.Name})
	require.NoError(t, err)
	require.Equal(t, "pending", e.State)
	require.Zero(t, e.BackupsBefore)
	require.Equal(t, atssync.StateUncertain, e.Waiting[0].State)
	require.Equal(t, sdk.TurnOperator, e.Waiting[0].WhoseTurn)
	require.Contains(t, e.Waiting[0].Remedy, "atssync resolve "+sub.ID)
	again, err := w.Erase(w.ctx(), EraseRequest{ExternalID: "app-1", Connection: c.ID})
	require.NoError(t, err)
	require.Equal(t, e.ID, again.ID)

	_, err = w.Resolve(w.ctx(), ResolveRequest{ID: sub.ID, Action: atssync.ResolvedGiveUp})
	require.NoError(t, err)
	again, err = w.Erase(w.ctx(), EraseRequest{ExternalID: "app-1", Connection: c.ID})
	require.NoError(t, err)
	require.Equal(t, e.ID, again.ID)
	require.Equal(t, "done", again.State)
	require.Equal(t, atssync.CopyPossible, again.Erased[0].Copy)
	require.Equal(t, sdk.TurnEmployer, again.Erased[0].WhoseTurn)
	shown, err := w.Submission(w.ctx(), sub.ID, true)
	require.NoError(t, err)
	require.Nil(t, shown.Document)
	require.Empty(t, shown.ExternalID)
	require.NotZero(t, shown.ErasedAt)
	require.Equal(t, e.ID, shown.Erasure)
}

func TestErase_RefusesWhatNamesNobodyOrTwo(t *testing.T) {
	t.Parallel()
	w, c, _ := linked(t)
	for path, req := range map[string]EraseRequest{
		"external_id": {},
		"connection":  {ExternalID: "app-1"},
		"account":     {ExternalID: "app-1", Connection: c.ID, Account: "acme"},
		"email":       {Email: "ada"},
	} {
		_, err := w.Erase(w.ctx(), req)
		requireCode(t, err, atssync.CodeInvalid, path+": ")
	}
	_, err := w.Erase(w.ctx(), EraseRequest{Person: "ada", Email: "ada@example.com"})
	requireCode(t, err, atssync.CodeInvalid, "exactly one")
	_, err = w.Erase(w.ctx(), EraseRequest{Person: "ada", Connection: c.ID})
	requireCode(t, err, atssync.CodeInvalid, "connection: ")
	_, err = w.Erase(w.ctx(), EraseRequest{ExternalID: "app-9", Connection: c.ID})
	requireCode(t, err, atssync.CodeNotFound)
	_, err = w.Erase(w.ctx(), EraseRequest{ExternalID: "app-1", Connection: "nobody"})
	requireCode(t, err, atssync.CodeNotFound)
	_, err = w.Erasure(context.Background(), "era_none")
	requireCode(t, err, atssync.CodeNotFound)
}
