package hook

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/metric"
)

// result is what became of a call, out of a closed set.
type result string

const (
	resultQueued      result = "queued"      // something of ours is read again
	resultNotOurs     result = "not_ours"    // genuine, and about nobody whom we sent
	resultReplayed    result = "replayed"    // it came before
	resultRefused     result = "refused"     // the adapter says no, or the body cannot be read
	resultUnknown     result = "unknown"     // no such connection, or another secret
	resultUnsupported result = "unsupported" // the adapter takes no hooks
	resultUnavailable result = "unavailable" // the adapter is gone or silent, or nothing can be stored
	resultFull        result = "full"        // too much waits to be read already
	resultBusy        result = "busy"        // too many at once
)

var results = [...]result{
	resultQueued, resultNotOurs, resultReplayed, resultRefused, resultUnknown, resultUnsupported, resultUnavailable, resultFull, resultBusy,
}

// Metrics are the handler's. A nil Metrics counts nothing.
type Metrics struct{ hooks *prometheus.CounterVec }

// nobody labels calls that no adapter was found for.
const nobody = "none"

// NewMetrics registers the metrics, with every adapter's series at zero.
func NewMetrics(reg prometheus.Registerer, adapters []string) *Metrics {
	m := &Metrics{hooks: metric.CounterVec("atssync_hooks_total")}
	reg.MustRegister(m.hooks)
	m.hooks.WithLabelValues(nobody, string(resultUnknown))
	for _, a := range adapters {
		for _, r := range results {
			m.hooks.WithLabelValues(a, string(r))
		}
	}
	return m
}

func (m *Metrics) took(adapter string, r result) {
	if m == nil {
		return
	}
	if adapter == "" {
		adapter = nobody
	}
	m.hooks.WithLabelValues(adapter, string(r)).Inc()
}

// StockStore is what a Stock reads.
type StockStore interface {
	HintBacklog(ctx context.Context, connection string) (atssync.HintBacklog, error)
}

// Stock tells how much of what ATSes hinted at was not read yet.
type Stock struct{ store StockStore }

// NewStock returns a collector to register.
func NewStock(store StockStore) *Stock { return &Stock{store} }

var (
	descWaiting = metric.Desc("atssync_hints_waiting")
	descOldest  = metric.Desc("atssync_hints_oldest_age_seconds")
)

// Describe implements prometheus.Collector.
func (*Stock) Describe(ch chan<- *prometheus.Desc) { ch <- descWaiting; ch <- descOldest }

// Collect implements prometheus.Collector.
func (s *Stock) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	b, err := s.store.HintBacklog(ctx, "")
	if err != nil {
		ch <- prometheus.NewInvalidMetric(descWaiting, err)
		return
	}
	age := 0.0
	if !b.OldestAt.IsZero() {
		age = max(time.Since(b.OldestAt).Seconds(), 0)
	}
	ch <- prometheus.MustNewConstMetric(descWaiting, prometheus.GaugeValue, float64(b.Waiting))
	ch <- prometheus.MustNewConstMetric(descOldest, prometheus.GaugeValue, age)
}
