package app

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every connection has its turn, and no turn has many more than another.
func TestPart_SpreadsConnections(t *testing.T) {
	t.Parallel()
	const parts, connections = 15, 15_000
	var have [parts]int
	for i := range connections {
		have[part(fmt.Sprintf("con_%05d", i), parts)]++
	}
	for p, n := range have {
		require.InDelta(t, connections/parts, n, 200, "part %d", p)
	}
}
