package app

import (
	"context"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/store/badger"
)

// backupGauges are about the last backup that was made to its end.
type backupGauges struct{ at, bytes, duration prometheus.Gauge }

func newBackupGauges(reg *prometheus.Registry) backupGauges {
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: "atssync_backup_last_" + name, Help: help})
	}
	g := backupGauges{
		at:       gauge("success_timestamp_seconds", "When the last backup that was handed over whole began, which is the moment that it holds; 0 for never."),
		bytes:    gauge("size_bytes", "How large the last whole backup is."),
		duration: gauge("duration_seconds", "How long the last whole backup took."),
	}
	reg.MustRegister(g.at, g.bytes, g.duration)
	return g
}

// reloadGauges are about reading the config file again. The start counts as one that went well.
type reloadGauges struct{ ok, at prometheus.Gauge }

func newReloadGauges(reg *prometheus.Registry) reloadGauges {
	g := reloadGauges{
		ok: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "atssync_config_last_reload_successful", Help: "1 when the config file was good when it was last read, 0 when it was not and an older configuration is in force.",
		}),
		at: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "atssync_config_last_reload_success_timestamp_seconds", Help: "When the configuration in force was read.",
		}),
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
	lastRun  *prometheus.GaugeVec
	duration *prometheus.GaugeVec
	backups  *prometheus.CounterVec
	reloads  reloadGauges
	backup   backupGauges
	commit   prometheus.Histogram
	steps    prometheus.Histogram
	bytes    prometheus.Counter
	registry *prometheus.Registry
}

func newMetrics(reg *prometheus.Registry, version string) *metrics {
	m := &metrics{
		runs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "atssync_schedule_runs_total", Help: "Runs of scheduled passes, by result.",
		}, []string{"pass", "result"}),
		skipped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "atssync_schedule_skipped_total", Help: "Runs that were due while the pass was still under way.",
		}, []string{"pass"}),
		lastRun: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "atssync_schedule_last_success_timestamp_seconds", Help: "When a pass last ended without an error.",
		}, []string{"pass"}),
		duration: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "atssync_schedule_last_duration_seconds", Help: "How long the last run of a pass took, its spread over the interval included.",
		}, []string{"pass"}),
		backups: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "atssync_backups_total", Help: "Backups of this life of the daemon, by result.",
		}, []string{"result"}),
		backup: newBackupGauges(reg), reloads: newReloadGauges(reg),
		commit: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "atssync_store_commit_duration_seconds", Help: "Time of one synced commit of the store.",
			Buckets: []float64{.0005, .002, .01, .05, .25, 1, 5},
		}),
		steps: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "atssync_store_commit_steps", Help: "Business steps that shared one commit.", Buckets: []float64{1, 2, 8, 32, 128, 512},
		}),
		bytes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "atssync_store_commit_bytes_total", Help: "Bytes that commits of the store wrote, before tables are merged.",
		}),
		registry: reg,
	}
	reg.MustRegister(m.runs, m.skipped, m.lastRun, m.duration, m.backups, m.commit, m.steps, m.bytes)
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "atssync_build_info", Help: "1, labelled with what is running.",
		ConstLabels: prometheus.Labels{"version": version, "goversion": runtime.Version()},
	})
	info.Set(1)
	reg.MustRegister(info)
	m.backups.WithLabelValues("ok")
	m.backups.WithLabelValues("failed")
	for _, p := range []string{"submit", "status", "jobs", "check", "maintenance", passBackups} {
		m.runs.WithLabelValues(p, "ok")
		m.runs.WithLabelValues(p, "failed")
		m.skipped.WithLabelValues(p)
	}
	return m
}

func (m *metrics) ran(r atssync.Run, skipped int) {
	result := "ok"
	if r.Error != "" {
		result = "failed"
	} else {
		m.lastRun.WithLabelValues(r.Pass).Set(float64(r.FinishedAt.Unix()))
	}
	m.runs.WithLabelValues(r.Pass, result).Inc()
	m.skipped.WithLabelValues(r.Pass).Add(float64(skipped))
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
	m.commit.Observe(c.Duration.Seconds())
	m.steps.Observe(float64(c.Steps))
	m.bytes.Add(float64(c.Bytes))
}

// watch registers what is read from the store when it is asked for.
func (m *metrics) watch(a *App) {
	m.registry.MustRegister(&stock{app: a, most: a.conf().Metrics.MaxConnections})
}

func metricsHandler(reg *prometheus.Registry) http.Handler {
	return promhttp.InstrumentMetricHandler(reg, promhttp.HandlerFor(reg, promhttp.HandlerOpts{
		EnableOpenMetrics: true, MaxRequestsInFlight: 4, Timeout: 10 * time.Second,
	}))
}

const (
	// stockFor is how long one look at the store serves scrapes at least.
	stockFor = 10 * time.Second
	// stockShare bounds what looks take, as a part of all time: where there are ten thousand connections a look takes long,
	// and then it serves for longer.
	stockShare = 500
)

// stock tells what lies in the store: by state for all connections together, and for the worst connections
// one by one.
type stock struct {
	app  *App
	most int

	mu     sync.Mutex
	until  time.Time // how long the last look serves
	states map[atssync.State]int64
	oldest map[atssync.State]time.Time
	worst  []connectionStock
	count  map[atssync.HealthState]int
}

type connectionStock struct {
	id        string
	unhealthy int // 0 ok, 1 failing, 2 stopped
	uncertain int64
	oldest    time.Time // zero: nothing waits
}

var (
	descSubmissions = prometheus.NewDesc("atssync_submissions", "Submissions by state, as the ledger counts them.", []string{"state"}, nil)
	descOldest      = prometheus.NewDesc("atssync_submission_oldest_age_seconds", "Age of the oldest submission in each waiting state, from its acceptance on; held and throttled ones are included.", []string{"state"}, nil)
	descConnections = prometheus.NewDesc("atssync_connections", "Connections by health.", []string{"health"}, nil)
	descUnbalanced  = prometheus.NewDesc("atssync_ledger_unbalanced_connections", "Connections whose ledger did not add up at the last check.", nil, nil)
	descHealth      = prometheus.NewDesc("atssync_connection_health", "0 ok, 1 failing, 2 stopped; the worst connections only, up to the configured number.", []string{"connection"}, nil)
	descUncertain   = prometheus.NewDesc("atssync_connection_uncertain", "Uncertain submissions of a connection; the worst connections only.", []string{"connection"}, nil)
	descConOldest   = prometheus.NewDesc("atssync_connection_oldest_age_seconds", "Age of a connection's oldest waiting submission; the worst connections only.", []string{"connection"}, nil)
)

// Describe implements prometheus.Collector.
func (s *stock) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descSubmissions, descOldest, descConnections, descUnbalanced, descHealth, descUncertain, descConOldest} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (s *stock) Collect(ch chan<- prometheus.Metric) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := clock()
	if began := time.Now(); began.After(s.until) {
		if err := s.look(); err != nil {
			ch <- prometheus.NewInvalidMetric(descSubmissions, err)
			return
		}
		s.until = began.Add(max(stockFor, stockShare*time.Since(began)))
	}
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	for _, st := range atssync.States() {
		gauge(descSubmissions, float64(s.states[st]), string(st))
		if st.Waiting() {
			gauge(descOldest, age(now, s.oldest[st]), string(st))
		}
	}
	for _, h := range []atssync.HealthState{atssync.HealthOK, atssync.HealthFailing, atssync.HealthStopped} {
		gauge(descConnections, float64(s.count[h]), string(h))
	}
	gauge(descUnbalanced, float64(s.app.upkeep.unbalanced.Load()))
	for _, w := range s.worst {
		gauge(descHealth, float64(w.unhealthy), w.id)
		gauge(descUncertain, float64(w.uncertain), w.id)
		gauge(descConOldest, age(now, w.oldest), w.id)
	}
}

func age(now, t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return now.Sub(t).Seconds()
}

// look reads counters and the heads of indexes, never records.
func (s *stock) look() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	s.states, s.oldest = make(map[atssync.State]int64), make(map[atssync.State]time.Time)
	s.count, s.worst = make(map[atssync.HealthState]int), s.worst[:0]
	after := ""
	for {
		page, err := s.app.store.Ledgers(ctx, atssync.LedgerQuery{Paging: atssync.Paging{After: after, Limit: 500}})
		if err != nil {
			return err
		}
		for _, l := range page.Items {
			if err := s.lookAt(ctx, l); err != nil {
				return err
			}
		}
		if page.Next == "" {
			break
		}
		after = page.Next
	}
	slices.SortFunc(s.worst, func(a, b connectionStock) int {
		if a.unhealthy != b.unhealthy {
			return b.unhealthy - a.unhealthy
		}
		if a.uncertain != b.uncertain {
			return int(b.uncertain - a.uncertain)
		}
		if a.oldest.IsZero() != b.oldest.IsZero() {
			if a.oldest.IsZero() {
				return 1
			}
			return -1
		}
		return a.oldest.Compare(b.oldest)
	})
	if len(s.worst) > s.most {
		s.worst = s.worst[:s.most]
	}
	return nil
}

func (s *stock) lookAt(ctx context.Context, l atssync.Ledger) error {
	c := connectionStock{id: l.Connection, uncertain: l.States[atssync.StateUncertain]}
	waits := false
	for st, n := range l.States {
		s.states[st] += n
		waits = waits || st.Waiting() && n > 0
	}
	if waits {
		oldest, err := s.app.store.OldestWaiting(ctx, l.Connection)
		if err != nil {
			return err
		}
		for st, t := range oldest {
			if s.oldest[st].IsZero() || t.Before(s.oldest[st]) {
				s.oldest[st] = t
			}
			if c.oldest.IsZero() || t.Before(c.oldest) {
				c.oldest = t
			}
		}
	}
	lane, err := s.app.store.Lane(ctx, l.Connection)
	if err != nil {
		return err
	}
	health := atssync.HealthOK
	for _, h := range lane.Operations {
		switch {
		case h.State == atssync.HealthStopped:
			health, c.unhealthy = atssync.HealthStopped, 2
		case h.State != atssync.HealthOK && c.unhealthy == 0:
			health, c.unhealthy = atssync.HealthFailing, 1
		}
	}
	s.count[health]++
	s.worst = append(s.worst, c)
	return nil
}
