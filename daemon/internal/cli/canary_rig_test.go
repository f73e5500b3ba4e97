package cli

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// hostile is an ATS that repeats all that it was sent, in the way that it is told to, before a simulator that works.
type hostile struct {
	*httptest.Server
	mode atomic.Value // string
	mu   sync.Mutex
	seen bytes.Buffer
}

func newHostile(t *testing.T, ats string) *hostile {
	t.Helper()
	target, err := url.Parse(ats)
	require.NoError(t, err)
	h := &hostile{}
	h.mode.Store("pass")
	proxy := httputil.NewSingleHostReverseProxy(target)
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		head := fmt.Sprint(r.Header)
		h.mu.Lock()
		h.seen.WriteString(head)
		h.seen.Write(body)
		h.mu.Unlock()
		r.Body = io.NopCloser(bytes.NewReader(body))
		echo := func(status int, media, format string) {
			text, _ := json.Marshal(r.Header.Get("Authorization") + " " + string(body))
			w.Header().Set("Content-Type", media)
			w.WriteHeader(status)
			fmt.Fprintf(w, format, text)
		}
		mode, _ := h.mode.Load().(string)
		if r.Method == http.MethodGet && mode != "401" {
			mode = "pass"
		}
		switch mode {
		case "422":
			echo(http.StatusUnprocessableEntity, "application/json", `{"errors":[{"message":%s,"field":"name"}]}`)
		case "500":
			echo(http.StatusInternalServerError, "text/html", "<h1>Error</h1><pre>%s</pre>")
		case "200":
			echo(http.StatusOK, "text/html", "<h1>Welcome</h1><pre>%s</pre>")
		case "401":
			echo(http.StatusUnauthorized, "application/json", `{"errors":[{"message":%s}]}`)
		case "cut":
			panic(http.ErrAbortHandler)
		case "hang":
			select {
			case <-r.Context().Done():
			case <-t.Context().Done():
			}
		default:
			proxy.ServeHTTP(w, r)
		}
	}))
	h.Config.ErrorLog = nil
	t.Cleanup(h.CloseClientConnections)
	t.Cleanup(h.Close)
	return h
}

// rig is a real daemon with a real adapter and a hostile ATS.
type rig struct {
	t        *testing.T
	dir, bin string
	ats      *hostile
	daemon   *exec.Cmd
	exited   chan struct{}
	log      *syncBuffer
	told     *syncBuffer // whatever a command printed
	ran      *syncBuffer // what processes show of themselves
	secret   canaries
	people   canaries
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// atssync runs a command and keeps what it printed; secret is what only its stdout may show.
func (r *rig) atssync(stdin string, args ...string) string {
	r.t.Helper()
	out, _ := r.run(stdin, args...)
	_, _ = r.told.Write([]byte(out))
	return out
}

// run runs a command whose stdout shows what it was asked for.
func (r *rig) run(stdin string, args ...string) (stdout string, err error) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(r.bin, "atssync"), args...)
	cmd.Env = append(os.Environ(), "ATSSYNC_CONFIG="+filepath.Join(r.dir, "atssync.toml"))
	cmd.Stdin = strings.NewReader(stdin)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, r.told
	err = cmd.Run()
	return out.String(), err
}

func (r *rig) start() {
	r.t.Helper()
	r.daemon = exec.CommandContext(r.t.Context(), filepath.Join(r.bin, "atssync"), "run", "--config", filepath.Join(r.dir, "atssync.toml"))
	r.daemon.Stderr = r.log
	before := strings.Count(r.log.String(), "adapter is running")
	require.NoError(r.t, r.daemon.Start())
	r.exited = make(chan struct{})
	go func(cmd *exec.Cmd, exited chan struct{}) { _ = cmd.Wait(); close(exited) }(r.daemon, r.exited)
	require.Eventually(r.t, func() bool { return strings.Count(r.log.String(), "adapter is running") > before+1 }, patience, 50*time.Millisecond)
}

func (r *rig) kill() {
	_ = r.daemon.Process.Kill()
	<-r.exited
}

func newRig(t *testing.T) *rig {
	t.Helper()
	adapters, err := adapterDir()
	require.NoError(t, err)
	dir, err := os.MkdirTemp("", "canary") // short: a socket lies in it
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	r := &rig{t: t, dir: dir, bin: filepath.Join(dir, "bin"), log: &syncBuffer{}, told: &syncBuffer{}, ran: &syncBuffer{}, secret: canaries{}, people: canaries{}}
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(r.bin, "atssync"), "../../cmd/atssync").CombinedOutput()
	require.NoError(t, err, "%s", out)
	sim := exec.CommandContext(t.Context(), filepath.Join(adapters, "greenhouse"), "simulate", "--json", "--switch", "resume_fetch=never")
	pipe, err := sim.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, sim.Start())
	t.Cleanup(func() { _ = sim.Process.Kill(); _ = sim.Wait() })
	var told struct {
		BaseURL   string `json:"base_url"`
		Employers []struct {
			Key       string `json:"key"`
			SiteAdmin string `json:"site_admin"`
			Jobs      []struct {
				ID int64 `json:"id"`
			} `json:"jobs"`
		} `json:"employers"`
	}
	require.NoError(t, json.NewDecoder(pipe).Decode(&told))
	r.ats = newHostile(t, told.BaseURL)
	e := told.Employers[0]
	r.secret["API key"] = e.Key
	r.secret["wrong API key"] = "kanari-wrong-key-81f2"
	r.secret["webhook secret of the file"] = base64.StdEncoding.EncodeToString([]byte("kanari webhook secret, 32 bytes."))
	r.write("wrong.key", r.secret["wrong API key"])
	r.write("hook.secret", "whsec_"+r.secret["webhook secret of the file"])
	r.secret["old webhook secret of the file"] = base64.StdEncoding.EncodeToString([]byte("an old kanari secret of 32 bytes"))
	r.secret["API key of the file"], r.secret["secret of the ATS's calls"] = "kanari-reference-key-52c9", "kanari-calls-secret-73d0"
	r.write("old.secret", "whsec_"+r.secret["old webhook secret of the file"])
	r.write("reference.key", r.secret["API key of the file"])
	r.write("calls.secret", r.secret["secret of the ATS's calls"])
	r.write("creds.json", fmt.Sprintf(`{"api_key":%q,"on_behalf_of":%q}`, e.Key, e.SiteAdmin))
	r.write("bad.json", fmt.Sprintf(`{"api_key":%q,"on_behalf_of":%q}`, r.secret["wrong API key"], e.SiteAdmin))
	r.write("jobs.ndjson", `{"id":"job-1","account":"acme","title":"Engineer"}`)
	r.write("atssync.toml", fmt.Sprintf(`
[daemon]
data_dir = "data"
runtime_dir = "run"
log_level = "debug"
log_format = "json"
[store]
min_free = "1MiB"
ballast = "0B"
[http]
listen = "127.0.0.1:0"
[ops]
listen = "127.0.0.1:0"
[delivery]
allow_networks = ["127.0.0.0/8"]
[adapters.greenhouse]
path = %q
settings = { base_url = %q }
[[connections]]
id = "from-file"
account = "globex"
adapter = "greenhouse"
credentials = { api_key = { file = "wrong.key" }, on_behalf_of = %q }
[adapters.reference]
path = %q
settings = { base_url = "http://127.0.0.1:1" }
[[connections]]
id = "called"
account = "hooli"
adapter = "reference"
credentials = { api_key = { file = "reference.key" }, webhook_secret = { file = "calls.secret" } }
[[webhooks]]
id = "broken"
url = "http://127.0.0.1:1/never"
secret = { file = "hook.secret" }
old_secret = { file = "old.secret" }
`, filepath.Join(adapters, "greenhouse"), r.ats.URL, e.SiteAdmin, filepath.Join(adapters, "reference")))
	r.start()
	t.Cleanup(func() { r.kill() })
	r.atssync("", "connect", "--adapter", "greenhouse", "--account", "acme", "--name", "Refused", "--from-file", r.at("bad.json"))
	require.Contains(t, r.atssync("", "connect", "--adapter", "greenhouse", "--account", "acme", "--name", "Acme", "--from-file", r.at("creds.json"), "--json"), "con_")
	r.atssync("", "platform-jobs", "import", r.at("jobs.ndjson"))
	r.atssync("", "jobs", "Acme", "--refresh")
	r.atssync("", "link", "job-1", strconv.FormatInt(e.Jobs[0].ID, 10), "--connection", "Acme")
	return r
}

func (r *rig) at(name string) string { return filepath.Join(r.dir, name) }

func (r *rig) write(name, text string) {
	require.NoError(r.t, os.WriteFile(r.at(name), []byte(text), 0o600))
}

// submit sends one document with the ATS in that mode and waits for the state it ends in.
func (r *rig) submit(n int, mode, state string) {
	r.t.Helper()
	external := fmt.Sprintf("app-%s-%d", mode, n)
	doc, people := personal(r.t, r.connection(), external, n)
	for what, v := range people {
		r.people[what+" of "+external] = v
	}
	r.ats.mode.Store(mode)
	r.write("doc.json", string(doc))
	r.atssync("", "submit", r.at("doc.json"))
	require.Eventually(r.t, func() bool {
		return strings.Contains(r.atssync("", "submissions", "list", "--connection", "Acme", "--external-id", external), " "+state)
	}, patience, 100*time.Millisecond, "%s does not become %s", external, state)
	r.ats.mode.Store("pass")
}

var connectionID = regexp.MustCompile(`con_[0-9a-z]{26}`)

func (r *rig) connection() string {
	r.t.Helper()
	return connectionID.FindString(r.atssync("", "connections", "show", "Acme", "--json"))
}

var address = regexp.MustCompile(`"(http|ops)":"(127[^"]+)"`)

// listener is where the daemon serves http or ops.
func (r *rig) listener(name string) string {
	r.t.Helper()
	all := address.FindAllStringSubmatch(r.log.String(), -1)
	slices.Reverse(all)
	for _, m := range all {
		if m[1] == name {
			return "http://" + m[2]
		}
	}
	require.Fail(r.t, "the log names no listener "+name)
	return ""
}

// ask makes a request and keeps the answer.
func (r *rig) ask(method, at, token, body string) string {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, at, strings.NewReader(body))
	require.NoError(r.t, err)
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(req)
	require.NoError(r.t, err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	require.NoError(r.t, err)
	_, _ = fmt.Fprintf(r.told, "%s %s: %d %v %s\n", method, at, res.StatusCode, res.Header, b)
	return string(b)
}

// processes returns command line and environment of the daemon and of its children.
func (r *rig) processes() string {
	r.t.Helper()
	var out strings.Builder
	pids := []string{strconv.Itoa(r.daemon.Process.Pid)}
	tasks, err := filepath.Glob("/proc/" + pids[0] + "/task/*/children")
	require.NoError(r.t, err)
	for _, f := range tasks {
		b, err := os.ReadFile(f)
		if err == nil {
			pids = append(pids, strings.Fields(string(b))...)
		}
	}
	require.Greater(r.t, len(pids), 2, "the adapters are children")
	for _, pid := range pids {
		for _, f := range []string{"cmdline", "environ"} {
			b, err := os.ReadFile("/proc/" + pid + "/" + f)
			require.NoError(r.t, err)
			out.Write(b)
		}
	}
	return out.String()
}

// files returns what lies in a folder, but for the key file.
func (r *rig) files(name string) string {
	r.t.Helper()
	var out strings.Builder
	err := filepath.WalkDir(r.at(name), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || d.Name() == "seal.key" {
			return err
		}
		b, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		out.Write(b)
		return err
	})
	require.NoError(r.t, err)
	return out.String()
}
