package intake

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/metric"
)

// Metrics are what is counted of documents. A nil Metrics counts nothing.
type Metrics struct {
	outcomes map[string]prometheus.Counter
	duration prometheus.Histogram
}

// failed is the outcome of documents that were neither taken nor refused for anything that is wrong with them.
const failed = "failed"

// NewMetrics registers the metrics, with every series at zero.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	documents := metric.CounterVec("atssync_intake_documents_total")
	m := &Metrics{outcomes: make(map[string]prometheus.Counter), duration: metric.Histogram("atssync_intake_duration_seconds")}
	reg.MustRegister(documents, m.duration)
	for _, o := range []string{"accepted", "revised", "unchanged", "invalid", "not_found", "conflict", "gone", "forbidden", "no_space", failed} {
		m.outcomes[o] = documents.WithLabelValues(o)
	}
	return m
}

// outcome is what became of one document, out of a closed set.
func outcome(r atssync.AcceptResult, err error) string {
	if err == nil {
		return string(r)
	}
	switch atssync.CodeOf(err) {
	case atssync.CodeInvalid:
		return "invalid"
	case atssync.CodeNotFound:
		return "not_found"
	case atssync.CodeConflict, atssync.CodeExists, atssync.CodeChanged:
		return "conflict"
	case atssync.CodeGone:
		return "gone"
	case atssync.CodeForbidden, atssync.CodeAccountMismatch, atssync.CodeUnauthenticated:
		return "forbidden"
	case atssync.CodeNoSpace:
		return "no_space"
	}
	return failed
}

// judged counts a document that was sent alone and was read whole at began.
func (m *Metrics) judged(began time.Time, a atssync.Accepted, err error) {
	if m == nil {
		return
	}
	m.duration.Observe(time.Since(began).Seconds())
	m.counted(outcome(a.Result, err), 1)
}

// share counts the documents of a share, whose last one was read at began. err is why none of them is stored.
func (m *Metrics) share(began time.Time, results []Result, err error) {
	if m == nil || len(results) == 0 {
		return
	}
	m.duration.Observe(time.Since(began).Seconds())
	if err != nil {
		m.counted(outcome("", err), len(results))
		return
	}
	for i := range results {
		var why error
		if results[i].Err != nil {
			why = results[i].Err
		}
		m.counted(outcome(results[i].Result, why), 1)
	}
}

func (m *Metrics) counted(outcome string, n int) {
	c, ok := m.outcomes[outcome]
	if !ok {
		c = m.outcomes[failed]
	}
	c.Add(float64(n))
}
