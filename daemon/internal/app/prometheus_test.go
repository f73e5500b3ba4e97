package app

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/api"
	"github.com/atssync/atssync/daemon/internal/metric"
)

const shippedRules = "../../../scripts/prometheus"

// prom is a running Prometheus that scrapes one daemon, with the shipped rules.
type prom struct {
	t    *testing.T
	base string
	log  *lockedLog
}

// impatient makes the rules fire within seconds: what has to last lasts no time, and ranges are short. The expressions, their
// bounds and labels are the shipped ones.
func impatient(rules string) string {
	for pattern, with := range map[string]string{`(?m)^(\s+for:) .*$`: "$1 0s", `\[\d+[smhd]\]`: "[20s]", `(?m)^(\s+interval:) .*$`: "$1 1s"} {
		rules = regexp.MustCompile(pattern).ReplaceAllString(rules, with)
	}
	return rules
}

func newProm(t *testing.T, target string) *prom {
	t.Helper()
	program, err := exec.LookPath("prometheus")
	require.NoError(t, err, "scripts/test installs Debian's prometheus")
	dir := t.TempDir()
	for _, name := range []string{"atssync.recording.yml", "atssync.alerts.yml"} {
		b, err := os.ReadFile(filepath.Join(shippedRules, name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(impatient(string(b))), 0o600))
	}
	config := filepath.Join(dir, "prometheus.yml")
	require.NoError(t, os.WriteFile(config, fmt.Appendf(nil, `
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [atssync.recording.yml, atssync.alerts.yml]
scrape_configs:
  - job_name: atssync
    static_configs: [{targets: [%q]}]
`, target), 0o600))
	p := &prom{t: t, log: new(lockedLog)}
	cmd := exec.CommandContext(t.Context(), program, "--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address=127.0.0.1:0")
	cmd.Stderr = p.log
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	listening := regexp.MustCompile(`msg="Listening on" address=(\S+)`)
	p.eventually(func() bool {
		m := listening.FindStringSubmatch(p.log.String())
		if m != nil {
			p.base = "http://" + m[1]
		}
		return m != nil
	}, "prometheus does not listen")
	return p
}

func (p *prom) eventually(f func() bool, msg string) {
	p.t.Helper()
	if !waitFor(p.t, 2*time.Minute, f) {
		require.Fail(p.t, msg, "alerts: %v\nprometheus said:\n%s", p.firing(), tail(p.log.String(), 20))
	}
}

// waitFor polls until f holds or the time is over.
func waitFor(t *testing.T, most time.Duration, f func() bool) bool {
	t.Helper()
	tick, end := time.NewTicker(200*time.Millisecond), time.NewTimer(most)
	defer tick.Stop()
	defer end.Stop()
	for !f() {
		select {
		case <-tick.C:
		case <-end.C:
			return false
		case <-t.Context().Done():
			return false
		}
	}
	return true
}

// get asks Prometheus's API.
func (p *prom) get(path string, into any) bool {
	res, err := http.Get(p.base + "/api/v1/" + path) //nolint:noctx // a test on loopback.
	if err != nil {
		return false
	}
	defer res.Body.Close()
	return res.StatusCode == http.StatusOK && json.NewDecoder(res.Body).Decode(into) == nil
}

// firing names the alerts that fire, each with what it is about.
func (p *prom) firing() []string {
	var reply struct {
		Data struct {
			Alerts []struct {
				Labels map[string]string
				State  string
			}
		}
	}
	if p.base == "" || !p.get("alerts", &reply) {
		return nil
	}
	var out []string
	for _, a := range reply.Data.Alerts {
		if a.State == "firing" {
			out = append(out, strings.TrimSpace(a.Labels["alertname"]+" "+a.Labels["cause"]))
		}
	}
	slices.Sort(out)
	return out
}

func (p *prom) fires(alert string) {
	p.t.Helper()
	p.eventually(func() bool { return slices.Contains(p.firing(), alert) }, alert+" does not fire")
}

// computed says whether a query has an answer.
func (p *prom) computed(query string) bool {
	var reply struct {
		Data struct {
			Result []any
		}
	}
	return p.get("query?query="+query, &reply) && len(reply.Data.Result) > 0
}

// deadAddress is one that nothing listens on.
func deadAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // a test on loopback.
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}

// The shipped rules, over what a real daemon says, in a real Prometheus: nothing fires while all is well, and each fault is told.
func TestPrometheus_TheRulesFireUnderFaults(t *testing.T) {
	t.Parallel()
	program := filepath.Join(t.TempDir(), "greenhouse")
	b, err := os.ReadFile(filepath.Join(adapters(t), "greenhouse"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(program, b, 0o700))
	s := newATS(t)
	w := newWorld(t, s, fmt.Sprintf("[delivery]\nallow_networks = [\"127.0.0.1\"]\n[adapters.greenhouse]\npath = %q\n", program))
	w.start()
	var cons []api.Connection
	for i := range 3 {
		c := w.connect(i, "")
		w.link(c, "job-"+c.ID, s.Employers[i].Jobs[0].ID)
		cons = append(cons, c)
	}
	w.submit(cons[0].ID, "job-"+cons[0].ID, 0, 1)
	w.settled(30 * time.Second)

	p := newProm(t, w.opsAddr())
	dashboards := p.look()
	p.eventually(func() bool { return p.computed("atssync:store_disk_budget_left_bytes") }, "nothing is scraped and computed")
	p.eventually(func() bool { return len(p.firing()) == 0 && p.computed("atssync:adapter_calls:rate10m") }, "something fires while all is well")
	checkListed(t, w, false)

	_, err = w.client.CreateWebhook(t.Context(), api.WebhookRequest{URL: "http://" + deadAddress(t) + "/"})
	require.NoError(t, err)
	w.submit(cons[0].ID, "job-"+cons[0].ID, 1, 40)
	p.fires("AtssyncWebhookEndpointFails")

	s.do(http.MethodPost, "/faults", fault{"kind": "cut_after", "method": "POST", "endpoint": "candidates", "count": 1}, nil)
	w.submit(cons[1].ID, "job-"+cons[1].ID, 0, 1)
	p.fires("AtssyncUncertain")

	e := s.Employers[2]
	s.do(http.MethodPost, "/employers/"+e.Name+"/revoke_key", map[string]any{"key": e.Key}, nil)
	w.submit(cons[2].ID, "job-"+cons[2].ID, 0, 1)
	p.fires("AtssyncCredentialsRefused auth")
	require.NotContains(t, p.firing(), "AtssyncAdapterDown")

	a, err := w.client.Adapter(t.Context(), "greenhouse")
	require.NoError(t, err)
	require.NoError(t, os.Remove(program))
	require.NoError(t, syscall.Kill(a.PID, syscall.SIGKILL))
	p.fires("AtssyncAdapterDown")
	checkListed(t, w, true)
	// No backup folder is set, no ATS calls, and no webhook gets through that could be in time.
	idle := []string{"fleet: Age of the last backup", "fleet: Calls of ATSes", "fleet: Delivered within the hour"}
	waitFor(t, time.Minute, func() bool { return slices.Equal(idle, dashboards.nothing()) })
	require.Equal(t, idle, dashboards.nothing(), "panels that have shown nothing")

	require.NotContains(t, p.firing(), "AtssyncDown")
	w.kill()
	p.fires("AtssyncDown")
}

var exposed = regexp.MustCompile(`^(atssync_[a-z0-9_]+)(?:\{(.*)\})? \S+$`)

// checkListed holds what a scrape shows to the list: nothing else, with labels of the closed sets, and all of it; series of
// connections only where one is in trouble.
func checkListed(t *testing.T, w *world, troubled bool) {
	t.Helper()
	res, err := http.Get("http://" + w.opsAddr() + "/metrics") //nolint:noctx // a test on loopback.
	require.NoError(t, err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	series := make(map[string]metric.Metric)
	for _, m := range metric.All() {
		for _, name := range m.Series() {
			series[name] = m
		}
		shown := strings.Contains(string(b), fmt.Sprintf("# TYPE %s %s\n", m.Name, m.Type))
		require.Equal(t, troubled || !slices.Contains(m.LabelNames(), "connection"), shown, m.Name)
	}
	page, err := w.client.Connections(t.Context(), api.ConnectionQuery{})
	require.NoError(t, err)
	for line := range strings.Lines(string(b)) {
		m := exposed.FindStringSubmatch(strings.TrimSpace(line))
		if m == nil {
			continue
		}
		is, ok := series[m[1]]
		require.True(t, ok, "%s is not in the list", m[1])
		for _, pair := range regexp.MustCompile(`([a-z]+)="([^"]*)"`).FindAllStringSubmatch(m[2], -1) {
			if pair[1] == "le" {
				continue
			}
			i := slices.Index(is.LabelNames(), pair[1])
			require.GreaterOrEqual(t, i, 0, line)
			switch values := is.Labels[i].Values; {
			case values != nil:
				require.Contains(t, values, pair[2], line)
			case pair[1] == "adapter":
				require.Contains(t, []string{"greenhouse", "reference", "none"}, pair[2], line)
			case pair[1] == "connection":
				require.True(t, slices.ContainsFunc(page.Items, func(c api.Connection) bool { return c.ID == pair[2] }), line)
			}
		}
	}
}
