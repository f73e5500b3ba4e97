package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/atssync/atssync/scripts/lib/rig"
)

// grown is what a number of connections costs.
type grown struct {
	connections int
	connect     time.Duration // of one connection, several at a time
	application usage         // accepted and submitted
	memory      rig.Residence
	start       time.Duration // after kill -9
}

// growMost is how many times as much an application may cost with the most connections as with the fewest. It is not 1,
// because a lane that is woken for each application has nothing to share the waking with.
const growMost = 2

// growth measures what the same applications cost when they are spread over ever more connections.
func growth(ctx context.Context, b *bench) (result, error) {
	var all []grown
	for _, n := range b.growth {
		g, err := b.grow(ctx, n)
		if err != nil {
			return result{}, fmt.Errorf("%d connections: %w", n, err)
		}
		all = append(all, g)
	}
	first, last := all[0], all[len(all)-1]
	ratio := (last.application.daemon + last.application.adapter).Seconds() / (first.application.daemon + first.application.adapter).Seconds()
	r := result{
		Target:   fmt.Sprintf("CPU an application at most × %d", growMost),
		Met:      ratio <= growMost,
		Measured: figures(all, func(g grown) string { return fmt.Sprint((g.application.daemon + g.application.adapter).Microseconds()) }) + " µs",
		How: fmt.Sprintf("%s applications accepted in batches and submitted over %s connections: the daemon took %s µs of processor time each and the adapter %s µs; "+
			"%s MiB of the daemon are resident after that; it starts in %s s after kill -9; connecting took %s ms a connection, %d at a time",
			thousands(int64(b.growing)),
			figures(all, func(g grown) string { return thousands(int64(g.connections)) }),
			figures(all, func(g grown) string { return fmt.Sprint(g.application.daemon.Microseconds()) }),
			figures(all, func(g grown) string { return fmt.Sprint(g.application.adapter.Microseconds()) }),
			figures(all, func(g grown) string { return fmt.Sprint(g.memory.All >> 20) }),
			figures(all, func(g grown) string { return fmt.Sprintf("%.2f", g.start.Seconds()) }),
			figures(all, func(g grown) string { return fmt.Sprintf("%.1f", g.connect.Seconds()*1000) }), connectors),
		Numbers: map[string]float64{"ratio": ratio},
	}
	for _, g := range all {
		name := fmt.Sprintf("connections_%d_", g.connections)
		r.Numbers[name+"daemon_cpu"] = g.application.daemon.Seconds()
		r.Numbers[name+"adapter_cpu"] = g.application.adapter.Seconds()
		r.Numbers[name+"resident"] = float64(g.memory.All)
		r.Numbers[name+"ready"] = g.start.Seconds()
		r.Numbers[name+"connect"] = g.connect.Seconds()
	}
	return r, nil
}

// grow measures one number of connections. The last world is left for the row idle.
func (b *bench) grow(ctx context.Context, n int) (g grown, err error) {
	w, err := b.many(ctx, n)
	if err != nil {
		return g, err
	}
	g.connections, g.connect = n, w.connected/time.Duration(n)
	before, err := w.usage(ctx)
	if err != nil {
		return g, err
	}
	profiled := b.profile(ctx, w, fmt.Sprintf("growth-%d", n), b.seconds)
	if err := w.filled(ctx, b.growing); err != nil {
		return g, err
	}
	after, err := w.usage(ctx)
	if err != nil {
		return g, err
	}
	if err := profiled(); err != nil {
		return g, err
	}
	g.application = after.minus(before).by(float64(b.growing))
	wait(ctx, restShort)
	if g.memory, err = rig.MemoryOf(w.daemon.PID()); err != nil {
		return g, err
	}
	if err := b.fetch(ctx, w, "heap", fmt.Sprintf("growth-%d.heap.pprof", n)); err != nil {
		return g, err
	}
	w.daemon.Kill()
	g.start, err = w.start(ctx)
	return g, err
}

// many is a world with that many connections.
func (b *bench) many(ctx context.Context, n int) (*world, error) {
	if b.most != nil && len(b.most.targets) == n {
		return b.most, nil
	}
	var err error
	b.most, err = b.open(ctx, plan{name: fmt.Sprintf("g%d", n), employers: n})
	return b.most, err
}

// figures writes one figure of each number of connections.
func figures(all []grown, of func(grown) string) string {
	list := make([]string, len(all))
	for i, g := range all {
		list[i] = of(g)
	}
	return strings.Join(list, " → ")
}
