package app

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/api"
	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// callingATS is a running simulator of the reference ATS, which calls the daemon when something changes.
type callingATS struct {
	t         *testing.T
	BaseURL   string `json:"base_url"`
	Employers []struct {
		Name          string `json:"name"`
		Key           string `json:"key"`
		WebhookSecret string `json:"webhook_secret"`
		Jobs          []struct {
			ID string `json:"id"`
		} `json:"jobs"`
	} `json:"employers"`
}

type madeHook struct {
	Body      string `json:"body"`
	Signature string `json:"signature"`
	Status    int    `json:"status"`
	Taken     bool   `json:"taken"`
}

func newCallingATS(t *testing.T) *callingATS {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(adapters(t), "reference"), "simulate", "--json")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	line, err := bufio.NewReaderSize(out, 1<<20).ReadBytes('\n')
	require.NoError(t, err)
	s := &callingATS{t: t}
	require.NoError(t, json.Unmarshal(line, s))
	return s
}

func (s *callingATS) control(method, path string, body, into any) {
	s.t.Helper()
	b, err := json.Marshal(body)
	require.NoError(s.t, err)
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.BaseURL+"/control"+path, bytes.NewReader(b))
	require.NoError(s.t, err)
	res, err := http.DefaultClient.Do(req)
	require.NoError(s.t, err)
	defer res.Body.Close()
	require.Less(s.t, res.StatusCode, 300)
	if into != nil {
		require.NoError(s.t, json.NewDecoder(res.Body).Decode(into))
	}
}

func (s *callingATS) move(externalID, stage string) {
	s.t.Helper()
	s.control(http.MethodPost, "/move", map[string]string{"external_id": externalID, "stage": stage}, nil)
}

func (s *callingATS) fault(f map[string]any) {
	s.t.Helper()
	s.control(http.MethodPost, "/faults", f, nil)
}

func (s *callingATS) hooks() []madeHook {
	s.t.Helper()
	var out struct {
		Hooks []madeHook `json:"hooks"`
	}
	s.control(http.MethodGet, "/hooks", nil, &out)
	return out.Hooks
}

// hookWorld is a daemon whose status pass never runs, with one connection of the reference ATS.
type hookWorld struct {
	*world
	sim     *callingATS
	program string
	conn    api.Connection
	path    string // of the hook
}

func newHookWorld(t *testing.T) *hookWorld {
	t.Helper()
	h := &hookWorld{sim: newCallingATS(t), program: filepath.Join(t.TempDir(), "reference")}
	h.install()
	h.world = newWorld(t, &ats{t: t, BaseURL: "http://127.0.0.1:1"}, fmt.Sprintf(`
[schedules]
status = "0 0 1 1 *"
submit = "0 0 1 1 *"
[http]
listen = "127.0.0.1:0"
public_url = "https://ats-sync.example.com/"
[adapters.reference]
path = %q
[adapters.reference.settings]
base_url = %q
`, h.program, h.sim.BaseURL))
	text, err := os.ReadFile(h.config)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(h.config, bytes.Replace(text, []byte("[daemon]\n"), []byte("[daemon]\nlog_level = \"debug\"\n"), 1), 0o600))
	h.start()
	h.eventually(20*time.Second, func() bool {
		a, err := h.client.Adapter(t.Context(), "reference")
		return err == nil && a.State == "running"
	}, "the adapter did not come up")
	e := h.sim.Employers[0]
	res, err := h.client.Connect(t.Context(), api.ConnectRequest{
		Account: "acme", Adapter: "reference", Name: "acme",
		Fields: map[string]api.Secret{"api_key": api.Secret(e.Key), "webhook_secret": api.Secret(e.WebhookSecret)},
	})
	require.NoError(t, err)
	require.NotNil(t, res.Hook)
	require.Equal(t, "https://ats-sync.example.com"+res.Hook.Path, res.Hook.URL)
	require.Empty(t, res.Hook.Notice)
	h.conn, h.path = res.Connection, res.Hook.Path
	_, err = h.client.Link(t.Context(), api.LinkRequest{
		Connection: h.conn.ID, PlatformJob: "job-0", ATSJob: e.Jobs[0].ID, As: sdk.AsCandidate, Backlog: &api.Backlog{Mode: atssync.BacklogAll},
	})
	require.NoError(t, err)
	return h
}

// submitted submits n applications and waits until the daemon has read the first one back, so that from then on only a
// pass or a hook reads.
func (h *hookWorld) submitted(n int) {
	h.t.Helper()
	h.submit(h.conn.ID, "job-0", 0, n)
	h.settled(20 * time.Second)
	h.eventually(20*time.Second, func() bool {
		q := api.ApplicationQuery{Connection: h.conn.ID}
		apps, err := h.client.Applications(h.t.Context(), q)
		return err == nil && slices.ContainsFunc(apps.Items, func(a api.Application) bool { return !a.SeenAt.IsZero() })
	}, "nothing was read back")
}

// install puts the adapter's program in its place.
func (h *hookWorld) install() {
	t := h.sim.t
	t.Helper()
	program, err := os.ReadFile(filepath.Join(adapters(t), "reference"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(h.program+".new", program, 0o700))
	require.NoError(t, os.Rename(h.program+".new", h.program))
}

// calls has the ATS call the daemon.
func (h *hookWorld) calls() {
	h.t.Helper()
	h.sim.control(http.MethodPost, "/hooks", map[string]string{"url": "http://" + h.address("http") + h.path}, nil)
}

// replied is an answer of the daemon, its body without the request's id.
type replied struct {
	status     int
	retryAfter string
	body       string
}

// post calls the daemon.
func (h *hookWorld) post(path, body, signature string) replied {
	h.t.Helper()
	req, err := http.NewRequestWithContext(h.t.Context(), http.MethodPost, "http://"+h.address("http")+path, strings.NewReader(body))
	require.NoError(h.t, err)
	req.Header.Set("X-Reference-Signature", signature)
	res, err := http.DefaultClient.Do(req)
	require.NoError(h.t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	require.NoError(h.t, err)
	return replied{res.StatusCode, res.Header.Get("Retry-After"), strings.ReplaceAll(string(text), res.Header.Get("X-Request-Id"), "")}
}

func (h *hookWorld) metric(line string) bool {
	h.t.Helper()
	res, err := http.Get("http://" + h.address("ops") + "/metrics")
	require.NoError(h.t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	require.NoError(h.t, err)
	require.NotContains(h.t, string(text), h.secret())
	return strings.Contains(string(text), line+"\n")
}

func (h *hookWorld) secret() string { return h.path[strings.LastIndex(h.path, "/")+1:] }

func (h *hookWorld) arrives(externalID, text string) {
	h.t.Helper()
	h.eventually(30*time.Second, func() bool { return hasEvent(h.world, h.conn.ID, externalID, text) }, "no event says "+text)
	runs, err := h.client.Runs(h.t.Context(), api.RunQuery{Pass: "status", Paging: atssync.Paging{Limit: 10}})
	require.NoError(h.t, err)
	require.Empty(h.t, runs.Items, "nobody polled")
}

func TestHooks_AChangeArrivesWithoutAPollAndOnlyWhatIsGenuineIsHeard(t *testing.T) {
	t.Parallel()
	h := newHookWorld(t)
	ctx := t.Context()
	h.submitted(3)
	h.calls()
	h.sim.move("job-0-00001", "Interview")
	h.arrives("job-0-00001", `"phase":"interview"`)
	require.True(t, h.metric(`atssync_hints_waiting 0`))

	events := len(allEvents(h.world, h.conn.ID))
	made := h.sim.hooks()
	last := made[len(made)-1]
	res := h.post(h.path, last.Body, last.Signature)
	require.Equal(t, http.StatusOK, res.status, "a repetition is answered like the first")
	require.True(t, h.metric(`atssync_hooks_total{adapter="reference",result="replayed"} 1`))
	forged := strings.Replace(last.Body, `"Interview"`, `"Offer"`, 1)
	res = h.post(h.path, forged, last.Signature)
	require.Equal(t, http.StatusUnauthorized, res.status)
	require.True(t, h.metric(`atssync_hooks_total{adapter="reference",result="refused"} 1`))
	require.Len(t, allEvents(h.world, h.conn.ID), events)

	var answers []string
	other := strings.Repeat("0", 32)
	for _, path := range []string{
		"/hooks/" + h.conn.ID + "/" + other, "/hooks/con_nobody/" + h.secret(), "/hooks/" + h.conn.ID, "/hooks/", "/hooks/" + h.conn.ID + "/" + h.secret() + "/x",
		"/hooks/x//" + h.secret(), "/hooks/" + h.conn.Name + "/" + h.secret(), "/hooks/" + h.conn.ID + "/" + strings.ToUpper(h.secret()),
	} {
		res := h.post(path, last.Body, last.Signature)
		require.Equal(t, http.StatusNotFound, res.status, path)
		answers = append(answers, res.body)
	}
	old := h.path
	rotated, err := h.client.RotateHook(ctx, h.conn.Name)
	require.NoError(t, err)
	require.NotEqual(t, old, rotated.Path)
	again, err := h.client.Hook(ctx, h.conn.ID)
	require.NoError(t, err)
	require.Equal(t, rotated, again)
	res = h.post(old, last.Body, last.Signature)
	require.Equal(t, http.StatusNotFound, res.status)
	answers = append(answers, res.body)
	res = h.post(rotated.Path, last.Body, last.Signature)
	require.Equal(t, http.StatusOK, res.status)
	audit, err := h.client.Audit(ctx, h.conn.ID, "", 1)
	require.NoError(t, err)
	require.Equal(t, "connection.rotate_hook", audit.Items[0].Action)

	_, err = h.client.RemoveConnection(ctx, h.conn.ID)
	require.NoError(t, err)
	res = h.post(rotated.Path, last.Body, last.Signature)
	require.Equal(t, http.StatusNotFound, res.status)
	for _, a := range append(answers, res.body) {
		require.Equal(t, answers[0], a, "the answers tell nothing apart")
	}
	h.stop()
	require.Contains(t, h.log.String(), "/hooks/{connection}/{secret}")
	for _, secret := range []string{h.secret(), rotated.Path[len(rotated.Path)-32:], other} {
		require.NotContains(t, strings.ToLower(h.log.String()), secret)
	}
}

func TestHooks_SettleASubmissionWhoseAnswerWasLost(t *testing.T) {
	t.Parallel()
	h := newHookWorld(t)
	h.sim.fault(map[string]any{"kind": "fail_before", "match": "external_ids=", "count": -1}) // nobody finds it by looking
	h.sim.fault(map[string]any{"kind": "cut_after", "on": "write"})
	h.submit(h.conn.ID, "job-0", 0, 1)
	h.eventually(20*time.Second, func() bool {
		v, err := h.client.Ledger(t.Context(), "", false, "", 500)
		return err == nil && v.Total.States[atssync.StateUncertain] == 1
	}, "the answer was not lost")
	h.calls()
	h.sim.move("job-0-00000", "Review")
	h.arrives("job-0-00000", `"phase":"review"`)
	total := h.ledger()
	require.EqualValues(t, 1, total.States[atssync.StateSubmitted])
	require.True(t, func() bool {
		for _, e := range allEvents(h.world, h.conn.ID) {
			if e.Type == atssync.EventResolved && strings.Contains(string(e.Data), `"resolved_by":"webhook"`) {
				return true
			}
		}
		return false
	}())
	h.stop()
}

func TestHooks_AreSentAgainWhileTheAdapterIsGone(t *testing.T) {
	t.Parallel()
	h := newHookWorld(t)
	h.submitted(1)
	a, err := h.client.Adapter(t.Context(), "reference")
	require.NoError(t, err)
	require.NoError(t, os.Remove(h.program))
	require.NoError(t, syscall.Kill(a.PID, syscall.SIGKILL))
	h.eventually(20*time.Second, func() bool {
		a, err := h.client.Adapter(t.Context(), "reference")
		return err == nil && a.State == "missing"
	}, "the adapter is not missed")
	h.calls()
	h.sim.move("job-0-00000", "Interview")
	h.eventually(20*time.Second, func() bool {
		made := h.sim.hooks()
		return len(made) == 1 && made[0].Status == http.StatusServiceUnavailable
	}, "the hook was not put off")
	res := h.post(h.path, "{}", "00")
	require.Equal(t, "30", res.retryAfter)
	res = h.post("/hooks/"+h.conn.ID+"/"+strings.Repeat("0", 32), "{}", "00")
	require.Equal(t, http.StatusNotFound, res.status, "who does not know the secret is not told that the adapter is gone")
	h.install()
	h.arrives("job-0-00000", `"phase":"interview"`)
	require.True(t, h.sim.hooks()[0].Taken)
	h.stop()
}

func TestHooks_AKilledDaemonReadsWhatItHadTaken(t *testing.T) {
	t.Parallel()
	h := newHookWorld(t)
	h.submitted(2)
	h.calls()
	h.sim.fault(map[string]any{"kind": "delay", "on": "read", "delay_ms": 600_000, "count": -1})
	h.sim.move("job-0-00000", "Interview")
	h.sim.move("job-0-00001", "Offer")
	h.eventually(20*time.Second, func() bool {
		made := h.sim.hooks()
		return len(made) == 2 && made[0].Taken && made[1].Taken
	}, "the hooks were not taken")
	h.kill()
	h.sim.control(http.MethodDelete, "/faults", nil, nil)
	h.sim.control(http.MethodPost, "/hooks", map[string]string{"url": ""}, nil)
	h.start()
	h.arrives("job-0-00000", `"phase":"interview"`)
	h.arrives("job-0-00001", `"phase":"offer"`)
	require.Len(t, h.sim.hooks(), 2, "and nobody said it again")
	h.stop()
}
