package hook

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

func TestMetrics_AreThereFromTheStartAndCountWhatBecameOfCalls(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewPedanticRegistry()
	m := NewMetrics(reg, []string{"fake"})
	require.Equal(t, 1+len(results), testutil.CollectAndCount(m.hooks))
	b := setup(t)
	b.o.Metrics = m
	b.post()
	b.post()
	b.call("POST", Prefix+"nobody", nil)
	for labels, want := range map[[2]string]float64{{"fake", "queued"}: 1, {"fake", "replayed"}: 1, {nobody, "unknown"}: 1, {"fake", "full"}: 0} {
		require.InDelta(t, want, testutil.ToFloat64(m.hooks.WithLabelValues(labels[0], labels[1])), 0, labels)
	}
	problems, err := testutil.GatherAndLint(reg)
	require.NoError(t, err)
	require.Empty(t, problems)
}

type backlog struct {
	b   atssync.HintBacklog
	err error
}

func (s backlog) HintBacklog(context.Context, string) (atssync.HintBacklog, error) { return s.b, s.err }

func TestStock_TellsHowMuchWaitsAndForHowLong(t *testing.T) {
	t.Parallel()
	require.NoError(t, testutil.CollectAndCompare(NewStock(backlog{}), strings.NewReader(`
# HELP atssync_hints_oldest_age_seconds Age of the oldest hint that was not read since; those of paused connections are included.
# TYPE atssync_hints_oldest_age_seconds gauge
atssync_hints_oldest_age_seconds 0
# HELP atssync_hints_waiting Applications that ATSes hinted at and that were not read since.
# TYPE atssync_hints_waiting gauge
atssync_hints_waiting 0
`)))
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(NewStock(backlog{b: atssync.HintBacklog{Waiting: 3, OldestAt: time.Now().Add(-time.Hour)}}))
	got, err := reg.Gather()
	require.NoError(t, err)
	require.InDelta(t, 3600, got[0].GetMetric()[0].GetGauge().GetValue(), 60)
	require.InDelta(t, 3, got[1].GetMetric()[0].GetGauge().GetValue(), 0)
	reg = prometheus.NewPedanticRegistry()
	reg.MustRegister(NewStock(backlog{err: errors.New("gone")}))
	_, err = reg.Gather()
	require.Error(t, err)
}
