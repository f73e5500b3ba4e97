package metric

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const prometheusDir = "../../../scripts/prometheus/"

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(b)
}

var (
	seriesName   = regexp.MustCompile(`\batssync_[a-z0-9_]+`)
	recordedName = regexp.MustCompile(`\batssync:[a-z0-9_:]+`)
	recordLine   = regexp.MustCompile(`(?m)^ +- record: (\S+)$`)
	alertLine    = regexp.MustCompile(`(?m)^ +- alert: (\S+)$`)
	selector     = regexp.MustCompile(`\b(atssync_[a-z0-9_]+)\{([^{}]*)\}`)
	matcher      = regexp.MustCompile(`([a-z]+)\s*(=~|!~|!=|=)\s*\\?"([^"\\]*)\\?"`)
)

// known maps every series of a scrape to its metric.
func known() map[string]Metric {
	out := make(map[string]Metric)
	for _, m := range All() {
		for _, name := range m.Series() {
			out[name] = m
		}
	}
	return out
}

// queries are the files that hold PromQL.
func queries(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, pattern := range []string{prometheusDir + "*.yml", prometheusDir + "tests/*.yml", "../../../scripts/grafana/*.json"} {
		found, err := filepath.Glob(pattern)
		require.NoError(t, err)
		require.NotEmpty(t, found, pattern)
		out = append(out, found...)
	}
	return out
}

func TestQueries_NameOnlyWhatIsMeasuredAndComputed(t *testing.T) {
	t.Parallel()
	series := known()
	recorded := recordLine.FindAllStringSubmatch(read(t, prometheusDir+"atssync.recording.yml"), -1)
	for _, path := range queries(t) {
		text := read(t, path)
		for _, name := range seriesName.FindAllString(text, -1) {
			_, ok := series[name]
			require.True(t, ok, "%s: nothing measures %s", path, name)
		}
		for _, name := range recordedName.FindAllString(text, -1) {
			require.True(t, slices.ContainsFunc(recorded, func(r []string) bool { return r[1] == name }), "%s: no rule computes %s", path, name)
		}
		for _, s := range selector.FindAllStringSubmatch(text, -1) {
			for _, m := range matcher.FindAllStringSubmatch(s[2], -1) {
				checkMatcher(t, path, series[s[1]], m[1], m[3])
			}
		}
	}
}

// checkMatcher holds a label and its values to the list.
func checkMatcher(t *testing.T, path string, m Metric, label, value string) {
	t.Helper()
	if label == "job" || label == "instance" || label == "le" && m.Type == TypeHistogram {
		return
	}
	i := slices.IndexFunc(m.Labels, func(l Label) bool { return l.Name == label })
	require.GreaterOrEqual(t, i, 0, "%s: %s has no label %s", path, m.Name, label)
	if m.Labels[i].Values == nil || strings.Contains(value, "$") {
		return
	}
	for v := range strings.SplitSeq(value, "|") {
		require.Contains(t, m.Labels[i].Values, v, "%s: %s of %s is never this", path, label, m.Name)
	}
}

func TestAlerts_EachSaysWhatToDoAndIsTestedBothWays(t *testing.T) {
	t.Parallel()
	rules, runbook, tests := read(t, prometheusDir+"atssync.alerts.yml"), read(t, prometheusDir+"RUNBOOK.md"), read(t, prometheusDir+"tests/alerts.test.yml")
	alerts := alertLine.FindAllStringSubmatchIndex(rules, -1)
	require.NotEmpty(t, alerts)
	var names []string
	for i, at := range alerts {
		end := len(rules)
		if i+1 < len(alerts) {
			end = alerts[i+1][0]
		}
		name, body := rules[at[2]:at[3]], rules[at[0]:end]
		names = append(names, name)
		require.Regexp(t, `(?m)^ +severity: (page|ticket|info)$`, body, name)
		require.Regexp(t, `(?m)^ +summary: '.+'$`, body, name)
		require.Regexp(t, `(?s)(operator|employer|platform|ATS|author|Nobody)'s\s+turn`, body, "%s does not say whose turn it is", name)
		require.Contains(t, body, "runbook: scripts/prometheus/RUNBOOK.md#"+strings.ToLower(name)+"\n")
		for _, how := range []string{" fires\n", " does not fire\n"} {
			require.True(t, strings.Contains(tests, "  - name: "+name+how), "no test: %s%s", name, how)
		}
	}
	var sections []string
	for _, s := range regexp.MustCompile(`(?m)^## (\S+)$`).FindAllStringSubmatch(runbook, -1) {
		sections = append(sections, s[1])
	}
	require.Equal(t, names, sections, "each alert has its section, in the same order, and each section its alert")
	for _, link := range regexp.MustCompile(`\]\(#([a-z]+)\)`).FindAllStringSubmatch(runbook, -1) {
		require.True(t, slices.ContainsFunc(names, func(n string) bool { return strings.ToLower(n) == link[1] }), "no section is called %s", link[1])
	}
}

// Everything that is computed is looked at by somebody.
func TestRecordings_AreUsed(t *testing.T) {
	t.Parallel()
	var all strings.Builder
	for _, path := range queries(t) {
		if !strings.HasSuffix(path, "atssync.recording.yml") {
			all.WriteString(read(t, path))
		}
	}
	for _, r := range recordLine.FindAllStringSubmatch(read(t, prometheusDir+"atssync.recording.yml"), -1) {
		require.True(t, strings.Contains(all.String(), r[1]), "nothing shows or alerts upon %s", r[1])
	}
}
