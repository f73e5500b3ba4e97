package api

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestStacks_TellFunctionsAndLinesAndNoValues(t *testing.T) {
	t.Parallel()
	in := `goroutine 7 [select, 3 minutes]:
example.com/x.(*T).Do(0xc0001a2b40, {0x7365637265740a, 0x6}, 0x1)
	/src/x.go:12 +0x1d
example.com/x.keys({{0x6b, 0x65, 0x79}})
	/src/x.go:13 +0x1d
example.com/x.none()
	/src/x.go:14 +0x1d
example.com/x.more(...)
	/src/x.go:15 +0x1d
created by example.com/x.(*T).Start in goroutine 1
	/src/x.go:9 +0x5f
`
	require.Equal(t, `goroutine 7 [select, 3 minutes]:
example.com/x.(*T).Do(…)
	/src/x.go:12 +0x1d
example.com/x.keys(…)
	/src/x.go:13 +0x1d
example.com/x.none()
	/src/x.go:14 +0x1d
example.com/x.more(…)
	/src/x.go:15 +0x1d
created by example.com/x.(*T).Start in goroutine 1
	/src/x.go:9 +0x5f
`, withoutValues([]byte(in)))
	require.Less(t, len(withoutValues(make([]byte, 2*maxStacks))), maxStacks+10)
}

func TestDiagnostics_TellOfTheProcess(t *testing.T) {
	t.Parallel()
	w := setup(t)
	d, err := w.Diagnostics(t.Context())
	require.NoError(t, err)
	require.Equal(t, "1.2.3", d.Version)
	require.Positive(t, d.PID)
	require.Positive(t, d.Goroutines)
	require.Positive(t, d.Memory.System)
	require.Contains(t, d.Stacks, "(*server).diagnose")
	require.NotContains(t, d.Stacks, "(0x")
}
