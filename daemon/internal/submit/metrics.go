package submit

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/metric"
)

// Metrics are the submit worker's.
type Metrics struct {
	attempts *prometheus.CounterVec
	endToEnd *prometheus.HistogramVec
	settled  *prometheus.CounterVec
	looks    *prometheus.CounterVec
	again    *prometheus.CounterVec
}

// NewMetrics registers the metrics, with every adapter's series at zero.
func NewMetrics(reg prometheus.Registerer, adapters []string) *Metrics {
	m := &Metrics{
		attempts: metric.CounterVec("atssync_submit_attempts_total"),
		endToEnd: metric.HistogramVec("atssync_submission_end_to_end_seconds"),
		settled:  metric.CounterVec("atssync_uncertain_lookups_total"),
		looks:    metric.CounterVec("atssync_resume_looks_total"),
		again:    metric.CounterVec("atssync_possible_duplicates_total"),
	}
	reg.MustRegister(m.attempts, m.endToEnd, m.settled, m.looks, m.again)
	for _, a := range adapters {
		for _, s := range []atssync.State{
			atssync.StateSubmitted, atssync.StateAlreadyApplied, atssync.StateRefused, atssync.StateQueued,
			atssync.StateHeld, atssync.StateUncertain,
		} {
			m.attempts.WithLabelValues(a, string(s))
		}
		m.endToEnd.WithLabelValues(a)
		m.again.WithLabelValues(a)
		for _, r := range []string{"found", "proposed", "absent", "failed"} {
			m.settled.WithLabelValues(a, r)
		}
		for _, r := range []string{"fetchable", "unfit", "unreached"} {
			m.looks.WithLabelValues(a, r)
		}
	}
	return m
}

func (m *Metrics) finished(adapter string, s atssync.Submission, to atssync.State, now time.Time) {
	if m == nil {
		return
	}
	m.attempts.WithLabelValues(adapter, string(to)).Inc()
	if to == atssync.StateSubmitted && s.PossibleDuplicate {
		m.again.WithLabelValues(adapter).Inc()
	}
	if to == atssync.StateSubmitted || to == atssync.StateAlreadyApplied {
		m.endToEnd.WithLabelValues(adapter).Observe(now.Sub(s.AcceptedAt).Seconds())
	}
}

func (m *Metrics) lookedUp(adapter, result string) {
	if m != nil {
		m.settled.WithLabelValues(adapter, result).Inc()
	}
}

// looked counts a look at a resume.
func (m *Metrics) looked(adapter string, l atssync.ResumeLook) {
	if m == nil {
		return
	}
	result := "fetchable"
	switch {
	case l.Unreached != "":
		result = "unreached"
	case !l.OK:
		result = "unfit"
	}
	m.looks.WithLabelValues(adapter, result).Inc()
}
