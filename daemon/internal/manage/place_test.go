package manage

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPlace_ComesBackAndNothingElseIsTaken(t *testing.T) {
	t.Parallel()
	w := setup(t)
	seen := map[string]bool{}
	for _, n := range []int64{0, 1, 2, 255, 1 << 40, math.MaxInt64} {
		text, err := w.SealPlace(n)
		require.NoError(t, err)
		require.False(t, seen[text[:10]], "places look alike")
		seen[text[:10]] = true
		got, err := w.OpenPlace(text)
		require.NoError(t, err)
		require.Equal(t, n, got)
		for i := range len(text) - 1 {
			other := byte('A')
			if text[i] == other {
				other = 'B'
			}
			_, err := w.OpenPlace(text[:i] + string(other) + text[i+1:])
			require.Error(t, err)
		}
		again, err := w.SealPlace(n)
		require.NoError(t, err)
		require.NotEqual(t, text, again)
		_, err = w.OpenPlace(text[:len(text)-4])
		require.Error(t, err)
	}
	_, err := w.OpenPlace(strings.Repeat("A", 43))
	require.Error(t, err)
}

func FuzzOpenPlace(f *testing.F) {
	f.Add("")
	f.Add(strings.Repeat("A", 43))
	f.Fuzz(func(t *testing.T, text string) {
		w := setup(t)
		_, err := w.OpenPlace(text)
		require.Error(t, err, "nobody makes a place without the key")
	})
}
