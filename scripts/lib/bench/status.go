package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/atssync/atssync/scripts/lib/rig"
)

// filled has at least n applications submitted.
func (w *world) filled(ctx context.Context, n int) error {
	const share = 20_000 // the queue stays short enough for the simulator to keep up
	for w.written < int64(n) {
		if err := w.accept(ctx, int(min(int64(n)-w.written, share))); err != nil {
			return err
		}
		if err := w.arrived(ctx); err != nil {
			return err
		}
	}
	if w.applied == w.written {
		return nil
	}
	return w.honest(ctx)
}

// lookup is how many candidates Greenhouse shows in one request.
const lookup = 50

// statusPass measures a pass that reads every application of which one in a hundred moved. A pass before it has seen
// all of them for the first time.
func statusPass(ctx context.Context, b *bench) (result, error) {
	w, err := b.reading(ctx)
	if err != nil {
		return result{}, err
	}
	if _, err := w.pass(ctx, "status"); err != nil {
		return result{}, err
	}
	n := w.written
	var moved struct {
		Moved int64 `json:"moved"`
	}
	if err := w.control.Call(ctx, http.MethodPost, "/do/move_random", map[string]int64{"count": n / 100}, &moved); err != nil {
		return result{}, err
	}
	was, err := w.usage(ctx)
	if err != nil {
		return result{}, err
	}
	before, err := w.state(ctx)
	if err != nil {
		return result{}, err
	}
	profiled := b.profile(ctx, w, "status", b.seconds)
	p, err := w.pass(ctx, "status")
	if err != nil {
		return result{}, err
	}
	after, err := w.state(ctx)
	if err != nil {
		return result{}, err
	}
	used, err := w.usage(ctx)
	if err != nil {
		return result{}, err
	}
	if err := profiled(); err != nil {
		return result{}, err
	}
	if p.asked < n || p.changed == 0 || p.changed > moved.Moved {
		return result{}, fmt.Errorf("%d of %d applications moved, and the pass says: %s", moved.Moved, n, p.text)
	}
	return w.judgePass(p, used.minus(was), after.reads()-before.reads()), nil
}

// recordMost is more than a changed application, its event and their indexes take in the store, and more than a
// checkpoint; a pass that wrote what did not change would write many times as much.
const recordMost = 8 << 10

// judgePass makes the row of a pass from what it cost.
func (w *world) judgePass(p passed, cost usage, requests int64) result {
	connections := int64(len(w.targets))
	each := (w.written + connections - 1) / connections
	most := connections * ((each + lookup - 1) / lookup) // N/50 where the batches of all connections are full
	scale := 1_000_000 / float64(w.written)
	whole := (cost.daemon + cost.adapter).Seconds() * scale
	quiet := cost.bytes <= float64((p.changed+connections)*recordMost)
	return result{
		Target: "1,000,000: CPU ≤ 60 s, ≤ N/50 requests, unchanged not written",
		Measured: fmt.Sprintf("%s: CPU %.1f s (%.0f s a million), %s requests, %s changed, %s written", thousands(w.written),
			(cost.daemon + cost.adapter).Seconds(), whole, thousands(requests), thousands(p.changed), kib(cost.bytes)),
		Met: whole <= 60 && requests <= most && quiet,
		How: fmt.Sprintf("a status pass over %s connections in %.1f s, %s changed; CPU of the daemon %.2f s, of the adapter %.2f s; requests as the simulator counted them, "+
			"%s at best; written: what changed, its events, and %s checkpoints, in %.0f commits",
			thousands(connections), p.took.Seconds(), thousands(p.changed), cost.daemon.Seconds(), cost.adapter.Seconds(), thousands(most), thousands(connections), cost.commits),
		Numbers: map[string]float64{
			"applications": float64(w.written), "connections": float64(connections), "daemon_cpu": cost.daemon.Seconds(),
			"adapter_cpu": cost.adapter.Seconds(), "cpu_a_million": whole, "requests": float64(requests), "requests_at_best": float64(most),
			"changed": float64(p.changed), "bytes_written": cost.bytes, "steps": cost.steps, "commits": cost.commits, "took": p.took.Seconds(),
		},
	}
}

// passed is what a pass says of itself.
type passed struct {
	asked, read, changed int64
	took                 time.Duration
	text                 string
}

// pass runs a pass over all connections at once and waits for its end.
func (w *world) pass(ctx context.Context, name string) (p passed, err error) {
	var started struct {
		Run string `json:"run"`
	}
	err = rig.Until(ctx, time.Hour, 50*time.Millisecond, func() (bool, error) {
		err := w.api.Call(ctx, http.MethodPost, "/v1/schedule/"+name+"/run", nil, &started)
		var refused *rig.Refusal
		if errors.As(err, &refused) && refused.Status == http.StatusConflict {
			return false, nil // one that was due is under way
		}
		return err == nil, err
	})
	if err != nil {
		return p, err
	}
	err = rig.Until(ctx, time.Hour, 50*time.Millisecond, func() (bool, error) {
		var runs struct {
			Items []struct {
				ID         string    `json:"id"`
				StartedAt  time.Time `json:"started_at"`
				FinishedAt time.Time `json:"finished_at"`
				Error      string    `json:"error"`
				Summary    string    `json:"summary"`
			} `json:"items"`
		}
		if err := w.api.Call(ctx, http.MethodGet, "/v1/runs?limit=5&pass="+name, nil, &runs); err != nil {
			return false, err
		}
		for _, r := range runs.Items {
			if r.ID != started.Run || r.FinishedAt.IsZero() {
				continue
			}
			if r.Error != "" {
				return false, errors.New(r.Error)
			}
			p.took, p.text = r.FinishedAt.Sub(r.StartedAt), r.Summary
			if name != "status" {
				return true, nil
			}
			var connections int64
			if _, err := fmt.Sscanf(r.Summary, "%d connections, %d asked, %d read, %d changed", &connections, &p.asked, &p.read, &p.changed); err != nil {
				return false, fmt.Errorf("the summary %q: %w", r.Summary, err)
			}
			return true, nil
		}
		return false, nil
	})
	return p, err
}
