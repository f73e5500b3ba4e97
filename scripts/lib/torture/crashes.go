package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"

	sdk "github.com/atssync/atssync/plugin-sdk"
	"github.com/atssync/atssync/plugin-sdk/host"
	"github.com/atssync/atssync/scripts/lib/rig"
)

// footprint is what this process holds.
type footprint struct {
	goroutines, files int
	rss               int64
}

func measured() (f footprint, err error) {
	runtime.GC()
	debug.FreeOSMemory()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return f, err
	}
	r, err := rig.MemoryOf(os.Getpid())
	return footprint{runtime.NumGoroutine(), len(entries), r.Own}, err
}

// crashes lets adapters die over and over again under the host that the daemon has: the daemon itself would not start one
// more than five times a minute.
func crashes(ctx context.Context, t *trial, program string) error {
	dir := filepath.Join(t.root, "r")
	warm := max(20, t.n/10)
	var before footprint
	for i := range warm + t.n {
		if i == warm {
			var err error
			if before, err = measured(); err != nil {
				return err
			}
		}
		if err := crash(ctx, t, program, dir, i); err != nil {
			return err
		}
		if i >= warm {
			t.done(1)
		}
	}
	var after footprint
	err := rig.Until(ctx, 5*time.Second, 100*time.Millisecond, func() (bool, error) {
		var err error
		after, err = measured()
		return after.goroutines <= before.goroutines+2, err
	})
	if err != nil && ctx.Err() != nil {
		return err
	}
	t.check("crashes leave no goroutine", after.goroutines <= before.goroutines+2, "%d before, %d after", before.goroutines, after.goroutines)
	t.check("crashes leave no open file", after.files <= before.files+2, "%d before, %d after", before.files, after.files)
	t.check("crashes leave no memory", after.rss <= before.rss+(16<<20), "%d MiB before, %d MiB after", before.rss>>20, after.rss>>20)
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	t.check("crashes leave no socket", err == nil && len(left) == 0, "%v", firstOf(left))
	t.note("%d crashes: %d → %d goroutines, %d → %d MiB", t.n, before.goroutines, after.goroutines, before.rss>>20, after.rss>>20)
	return nil
}

// crash starts an adapter and has it die: by a signal, idle or in a call, or by its own hand in a call.
func crash(ctx context.Context, t *trial, program, dir string, i int) error {
	p, err := host.Launch(ctx, host.Options{Path: program, RuntimeDir: dir})
	if err != nil {
		return err
	}
	kinds := []string{"idle", "in a call", "crash", "panic"}
	kind := kinds[t.random("crash", i).IntN(len(kinds))]
	said := make(chan error, 1)
	switch kind {
	case "idle":
		_ = syscall.Kill(p.PID(), syscall.SIGKILL)
		said <- nil
	case "in a call":
		if err := os.WriteFile(program+".mode", []byte("hang"), 0o600); err != nil {
			return err
		}
		go func() { said <- ask(ctx, p) }()
		if err := sleep(ctx, time.Duration(i%8)*time.Millisecond); err != nil {
			return err
		}
		_ = syscall.Kill(p.PID(), syscall.SIGKILL)
	default:
		if err := os.WriteFile(program+".mode", []byte(kind), 0o600); err != nil {
			return err
		}
		said <- ask(ctx, p)
	}
	err = <-said
	if kind != "idle" {
		t.check("a call that an adapter dies in is an error", err != nil, "%s (%d): no error", kind, i)
	}
	if kind == "panic" {
		_ = syscall.Kill(p.PID(), syscall.SIGKILL) // the SDK makes an error of a panic and lives on
	}
	select {
	case <-p.Done():
	case <-time.After(10 * time.Second):
		return fmt.Errorf("crash %d (%s): the process lives on", i, kind)
	}
	return p.Stop(ctx)
}

func ask(ctx context.Context, p *host.Process) error {
	_, err := p.Client().Submit(ctx, sdk.SubmitRequest{Items: []sdk.SubmitItem{{ExternalID: "x"}}})
	return err
}
