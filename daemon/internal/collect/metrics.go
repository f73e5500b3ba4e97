package collect

import "github.com/prometheus/client_golang/prometheus"

// Metrics are the collect worker's.
type Metrics struct {
	asked   *prometheus.CounterVec
	changed *prometheus.CounterVec
}

// NewMetrics registers the metrics, with every adapter's series at zero.
func NewMetrics(reg prometheus.Registerer, adapters []string) *Metrics {
	m := &Metrics{
		asked: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "atssync_applications_asked_total", Help: "Applications whose status was asked for.",
		}, []string{"adapter"}),
		changed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "atssync_applications_changed_total", Help: "Applications that a reading changed.",
		}, []string{"adapter"}),
	}
	reg.MustRegister(m.asked, m.changed)
	for _, a := range adapters {
		m.asked.WithLabelValues(a)
		m.changed.WithLabelValues(a)
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
