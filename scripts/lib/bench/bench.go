package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// bench is one run: its folder and the worlds that rows share.
type bench struct {
	settings
	root    string
	worlds  []*world
	accepts *world // of the rows accept and accept-batch
	sends   *world // of the rows submit and webhooks
	reads   *world // of the rows status, memory and restart
	most    *world // of the rows growth and idle
	fresh   *fresh // of the rows about freshness
}

const tmpfs = 0x01021994

// newBench makes the folder of the run, on a disk.
func newBench(s settings) (*bench, error) {
	bin, err := filepath.Abs(s.bin)
	if err != nil {
		return nil, err
	}
	s.bin = bin
	if s.dir == "" {
		s.dir = os.TempDir()
		if inMemory(s.dir) {
			s.dir = "/var/tmp"
		}
	}
	if inMemory(s.dir) {
		return nil, fmt.Errorf("%s is in memory, where nothing is made durable: name a folder on a disk with --dir", s.dir)
	}
	root, err := os.MkdirTemp(s.dir, "atssync-bench") // short: socket paths are
	if err != nil {
		return nil, err
	}
	b := &bench{settings: s, root: root}
	if s.profiles != "" {
		if err := os.MkdirAll(s.profiles, 0o755); err != nil {
			return nil, errors.Join(err, os.RemoveAll(root))
		}
	}
	return b, nil
}

func inMemory(dir string) bool {
	var st syscall.Statfs_t
	return syscall.Statfs(dir, &st) == nil && st.Type == tmpfs
}

// end stops everything and removes the folder.
func (b *bench) end() {
	for _, w := range b.worlds {
		w.end()
	}
	_ = os.RemoveAll(b.root)
}

// log is the end of the last daemon's log, for an error.
func (b *bench) log() string {
	if len(b.worlds) == 0 {
		return ""
	}
	return "\n-- the end of the daemon's log:\n" + b.worlds[len(b.worlds)-1].logTail()
}

// accepting is the world of the rows that only accept. Its simulator is stopped, so that no lane sends anything and
// the processors belong to intake.
func (b *bench) accepting(ctx context.Context) (*world, error) {
	if b.accepts != nil {
		return b.accepts, nil
	}
	w, err := b.open(ctx, plan{name: "a", employers: 8})
	if err != nil {
		return nil, err
	}
	w.simulator.Signal(syscall.SIGSTOP)
	b.accepts = w
	return w, nil
}

// sending is the world of the rows that send and deliver.
func (b *bench) sending(ctx context.Context) (*world, error) {
	if b.sends == nil {
		w, err := b.open(ctx, plan{name: "s", employers: b.connections})
		if err != nil {
			return nil, err
		}
		b.sends = w
	}
	return b.sends, nil
}

// reading is the world of the rows about many applications, with all of them submitted.
func (b *bench) reading(ctx context.Context) (*world, error) {
	if b.reads == nil {
		w, err := b.open(ctx, plan{name: "r", employers: min(b.employers, max(1, b.applications/lookup))})
		if err != nil {
			return nil, err
		}
		b.reads = w
	}
	return b.reads, b.reads.filled(ctx, b.applications)
}

// open makes a world and ends those before it: rows come in an order in which nobody needs them again.
func (b *bench) open(ctx context.Context, p plan) (*world, error) {
	for _, w := range b.worlds {
		w.end()
	}
	w := &world{plan: p, bin: b.bin, dir: filepath.Join(b.root, p.name), pprof: b.profiles != ""}
	b.worlds = append(b.worlds, w)
	return w, w.open(ctx)
}

// profile records the daemon's CPU profile for d, when that was asked for, beside what goes on. The function that it
// returns waits for the profile.
func (b *bench) profile(ctx context.Context, w *world, row string, d time.Duration) func() error {
	done := make(chan error, 1)
	go func() {
		done <- b.fetch(ctx, w, fmt.Sprintf("profile?seconds=%d", max(1, int(d.Seconds()))), row+".pprof")
	}()
	return func() error { return <-done }
}

// fetch writes one of the daemon's profiles into the folder of profiles, when there is one.
func (b *bench) fetch(ctx context.Context, w *world, profile, file string) error {
	if b.profiles == "" {
		return nil
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.ops+"/debug/pprof/"+profile, http.NoBody)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	f, err := os.Create(filepath.Join(b.profiles, file))
	if err != nil {
		return err
	}
	_, err = io.Copy(f, res.Body)
	return errors.Join(err, f.Close())
}
