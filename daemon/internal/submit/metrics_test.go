package submit

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

func TestMetrics_CountOutcomesAndWaits(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewPedanticRegistry()
	m := NewMetrics(reg, []string{"fake"})
	now := time.Unix(1000, 0)
	s := atssync.Submission{AcceptedAt: now.Add(-10 * time.Second)}
	m.finished("fake", s, atssync.StateSubmitted, now)
	m.finished("fake", s, atssync.StateUncertain, now)
	m.lookedUp("fake", "absent")
	require.NoError(t, testutil.GatherAndCompare(reg, strings.NewReader(`
# HELP atssync_submit_attempts_total Attempts to put a submission into an ATS, by the state they ended in.
# TYPE atssync_submit_attempts_total counter
atssync_submit_attempts_total{adapter="fake",outcome="already_applied"} 0
atssync_submit_attempts_total{adapter="fake",outcome="held"} 0
atssync_submit_attempts_total{adapter="fake",outcome="queued"} 0
atssync_submit_attempts_total{adapter="fake",outcome="refused"} 0
atssync_submit_attempts_total{adapter="fake",outcome="submitted"} 1
atssync_submit_attempts_total{adapter="fake",outcome="uncertain"} 1
# HELP atssync_uncertain_lookups_total Look-ups of uncertain submissions in an ATS, by what they showed.
# TYPE atssync_uncertain_lookups_total counter
atssync_uncertain_lookups_total{adapter="fake",result="absent"} 1
atssync_uncertain_lookups_total{adapter="fake",result="failed"} 0
atssync_uncertain_lookups_total{adapter="fake",result="found"} 0
atssync_uncertain_lookups_total{adapter="fake",result="proposed"} 0
`), "atssync_submit_attempts_total", "atssync_uncertain_lookups_total"))
	require.Equal(t, 1, testutil.CollectAndCount(m.endToEnd), "only what arrived has a time from end to end")
	problems, err := testutil.GatherAndLint(reg)
	require.NoError(t, err)
	require.Empty(t, problems)
	var none *Metrics
	none.finished("fake", s, atssync.StateSubmitted, now)
	none.lookedUp("fake", "found")
}
