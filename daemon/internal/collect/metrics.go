package collect

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/atssync/atssync/daemon/internal/metric"
)

// Metrics are the collect worker's.
type Metrics struct {
	asked   *prometheus.CounterVec
	changed *prometheus.CounterVec
	lag     *prometheus.HistogramVec
}

// NewMetrics registers the metrics, with every adapter's series at zero.
func NewMetrics(reg prometheus.Registerer, adapters []string) *Metrics {
	m := &Metrics{
		asked:   metric.CounterVec("atssync_applications_asked_total"),
		changed: metric.CounterVec("atssync_applications_changed_total"),
		lag:     metric.HistogramVec("atssync_status_lag_seconds"),
	}
	reg.MustRegister(m.asked, m.changed, m.lag)
	for _, a := range adapters {
		m.asked.WithLabelValues(a)
		m.changed.WithLabelValues(a)
		for _, how := range []string{SinceChange, SinceHint, SinceLook} {
			m.lag.WithLabelValues(a, how)
		}
	}
	return m
}

func (m *Metrics) readings(adapter string, asked, changed int) {
	if m == nil {
		return
	}
	m.asked.WithLabelValues(adapter).Add(float64(asked))
	m.changed.WithLabelValues(adapter).Add(float64(changed))
}

func (m *Metrics) lagged(adapter, how string, lag time.Duration) {
	if m != nil {
		m.lag.WithLabelValues(adapter, how).Observe(max(lag.Seconds(), 0))
	}
}
