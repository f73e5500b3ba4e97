package main

import (
	"context"
	"fmt"
	"time"

	"github.com/atssync/atssync/scripts/lib/rig"
)

// idlePasses are the passes that call the ATSes, and how often the defaults of the config have them run.
var idlePasses = []struct {
	name  string
	every time.Duration
}{
	{"status", 15 * time.Minute},
	{"jobs", time.Hour},
	{"check", 6 * time.Hour},
}

const (
	// A daemon that just started looks at every connection once. It is left alone until it used less than a fiftieth of a
	// CPU for some seconds.
	settles, settlesMost, settled = 5 * time.Second, time.Minute, 50
	// scraped is how often Prometheus looks at the metrics in many a house.
	scraped = 15 * time.Second
)

// idle measures what the daemon and the adapter use when nothing happens on many connections. The passes that read are
// run apart, because nobody wants to wait for hours: what they cost is divided by how often they run.
func idle(ctx context.Context, b *bench) (result, error) {
	n := b.growth[len(b.growth)-1]
	w, err := b.many(ctx, n)
	if err != nil {
		return result{}, err
	}
	if err := w.filled(ctx, b.growing); err != nil {
		return result{}, err
	}
	if err := w.settle(ctx); err != nil {
		return result{}, err
	}
	// A daemon at rest was scraped before: the first look at what was filled in is no part of its rest.
	if _, err := w.commitCount(ctx); err != nil {
		return result{}, err
	}
	profiled := b.profile(ctx, w, "idle", b.idle)
	still, began := usage{}, time.Now()
	before, err := w.usage(ctx)
	if err != nil {
		return result{}, err
	}
	for left := b.idle; left > 0 && ctx.Err() == nil; left = b.idle - time.Since(began) {
		if _, err := w.commitCount(ctx); err != nil {
			return result{}, err
		}
		wait(ctx, min(left, scraped))
	}
	if still, err = w.usage(ctx); err != nil {
		return result{}, err
	}
	if err := profiled(); err != nil {
		return result{}, err
	}
	took := time.Since(began)
	still = still.minus(before)
	share := func(cpu, of time.Duration) float64 { return 100 * cpu.Seconds() / of.Seconds() }
	own, adapter := share(still.daemon, took), share(still.adapter, took)
	r := result{
		Target:   "< 1 % of a CPU",
		Measured: fmt.Sprintf("%s connections: %.2f %%", thousands(int64(n)), own+adapter),
		Met:      own+adapter < 1,
		How: fmt.Sprintf("%.0f s, with the pass submit each minute and a scrape every 15 s: the daemon %.2f %%, the adapter %.2f %%, %s written; what the passes that call the ATSes "+
			"use besides, with %s applications and as often as by default:", took.Seconds(), own, adapter, kib(still.bytes), thousands(w.written)),
		Numbers: map[string]float64{
			"connections": float64(n), "applications": float64(w.written), "seconds": took.Seconds(),
			"daemon_percent": own, "adapter_percent": adapter, "bytes_written": still.bytes,
		},
	}
	for _, p := range idlePasses {
		cost, err := w.costOf(ctx, b, p.name)
		if err != nil {
			return result{}, err
		}
		percent := share(cost.daemon+cost.adapter, p.every)
		r.How += fmt.Sprintf(" %s %.2f %% (%.1f s)", p.name, percent, (cost.daemon + cost.adapter).Seconds())
		r.Numbers[p.name+"_percent"], r.Numbers[p.name+"_cpu"] = percent, (cost.daemon + cost.adapter).Seconds()
	}
	return r, ctx.Err()
}

// settle waits until the daemon has come to rest, for a while at most.
func (w *world) settle(ctx context.Context) error {
	for began := time.Now(); time.Since(began) < settlesMost; {
		before, err := rig.CPUTime(w.daemon.PID())
		if err != nil {
			return err
		}
		wait(ctx, settles)
		after, err := rig.CPUTime(w.daemon.PID())
		if err != nil || after-before < settles/settled {
			return err
		}
	}
	return ctx.Err()
}

// costOf runs a pass over all connections.
func (w *world) costOf(ctx context.Context, b *bench, pass string) (usage, error) {
	before, err := w.usage(ctx)
	if err != nil {
		return usage{}, err
	}
	profiled := b.profile(ctx, w, "idle-"+pass, b.seconds)
	if _, err := w.pass(ctx, pass); err != nil {
		return usage{}, err
	}
	after, err := w.usage(ctx)
	if err != nil {
		return usage{}, err
	}
	return after.minus(before), profiled()
}
