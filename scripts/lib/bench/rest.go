package main

import (
	"context"
	"fmt"
	"time"

	"github.com/atssync/atssync/scripts/lib/rig"
)

// memory measures what the daemon keeps resident with all applications, and what it uses when nothing happens.
func memory(ctx context.Context, b *bench) (result, error) {
	w, err := b.reading(ctx)
	if err != nil {
		return result{}, err
	}
	wait(ctx, min(b.seconds, 5*time.Second)) // what was in use is given back
	before, err := rig.CPUTime(w.daemon.PID())
	if err != nil {
		return result{}, err
	}
	began := time.Now()
	wait(ctx, b.seconds)
	after, err := rig.CPUTime(w.daemon.PID())
	if err != nil {
		return result{}, err
	}
	idle := 100 * (after - before).Seconds() / time.Since(began).Seconds()
	r, err := rig.MemoryOf(w.daemon.PID())
	if err != nil {
		return result{}, err
	}
	if err := b.fetch(ctx, w, "heap", "memory.heap.pprof"); err != nil {
		return result{}, err
	}
	most := int64(120) << 20
	if w.written > 100_000 {
		most = 512 << 20
	}
	return result{
		Target:   fmt.Sprintf("≤ %s, idle CPU < 1 %%", mib(most)),
		Measured: fmt.Sprintf("%s: %s (%s its own), idle CPU %.2f %%", thousands(w.written), mib(r.All), mib(r.Own), idle),
		Met:      r.All <= most && idle < 1,
		How:      "resident memory of the daemon after the rows before; its own is what does not belong to files, which the system can take back",
		Numbers: map[string]float64{
			"applications": float64(w.written), "resident": float64(r.All), "own": float64(r.Own), "idle_cpu_percent": idle,
		},
	}, ctx.Err()
}

// restart measures how long the daemon takes to be ready after it was killed.
func restart(ctx context.Context, b *bench) (result, error) {
	w, err := b.reading(ctx)
	if err != nil {
		return result{}, err
	}
	w.daemon.Kill()
	took, err := w.start(ctx)
	if err != nil {
		return result{}, err
	}
	if err := w.honest(ctx); err != nil {
		return result{}, err
	}
	return result{
		Target: "1,000,000: ≤ 5 s", Measured: fmt.Sprintf("%s: %.2f s", thousands(w.written), took.Seconds()), Met: took <= 5*time.Second,
		How:     "from the start after kill -9 until /readyz says 200; the ledger, counted anew, balances",
		Numbers: map[string]float64{"applications": float64(w.written), "ready": took.Seconds()},
	}, nil
}
