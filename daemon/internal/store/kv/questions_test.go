package kv_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/store/kv"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

func TestQuestions_OneFromBeforeThereWasAnIndexIsListedOnceItIsReadAgain(t *testing.T) {
	t.Parallel()
	s, engine, c := setup(t, kv.Options{})
	d := document(c, "app-1")
	got, err := s.Import(t.Context(), d, atssync.NewApplication(d.Submission, atssync.Receipt{CandidateID: "c1", ApplicationID: "a1"}, "Engineer", now), now)
	require.NoError(t, err)
	id := got.Submission.ID
	require.NoError(t, s.Heartbeat(t.Context(), "owner", now.Add(time.Hour), now))
	leases, err := s.Acquire(t.Context(), "owner", []string{c.ID}, now)
	require.NoError(t, err)
	store := func(change func(*atssync.Application)) {
		a, err := s.Application(t.Context(), id)
		require.NoError(t, err)
		was := a.Version
		change(&a)
		n, err := s.RecordReadings(t.Context(), leases[0], []atssync.ApplicationChange{{Application: a, Was: was}}, nil, now)
		require.NoError(t, err)
		require.Equal(t, 1, n)
	}
	open := func() int {
		page, err := s.Applications(t.Context(), atssync.ApplicationQuery{Connection: c.ID, Question: true})
		require.NoError(t, err)
		return len(page.Items)
	}
	store(func(a *atssync.Application) {
		a.Question, a.SeenAt, a.Visibility = "Which is it?", now, atssync.NotVisible
	})
	require.NoError(t, engine.Update(t.Context(), func(w kv.Writer) error { w.Delete(kv.KeyQuestion(c.ID, id)); return nil }))
	require.Zero(t, open())
	store(func(a *atssync.Application) {
		changed, events := a.ApplyReadings([]sdk.Reading{{CandidateID: "c1"}}, atssync.Rules{}, now)
		require.True(t, changed)
		require.Empty(t, events, "nothing new is told")
	})
	require.Equal(t, 1, open())
	_, err = s.AnswerQuestion(t.Context(), id, atssync.AnswerQuestion{Version: 3}, now)
	require.NoError(t, err)
	require.Zero(t, open())
}
