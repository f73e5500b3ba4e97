package app

import (
	"net/http"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/metric"
	"github.com/atssync/atssync/daemon/internal/store/badger"
	"github.com/atssync/atssync/daemon/internal/web"
)

// passNames are the passes that there are.
var passNames = [...]string{"submit", "status", "jobs", "check", "maintenance", passBackups}

// backupGauges are about the last backup that was made to its end.
type backupGauges struct{ at, bytes, duration prometheus.Gauge }

// reloadGauges are about reading the config file again. The start counts as one that went well.
type reloadGauges struct{ ok, at prometheus.Gauge }

func newReloadGauges(reg *prometheus.Registry) reloadGauges {
	g := reloadGauges{
		ok: metric.Gauge("atssync_config_last_reload_successful"),
		at: metric.Gauge("atssync_config_last_reload_success_timestamp_seconds"),
	}
	reg.MustRegister(g.ok, g.at)
	g.ok.Set(1)
	g.at.SetToCurrentTime()
	return g
}

// reloaded takes note of a reload.
func (m *metrics) reloaded(ok bool, at time.Time) {
	if !ok {
		m.reloads.ok.Set(0)
		return
	}
	m.reloads.ok.Set(1)
	m.reloads.at.Set(float64(at.Unix()))
}

// metrics are the daemon's own, beside those of the parts.
type metrics struct {
	runs     *prometheus.CounterVec
	skipped  *prometheus.CounterVec
	success  *prometheus.GaugeVec
	duration *prometheus.GaugeVec
	backups  *prometheus.CounterVec
	reloads  reloadGauges
	backup   backupGauges
	store    storeMetrics
	requests *prometheus.CounterVec
	answered *prometheus.HistogramVec
	logins   *prometheus.CounterVec
	leases   *leaseMetrics
	registry *prometheus.Registry
}

// storeMetrics are what the store tells of as it happens.
type storeMetrics struct {
	commit, steps prometheus.Histogram
	bytes         prometheus.Counter
}

func newMetrics(reg *prometheus.Registry, version string) *metrics {
	m := &metrics{
		runs:     metric.CounterVec("atssync_schedule_runs_total"),
		skipped:  metric.CounterVec("atssync_schedule_skipped_total"),
		success:  metric.GaugeVec("atssync_schedule_last_success_timestamp_seconds"),
		duration: metric.GaugeVec("atssync_schedule_last_duration_seconds"),
		backups:  metric.CounterVec("atssync_backups_total"),
		backup: backupGauges{
			at:       metric.Gauge("atssync_backup_last_success_timestamp_seconds"),
			bytes:    metric.Gauge("atssync_backup_last_size_bytes"),
			duration: metric.Gauge("atssync_backup_last_duration_seconds"),
		},
		store: storeMetrics{
			commit: metric.Histogram("atssync_store_commit_duration_seconds"),
			steps:  metric.Histogram("atssync_store_commit_steps"),
			bytes:  metric.Counter("atssync_store_commit_bytes_total"),
		},
		requests: metric.CounterVec("atssync_http_requests_total"),
		answered: metric.HistogramVec("atssync_http_request_duration_seconds"),
		logins:   metric.CounterVec("atssync_console_logins_total"),
		leases:   newLeaseMetrics(reg),
		reloads:  newReloadGauges(reg),
		registry: reg,
	}
	info := metric.GaugeVec("atssync_build_info")
	info.WithLabelValues(version, runtime.Version()).Set(1)
	reg.MustRegister(m.runs, m.skipped, m.success, m.duration, m.backups, m.backup.at, m.backup.bytes, m.backup.duration, m.store.commit,
		m.store.steps, m.store.bytes, m.requests, m.answered, m.logins, info)
	for _, result := range [...]string{"ok", "failed"} {
		m.backups.WithLabelValues(result)
		for _, p := range passNames {
			m.runs.WithLabelValues(p, result)
		}
	}
	for _, p := range passNames {
		m.skipped.WithLabelValues(p)
		m.success.WithLabelValues(p)
		m.duration.WithLabelValues(p)
	}
	for _, result := range [...]string{"ok", "refused", "throttled"} {
		m.logins.WithLabelValues(result)
	}
	return m
}

func (m *metrics) ran(r atssync.Run, skipped int) {
	result := "ok"
	if r.Error != "" {
		result = "failed"
	}
	m.runs.WithLabelValues(r.Pass, result).Inc()
	m.skipped.WithLabelValues(r.Pass).Add(float64(skipped))
	m.lastRun(r)
}

// lastRun tells of a run that ended, in this life of the daemon or before.
func (m *metrics) lastRun(r atssync.Run) {
	if r.Error == "" {
		m.success.WithLabelValues(r.Pass).Set(float64(r.FinishedAt.Unix()))
	}
	m.duration.WithLabelValues(r.Pass).Set(r.FinishedAt.Sub(r.StartedAt).Seconds())
}

func (m *metrics) backedUp(r atssync.Run) {
	if r.Error != "" {
		m.backups.WithLabelValues("failed").Inc()
		return
	}
	m.backups.WithLabelValues("ok").Inc()
	m.lastBackup(r)
}

func (m *metrics) lastBackup(r atssync.Run) {
	m.backup.at.Set(float64(r.StartedAt.Unix()))
	m.backup.bytes.Set(float64(r.Bytes))
	m.backup.duration.Set(r.FinishedAt.Sub(r.StartedAt).Seconds())
}

func (m *metrics) committed(c badger.Commit) {
	m.store.commit.Observe(c.Duration.Seconds())
	m.store.steps.Observe(float64(c.Steps))
	m.store.bytes.Add(float64(c.Bytes))
}

// loggedIn counts a log-in to the console.
func (m *metrics) loggedIn(result string) { m.logins.WithLabelValues(result).Inc() }

// answers returns what counts the requests of a listener.
func (m *metrics) answers(listener string) func(web.Request) {
	classes := [...]string{"", "1xx", "2xx", "3xx", "4xx", "5xx"}
	counters := make(map[string]prometheus.Counter, len(classes)+1)
	for _, class := range append(classes[1:], "429") {
		counters[class] = m.requests.WithLabelValues(listener, class)
	}
	duration := m.answered.WithLabelValues(listener)
	return func(r web.Request) {
		class := "5xx"
		if i := r.Status / 100; i > 0 && i < len(classes) {
			class = classes[i]
		}
		if r.Status == http.StatusTooManyRequests {
			class = "429"
		}
		counters[class].Inc()
		duration.Observe(r.Duration.Seconds())
	}
}

// watch registers what is read when it is asked for.
func (m *metrics) watch(a *App) {
	m.registry.MustRegister(
		&stock{app: a, most: a.conf().Metrics.MaxConnections}, &schedules{runner: a.passes.runner, interval: a.passes.interval}, &disk{app: a},
		a.fleet.Collector(), a.lines,
	)
}

func metricsHandler(reg *prometheus.Registry) http.Handler {
	return promhttp.InstrumentMetricHandler(reg, promhttp.HandlerFor(reg, promhttp.HandlerOpts{
		EnableOpenMetrics: true, MaxRequestsInFlight: 4, Timeout: 10 * time.Second,
	}))
}
