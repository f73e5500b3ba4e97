package deliver

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/metric"
)

// Metrics are the deliver worker's.
type Metrics struct {
	attempts   *prometheus.CounterVec
	duration   prometheus.Histogram
	deliveries *prometheus.CounterVec
	lag        prometheus.Histogram
	fresh      *prometheus.HistogramVec
}

// NewMetrics registers the metrics, with every series at zero.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		attempts:   metric.CounterVec("atssync_webhook_attempts_total"),
		duration:   metric.Histogram("atssync_webhook_attempt_duration_seconds"),
		deliveries: metric.CounterVec("atssync_webhook_deliveries_total"),
		lag:        metric.Histogram("atssync_webhook_lag_seconds"),
		fresh:      metric.HistogramVec("atssync_freshness_seconds"),
	}
	reg.MustRegister(m.attempts, m.duration, m.deliveries, m.lag, m.fresh)
	for _, c := range classes() {
		m.attempts.WithLabelValues(string(c))
	}
	for _, how := range []string{"change", "hint", "look", "seen"} {
		m.fresh.WithLabelValues(how)
	}
	m.deliveries.WithLabelValues(string(atssync.DeliveryDelivered))
	m.deliveries.WithLabelValues(string(atssync.DeliveryDead))
	return m
}

// Changed tells when what an event is about changed in its ATS, and by what that is dated: change, hint, look or seen; "" for an
// event that is about no such change.
type Changed func(e *atssync.Event) (since time.Time, how string)

func (m *Metrics) attempted(r result) {
	if m == nil {
		return
	}
	m.attempts.WithLabelValues(string(r.class)).Inc()
	if r.class != classLost {
		m.duration.Observe(r.endedAt.Sub(r.attempt.At).Seconds())
	}
}

func (m *Metrics) ended(r result, to atssync.DeliveryState, changed Changed) {
	if m == nil || to == atssync.DeliveryPending {
		return
	}
	m.deliveries.WithLabelValues(string(to)).Inc()
	if to == atssync.DeliveryDelivered && r.due.Delivery.Replays == 0 {
		m.lag.Observe(max(r.endedAt.Sub(r.due.Event.At).Seconds(), 0))
		if changed == nil {
			return
		}
		if since, how := changed(&r.due.Event); how != "" {
			m.fresh.WithLabelValues(how).Observe(max(r.endedAt.Sub(since).Seconds(), 0))
		}
	}
}
