package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// world is a daemon with its adapter, a simulator, connections and linked jobs.
type world struct {
	bin, dir string
	pprof    bool

	simulator *process
	ats       announcement
	daemon    *process
	ops       string // URL of the ops listener
	api       *client
	control   *client // of the simulator
	targets   []target
	forms     *forms
	written   int64 // documents made so far
	applied   int64 // submitted so far
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

func (w *world) open(ctx context.Context, connections int) error {
	if err := os.MkdirAll(filepath.Join(w.dir, "adapters"), 0o700); err != nil {
		return err
	}
	// One adapter alone, so that others do not take memory and time.
	if err := copyFile(filepath.Join(w.dir, "adapters", "greenhouse"), filepath.Join(w.bin, "adapters", "greenhouse")); err != nil {
		return err
	}
	var err error
	if w.simulator, w.ats, err = startSimulator(w.bin, connections); err != nil {
		return err
	}
	if err := w.configure(); err != nil {
		return err
	}
	w.api = newClient(w.socket())
	w.control = &client{http.DefaultClient, w.ats.BaseURL + "/control"}
	if _, err := w.start(ctx); err != nil {
		return err
	}
	if err := w.connect(ctx); err != nil {
		return err
	}
	w.forms, err = newForms(w.targets)
	return err
}

func (w *world) socket() string { return filepath.Join(w.dir, "run", "atssync.sock") }

func (w *world) configure() error {
	// The port is free now and very likely still is when the daemon takes it.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		return err
	}
	w.ops = "http://" + address
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

# Passes run when bench asks for them.
[schedules]
status = "@every 24h"
jobs = "@every 24h"
check = "@every 24h"

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
`, filepath.Join(w.dir, "data"), filepath.Join(w.dir, "run"), filepath.Join(w.dir, "adapters"), w.ats.BaseURL, address, w.pprof)
	return os.WriteFile(filepath.Join(w.dir, "atssync.toml"), []byte(config), 0o600)
}

// startSimulator starts a Greenhouse without latency that keeps no bodies.
func startSimulator(bin string, employers int) (*process, announcement, error) {
	var a announcement
	cmd := exec.Command(filepath.Join(bin, "adapters", "greenhouse"), "simulate", "--json", "--listen", "127.0.0.1:0",
		"--switch", "read_lag=0s", "--switch", "resume_fetch=never", "--forget-bodies",
		"--employers", fmt.Sprint(employers), "--jobs", "1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, a, err
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	p, err := start(cmd)
	if err != nil {
		return nil, a, err
	}
	line, err := bufio.NewReaderSize(out, 1<<20).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &a)
	}
	if err != nil {
		p.kill()
		return nil, a, fmt.Errorf("the simulator did not start: %w: %s", err, &stderr)
	}
	return p, a, nil
}

// start starts the daemon and returns how long it took until it was ready.
func (w *world) start(ctx context.Context) (time.Duration, error) {
	logs, err := os.OpenFile(filepath.Join(w.dir, "daemon.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return 0, err
	}
	defer func() { _ = logs.Close() }() // the daemon has its own
	cmd := exec.Command(filepath.Join(w.bin, "atssync"), "run")
	cmd.Env = append(os.Environ(), "ATSSYNC_CONFIG="+filepath.Join(w.dir, "atssync.toml"))
	cmd.Stdout, cmd.Stderr = logs, logs
	began := time.Now()
	if w.daemon, err = start(cmd); err != nil {
		return 0, err
	}
	err = until(ctx, 2*time.Minute, 5*time.Millisecond, func() (bool, error) {
		select {
		case <-w.daemon.done:
			return false, errors.New("the daemon ended")
		default:
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.ops+"/readyz", http.NoBody)
		if err != nil {
			return false, err
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return false, nil //nolint:nilerr // it is not listening yet.
		}
		_ = res.Body.Close()
		return res.StatusCode == http.StatusOK, nil
	})
	if err != nil {
		err = fmt.Errorf("the daemon did not become ready: %w", err)
	}
	return time.Since(began), err
}

// connect connects every employer and links one job of each.
func (w *world) connect(ctx context.Context) error {
	w.targets = make([]target, len(w.ats.Employers))
	failed := make([]error, len(w.ats.Employers))
	places := make(chan struct{}, 8)
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

func (w *world) connectOne(ctx context.Context, i int) (t target, err error) {
	e := w.ats.Employers[i]
	var made struct {
		Connection struct {
			ID string `json:"id"`
		} `json:"connection"`
	}
	err = w.api.call(ctx, http.MethodPost, "/v1/connections", map[string]any{
		"account": e.Name, "name": e.Name, "adapter": "greenhouse",
		"fields": map[string]string{"api_key": e.Key, "on_behalf_of": e.SiteAdmin},
	}, &made)
	if err != nil {
		return t, err
	}
	t = target{made.Connection.ID, "job-" + e.Name}
	if err = w.api.call(ctx, http.MethodPost, "/v1/connections/"+t.connection+"/jobs/refresh", nil, nil); err != nil {
		return t, err
	}
	if err = w.api.call(ctx, http.MethodPut, "/v1/platform-jobs", map[string]any{
		"jobs": []map[string]string{{"id": t.job, "account": e.Name, "title": "Engineer"}},
	}, nil); err != nil {
		return t, err
	}
	return t, w.api.call(ctx, http.MethodPut, "/v1/connections/"+t.connection+"/job-links/"+t.job,
		map[string]string{"ats_job": fmt.Sprint(e.Jobs[0].ID)}, nil)
}

// adapterPID is the adapter's process.
func (w *world) adapterPID(ctx context.Context) (int, error) {
	var a struct {
		PID int `json:"pid"`
	}
	err := w.api.call(ctx, http.MethodGet, "/v1/adapters/greenhouse", nil, &a)
	if err == nil && a.PID == 0 {
		err = errors.New("the adapter is not running")
	}
	return a.PID, err
}

func (w *world) end() {
	if w.ended {
		return
	}
	w.ended = true
	if w.daemon != nil {
		w.daemon.kill() // what it stored goes with the folder; a drain would only take time
	}
	w.simulator.stop()
	_ = os.RemoveAll(filepath.Join(w.dir, "data"))
}

func (w *world) logTail() string {
	b, err := os.ReadFile(filepath.Join(w.dir, "daemon.log"))
	if err != nil {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return strings.Join(lines[max(0, len(lines)-10):], "\n")
}

func copyFile(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// until calls f every so often until it says yes.
func until(ctx context.Context, most, every time.Duration, f func() (bool, error)) error {
	deadline := time.Now().Add(most)
	for {
		ok, err := f()
		if ok || err != nil {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("it took longer than %s", most)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(every):
		}
	}
}
