package main

import (
	"context"
	"fmt"
	"time"

	"github.com/atssync/atssync/scripts/lib/rig"
)

// The daemon gives memory back when a burst of work is over for some seconds, and once more half a minute after it.
const restShort, restLong = 5 * time.Second, 30 * time.Second

// memory measures what the daemon keeps resident with all applications, after the rows before.
func memory(ctx context.Context, b *bench) (result, error) {
	w, err := b.reading(ctx)
	if err != nil {
		return result{}, err
	}
	rest := restLong
	if b.quick {
		rest = restShort
	}
	wait(ctx, rest)
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
		How: fmt.Sprintf("resident memory of the daemon %.0f s after it took everything in and read its status twice; its own is what does not belong to files, "+
			"which the system can take back; at the worst moment since its start it was %s", rest.Seconds(), mib(r.Most)),
		Numbers: map[string]float64{
			"applications": float64(w.written), "resident": float64(r.All), "own": float64(r.Own), "most": float64(r.Most),
		},
	}, ctx.Err()
}
