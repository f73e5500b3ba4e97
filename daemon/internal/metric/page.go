package metric

import (
	"fmt"
	"strings"
)

// Page is the list for people, in Markdown.
func Page() string {
	var b strings.Builder
	b.WriteString(`# What atssync measures

Generated from the list in ` + "`daemon/internal/metric`" + ` by ` + "`scripts/gen`" + `; the daemon serves these at ` + "`/metrics`" + ` of ` + "`[ops] listen`" + `, beside those of
the Go runtime and of the process. Labels are closed sets. A connection has series of its own only while something is wrong with it or
something waits there, the worst ones first and ` + "`[metrics] max_connections`" + ` at most. Alerts: [RUNBOOK.md](RUNBOOK.md).
`)
	for _, g := range Groups() {
		fmt.Fprintf(&b, "\n## %s\n\n| metric | type | unit | labels | what it says |\n|---|---|---|---|---|\n", g.Title)
		for _, m := range g.Metrics {
			unit := m.Unit()
			if unit == "" {
				unit = "–"
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", m.Name, m.Type, unit, m.labels(), m.Help)
		}
	}
	return b.String()
}

// labels tells of a metric's labels.
func (m Metric) labels() string {
	if len(m.Labels) == 0 {
		return "–"
	}
	var all []string
	for _, l := range m.Labels {
		about := l.About
		if about == "" {
			about = strings.Join(l.Values, ", ")
		}
		all = append(all, fmt.Sprintf("`%s`: %s", l.Name, about))
	}
	return strings.Join(all, "; ")
}
