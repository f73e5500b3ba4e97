package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/atssync/atssync/adapters/greenhouse/simulator"
	"github.com/atssync/atssync/scripts/lib/rig"
)

// options say what a world is.
type options struct {
	connections, jobs int    // jobs of each employer; 0 is one
	data              string // the data folder; one in the world's own when empty
	config            string // further sections of the config file
	submissions       string // further keys of [submissions]
	store             string // keys of [store] instead of the usual
	limits            string // further keys of [adapters.greenhouse.limits]
	baseURL           func(sim string) (string, error)
	pace              int // release_pace; 60,000 when 0
	noReceiver        bool
}

// world is a daemon with its adapter, the simulator in this process, connections with linked jobs, and a platform that
// sends applications and takes events in.
type world struct {
	t       *trial
	o       options
	dir     string
	data    string
	sim     *simulator.Server
	simURL  string
	hooks   *receiver
	daemon  *rig.Process
	ops     string
	http    string // address of the HTTP listener
	api     *rig.Client
	targets []target
	sent    *sent
	undo    []func()
}

// target is where applications go: a connection and a linked platform job, and the employer who judges.
type target struct {
	connection, job string
	employer        *simulator.Employer
}

// newWorld makes everything and starts the daemon.
func newWorld(ctx context.Context, t *trial, name string, o options) (*world, error) {
	w := &world{t: t, o: o, dir: filepath.Join(t.root, name), sent: newSent()}
	t.mu.Lock()
	t.worlds = append(t.worlds, w)
	t.mu.Unlock()
	w.data = o.data
	if w.data == "" {
		w.data = filepath.Join(w.dir, "data")
	}
	if err := os.MkdirAll(filepath.Join(w.dir, "adapters"), 0o700); err != nil {
		return nil, err
	}
	// Copies, so that a process of this world is known by its program.
	for _, file := range []string{"atssync", "adapters/greenhouse"} {
		if err := rig.CopyFile(filepath.Join(w.dir, file), filepath.Join(t.bin, file)); err != nil {
			return nil, err
		}
	}
	if err := w.simulate(); err != nil {
		return nil, err
	}
	if !o.noReceiver {
		var err error
		if w.hooks, err = newReceiver(); err != nil {
			return nil, err
		}
		w.undo = append(w.undo, w.hooks.close)
	}
	if err := w.configure(); err != nil {
		return nil, err
	}
	w.api = rig.NewClient(w.socket())
	if err := w.start(ctx); err != nil {
		return nil, err
	}
	return w, w.connect(ctx)
}

func (w *world) simulate() error {
	var err error
	w.sim, err = simulator.New(simulator.Options{Seed: simulator.GenerateSeed(w.o.connections, max(w.o.jobs, 1)), RandSeed: w.t.seed})
	if err != nil {
		return err
	}
	w.undo = append(w.undo, w.sim.Close)
	if err := w.sim.SetSwitches("", simulator.SwitchPatch{"read_lag": []byte(`"0s"`), "resume_fetch": []byte(`"never"`)}); err != nil {
		return err
	}
	var stop func()
	w.simURL, stop, err = serve(w.sim)
	w.undo = append(w.undo, stop)
	return err
}

// serve serves on a free address.
func serve(h http.Handler) (url string, stop func(), err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", func() {}, err
	}
	s := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
	go func() { _ = s.Serve(l) }()
	return "http://" + l.Addr().String(), func() { _ = s.Close() }, nil
}

func (w *world) socket() string { return filepath.Join(w.runtime(), "atssync.sock") }
func (w *world) runtime() string {
	return filepath.Join(w.dir, "run")
}
func (w *world) log() string    { return filepath.Join(w.dir, "daemon.log") }
func (w *world) config() string { return filepath.Join(w.dir, "atssync.toml") }

func (w *world) configure() error {
	ops, err := rig.FreeAddress()
	if err != nil {
		return err
	}
	if w.http, err = rig.FreeAddress(); err != nil {
		return err
	}
	base := w.simURL
	if w.o.baseURL != nil {
		if base, err = w.o.baseURL(w.simURL); err != nil {
			return err
		}
	}
	store := w.o.store
	if store == "" {
		store = "ballast = \"0B\"\nmin_free = \"64MiB\"\n"
	}
	pace := w.o.pace
	if pace == 0 {
		pace = 60_000
	}
	w.ops = "http://" + ops
	text := fmt.Sprintf(`[platform]
name = "Example Talent"
[daemon]
data_dir = %q
runtime_dir = %q
shutdown_timeout = "5s"
log_format = "json"
[store]
%s
[submissions]
last_name_fallback = "(one name only)"
release_pace = %d
resume_check = "off" # nobody serves the files of invented people
%s
[schedules]
submit = "@every 30s"
status = "@every 24h"
jobs = "@every 24h"
check = "@every 24h"
[adapters]
dir = %q
[adapters.greenhouse.settings]
base_url = %q
[adapters.greenhouse.limits]
requests_per_second = 10000
burst = 100000
%s
[http]
listen = %q
[ops]
listen = %q
pprof = true
[delivery]
allow_networks = ["127.0.0.1"]
%s
`, w.data, w.runtime(), store, pace, w.o.submissions, filepath.Join(w.dir, "adapters"), base, w.o.limits, w.http, ops, w.o.config)
	if w.hooks != nil {
		secret := filepath.Join(w.dir, "secret")
		if err := os.WriteFile(secret, []byte(hookSecret+"\n"), 0o600); err != nil {
			return err
		}
		text += fmt.Sprintf("[[webhooks]]\nid = \"platform\"\nurl = %q\nsecret = { file = %q }\n", w.hooks.url+"/hooks", secret)
	}
	return os.WriteFile(w.config(), []byte(text), 0o600)
}

// start starts the daemon and waits until it is ready.
func (w *world) start(ctx context.Context) error {
	var err error
	w.daemon, _, err = rig.Run(ctx, filepath.Join(w.dir, "atssync"), w.config(), w.log(), w.ops)
	if err != nil {
		err = fmt.Errorf("%w; the end of its log:\n%s", err, rig.Tail(w.log(), 8))
	}
	return err
}

// spawn starts the daemon and waits for nothing.
func (w *world) spawn() (*rig.Process, error) {
	logs, err := os.OpenFile(w.log(), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = logs.Close() }()
	cmd := exec.Command(filepath.Join(w.dir, "atssync"), "run", "--config", w.config())
	cmd.Stdout, cmd.Stderr = logs, logs
	return rig.Start(cmd)
}

// kill ends the daemon as a power supply would.
func (w *world) kill() { w.daemon.Kill() }

// connect connects every employer and links its jobs.
func (w *world) connect(ctx context.Context) error {
	if err := rig.Until(ctx, 10*time.Second, 10*time.Millisecond, func() (bool, error) {
		pid, err := w.adapter(ctx)
		return pid != 0, err
	}); err != nil {
		return fmt.Errorf("the adapter does not run: %w", err)
	}
	employers := w.sim.Employers()
	each := max(w.o.jobs, 1)
	w.targets = make([]target, len(employers)*each)
	failed := make([]error, len(employers))
	places := make(chan struct{}, 8)
	var group sync.WaitGroup
	for i, e := range employers {
		group.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			failed[i] = w.connectOne(ctx, e, w.targets[i*each:(i+1)*each])
		})
	}
	group.Wait()
	return errors.Join(failed...)
}

func (w *world) connectOne(ctx context.Context, e *simulator.Employer, into []target) error {
	admin, _ := e.User(simulator.SiteAdmin)
	jobs := e.Jobs()
	connection, job, err := rig.Connect(ctx, w.api, rig.Employer{Name: e.Name(), Key: e.Key(), User: admin.Email, Job: jobs[0].ID})
	into[0] = target{connection, job, e}
	for k := 1; k < len(into) && err == nil; k++ {
		into[k] = target{connection, fmt.Sprintf("%s-%d", job, k), e}
		err = rig.Link(ctx, w.api, rig.JobLink{Connection: connection, Account: e.Name(), Job: into[k].job, ATSJob: jobs[k].ID})
	}
	return err
}

// cli runs a command of atssync.
func (w *world) cli(ctx context.Context, stdin string, args ...string) ([]byte, error) {
	return command(ctx, stdin, []string{"ATSSYNC_CONFIG=" + w.config()}, filepath.Join(w.dir, "atssync"), args...)
}

// processes are the running processes of this world's programs, by what /proc says.
func (w *world) processes() (pids []int) {
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		var pid int
		if _, err := fmt.Sscan(e.Name(), &pid); err != nil {
			continue
		}
		exe, err := os.Readlink("/proc/" + e.Name() + "/exe")
		if err == nil && strings.HasPrefix(exe, w.dir+"/") {
			pids = append(pids, pid)
		}
	}
	return pids
}

// gone checks that, after a kill, no process of this world runs any more.
func (w *world) gone(ctx context.Context, when string) {
	var left []int
	err := rig.Until(ctx, 2*time.Second, 5*time.Millisecond, func() (bool, error) {
		left = w.processes()
		return len(left) == 0, nil
	})
	w.t.check("no orphan process 2 s after the daemon's death", err == nil, "%s: %v", when, left)
}

// vanish ends a world of many: nothing of it is kept, except where a promise was broken.
func (w *world) vanish() {
	w.end()
	w.t.mu.Lock()
	defer w.t.mu.Unlock()
	w.t.worlds = slices.DeleteFunc(w.t.worlds, func(other *world) bool { return other == w })
	if w.t.part.failed() == 0 {
		_ = os.RemoveAll(w.dir)
	}
}

// end stops everything of this world.
func (w *world) end() {
	if w.daemon != nil {
		w.daemon.Kill()
	}
	for _, f := range slices.Backward(w.undo) {
		f()
	}
	w.undo = nil
	if w.api != nil {
		w.api.HTTP.CloseIdleConnections()
	}
	http.DefaultClient.CloseIdleConnections()
}
