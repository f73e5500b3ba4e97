package main

import (
	"context"
	"fmt"
	"time"

	"github.com/atssync/atssync/scripts/lib/rig"
)

// memory measures what the daemon keeps resident with all applications, after the rows before.
func memory(ctx context.Context, b *bench) (result, error) {
	w, err := b.reading(ctx)
	if err != nil {
		return result{}, err
	}
	wait(ctx, min(b.seconds, 5*time.Second)) // what was in use is given back
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
		Target:   fmt.Sprintf("≤ %s", mib(most)),
		Measured: fmt.Sprintf("%s: %s, %s of it its own", thousands(w.written), mib(r.All), mib(r.Own)),
		Met:      r.All <= most,
		How: fmt.Sprintf("resident memory of the daemon some seconds after it took everything in and read its status twice; its own is what does not belong to files, "+
			"which the system can take back; at the worst moment since its start it was %s", mib(r.Most)),
		Numbers: map[string]float64{
			"applications": float64(w.written), "resident": float64(r.All), "own": float64(r.Own), "most": float64(r.Most),
		},
	}, ctx.Err()
}
