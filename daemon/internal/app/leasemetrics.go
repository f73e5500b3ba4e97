package app

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/atssync/atssync/daemon/internal/metric"
)

// leaseMetrics are the lease keeper's. A nil leaseMetrics counts nothing.
type leaseMetrics struct {
	held   prometheus.Gauge
	fenced prometheus.Counter
	beaten prometheus.Gauge
	took   prometheus.Histogram
	jumps  *prometheus.CounterVec
}

func newLeaseMetrics(reg prometheus.Registerer) *leaseMetrics {
	m := &leaseMetrics{
		held:   metric.Gauge("atssync_leases_held"),
		fenced: metric.Counter("atssync_lease_fenced_total"),
		beaten: metric.Gauge("atssync_lease_heartbeat_timestamp_seconds"),
		took:   metric.Histogram("atssync_lease_heartbeat_duration_seconds"),
		jumps:  metric.CounterVec("atssync_clock_jumps_total"),
	}
	reg.MustRegister(m.held, m.fenced, m.beaten, m.took, m.jumps)
	m.jumps.WithLabelValues("forward")
	m.jumps.WithLabelValues("back")
	return m
}

// beat tells of a heartbeat that was written, begun at that moment.
func (m *leaseMetrics) beat(began time.Time) {
	if m == nil {
		return
	}
	m.took.Observe(time.Since(began).Seconds())
	m.beaten.Set(unix(began))
}

func (m *leaseMetrics) holds(n int) {
	if m != nil {
		m.held.Set(float64(n))
	}
}

func (m *leaseMetrics) lost() {
	if m != nil {
		m.fenced.Inc()
	}
}

// jumpLeast is from where on the clock on the wall counts as set.
const jumpLeast = 5 * time.Second

// jumped tells by how much the clock on the wall was set while that much time went by, of which it shows so much; 0 when it was
// not. The clock of a machine that slept has jumped, too.
func jumped(shown, passed time.Duration) time.Duration {
	if d := shown - passed; d.Abs() > jumpLeast {
		return d
	}
	return 0
}

// clock counts a clock that was set.
func (m *leaseMetrics) clock(jump time.Duration) {
	switch {
	case m == nil || jump == 0:
	case jump > 0:
		m.jumps.WithLabelValues("forward").Inc()
	default:
		m.jumps.WithLabelValues("back").Inc()
	}
}
