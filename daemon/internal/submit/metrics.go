package submit

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// Metrics are the submit worker's.
type Metrics struct {
	attempts *prometheus.CounterVec
	endToEnd *prometheus.HistogramVec
	settled  *prometheus.CounterVec
	looks    *prometheus.CounterVec
}

// NewMetrics registers the metrics, with every adapter's series at zero.
func NewMetrics(reg prometheus.Registerer, adapters []string) *Metrics {
	m := &Metrics{
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "atssync_submit_attempts_total", Help: "Attempts to put a submission into an ATS, by the state they ended in.",
		}, []string{"adapter", "outcome"}),
		endToEnd: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "atssync_submission_end_to_end_seconds",
			Help:    "Time from the acceptance of a submission to its receipt, held and waiting times included.",
			Buckets: []float64{.01, .05, .25, 1, 5, 30, 120, 600, 3600, 6 * 3600, 24 * 3600, 7 * 24 * 3600},
		}, []string{"adapter"}),
		settled: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "atssync_uncertain_lookups_total", Help: "Look-ups of uncertain submissions in an ATS, by what they showed.",
		}, []string{"adapter", "result"}),
		looks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "atssync_resume_looks_total", Help: "Looks at the addresses of resumes before they are sent, by what was found.",
		}, []string{"adapter", "result"}),
	}
	reg.MustRegister(m.attempts, m.endToEnd, m.settled, m.looks)
	for _, a := range adapters {
		for _, s := range []atssync.State{
			atssync.StateSubmitted, atssync.StateAlreadyApplied, atssync.StateRefused, atssync.StateQueued,
			atssync.StateHeld, atssync.StateUncertain,
		} {
			m.attempts.WithLabelValues(a, string(s))
		}
		m.endToEnd.WithLabelValues(a)
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
