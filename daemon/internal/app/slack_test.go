package app

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSlack_GivesBackOnceABurstIsOver(t *testing.T) {
	t.Parallel()
	var allocated uint64
	var gaveBack []int
	second := 0
	s := &slack{allocated: func() uint64 { return allocated }, giveBack: func() { gaveBack = append(gaveBack, second) }}
	pass := func(seconds int, each uint64) {
		for range seconds {
			second++
			allocated += each
			s.look()
		}
	}
	pass(100, quietBytes)
	require.Empty(t, gaveBack, "nothing happened yet")
	pass(10, burstBytes) // until second 110
	pass(2, 0)
	pass(1, burstBytes) // 113: it goes on
	require.Empty(t, gaveBack, "it was in use")
	pass(100, quietBytes)
	require.Equal(t, []int{116, 138}, gaveBack)
	pass(1, quietBytes+1)
	pass(100, 0)
	require.Len(t, gaveBack, 2, "a little is not worth it")
}

func TestSlack_MeasuresTheProcess(t *testing.T) {
	t.Parallel()
	s := newSlack()
	before := s.allocated()
	kept := make([]byte, 1<<20)
	require.GreaterOrEqual(t, s.allocated(), before+uint64(len(kept)))
}
