package app

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/store/kv"
	"github.com/atssync/atssync/daemon/internal/store/memory"
)

// tasksOf shows one task and notes that it is worked off.
type tasksOf struct {
	upkeepStore
	task   atssync.Task
	worked int
}

func (s *tasksOf) Tasks(context.Context, string) ([]atssync.Task, error) {
	return []atssync.Task{s.task}, nil
}

func (s *tasksOf) WorkTask(context.Context, string, int, time.Time) (done, wake bool, err error) {
	s.worked++
	return true, false, nil
}

func TestUpkeep_WaitsForATasksTimeAndNotForAClockThatWasAhead(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name   string
		wait   time.Duration
		worked int
	}{
		{"due", 0, 1},
		{"late", -time.Hour, 1},
		{"its next share", 30 * time.Second, 0},
		{"written a day ahead", 24 * time.Hour, 1},
		{"written a century ahead", 100 * 365 * 24 * time.Hour, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := &tasksOf{
				upkeepStore: kv.New(memory.New(), kv.Options{}),
				task:        atssync.Task{ID: "tsk_1", Kind: atssync.TaskRelease, PerMinute: 60, NextAt: now.Add(c.wait)},
			}
			u := newUpkeep(s, slog.New(slog.DiscardHandler), func(string) {}, func(context.Context, time.Time) error { return nil })
			require.NoError(t, u.work(t.Context(), now))
			require.Equal(t, c.worked, s.worked)
		})
	}
}
