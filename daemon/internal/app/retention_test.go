package app

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/config"
	"github.com/atssync/atssync/daemon/internal/atssync"
)

// shares plays a store with so many things to drop, which fails at a share of its choice.
type shares struct {
	left, asked int
	failAt      int
	before      time.Time
}

func (s *shares) DropPayloads(_ context.Context, q atssync.DropQuery, _ time.Time) (int, string, error) {
	s.asked++
	s.before = q.Before
	if s.asked == s.failAt {
		return 0, "", errors.New("the disk is full")
	}
	n := min(q.Limit, s.left)
	if s.left -= n; s.left == 0 {
		return n, "", nil
	}
	return n, "more", nil
}

func (s *shares) DropEvents(context.Context, atssync.DropQuery, time.Time) (int, string, error) {
	return 7, "", nil
}

func (s *shares) DropConnectLinks(context.Context, atssync.DropQuery, time.Time) (int, string, error) {
	return 3, "", nil
}

func TestDropOld_WorksToTheEndAndAFailureOfOneLeavesTheOther(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	c := config.Retention{Payload: 24 * time.Hour, Events: 48 * time.Hour}
	s := &shares{left: 2*dropShare + 1}
	got, err := dropOld(t.Context(), s, c, now)
	require.NoError(t, err)
	require.Equal(t, dropped{2*dropShare + 1, 7, 3}, got)
	require.Equal(t, 3, s.asked)
	require.Equal(t, now.Add(-24*time.Hour), s.before)

	s = &shares{left: 5 * dropShare, failAt: 2}
	got, err = dropOld(t.Context(), s, c, now)
	require.ErrorContains(t, err, "full")
	require.Equal(t, dropped{dropShare, 7, 3}, got, "what was dropped before is told")
}
