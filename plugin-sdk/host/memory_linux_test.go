package host_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLaunch_AnAdapterIsEndedBeforeItsHostWhenMemoryRunsOut(t *testing.T) {
	t.Parallel()
	p := launch(t, "")
	score, err := os.ReadFile(fmt.Sprintf("/proc/%d/oom_score_adj", p.PID()))
	require.NoError(t, err)
	require.Equal(t, "500", strings.TrimSpace(string(score)))
}
