package cli

import (
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestVersion_TakesTheStampsOfGoInstall(t *testing.T) {
	t.Parallel()
	var b build
	b.stamps([]debug.BuildSetting{
		{Key: "GOOS", Value: "linux"},
		{Key: "vcs.revision", Value: "8235786d65e1d9e144c838df06c7ffca8ede6e55"},
		{Key: "vcs.time", Value: "2026-11-28T21:19:11Z"},
		{Key: "vcs.modified", Value: "true"},
	})
	require.Equal(t, build{Commit: "8235786d65e1d9e144c838df06c7ffca8ede6e55", Time: "2026-11-28T21:19:11Z", Modified: true}, b)
}
