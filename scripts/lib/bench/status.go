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

// statusPass measures a pass that reads every application of which one in a hundred moved. A pass before it has seen
// all of them for the first time.
func statusPass(ctx context.Context, b *bench) (result, error) {
	w, err := b.sending(ctx)
	if err != nil {
		return result{}, err
	}
	if err := w.filled(ctx, b.applications); err != nil {
		return result{}, err
	}
	if _, err := w.pass(ctx); err != nil {
		return result{}, err
	}
	n := int64(b.applications)
	var moved struct {
		Moved int64 `json:"moved"`
	}
	if err := w.control.Call(ctx, http.MethodPost, "/do/move_random", map[string]int64{"count": n / 100}, &moved); err != nil {
		return result{}, err
	}
	cpu, err := w.usage(ctx)
	if err != nil {
		return result{}, err
	}
	before, err := w.state(ctx)
	if err != nil {
		return result{}, err
	}
	profiled := b.profile(ctx, w, "status", b.seconds)
	p, err := w.pass(ctx)
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
	cost, requests := used.minus(cpu), after.reads()-before.reads()
	if p.asked < n || p.changed == 0 || p.changed > moved.Moved {
		return result{}, fmt.Errorf("%d of %d applications moved, and the pass says: %s", moved.Moved, n, p.text)
	}
	scale := 1_000_000 / float64(w.written)
	whole := (cost.daemon + cost.adapter).Seconds() * scale
	most := w.written/50 + int64(b.connections) // a batch that is not full for each connection
	return result{
		Target: "1,000,000: CPU ≤ 60 s, ≤ N/50 requests",
		Measured: fmt.Sprintf("%s: CPU %.2f s + %.2f s (%.0f s a million), %s requests, %s changed, %.1f s", thousands(w.written),
			cost.daemon.Seconds(), cost.adapter.Seconds(), whole, thousands(requests), thousands(p.changed), p.took.Seconds()),
		Met: whole <= 60 && requests <= most,
		How: fmt.Sprintf("a status pass after %s candidates moved; CPU of the daemon + of the adapter; requests as the simulator counted them",
			thousands(moved.Moved)),
		Numbers: map[string]float64{
			"applications": float64(w.written), "daemon_cpu": cost.daemon.Seconds(), "adapter_cpu": cost.adapter.Seconds(), "cpu_a_million": whole,
			"requests": float64(requests), "changed": float64(p.changed), "moved": float64(moved.Moved), "took": p.took.Seconds(),
		},
	}, nil
}

// passed is what a status pass says of itself.
type passed struct {
	asked, read, changed int64
	took                 time.Duration
	text                 string
}

// pass runs a status pass and waits for its end.
func (w *world) pass(ctx context.Context) (p passed, err error) {
	var started struct {
		Run string `json:"run"`
	}
	if err := w.api.Call(ctx, http.MethodPost, "/v1/schedule/status/run", nil, &started); err != nil {
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
		if err := w.api.Call(ctx, http.MethodGet, "/v1/runs?pass=status&limit=5", nil, &runs); err != nil {
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
