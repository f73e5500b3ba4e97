package collect

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
)

func TestMetrics_AreThereFromTheStart(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewPedanticRegistry()
	m := NewMetrics(reg, []string{"fake"})
	require.NoError(t, testutil.GatherAndCompare(reg, strings.NewReader(`
# HELP atssync_applications_asked_total Applications whose status was asked for.
# TYPE atssync_applications_asked_total counter
atssync_applications_asked_total{adapter="fake"} 0
# HELP atssync_applications_changed_total Applications that a reading changed.
# TYPE atssync_applications_changed_total counter
atssync_applications_changed_total{adapter="fake"} 0
`), "atssync_applications_asked_total", "atssync_applications_changed_total"))
	require.Equal(t, 3, testutil.CollectAndCount(m.lag))
	m.readings("fake", 50, 2)
	require.InEpsilon(t, 50, testutil.ToFloat64(m.asked.WithLabelValues("fake")), 1e-9)
	require.InEpsilon(t, 2, testutil.ToFloat64(m.changed.WithLabelValues("fake")), 1e-9)
	problems, err := testutil.GatherAndLint(reg)
	require.NoError(t, err)
	require.Empty(t, problems)
	var none *Metrics
	none.readings("fake", 1, 1)
}
