package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/atssync/atssync/scripts/lib/rig"
)

// demo is one walk.
type demo struct {
	bin, dir string
	people   int
	console  bool
	ats      announcement
	newcomer employer // with console: not connected yet
	cons     []string // connection names, one an employer
	running  []*exec.Cmd
	logs     *os.File
}

// walked is how many employers the walk is about.
const walked = 3

// announcement is what the simulator says when it starts.
type announcement struct {
	BaseURL   string     `json:"base_url"`
	Employers []employer `json:"employers"`
}

type employer struct {
	Name      string `json:"name"`
	Title     string `json:"title"`
	Key       string `json:"key"`
	SiteAdmin string `json:"site_admin"`
	Jobs      []struct {
		ID   int64  `json:"id"`
		Name string `json:"name"`
	} `json:"jobs"`
}

func (d *demo) config() string { return filepath.Join(d.dir, "atssync.toml") }

// command is a call of atssync.
func (d *demo) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(d.bin, "atssync"), args...)
	cmd.Env = append(os.Environ(), "ATSSYNC_CONFIG="+d.config())
	return cmd
}

// show runs a command as a person would, with its output indented below it.
func (d *demo) show(ctx context.Context, args ...string) error {
	fmt.Println("$ atssync " + strings.Join(quoted(args), " "))
	cmd := d.command(ctx, args...)
	out, err := cmd.CombinedOutput()
	for line := range strings.Lines(string(out)) {
		fmt.Print("  " + line)
	}
	return err
}

// ask runs a command with --json and decodes what it prints.
func (d *demo) ask(ctx context.Context, into any, args ...string) error {
	cmd := d.command(ctx, append(args, "--json")...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("atssync %s: %w: %s", strings.Join(args, " "), err, &stderr)
	}
	return json.Unmarshal(out, into)
}

func quoted(args []string) []string {
	out := make([]string, len(args))
	for i, a := range args {
		out[i] = a
		if strings.ContainsAny(a, " '\"") {
			out[i] = "'" + a + "'"
		}
	}
	return out
}

// start runs a program until the end of the demo.
func (d *demo) start(cmd *exec.Cmd) error {
	if err := cmd.Start(); err != nil {
		return err
	}
	d.running = append(d.running, cmd)
	return nil
}

// end stops everything in reverse order.
func (d *demo) end() {
	for _, cmd := range slices.Backward(d.running) {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		done := make(chan struct{})
		go func() { _ = cmd.Wait(); close(done) }()
		select {
		case <-done:
		case <-time.After(20 * time.Second):
			_ = cmd.Process.Kill()
			<-done
		}
	}
}

func (d *demo) startSimulator(ctx context.Context) error {
	cmd := d.command(context.WithoutCancel(ctx), "simulate", filepath.Join(d.bin, "adapters", "greenhouse"), "--json",
		"--listen", "127.0.0.1:0", "--switch", "read_lag=0s", "--switch", "resume_fetch=never")
	if d.console {
		cmd.Args = append(cmd.Args, "--employers", fmt.Sprint(walked+1)) // one who is not connected yet
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := d.start(cmd); err != nil {
		return err
	}
	line, err := bufio.NewReaderSize(out, 1<<20).ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("the simulator did not start: %s", &stderr)
	}
	if err := json.Unmarshal(line, &d.ats); err != nil {
		return err
	}
	if len(d.ats.Employers) > walked {
		d.newcomer, d.ats.Employers = d.ats.Employers[walked], d.ats.Employers[:walked]
	}
	fmt.Printf("$ atssync simulate greenhouse\n  %s\n", d.ats.BaseURL)
	for _, e := range d.ats.Employers {
		fmt.Printf("  %-28s %d jobs, user %s\n", e.Title, len(e.Jobs), e.SiteAdmin)
	}
	return nil
}

func (d *demo) startDaemon(ctx context.Context) error {
	config := fmt.Sprintf(`[platform]
name = "Example Talent"

[daemon]
data_dir = %q
runtime_dir = %q

[store]
ballast = "0B"
min_free = "64MiB"

[submissions]
last_name_fallback = "(one name only)"
resume_check = "off" # nobody serves the files of invented people

[adapters]
dir = %q

[adapters.greenhouse.settings]
base_url = %q

[ops]
listen = "127.0.0.1:0"
`, filepath.Join(d.dir, "data"), filepath.Join(d.dir, "run"), filepath.Join(d.bin, "adapters"), d.ats.BaseURL)
	if d.console {
		address, err := rig.FreeAddress()
		if err != nil {
			return err
		}
		config += fmt.Sprintf("\n[http]\nlisten = %q\npublic_url = %q\n", address, "http://"+address)
	}
	if err := os.WriteFile(d.config(), []byte(config), 0o600); err != nil {
		return err
	}
	logs, err := os.Create(filepath.Join(d.dir, "daemon.log"))
	if err != nil {
		return err
	}
	d.logs = logs
	cmd := d.command(context.WithoutCancel(ctx), "run")
	cmd.Stderr = logs
	if err := d.start(cmd); err != nil {
		return err
	}
	fmt.Println("$ atssync run &")
	err = d.until(ctx, 30*time.Second, "the daemon did not come up", func() (bool, error) {
		var adapters struct {
			Items []struct {
				Name  string `json:"name"`
				State string `json:"state"`
			} `json:"items"`
		}
		if err := d.ask(ctx, &adapters, "adapters", "list"); err != nil {
			return false, nil //nolint:nilerr // it is still starting.
		}
		for _, a := range adapters.Items {
			if a.Name == "greenhouse" && a.State == "running" {
				return true, d.show(ctx, "adapters", "list")
			}
		}
		return false, nil
	})
	if err != nil {
		return fmt.Errorf("%w; its log:\n%s", err, d.log())
	}
	return nil
}

func (d *demo) log() string {
	b, err := os.ReadFile(filepath.Join(d.dir, "daemon.log"))
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// until calls f until it says yes.
func (d *demo) until(ctx context.Context, most time.Duration, otherwise string, f func() (bool, error)) error {
	deadline := time.Now().Add(most)
	for {
		ok, err := f()
		if ok || err != nil {
			return err
		}
		if time.Now().After(deadline) {
			return errors.New(otherwise)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// control calls the simulator's control API.
func (d *demo) control(ctx context.Context, method, path string, body, into any) error {
	b, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, d.ats.BaseURL+"/control"+path, bytes.NewReader(b))
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %s: %s", method, path, res.Status, answer)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(answer, into)
}
