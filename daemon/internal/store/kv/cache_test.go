package kv_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/store/kv"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// A store that has a record decoded answers as one that has to decode it, through a whole attempt.
func TestCache_AnswersAsADecodedRecordWould(t *testing.T) {
	t.Parallel()
	s, e, c := setup(t, kv.Options{})
	other := func() *kv.Store { return kv.New(e.Engine, kv.Options{}) } // nothing decoded yet
	_, _, err := s.PutJobLink(t.Context(), atssync.PutJobLink{Link: atssync.JobLink{Connection: c.ID, PlatformJob: "job", ATSJob: "1", As: sdk.AsCandidate}}, 0, now)
	require.NoError(t, err)
	require.NoError(t, s.Heartbeat(t.Context(), "daemon", now.Add(time.Hour), now))
	leases, err := s.Acquire(t.Context(), "daemon", []string{c.ID}, now)
	require.NoError(t, err)
	doc := document(c, "application-1")
	doc.Submission.PlatformJob, doc.Submission.PersonKeys, doc.Submission.ExpiresAt = "job", []string{"a", "b"}, time.Now().Add(time.Hour)
	accepted, err := s.Accept(t.Context(), []atssync.NewSubmission{doc}, now)
	require.NoError(t, err)
	id := accepted[0].Submission.ID
	same := func() {
		t.Helper()
		got, err := s.Submission(t.Context(), id)
		require.NoError(t, err)
		want, err := other().Submission(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, want, got)
		attempts, err := s.Attempts(t.Context(), id)
		require.NoError(t, err)
		decoded, err := other().Attempts(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, decoded, attempts)
		ledger, err := s.Ledger(t.Context(), c.ID)
		require.NoError(t, err)
		counted, err := other().Ledger(t.Context(), c.ID)
		require.NoError(t, err)
		require.Equal(t, counted, ledger)
	}
	same()

	due, _, err := s.NextSubmissions(t.Context(), leases[0], 1, now.Add(time.Second))
	require.NoError(t, err)
	require.Len(t, due, 1)
	local := time.Now() // with a zone and a monotonic clock, as a careless caller has it
	begun, err := s.BeginAttempts(t.Context(), leases[0], []atssync.BeginAttempt{{Submission: id, Revision: 1, ATSJob: "1", As: sdk.AsCandidate}}, local)
	require.NoError(t, err)
	require.Len(t, begun, 1)
	same()
	trouble := &atssync.Trouble{Kind: sdk.KindInvalid, Message: "no", Fields: []atssync.FieldError{{Path: "person", Message: "no"}}}
	require.NoError(t, s.FinishAttempts(t.Context(), leases[0], []atssync.Finish{{
		Submission: id, Attempt: begun[0].Number, To: atssync.StateRefused, Trouble: trouble,
		Exchanges: []sdk.Exchange{{Method: "POST", Endpoint: "/candidates", Status: 422}},
	}}, nil, local))
	same()
}

// What a store hands out is the caller's: changing it changes no later answer.
func TestCache_AnswersAreTheCallersOwn(t *testing.T) {
	t.Parallel()
	s, _, c := setup(t, kv.Options{})
	doc := document(c, "application-1")
	doc.Submission.PersonKeys = []string{"a", "b"}
	accepted, err := s.Accept(t.Context(), []atssync.NewSubmission{doc}, now)
	require.NoError(t, err)
	id := accepted[0].Submission.ID
	want, err := s.Submission(t.Context(), id)
	require.NoError(t, err)
	spoiled, err := s.Submission(t.Context(), id)
	require.NoError(t, err)
	spoiled.State, spoiled.PersonKeys[0] = atssync.StateSubmitted, "spoiled"
	got, err := s.Submission(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, atssync.StateHeld, got.State)
	require.Equal(t, []string{"a", "b"}, got.PersonKeys)
	require.Equal(t, want.UpdatedAt, got.UpdatedAt)

	ledger, err := s.Ledger(t.Context(), c.ID)
	require.NoError(t, err)
	ledger.States[atssync.StateHeld] = 99
	again, err := s.Ledger(t.Context(), c.ID)
	require.NoError(t, err)
	require.EqualValues(t, 1, again.States[atssync.StateHeld])
}
