package app

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/api"
	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/browser"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// asDaemon, in the environment, makes the test binary the daemon with that config file.
const asDaemon = "ATSSYNC_TEST_DAEMON"

func TestMain(m *testing.M) {
	if path := os.Getenv(asDaemon); path != "" {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		err := Run(ctx, Options{ConfigPath: path, Version: "test"})
		stop()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	code := m.Run()
	browser.Close()
	for _, dir := range []string{built.dir, receivers.dir} {
		if dir != "" {
			_ = os.RemoveAll(dir)
		}
	}
	os.Exit(code)
}

// built are the adapter programs, built once for all tests.
var built struct {
	once sync.Once
	dir  string
	err  error
}

// adapters returns the folder of the adapter programs.
func adapters(t *testing.T) string {
	t.Helper()
	built.once.Do(func() {
		built.dir, built.err = os.MkdirTemp("", "atssync-adapters")
		for _, name := range []string{"greenhouse", "reference"} {
			if built.err == nil {
				cmd := exec.Command("go", "build", "-o", filepath.Join(built.dir, name), "../../../adapters/"+name)
				var out []byte
				if out, built.err = cmd.CombinedOutput(); built.err != nil {
					built.err = fmt.Errorf("build %s: %w: %s", name, built.err, out)
				}
			}
		}
	})
	require.NoError(t, built.err)
	return built.dir
}

// ats is a running Greenhouse simulator, a process of its own.
type ats struct {
	t         *testing.T
	BaseURL   string `json:"base_url"`
	Employers []struct {
		Name      string      `json:"name"`
		Key       string      `json:"key"`
		Harvest   string      `json:"harvest_key"`
		SiteAdmin string      `json:"site_admin"`
		Basic     string      `json:"basic"`
		Jobs      []simulated `json:"jobs"`
	} `json:"employers"`
}

type simulated struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
}

func newATS(t *testing.T, args ...string) *ats {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(adapters(t), "greenhouse"), append([]string{"simulate", "--json", "--switch", "resume_fetch=never"}, args...)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	line, err := bufio.NewReaderSize(out, 1<<20).ReadBytes('\n')
	require.NoError(t, err, "the simulator said: %s", &stderr)
	s := &ats{t: t}
	require.NoError(t, json.Unmarshal(line, s))
	return s
}

// do calls the simulator's control API.
func (s *ats) do(method, path string, body, into any) {
	s.t.Helper()
	b, err := json.Marshal(body)
	require.NoError(s.t, err)
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.BaseURL+"/control"+path, bytes.NewReader(b))
	require.NoError(s.t, err)
	res, err := http.DefaultClient.Do(req)
	require.NoError(s.t, err)
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	require.NoError(s.t, err)
	require.Equal(s.t, http.StatusOK, res.StatusCode, "%s %s: %s", method, path, answer)
	if into != nil {
		require.NoError(s.t, json.Unmarshal(answer, into))
	}
}

// doubled lists the external ids that stand on more than one person.
func (s *ats) doubled() map[string]int {
	s.t.Helper()
	all := make(map[string]int)
	for _, e := range s.Employers {
		var one map[string]int
		s.do(http.MethodGet, "/employers/"+e.Name+"/doubled", nil, &one)
		maps.Copy(all, one)
	}
	return all
}

// candidates counts the people in the ATS.
func (s *ats) candidates() int {
	s.t.Helper()
	var state struct {
		Total map[string]int `json:"total"`
	}
	s.do(http.MethodGet, "/state", nil, &state)
	return state.Total["candidates"]
}

// world is a daemon process on a folder of its own, beside a simulator.
type world struct {
	t      *testing.T
	ats    *ats
	dir    string
	config string
	client *api.Client
	cmd    *exec.Cmd
	log    *lockedLog
	exited chan error
	env    []string // of the daemon, beside the test's own
}

// lockedLog is what the daemon logged so far.
type lockedLog struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// newWorld writes the config; extra TOML is appended. Nothing runs until start.
func newWorld(t *testing.T, s *ats, extra string) *world {
	t.Helper()
	dir, err := os.MkdirTemp("", "atssync-e2e") // short: unix socket paths are
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	w := &world{t: t, ats: s, dir: dir, config: filepath.Join(dir, "atssync.toml")}
	text := fmt.Sprintf(`
[platform]
name = "Example Talent"
url = "https://talent.example.com/"
support_contact = "help@talent.example.com"
support_hours = "Monday to Friday, 9 to 5"
[daemon]
data_dir = %q
runtime_dir = %q
[store]
min_free = "1MiB"
ballast = "0B"
[adapters]
dir = %q
[adapters.greenhouse.settings]
base_url = %q
[ops]
listen = "127.0.0.1:0"
%s`, filepath.Join(dir, "data"), filepath.Join(dir, "run"), adapters(t), s.BaseURL, extra)
	require.NoError(t, os.WriteFile(w.config, []byte(text), 0o600))
	w.client = api.Dial(filepath.Join(dir, "run", "atssync.sock"))
	t.Cleanup(w.client.Close)
	t.Cleanup(func() {
		if w.cmd != nil {
			_ = w.cmd.Process.Kill()
			<-w.exited
		}
		if t.Failed() && w.log != nil {
			t.Logf("the daemon's log:\n%s", tail(w.log.String(), 60))
		}
	})
	return w
}

// address is where a listener of the daemon's last life is, as it logged.
func (w *world) address(key string) string {
	w.t.Helper()
	all := regexp.MustCompile(`"?`+key+`"?[=:]"?(127\.0\.0\.1:\d+)`).FindAllStringSubmatch(w.log.String(), -1)
	require.NotEmpty(w.t, all, "%s", w.log)
	return all[len(all)-1][1]
}

func tail(s string, n int) string {
	lines := strings.Split(s, "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// start runs the daemon and waits until it answers and its adapter is up.
func (w *world) start() {
	w.t.Helper()
	exe, err := os.Executable()
	require.NoError(w.t, err)
	if w.log == nil {
		w.log = new(lockedLog)
	}
	w.cmd = exec.CommandContext(w.t.Context(), exe)
	w.cmd.Env = append(append(os.Environ(), asDaemon+"="+w.config), w.env...)
	w.cmd.Stderr = w.log
	require.NoError(w.t, w.cmd.Start())
	w.exited = make(chan error, 1)
	go func(cmd *exec.Cmd, exited chan error) { exited <- cmd.Wait() }(w.cmd, w.exited)
	w.eventually(20*time.Second, func() bool {
		a, err := w.client.Adapter(w.t.Context(), "greenhouse")
		return err == nil && a.State == "running"
	}, "the daemon did not come up")
}

// kill ends the daemon as a power cut of the process would.
func (w *world) kill() {
	w.t.Helper()
	require.NoError(w.t, w.cmd.Process.Kill())
	<-w.exited
	w.cmd = nil
}

// stop ends the daemon in order.
func (w *world) stop() {
	w.t.Helper()
	require.NoError(w.t, w.cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(w.t, <-w.exited)
	w.cmd = nil
}

// eventually waits for d on a quiet machine, and for four times as long on a busy one: nobody waits that has got what it
// waits for.
func (w *world) eventually(d time.Duration, f func() bool, msg string) {
	w.t.Helper()
	require.Eventually(w.t, f, 4*d, 50*time.Millisecond, msg)
}

// connect connects employer i of the simulator as a user of it, and links every job of it as platform job
// "job-N" for N from 0.
func (w *world) connect(i int, email string) api.Connection {
	w.t.Helper()
	e := w.ats.Employers[i]
	if email == "" {
		email = e.SiteAdmin
	}
	res, err := w.client.Connect(w.t.Context(), api.ConnectRequest{
		Account: e.Name, Adapter: "greenhouse", Name: e.Name,
		Fields: map[string]api.Secret{"api_key": api.Secret(e.Key), "on_behalf_of": api.Secret(email)},
	})
	require.NoError(w.t, err)
	return res.Connection
}

func (w *world) link(c api.Connection, job string, atsJob int64) {
	w.t.Helper()
	_, err := w.client.Link(w.t.Context(), api.LinkRequest{
		Connection: c.ID, PlatformJob: job, ATSJob: fmt.Sprint(atsJob), As: sdk.AsCandidate,
		Backlog: &api.Backlog{Mode: atssync.BacklogAll},
	})
	require.NoError(w.t, err)
}

// document is a small submission document.
func document(connection, job string, n int) []byte {
	return fmt.Appendf(nil, `{"connection":%q,"external_id":"%s-%05d","job":%q,"person":{"first_name":"Ada","last_name":"Example %d",`+
		`"emails":[{"address":"ada.%d@example.com","type":"personal"}]},"answers":[{"question":"Why?","answer":"Because."}],`+
		`"application_url":"https://platform.example.com/a/%d"}`+"\n", connection, job, n, job, n, n, n)
}

// submit sends n documents as one batch and requires that all are accepted.
func (w *world) submit(connection, job string, from, n int) {
	w.t.Helper()
	var body bytes.Buffer
	for i := range n {
		body.Write(document(connection, job, from+i))
	}
	got := 0
	require.NoError(w.t, w.client.SubmitBatch(w.t.Context(), &body, func(r api.SubmitResult) error {
		require.Nil(w.t, r.Error, "%+v", r.Error)
		got++
		return nil
	}))
	require.Equal(w.t, n, got)
}

// ledger recounts and requires that everything adds up.
func (w *world) ledger() atssync.LedgerLine {
	w.t.Helper()
	v, err := w.client.Ledger(w.t.Context(), "", true, "", 500)
	require.NoError(w.t, err)
	for _, l := range v.Connections {
		require.True(w.t, l.OK, "%+v", l)
	}
	require.True(w.t, v.Total.Balanced(), "%+v", v.Total)
	return v.Total
}

// settled waits until nothing is queued or sending any more.
func (w *world) settled(d time.Duration) atssync.LedgerLine {
	w.t.Helper()
	w.eventually(d, func() bool {
		v, err := w.client.Ledger(w.t.Context(), "", false, "", 500)
		return err == nil && v.Total.States[atssync.StateQueued] == 0 && v.Total.States[atssync.StateSending] == 0
	}, "submissions are still under way")
	return w.ledger()
}
