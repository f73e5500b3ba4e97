package atssync_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

func TestLedger_AllowedMovesKeepItBalanced(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		var l atssync.Ledger
		var subs []atssync.Submission
		for range rapid.IntRange(1, 60).Draw(rt, "steps") {
			to := rapid.SampledFrom(atssync.States()).Draw(rt, "to")
			if i := rapid.IntRange(0, len(subs)).Draw(rt, "submission"); i < len(subs) {
				from := subs[i].State
				if subs[i].Move(to, "", now) == nil {
					l.Count(from, to)
				}
			} else {
				subs = append(subs, atssync.Submission{State: to})
				l.Count("", to)
			}
			require.True(rt, l.Balanced())
		}
		require.EqualValues(rt, len(subs), l.Sum())
		want := map[atssync.State]int64{}
		for _, s := range subs {
			want[s.State]++
		}
		for _, s := range atssync.States() {
			require.Equal(rt, want[s], l.States[s])
		}
	})
}

func TestLedger_AMissingOrNegativeCounterIsSeen(t *testing.T) {
	t.Parallel()
	l := atssync.Ledger{Accepted: 2, States: map[atssync.State]int64{atssync.StateQueued: 1}}
	require.False(t, l.Balanced())
	l.States[atssync.StateSubmitted] = 2
	l.States[atssync.StateHeld] = -1
	require.EqualValues(t, 2, l.Sum())
	require.False(t, l.Balanced(), "two wrongs add up and are seen all the same")
}

func TestLedger_AddsUpOverConnections(t *testing.T) {
	t.Parallel()
	var total atssync.Ledger
	for range 3 {
		var l atssync.Ledger
		l.Count("", atssync.StateQueued)
		l.Count(atssync.StateQueued, atssync.StateSending)
		total.Add(l)
	}
	require.EqualValues(t, 3, total.Accepted)
	require.EqualValues(t, 3, total.States[atssync.StateSending])
	require.True(t, total.Balanced())
}
