package deliver

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// Metrics are the deliver worker's.
type Metrics struct {
	attempts   *prometheus.CounterVec
	duration   prometheus.Histogram
	deliveries *prometheus.CounterVec
	lag        prometheus.Histogram
}

// NewMetrics registers the metrics, with every series at zero.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "atssync_webhook_attempts_total", Help: "Requests to webhook endpoints, by how they ended.",
		}, []string{"outcome"}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "atssync_webhook_attempt_duration_seconds", Help: "Time from the beginning of a request to a webhook endpoint to the end of its answer.",
			Buckets: []float64{.005, .025, .1, .25, 1, 5, 15, 60},
		}),
		deliveries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "atssync_webhook_deliveries_total", Help: "Deliveries that ended: delivered, or dead after the last attempt.",
		}, []string{"state"}),
		lag: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "atssync_webhook_lag_seconds", Help: "Time from an event to its first delivery, retries and pauses included.",
			Buckets: []float64{.05, .25, 1, 5, 30, 300, 3600, 6 * 3600, 24 * 3600, 8 * 24 * 3600},
		}),
	}
	reg.MustRegister(m.attempts, m.duration, m.deliveries, m.lag)
	for _, c := range classes() {
		m.attempts.WithLabelValues(string(c))
	}
	m.deliveries.WithLabelValues(string(atssync.DeliveryDelivered))
	m.deliveries.WithLabelValues(string(atssync.DeliveryDead))
	return m
}

func (m *Metrics) attempted(r result) {
	if m == nil {
		return
	}
	m.attempts.WithLabelValues(string(r.class)).Inc()
	if r.class != classLost {
		m.duration.Observe(r.endedAt.Sub(r.attempt.At).Seconds())
	}
}

func (m *Metrics) ended(r result, to atssync.DeliveryState) {
	if m == nil || to == atssync.DeliveryPending {
		return
	}
	m.deliveries.WithLabelValues(string(to)).Inc()
	if to == atssync.DeliveryDelivered && r.due.Delivery.Replays == 0 {
		m.lag.Observe(max(r.endedAt.Sub(r.due.Event.At).Seconds(), 0))
	}
}
