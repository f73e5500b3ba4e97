package app

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/atssync/atssync/daemon/internal/metric"
	"github.com/atssync/atssync/daemon/internal/schedule"
	"github.com/atssync/atssync/daemon/internal/store/badger"
)

// gauges describes several gauges of the list by name.
type gauges map[string]*prometheus.Desc

func describe(names ...string) gauges {
	g := make(gauges, len(names))
	for _, name := range names {
		g[name] = metric.Desc(name)
	}
	return g
}

// Describe implements a part of prometheus.Collector.
func (g gauges) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range g {
		ch <- d
	}
}

// to returns what sends the value of one of them.
func (g gauges) to(ch chan<- prometheus.Metric) func(name string, value float64, labels ...string) {
	return func(name string, value float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(g[name], prometheus.GaugeValue, value, labels...)
	}
}

func bit(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

// unix is a moment in seconds; 0 for never.
func unix(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}

// schedules tells when passes ran and will run.
type schedules struct {
	runner   *schedule.Runner
	interval func(pass string) time.Duration
}

var scheduleGauges = describe("atssync_schedule_last_run_timestamp_seconds", "atssync_schedule_next_run_timestamp_seconds",
	"atssync_schedule_interval_seconds", "atssync_schedule_running")

// Describe implements prometheus.Collector.
func (*schedules) Describe(ch chan<- *prometheus.Desc) { scheduleGauges.Describe(ch) }

// Collect implements prometheus.Collector.
func (s *schedules) Collect(ch chan<- prometheus.Metric) {
	gauge := scheduleGauges.to(ch)
	for _, p := range s.runner.List(time.Now()) {
		gauge("atssync_schedule_last_run_timestamp_seconds", unix(p.Last.StartedAt), p.Name)
		gauge("atssync_schedule_running", bit(p.Running), p.Name)
		if len(p.Next) == 0 { // it has no schedule, and is run by people alone
			gauge("atssync_schedule_next_run_timestamp_seconds", 0, p.Name)
			continue
		}
		gauge("atssync_schedule_next_run_timestamp_seconds", unix(p.Next[0]), p.Name)
		gauge("atssync_schedule_interval_seconds", s.interval(p.Name).Seconds(), p.Name)
	}
}

// disk tells of the store's folder, its disk, and the journal.
type disk struct {
	app *App

	mu    sync.Mutex
	until time.Time
	stats badger.Stats
}

var diskGauges = describe("atssync_store_size_bytes", "atssync_store_tables_bytes", "atssync_store_disk_free_bytes", "atssync_store_disk_size_bytes",
	"atssync_store_disk_intake_floor_bytes", "atssync_store_disk_write_floor_bytes", "atssync_store_ballast_bytes", "atssync_store_accepting",
	"atssync_store_writable", "atssync_store_commit_number", "atssync_journal_failing")

// Describe implements prometheus.Collector.
func (*disk) Describe(ch chan<- *prometheus.Desc) { diskGauges.Describe(ch) }

// Collect implements prometheus.Collector. A store in memory has no disk.
func (d *disk) Collect(ch chan<- prometheus.Metric) {
	gauge := diskGauges.to(ch)
	if d.app.journal != nil {
		gauge("atssync_journal_failing", bit(d.app.journal.Err() != nil))
	}
	e := d.app.engine
	if e == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if now := time.Now(); now.After(d.until) {
		stats, err := e.Stats()
		if err != nil {
			ch <- prometheus.NewInvalidMetric(diskGauges["atssync_store_size_bytes"], err)
			return
		}
		d.stats, d.until = stats, now.Add(stockFor)
	}
	gauge("atssync_store_size_bytes", float64(d.stats.DiskBytes))
	gauge("atssync_store_tables_bytes", float64(d.stats.TableBytes))
	gauge("atssync_store_ballast_bytes", float64(d.stats.Ballast))
	gauge("atssync_store_commit_number", float64(d.stats.Commit))
	space := e.Space()
	gauge("atssync_store_disk_free_bytes", float64(space.Free))
	gauge("atssync_store_disk_size_bytes", float64(space.Total))
	gauge("atssync_store_disk_intake_floor_bytes", float64(space.Low))
	gauge("atssync_store_disk_write_floor_bytes", float64(space.Critical))
	gauge("atssync_store_accepting", bit(space.State == badger.SpaceOK))
	gauge("atssync_store_writable", bit(space.State != badger.SpaceCritical))
}
