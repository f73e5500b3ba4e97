package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/atssync/atssync/scripts/lib/rig"
)

// plan says how a world is made.
type plan struct {
	name      string // of its folder
	employers int
	schedules string // the lines of [schedules]; "" lets no pass run that nobody asks for
	adapter   string // beside that of Greenhouse
	more      string // further tables of the config file
	stop      func() // ends what was made for this world; may be nil
}

// world is a daemon with its adapter, a simulator, connections and linked jobs.
type world struct {
	plan
	bin, dir string
	pprof    bool

	simulator *rig.Process
	ats       announcement
	daemon    *rig.Process
	ops       string // URL of the ops listener
	api       *rig.Client
	control   *rig.Client // of the simulator
	targets   []target
	forms     *forms
	written   int64         // documents made so far
	applied   int64         // submitted so far
	connected time.Duration // how long connecting took
	ended     bool
}

// announcement is what the simulator says when it starts.
type announcement struct {
	BaseURL   string `json:"base_url"`
	Employers []struct {
		Name      string `json:"name"`
		Key       string `json:"key"`
		SiteAdmin string `json:"site_admin"`
		Jobs      []struct {
			ID int64 `json:"id"`
		} `json:"jobs"`
	} `json:"employers"`
}

func (w *world) open(ctx context.Context) error {
	if err := os.MkdirAll(filepath.Join(w.dir, "adapters"), 0o700); err != nil {
		return err
	}
	// No adapter that is not needed, so that others do not take memory and time.
	for _, name := range w.adapters() {
		if err := rig.CopyFile(filepath.Join(w.dir, "adapters", name), filepath.Join(w.bin, "adapters", name)); err != nil {
			return err
		}
	}
	var err error
	if w.simulator, w.ats, err = startSimulator(w.bin, w.employers); err != nil {
		return err
	}
	if err := w.configure(); err != nil {
		return err
	}
	w.api = rig.NewClient(w.socket())
	w.control = &rig.Client{HTTP: http.DefaultClient, Base: w.ats.BaseURL + "/control"}
	if _, err := w.start(ctx); err != nil {
		return err
	}
	for _, name := range w.adapters() { // the daemon is ready as soon as one of them runs
		err := rig.Until(ctx, 20*time.Second, 5*time.Millisecond, func() (bool, error) {
			pid, err := w.adapterPID(ctx, name)
			return pid != 0, err
		})
		if err != nil {
			return fmt.Errorf("the adapter %s does not run: %w", name, err)
		}
	}
	began := time.Now()
	if err := w.connect(ctx); err != nil {
		return err
	}
	w.connected = time.Since(began)
	w.forms, err = newForms(w.targets)
	return err
}

func (w *world) socket() string { return filepath.Join(w.dir, "run", "atssync.sock") }

// noPasses lets passes run when bench asks for them.
const noPasses = `status = "@every 24h"
jobs = "@every 24h"
check = "@every 24h"
`

// configure writes the config file.
func (w *world) configure() error {
	if w.ops == "" {
		address, err := rig.FreeAddress()
		if err != nil {
			return err
		}
		w.ops = "http://" + address
	}
	if w.schedules == "" {
		w.schedules = noPasses
	}
	config := fmt.Sprintf(`[platform]
name = "Example Talent"

[daemon]
data_dir = %q
runtime_dir = %q
shutdown_timeout = "5s"
log_format = "json"

[store]
ballast = "0B"
min_free = "64MiB"

[submissions]
last_name_fallback = "(one name only)"
resume_check = "off" # nobody serves the files of invented people

# The receiver of the row webhooks is on this machine.
[delivery]
allow_networks = ["127.0.0.0/8"]

[schedules]
%s
[adapters]
dir = %q

[adapters.greenhouse.settings]
base_url = %q

# The simulator has no limit that has to be kept.
[adapters.greenhouse.limits]
requests_per_second = 10000
burst = 100000

[ops]
listen = %q
pprof = %t

%s`, filepath.Join(w.dir, "data"), filepath.Join(w.dir, "run"), w.schedules, filepath.Join(w.dir, "adapters"), w.ats.BaseURL,
		strings.TrimPrefix(w.ops, "http://"), w.pprof, w.more)
	return os.WriteFile(filepath.Join(w.dir, "atssync.toml"), []byte(config), 0o600)
}

// caller opens a connection to the simulator, with the header lines of an employer.
func (a announcement) caller(ctx context.Context, employer int) (*sender, string, error) {
	e := a.Employers[employer]
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.BaseURL, http.NoBody)
	if err != nil {
		return nil, "", err
	}
	req.SetBasicAuth(e.Key, "")
	s, err := dial("tcp", strings.TrimPrefix(a.BaseURL, "http://"))
	return s, "Authorization: " + req.Header.Get("Authorization") + "\r\nOn-Behalf-Of: " + e.SiteAdmin + "\r\n", err
}

// startSimulator starts a Greenhouse without latency that keeps no bodies.
func startSimulator(bin string, employers int) (*rig.Process, announcement, error) {
	var a announcement
	cmd := exec.Command(filepath.Join(bin, "adapters", "greenhouse"), "simulate", "--json", "--listen", "127.0.0.1:0",
		"--switch", "read_lag=0s", "--switch", "resume_fetch=never", "--forget-bodies",
		"--employers", fmt.Sprint(employers), "--jobs", "1")
	p, err := announced(cmd, &a)
	return p, a, err
}

// announced starts a simulator and reads the line in which it says where it is and whom it knows.
func announced(cmd *exec.Cmd, into any) (*rig.Process, error) {
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	p, err := rig.Start(cmd)
	if err != nil {
		return nil, err
	}
	line, err := bufio.NewReaderSize(out, 1<<20).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, into)
	}
	if err != nil {
		p.Kill()
		return nil, fmt.Errorf("the simulator did not start: %w: %s", err, &stderr)
	}
	return p, nil
}

// start starts the daemon and returns how long it took until it was ready.
func (w *world) start(ctx context.Context) (took time.Duration, err error) {
	w.daemon, took, err = rig.Run(ctx, filepath.Join(w.bin, "atssync"), filepath.Join(w.dir, "atssync.toml"), w.log(), w.ops)
	return took, err
}

func (w *world) log() string { return filepath.Join(w.dir, "daemon.log") }

// connectors is how many employers are connected at a time.
const connectors = 8

// connect connects every employer and links one job of each.
func (w *world) connect(ctx context.Context) error {
	w.targets = make([]target, len(w.ats.Employers))
	failed := make([]error, len(w.ats.Employers))
	places := make(chan struct{}, connectors)
	var group sync.WaitGroup
	for i := range w.ats.Employers {
		group.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			w.targets[i], failed[i] = w.connectOne(ctx, i)
		})
	}
	group.Wait()
	return errors.Join(failed...)
}

func (w *world) connectOne(ctx context.Context, i int) (target, error) {
	e := w.ats.Employers[i]
	connection, job, err := rig.Connect(ctx, w.api, rig.Employer{Name: e.Name, Key: e.Key, User: e.SiteAdmin, Job: e.Jobs[0].ID})
	return target{connection, job}, err
}

// adapters are the names of those that the daemon has.
func (w *world) adapters() []string {
	if w.adapter == "" {
		return []string{"greenhouse"}
	}
	return []string{"greenhouse", w.adapter}
}

// adapterPID is an adapter's process, 0 while it does not run.
func (w *world) adapterPID(ctx context.Context, name string) (int, error) {
	var a struct {
		State string `json:"state"`
		PID   int    `json:"pid"`
	}
	err := w.api.Call(ctx, http.MethodGet, "/v1/adapters/"+name, nil, &a)
	if a.State != "running" {
		a.PID = 0
	}
	return a.PID, err
}

func (w *world) end() {
	if w.ended {
		return
	}
	w.ended = true
	if w.daemon != nil {
		w.daemon.Kill() // what it stored goes with the folder; a drain would only take time
	}
	w.simulator.Stop()
	if w.stop != nil {
		w.stop()
	}
	_ = os.RemoveAll(filepath.Join(w.dir, "data"))
}

func (w *world) logTail() string { return rig.Tail(w.log(), 10) }
