package kv_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/store/kv"
)

// Whatever writes what a survey shows says so after its commit, and what is refused says nothing.
func TestTouched_TellsWhichConnectionsWereWritten(t *testing.T) {
	t.Parallel()
	var got []string
	s, _, c := setup(t, kv.Options{SoleOwner: true, Touched: func(ids []string) { got = append(got, ids...) }})
	require.Contains(t, got, c.ID, "it was made")
	now := time.Now().UTC()
	touches := func(do func() error) bool {
		got = nil
		require.NoError(t, do())
		return slices.Contains(got, c.ID)
	}
	require.NoError(t, s.Heartbeat(t.Context(), "owner", now.Add(time.Minute), now))
	var lease atssync.Lease
	touches(func() error {
		leases, err := s.Acquire(t.Context(), "owner", []string{c.ID}, now)
		if err == nil {
			lease = leases[0]
		}
		return err
	})
	require.True(t, touches(func() error {
		_, err := s.Accept(t.Context(), []atssync.NewSubmission{{Submission: atssync.Submission{
			ID: "sub_touched", Connection: c.ID, ExternalKey: "key-touched", PlatformJob: "job",
		}}}, now)
		return err
	}), "counters")
	require.True(t, touches(func() error {
		_, err := s.UpdateLane(t.Context(), lease, func(l *atssync.Lane) []atssync.EventDraft {
			return l.Fail(atssync.OpSubmit, "auth", &atssync.Trouble{Message: "no"}, now)
		}, now)
		return err
	}), "the lane")
	require.True(t, touches(func() error {
		_, err := s.RecordReadings(t.Context(), lease, nil, &atssync.Checkpoint{Connection: c.ID, Operation: atssync.OpRead, AdvancedAt: now}, now)
		return err
	}), "a checkpoint")
	require.False(t, touches(func() error { return s.Heartbeat(t.Context(), "owner", now.Add(time.Hour), now) }))
	got = nil
	_, err := s.RecordReadings(t.Context(), atssync.Lease{Connection: c.ID}, nil, &atssync.Checkpoint{Connection: c.ID, Operation: atssync.OpRead}, now)
	require.ErrorIs(t, err, atssync.ErrFenced)
	require.Empty(t, got)
}
