package metric

import (
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the page")

const page = "../../../scripts/prometheus/METRICS.md"

func TestPage_IsWhatTheListSays(t *testing.T) {
	t.Parallel()
	if *update {
		require.NoError(t, os.WriteFile(page, []byte(Page()), 0o644))
	}
	got, err := os.ReadFile(page)
	require.NoError(t, err)
	require.Equal(t, Page(), string(got), "scripts/prometheus/METRICS.md is not what the list says: run scripts/gen")
}

func TestList_IsWellFormed(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	for _, m := range All() {
		require.Regexp(t, `^atssync_[a-z_]+$`, m.Name)
		require.False(t, seen[m.Name], "%s stands twice", m.Name)
		seen[m.Name] = true
		require.Regexp(t, `\.$`, m.Help, "%s: the help is a sentence", m.Name)
		require.Equal(t, m.Type == TypeCounter, strings.HasSuffix(m.Name, "_total"), "%s", m.Name)
		require.Equal(t, m.Type == TypeHistogram, len(m.Buckets) > 0, "%s", m.Name)
		series := 1
		for _, l := range m.Labels {
			require.Regexp(t, `^[a-z]+$`, l.Name)
			require.NotEqual(t, len(l.Values) == 0, l.About == "", "%s: the values of %s are listed or told about", m.Name, l.Name)
			series *= max(1, len(l.Values))
		}
		require.LessOrEqual(t, series, 240, "%s may have too many series", m.Name)
	}
}

func TestList_PassesTheLinter(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewPedanticRegistry()
	for _, m := range All() {
		values := make([]string, len(m.Labels))
		for i, l := range m.Labels {
			values[i] = "x"
			if len(l.Values) > 0 {
				values[i] = l.Values[0]
			}
		}
		switch m.Type {
		case TypeCounter:
			c := CounterVec(m.Name)
			c.WithLabelValues(values...)
			reg.MustRegister(c)
		case TypeGauge:
			g := GaugeVec(m.Name)
			g.WithLabelValues(values...)
			reg.MustRegister(g)
		case TypeHistogram:
			h := HistogramVec(m.Name)
			h.WithLabelValues(values...)
			reg.MustRegister(h)
		}
	}
	problems, err := testutil.GatherAndLint(reg)
	require.NoError(t, err)
	require.Empty(t, problems)
}

func TestMaking_WhatIsNotListedIsAMistake(t *testing.T) {
	t.Parallel()
	for name, mistake := range map[string]func(){
		"no such metric":     func() { CounterVec("atssync_typo_total") },
		"another type":       func() { GaugeVec("atssync_submit_attempts_total") },
		"labels":             func() { Counter("atssync_submit_attempts_total") },
		"no such desc":       func() { Desc("atssync_typo") },
		"labels of a gauge":  func() { Gauge("atssync_submissions") },
		"labels of a histo.": func() { Histogram("atssync_status_lag_seconds") },
	} {
		require.Panics(t, mistake, name)
	}
}

func TestMetric_UnitAndSeries(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"atssync_store_size_bytes": "bytes", "atssync_adapter_throttle_wait_seconds_total": "seconds", "atssync_submissions": "",
		"atssync_adapter_rate_budget_left_ratio": "ratio", "atssync_store_commit_bytes_total": "bytes",
	} {
		require.Equal(t, want, Metric{Name: name}.Unit(), name)
	}
	require.Equal(t, []string{"atssync_webhook_lag_seconds_bucket", "atssync_webhook_lag_seconds_sum", "atssync_webhook_lag_seconds_count"},
		Metric{Name: "atssync_webhook_lag_seconds", Type: TypeHistogram}.Series())
}

// The source names metrics by these strings alone, so that what is listed and made nowhere shows.
func TestList_EverythingIsMadeSomewhere(t *testing.T) {
	t.Parallel()
	var source strings.Builder
	for _, dir := range []string{"../app", "../submit", "../collect", "../deliver", "../hook", "../intake", "../fleet"} {
		files, err := os.ReadDir(dir)
		require.NoError(t, err)
		for _, f := range files {
			if strings.HasSuffix(f.Name(), ".go") && !strings.HasSuffix(f.Name(), "_test.go") {
				b, err := os.ReadFile(dir + "/" + f.Name())
				require.NoError(t, err)
				source.Write(b)
			}
		}
	}
	made := make(map[string]bool)
	for _, name := range regexp.MustCompile(`"(atssync_[a-z_]+)"`).FindAllStringSubmatch(source.String(), -1) {
		made[name[1]] = true
	}
	for _, m := range All() {
		require.True(t, made[m.Name], "%s is listed, and nothing makes it", m.Name)
	}
}
