package api

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

func TestErasures_OneIsAskedForReadAndListed(t *testing.T) {
	t.Parallel()
	w, ctx := setup(t), t.Context()
	c := w.connected("acme", "ada@example.com")
	w.linked(c, "job-1")
	s := w.submitted(c, "app-1", "job-1")
	e, err := w.Erase(ctx, EraseRequest{ExternalID: "app-1", Connection: c.Name})
	require.NoError(t, err)
	require.Equal(t, s.ID, e.Erased[0].Submission)
	got, err := w.Erasure(ctx, e.ID)
	require.NoError(t, err)
	require.Equal(t, e, got)
	page, err := w.Erasures(ctx, false, "", 0)
	require.NoError(t, err)
	require.Equal(t, []Erasure{e}, page.Items)
	page, err = w.Erasures(ctx, true, "", 0)
	require.NoError(t, err)
	require.Empty(t, page.Items)

	_, err = w.Submit(ctx, document(c.ID, "app-1", "job-1"))
	refusal := requireCode(t, err, atssync.CodeGone)
	require.Contains(t, refusal.Message, e.ID)
	_, err = w.Erase(ctx, EraseRequest{Person: "p", Email: "ada@example.com"})
	require.NotContains(t, requireCode(t, err, atssync.CodeInvalid).Error(), "ada@", "a refusal echoes nobody")
	_, err = w.Erasure(ctx, "era_none")
	requireCode(t, err, atssync.CodeNotFound)
}

func TestEvents_APlaceThatWasDroppedIsAProblemThatTellsWhereToGoOn(t *testing.T) {
	t.Parallel()
	w, ctx := setup(t), t.Context()
	c := w.connected("acme", "ada@example.com")
	for _, id := range []string{"a", "b", "c"} {
		w.submitted(c, id, "job-1")
	}
	now := time.Now().UTC()
	_, next, err := w.store.DropEvents(ctx, atssync.DropQuery{Before: now.Add(time.Hour), Limit: 2}, now)
	require.NoError(t, err)
	require.NotEmpty(t, next)
	for _, q := range []EventQuery{{Connection: c.ID, After: "1"}, {Connection: c.ID, After: "0"}, {After: "e11"}} {
		_, err := w.Events(ctx, q)
		e := requireCode(t, err, atssync.CodeGone)
		require.Len(t, e.Fields, 1)
		want := "after=e12;"
		if q.Connection != "" {
			want = "after=2;"
		}
		require.Contains(t, e.Remedy, want)
	}
	for _, q := range []EventQuery{{Connection: c.ID}, {Connection: c.ID, After: "2"}, {}, {After: "e12"}} {
		page, err := w.Events(ctx, q)
		require.NoError(t, err)
		require.Len(t, page.Items, 1)
		require.EqualValues(t, 3, page.Items[0].Sequence)
	}
}
