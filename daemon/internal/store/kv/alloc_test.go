package kv_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Accepting is most of what intake costs. The memory engine's own share is in the number.
//
//nolint:paralleltest // allocations are counted for the whole process.
func TestAccept_AllocatesLittle(t *testing.T) {
	const each = 80
	w := newBench(t)
	for _, n := range []int{50, 500} {
		in := w.documents(n)
		made := testing.AllocsPerRun(1, func() { in = w.documents(n) })
		got := testing.AllocsPerRun(10, func() { w.accept(t, n) }) - made
		require.LessOrEqual(t, got/float64(len(in)), float64(each), "%d at once", n)
	}
}
