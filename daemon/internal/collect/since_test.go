package collect

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

func TestDated_ByTheATSElseByTheHintElseByTheReadingBefore(t *testing.T) {
	t.Parallel()
	m := NewMetrics(prometheus.NewPedanticRegistry(), []string{"fake"})
	var told []Since
	w := New(Options{Metrics: m, Dated: func(_ string, _ time.Time, s Since) { told = append(told, s) }})
	now := time.Unix(100_000, 0).UTC()
	changed := []atssync.EventDraft{{Type: atssync.EventStatusChanged}}
	look := Since{now.Add(-time.Hour), SinceLook}
	a := &atssync.Application{ID: "sub_1", ObservedAt: now}
	w.dated("fake", a, changed, look)
	w.dated("fake", a, changed, Since{now.Add(-time.Second), SinceHint})
	a.ChangedAt = now.Add(-time.Minute)
	w.dated("fake", a, changed, look)
	w.dated("fake", a, []atssync.EventDraft{{Type: atssync.EventNotVisible}}, look)
	w.dated("fake", a, nil, look)
	require.Equal(t, []Since{look, {now.Add(-time.Second), SinceHint}, {a.ChangedAt, SinceChange}}, told)
	require.Equal(t, 3, testutil.CollectAndCount(m.lag))
}

func TestReadBefore_OfWhatIsSeldomReadIsAnIntervalAgo(t *testing.T) {
	t.Parallel()
	c := cadence{14 * day, []time.Duration{time.Hour, day, 7 * day}}
	now := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	before := now.Add(-15 * time.Minute)
	moving := atssync.Application{Visibility: atssync.Visible, CreatedAt: now.Add(-3 * day)}
	require.Equal(t, before, c.readBefore(&moving, before, now))
	fresh := atssync.Application{Visibility: atssync.Visible, CreatedAt: now.Add(-time.Minute)}
	require.Equal(t, fresh.CreatedAt, c.readBefore(&fresh, before, now), "nothing was there to read before it was sent")
	quiet := atssync.Application{Visibility: atssync.Visible, CreatedAt: now.Add(-20 * day)}
	require.Equal(t, now.Add(-time.Hour), c.readBefore(&quiet, before, now))
	require.Equal(t, fresh.CreatedAt, c.readBefore(&fresh, time.Time{}, now), "the first pass")
}
