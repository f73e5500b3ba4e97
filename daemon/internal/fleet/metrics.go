package fleet

import (
	"errors"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/atssync/atssync/daemon/internal/metric"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// Metrics are the fleet's. A nil Metrics counts nothing.
type Metrics struct {
	upGauge   *prometheus.GaugeVec
	restarts  *prometheus.CounterVec
	calls     *prometheus.CounterVec
	duration  *prometheus.HistogramVec
	waits     *prometheus.CounterVec
	exchanges *prometheus.CounterVec
}

// NewMetrics registers the metrics, with every adapter's series at zero.
func NewMetrics(reg prometheus.Registerer, adapters []string) *Metrics {
	m := &Metrics{
		upGauge:   metric.GaugeVec("atssync_adapter_up"),
		restarts:  metric.CounterVec("atssync_adapter_restarts_total"),
		calls:     metric.CounterVec("atssync_adapter_calls_total"),
		duration:  metric.HistogramVec("atssync_adapter_call_duration_seconds"),
		waits:     metric.CounterVec("atssync_adapter_throttle_wait_seconds_total"),
		exchanges: metric.CounterVec("atssync_ats_requests_total"),
	}
	reg.MustRegister(m.upGauge, m.restarts, m.calls, m.duration, m.waits, m.exchanges)
	for _, a := range adapters {
		m.upGauge.WithLabelValues(a)
		for _, reason := range endings {
			m.restarts.WithLabelValues(a, reason)
		}
		m.waits.WithLabelValues(a)
		for _, op := range []string{"check", "list_jobs", "submit", "read_statuses"} {
			m.calls.WithLabelValues(a, op, "ok")
			m.duration.WithLabelValues(a, op)
			for _, class := range classes {
				m.exchanges.WithLabelValues(a, op, class)
			}
		}
	}
	return m
}

func (m *Metrics) up(adapter string, up bool) {
	if m == nil {
		return
	}
	v := 0.0
	if up {
		v = 1
	}
	m.upGauge.WithLabelValues(adapter).Set(v)
}

// forget drops the state of an adapter that left the config; what it counted stays.
func (m *Metrics) forget(adapter string) {
	if m != nil {
		m.upGauge.DeleteLabelValues(adapter)
	}
}

// Why a process has to be launched again.
const (
	endedItself = "ended"
	endedSilent = "silent" // it did not answer and was ended
	endedLaunch = "launch" // it did not come up
)

var endings = [...]string{endedItself, endedSilent, endedLaunch}

// errEnd is how a process ended, where that is not by itself.
type errEnd struct {
	error
	how string
}

func (e errEnd) Unwrap() error { return e.error }

func (m *Metrics) restarted(adapter string, err error) {
	if m != nil {
		how := endedItself
		if e := (errEnd{}); errors.As(err, &e) {
			how = e.how
		}
		m.restarts.WithLabelValues(adapter, how).Inc()
	}
}

func (m *Metrics) waited(adapter string, d time.Duration) {
	if m != nil {
		m.waits.WithLabelValues(adapter).Add(d.Seconds())
	}
}

func (m *Metrics) called(adapter, operation string, err error, d time.Duration) {
	if m == nil {
		return
	}
	m.calls.WithLabelValues(adapter, operation, label(err)).Inc()
	m.duration.WithLabelValues(adapter, operation).Observe(d.Seconds())
}

// label is the kind of an error, out of a closed set: what an adapter makes up is "other".
func label(err error) string {
	switch kind := sdk.KindOf(err); {
	case err == nil:
		return "ok"
	case errors.Is(err, sdk.ErrNotRunning):
		return "not_running"
	case slices.Contains(sdk.Kinds(), kind):
		return string(kind)
	}
	return "other"
}

// classes are those of HTTP statuses, by their first digit; "none" is no answer.
var classes = [...]string{"none", "1xx", "2xx", "3xx", "4xx", "5xx"}

func (m *Metrics) exchanged(adapter, operation string, in []sdk.Exchange) {
	if m == nil {
		return
	}
	for _, x := range in {
		class := "other"
		if i := x.Status / 100; i >= 0 && i < len(classes) {
			class = classes[i]
		}
		m.exchanges.WithLabelValues(adapter, operation, class).Inc()
	}
}
