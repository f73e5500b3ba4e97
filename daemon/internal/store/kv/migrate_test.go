package kv_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/store/kv"
	"github.com/atssync/atssync/daemon/internal/store/memory"
)

// mark reads the format that a key space is marked with.
func mark(t *testing.T, e kv.Engine) int {
	t.Helper()
	var out int
	require.NoError(t, e.View(t.Context(), func(r kv.Reader) error {
		v, err := r.Value(kv.KeyFormat())
		out = kv.Number(v)
		return err
	}))
	return out
}

func TestPrepare_BringsOldDataForwardStepByStep(t *testing.T) {
	t.Parallel()
	e := memory.New()
	require.NoError(t, kv.PrepareTo(t.Context(), e, 3, nil), "a new one has no past")
	require.Equal(t, 3, mark(t, e))
	var ran []int
	down := true
	steps := map[int]kv.Migration{
		3: func(context.Context, kv.Engine) error { ran = append(ran, 3); return nil },
		4: func(context.Context, kv.Engine) error {
			ran = append(ran, 4)
			if down {
				return errors.New("the disk is full")
			}
			return nil
		},
	}
	err := kv.PrepareTo(t.Context(), e, 5, steps)
	require.ErrorContains(t, err, "from format 4 to 5; the next start goes on with it: the disk is full")
	require.Equal(t, 4, mark(t, e), "what is done is done")
	down = false
	require.NoError(t, kv.PrepareTo(t.Context(), e, 5, steps))
	require.Equal(t, []int{3, 4, 4}, ran)
	require.Equal(t, 5, mark(t, e))
	require.NoError(t, kv.PrepareTo(t.Context(), e, 5, steps))
	require.Len(t, ran, 3)
}

func TestPrepare_RefusesWhatItCannotRead(t *testing.T) {
	t.Parallel()
	e := memory.New()
	require.NoError(t, kv.PrepareTo(t.Context(), e, 7, nil))
	err := kv.PrepareTo(t.Context(), e, 6, nil)
	require.Equal(t, atssync.CodeConflict, atssync.CodeOf(err))
	require.ErrorContains(t, err, "format 7, this one reads up to 6")
	err = kv.PrepareTo(t.Context(), e, 9, map[int]kv.Migration{8: nil})
	require.ErrorContains(t, err, "format 7, which this program cannot bring to 9")
	require.Equal(t, 7, mark(t, e))
}

// Every format from the first one on has its way to this one.
func TestMigrations_LeaveNoGap(t *testing.T) {
	t.Parallel()
	require.Len(t, kv.Migrations, kv.Format()-1)
	for from := 1; from < kv.Format(); from++ {
		require.NotNil(t, kv.Migrations[from], "from format %d", from)
	}
}
