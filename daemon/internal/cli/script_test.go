package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"
)

// patience is how long a script waits for what happens in other processes.
const patience = 30 * time.Second

func TestMain(m *testing.M) {
	testscript.Main(tidy{m}, map[string]func(){"atssync": func() { os.Exit(Main(os.Args[1:])) }})
}

// tidy removes what the tests built.
type tidy struct{ *testing.M }

func (m tidy) Run() int {
	code := m.M.Run()
	if built.dir != "" {
		_ = os.RemoveAll(built.dir)
	}
	return code
}

// built are the adapter programs, built once for all scripts.
var built struct {
	once sync.Once
	dir  string
	err  error
}

func adapterDir() (string, error) {
	built.once.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "adapters"); built.err != nil {
			return
		}
		for _, name := range []string{"greenhouse", "reference"} {
			out, err := exec.Command("go", "build", "-o", filepath.Join(built.dir, name), "../../../adapters/"+name).CombinedOutput()
			if err != nil {
				built.err = fmt.Errorf("build %s: %w: %s", name, err, out)
				return
			}
		}
	})
	return built.dir, built.err
}

// TestScripts runs every script with real processes: the daemon, its adapters, and the simulators that they speak to.
func TestScripts(t *testing.T) {
	t.Parallel()
	adapters, err := adapterDir()
	require.NoError(t, err)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			run, err := os.MkdirTemp("", "cli") // a script's own folder is too deep for a socket
			if err != nil {
				return err
			}
			e.Defer(func() { _ = os.RemoveAll(run) })
			e.Setenv("RUN", run)
			e.Setenv("ADAPTERS", adapters)
			e.Setenv("ATSSYNC_CONFIG", filepath.Join(e.WorkDir, "atssync.toml"))
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"simulator": startSimulator,
			"daemon":    startDaemon,
			"end":       end,
			"exits":     exits,
			"await":     await,
			"json":      jsonAt,
			"control":   control,
		},
	})
}

// process is one that a script started.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{}
}

type processKey string

func start(ts *testscript.TestScript, name string, cmd *exec.Cmd) *process {
	ts.Check(cmd.Start())
	p := &process{cmd: cmd, ended: make(chan struct{})}
	go func() {
		defer close(p.ended)
		_ = cmd.Wait()
	}()
	ts.Defer(func() { p.stop(syscall.SIGKILL) })
	running.Store(processKey(ts.Getenv("WORK")+name), p)
	return p
}

// running are the processes of all scripts, by folder and name.
var running sync.Map

func (p *process) stop(s syscall.Signal) {
	_ = p.cmd.Process.Signal(s)
	select {
	case <-p.ended:
	case <-time.After(patience):
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
}

// end NAME [kill] ends the simulator or the daemon.
func end(ts *testscript.TestScript, _ bool, args []string) {
	v, ok := running.Load(processKey(ts.Getenv("WORK") + args[0]))
	if !ok {
		ts.Fatalf("%s does not run", args[0])
	}
	signal := syscall.SIGTERM
	if len(args) > 1 && args[1] == "kill" {
		signal = syscall.SIGKILL
	}
	p, _ := v.(*process)
	p.stop(signal)
}

// simulator NAME [flags] starts an adapter's simulator and tells where it is and who lives there: BASE_URL, KEY, USER, and BASIC.
func startSimulator(ts *testscript.TestScript, _ bool, args []string) {
	cmd := exec.Command(filepath.Join(ts.Getenv("ADAPTERS"), args[0]), append([]string{"simulate", "--json"}, args[1:]...)...)
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	start(ts, "simulator", cmd)
	line, err := bufio.NewReaderSize(out, 1<<20).ReadBytes('\n')
	ts.Check(err)
	var told struct {
		BaseURL   string `json:"base_url"`
		Employers []struct {
			Name      string `json:"name"`
			Key       string `json:"key"`
			SiteAdmin string `json:"site_admin"`
			Basic     string `json:"basic"`
			Jobs      []struct {
				ID json.RawMessage `json:"id"`
			} `json:"jobs"`
		} `json:"employers"`
	}
	ts.Check(json.Unmarshal(line, &told))
	e := told.Employers[0]
	ts.Setenv("BASE_URL", told.BaseURL)
	ts.Setenv("EMPLOYER", e.Name)
	ts.Setenv("KEY", e.Key)
	ts.Setenv("USER", e.SiteAdmin)
	ts.Setenv("BASIC", e.Basic)
	for i, j := range e.Jobs {
		ts.Setenv("JOB"+strconv.Itoa(i+1), strings.Trim(string(j.ID), `"`))
	}
	creds, err := json.Marshal(map[string]string{"api_key": e.Key, "on_behalf_of": e.SiteAdmin})
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs("creds.json"), creds, 0o600))
}

// daemon [waiting] starts the daemon with the script's config file, and waits until it answers and its adapters run, or only until it answers.
func startDaemon(ts *testscript.TestScript, _ bool, args []string) {
	up := "adapter is running"
	if len(args) > 0 { // for one whose adapter cannot run
		up = "atssync is running"
	}
	text := os.Expand(ts.ReadFile("atssync.toml"), ts.Getenv)
	ts.Check(os.WriteFile(ts.MkAbs("atssync.toml"), []byte(text), 0o600))
	path, err := exec.LookPath("atssync")
	ts.Check(err)
	log, err := os.Create(ts.MkAbs("daemon.log"))
	ts.Check(err)
	defer func() { _ = log.Close() }()
	cmd := exec.Command(path, "run")
	cmd.Env = append(os.Environ(), "ATSSYNC_CONFIG="+ts.Getenv("ATSSYNC_CONFIG"))
	cmd.Stderr = log
	p := start(ts, "daemon", cmd)
	ts.Defer(func() { p.stop(syscall.SIGTERM) })
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for ready := false; !ready; {
		select {
		case <-p.ended:
			ts.Fatalf("the daemon ended:\n%s", ts.ReadFile("daemon.log"))
		case <-again.C:
			ready = strings.Contains(ts.ReadFile("daemon.log"), up)
		}
	}
}

// exits CODE COMMAND... runs a command that ends with that code.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		got = e.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("%s ended with %d, not %d:\n%s\n%s", strings.Join(args[1:], " "), got, want, ts.ReadFile("stdout"), ts.ReadFile("stderr"))
	}
}

// await REGEXP COMMAND... runs a command again and again until what it prints matches.
func await(ts *testscript.TestScript, _ bool, args []string) {
	re, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	until := time.After(patience)
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for {
		err := ts.Exec(args[1], args[2:]...)
		if err == nil && re.MatchString(ts.ReadFile("stdout")) {
			return
		}
		select {
		case <-again.C:
		case <-until:
			ts.Fatalf("%s never printed %s, at last:\n%s\n%s", strings.Join(args[1:], " "), args[0], ts.ReadFile("stdout"), ts.ReadFile("stderr"))
		}
	}
}

// json PATH [NAME] expects the last output to be JSON with something at the path (a.0.b), and keeps it in the environment as NAME.
func jsonAt(ts *testscript.TestScript, neg bool, args []string) {
	var v any
	d := json.NewDecoder(strings.NewReader(ts.ReadFile("stdout")))
	d.UseNumber()
	ts.Check(d.Decode(&v))
	for part := range strings.SplitSeq(args[0], ".") {
		switch x := v.(type) {
		case map[string]any:
			v = x[part]
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i >= len(x) {
				v = nil
				break
			}
			v = x[i]
		default:
			v = nil
		}
	}
	if (v == nil) != neg {
		ts.Fatalf("at %s is %v in:\n%s", args[0], v, ts.ReadFile("stdout"))
	}
	if len(args) > 1 {
		ts.Setenv(args[1], fmt.Sprint(v))
	}
}

// control METHOD PATH [BODY] asks the simulator's control API.
func control(ts *testscript.TestScript, _ bool, args []string) {
	body := ""
	if len(args) > 2 {
		body = args[2]
	}
	req, err := http.NewRequest(args[0], ts.Getenv("BASE_URL")+"/control"+args[1], strings.NewReader(body)) //nolint:noctx // A script has no context.
	ts.Check(err)
	res, err := http.DefaultClient.Do(req)
	ts.Check(err)
	defer func() { _ = res.Body.Close() }()
	var out bytes.Buffer
	_, err = out.ReadFrom(res.Body)
	ts.Check(err)
	if res.StatusCode >= http.StatusBadRequest {
		ts.Fatalf("%s %s: %s: %s", args[0], args[1], res.Status, out.String())
	}
	ts.Check(os.WriteFile(ts.MkAbs("control.json"), out.Bytes(), 0o600))
}
