package main

import (
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/adapters/reference/simulator"
	"github.com/atssync/atssync/plugin-sdk/adaptertest"
)

// build builds the adapter as it is shipped, with the race detector where the tests have it.
func build(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "reference")
	args := []string{"build", "-o", path}
	if raceEnabled {
		args = append(args, "-race")
	}
	out, err := exec.CommandContext(t.Context(), "go", append(args, ".")...).CombinedOutput()
	require.NoError(t, err, string(out))
	return path
}

func TestConformance_NothingFailsAndNothingIsLeftOut(t *testing.T) {
	t.Parallel()
	sim := httptest.NewServer(simulator.New(simulator.Options{Employers: 2}))
	defer sim.Close()
	verdict := adaptertest.Test(t, adaptertest.Options{Path: build(t), Fake: sim.URL})
	require.True(t, verdict.OK())
	var skipped []string
	for _, r := range verdict.Results {
		if r.Outcome == adaptertest.Skipped {
			skipped = append(skipped, r.Name)
		}
	}
	require.Equal(t, []string{"tracking link"}, skipped)
}
