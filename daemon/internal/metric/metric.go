// Package metric is the list of everything that the daemon measures: each metric's name, type, labels, unit and help stand
// here once. The parts of the daemon make theirs by name and cannot make one that is not listed; the page for people, and
// the tests that hold alerts and dashboards to what there is, read the same list.
package metric

import (
	"fmt"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// Type is what kind of metric it is.
type Type string

// The types.
const (
	TypeCounter   Type = "counter"
	TypeGauge     Type = "gauge"
	TypeHistogram Type = "histogram"
)

// Metric is one entry of the list.
type Metric struct {
	Name   string
	Type   Type
	Labels []Label
	Help   string
	// Buckets are the upper bounds of a histogram.
	Buckets []float64
}

// Label is one label. Its values are a closed set, told by Values, or by what they name: adapters and passes are those of the
// config, connections are bounded by it.
type Label struct {
	Name   string
	Values []string // nil: see About
	About  string
}

// Unit is what a metric's numbers are: seconds, bytes, ratio, or "" for a count.
func (m Metric) Unit() string {
	base := strings.TrimSuffix(m.Name, "_total")
	for _, unit := range []string{"seconds", "bytes", "ratio"} {
		if strings.HasSuffix(base, "_"+unit) {
			return unit
		}
	}
	return ""
}

// Series are the names under which a scrape shows it.
func (m Metric) Series() []string {
	if m.Type == TypeHistogram {
		return []string{m.Name + "_bucket", m.Name + "_sum", m.Name + "_count"}
	}
	return []string{m.Name}
}

// LabelNames are the names of its labels, in order.
func (m Metric) LabelNames() []string {
	var out []string
	for _, l := range m.Labels {
		out = append(out, l.Name)
	}
	return out
}

// Group is metrics that belong together, under a heading.
type Group struct {
	Title   string
	Metrics []Metric
}

// All returns every metric in the order of the list.
func All() []Metric {
	var out []Metric
	for _, g := range Groups() {
		out = append(out, g.Metrics...)
	}
	return out
}

// of finds a metric by name. A part that asks for another than is listed is a mistake in the program.
func of(name string, t Type) Metric {
	i := slices.IndexFunc(listed, func(m Metric) bool { return m.Name == name })
	if i < 0 || listed[i].Type != t {
		panic(fmt.Sprintf("metric: the %s %s is not in the list", t, name))
	}
	return listed[i]
}

// listed is the list, made once.
var listed = All()

// bare is of for a metric without labels.
func bare(name string, t Type) Metric {
	m := of(name, t)
	if len(m.Labels) > 0 {
		panic("metric: " + name + " has labels")
	}
	return m
}

// CounterVec makes a counter of the list.
func CounterVec(name string) *prometheus.CounterVec {
	m := of(name, TypeCounter)
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: m.Name, Help: m.Help}, m.LabelNames())
}

// Counter makes a counter of the list that has no labels.
func Counter(name string) prometheus.Counter {
	m := bare(name, TypeCounter)
	return prometheus.NewCounter(prometheus.CounterOpts{Name: m.Name, Help: m.Help})
}

// GaugeVec makes a gauge of the list.
func GaugeVec(name string) *prometheus.GaugeVec {
	m := of(name, TypeGauge)
	return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: m.Name, Help: m.Help}, m.LabelNames())
}

// Gauge makes a gauge of the list that has no labels.
func Gauge(name string) prometheus.Gauge {
	m := bare(name, TypeGauge)
	return prometheus.NewGauge(prometheus.GaugeOpts{Name: m.Name, Help: m.Help})
}

// HistogramVec makes a histogram of the list.
func HistogramVec(name string) *prometheus.HistogramVec {
	m := of(name, TypeHistogram)
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: m.Name, Help: m.Help, Buckets: m.Buckets}, m.LabelNames())
}

// Histogram makes a histogram of the list that has no labels.
func Histogram(name string) prometheus.Histogram {
	m := bare(name, TypeHistogram)
	return prometheus.NewHistogram(prometheus.HistogramOpts{Name: m.Name, Help: m.Help, Buckets: m.Buckets})
}

// Desc describes a gauge or counter of the list that is read when it is asked for.
func Desc(name string) *prometheus.Desc {
	i := slices.IndexFunc(listed, func(m Metric) bool { return m.Name == name })
	if i < 0 {
		panic("metric: " + name + " is not in the list")
	}
	return prometheus.NewDesc(name, listed[i].Help, listed[i].LabelNames(), nil)
}
