package app

import (
	"encoding/json"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const shippedDashboards = "../../../scripts/grafana"

// panel is one of a dashboard's, as far as it asks something.
type panel struct {
	Title   string
	Targets []struct{ Expr string }
	Panels  []panel // of a row that is folded
}

// dashboardQueries are the shipped dashboards' queries by the panel that asks them, as Grafana would send them with All
// chosen everywhere, over ranges as short as the test is.
func dashboardQueries(t *testing.T) map[string][]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(shippedDashboards, "*.json"))
	require.NoError(t, err)
	out := make(map[string][]string)
	var add func(dashboard string, panels []panel)
	add = func(dashboard string, panels []panel) {
		for _, p := range panels {
			add(dashboard, p.Panels)
			for _, q := range p.Targets {
				expr := regexp.MustCompile(`\$\w+`).ReplaceAllString(impatient(q.Expr), ".*")
				out[dashboard+": "+p.Title] = append(out[dashboard+": "+p.Title], expr)
			}
		}
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		require.NoError(t, err)
		var d struct{ Panels []panel }
		require.NoError(t, json.Unmarshal(b, &d))
		add(strings.TrimSuffix(filepath.Base(file), ".json"), d.Panels)
	}
	require.NotEmpty(t, out)
	return out
}

// shown collects which panels of the shipped dashboards had something to show at any time.
type shown struct {
	mu    sync.Mutex
	empty map[string][]string // what has shown nothing yet, with its queries
}

// look asks every query that had no answer yet, until the test ends.
func (p *prom) look() *shown {
	s := &shown{empty: dashboardQueries(p.t)}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			s.ask(p)
			select {
			case <-tick.C:
			case <-stop:
				return
			}
		}
	}()
	p.t.Cleanup(func() { close(stop); <-done })
	return s
}

func (s *shown) ask(p *prom) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for title, exprs := range s.empty {
		if slices.ContainsFunc(exprs, func(expr string) bool { return p.computed(url.QueryEscape(expr)) }) {
			delete(s.empty, title)
		}
	}
}

// nothing names the panels that have shown nothing.
func (s *shown) nothing() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.empty))
}
