package fleet

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/atssync/atssync/daemon/internal/metric"
)

var (
	descInFlight  = metric.Desc("atssync_adapter_calls_in_flight")
	descMost      = metric.Desc("atssync_adapter_calls_in_flight_limit")
	descWaiting   = metric.Desc("atssync_adapter_calls_waiting")
	descThrottled = metric.Desc("atssync_adapter_credentials_throttled")
	descLeft      = metric.Desc("atssync_adapter_rate_budget_left_ratio")
	descMemory    = metric.Desc("atssync_adapter_resident_memory_bytes")
)

// collector tells how much room the adapters' limits leave, and what their processes take.
type collector struct{ f *Fleet }

// Collector returns what tells how the adapters' limits and processes are doing when it is asked.
func (f *Fleet) Collector() prometheus.Collector { return collector{f} }

// Describe implements prometheus.Collector.
func (collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descInFlight, descMost, descWaiting, descThrottled, descLeft, descMemory} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c collector) Collect(ch chan<- prometheus.Metric) {
	now := time.Now()
	for _, a := range c.f.all() {
		limits, pid := a.limited()
		gauge := func(d *prometheus.Desc, v float64) {
			ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, a.name)
		}
		gauge(descInFlight, float64(len(limits.inFlight)))
		gauge(descMost, float64(cap(limits.inFlight)))
		gauge(descWaiting, float64(limits.waiting.Load()))
		throttled, left := limits.room(now)
		gauge(descThrottled, float64(throttled))
		gauge(descLeft, left)
		gauge(descMemory, float64(residentMemory(pid)))
	}
}

// limited returns the adapter's limiters, which a reload exchanges, and its process.
func (a *adapter) limited() (l *limiters, pid int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.process != nil {
		pid = a.process.PID()
	}
	return a.limiters, pid
}

// room counts the limits that are used up by the ATS's own account, and returns the smallest part that is left of any.
func (l *limiters) room(now time.Time) (throttled int, left float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	left = 1
	for _, lim := range l.m {
		part, quiet := lim.left(now)
		left = min(left, part)
		if quiet {
			throttled++
		}
	}
	return throttled, left
}

// left is which part of the limit is left, as far as we counted and the ATS said. quiet says that the ATS wants no calls now.
func (l *limiter) left(now time.Time) (part float64, quiet bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Before(l.until) {
		return 0, true
	}
	part = 1
	if l.rate != nil && l.rate.Burst() > 0 {
		part = min(max(l.rate.TokensAt(now)/float64(l.rate.Burst()), 0), 1)
	}
	if now.Before(l.toldUntil) {
		part = min(part, l.told)
	}
	return part, false
}

// residentMemory is what a process holds in memory, in bytes; 0 when nobody knows.
func residentMemory(pid int) int64 {
	if pid <= 0 {
		return 0
	}
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0
	}
	fields := bytes.Fields(b)
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseInt(string(fields[1]), 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}
