package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"syscall"
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
	floor, err := w.bareLookups(ctx)
	if err != nil {
		return result{}, fmt.Errorf("straight into the simulator: %w", err)
	}
	r := w.judgePass(p, used.minus(was), after.reads()-before.reads())
	r.Floor, r.Numbers["floor_cpu_a_million"] = fmt.Sprintf("%.0f s a million", floor), floor
	return r, nil
}

// bareLookups is the processor time, in seconds a million candidates, of a program that does nothing but ask for the same
// candidates and decode what comes.
func (w *world) bareLookups(ctx context.Context) (float64, error) {
	const connections, rounds = 20, 20
	type lookups struct {
		*sender
		header string
		ids    []string
	}
	var list []lookups
	candidates := 0
	for i := range min(connections, len(w.targets)) {
		var page struct {
			Items []struct {
				CandidateID string `json:"candidate_id"`
			} `json:"items"`
		}
		if err := w.api.Call(ctx, http.MethodGet, fmt.Sprintf("/v1/applications?limit=%d&connection=%s", lookup, w.targets[i].connection), nil, &page); err != nil {
			return 0, err
		}
		s, header, err := w.ats.caller(ctx, i)
		if err != nil {
			return 0, err
		}
		defer s.close()
		l := lookups{sender: s, header: header}
		for _, a := range page.Items {
			l.ids = append(l.ids, a.CandidateID)
		}
		candidates += len(l.ids)
		list = append(list, l)
	}
	var before, after syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &before); err != nil {
		return 0, err
	}
	for range rounds {
		for _, l := range list {
			status, answer, err := l.do("GET", "/v1/partner/candidates?candidate_ids="+strings.Join(l.ids, ","), l.header, nil)
			var shown []json.RawMessage
			if err == nil && status == http.StatusOK {
				err = json.Unmarshal(answer, &shown)
			}
			if err != nil || len(shown) != len(l.ids) {
				return 0, fmt.Errorf("status %d, %d of %d candidates: %w", status, len(shown), len(l.ids), err)
			}
		}
	}
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &after); err != nil {
		return 0, err
	}
	spent := time.Duration(after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano())
	return spent.Seconds() * 1_000_000 / float64(rounds*candidates), nil
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
	writes := (p.changed + connections) * recordMost
	return result{
		Target:   fmt.Sprintf("CPU ≤ 60 s a million, ≤ %s requests, ≤ %s", thousands(most), kib(float64(writes))),
		Measured: fmt.Sprintf("%s: %.0f s a million, %s requests, %s", thousands(w.written), whole, thousands(requests), kib(cost.bytes)),
		Met:      whole <= 60 && requests <= most && cost.bytes <= float64(writes),
		How: fmt.Sprintf("a status pass over %s connections in %.1f s; the daemon took %.2f s of processor time and the adapter %.2f s; requests for %d candidates each, "+
			"as the simulator counted them; written, in %.0f commits, were the %s applications that changed, their events, and %s checkpoints: "+
			"nothing for what did not change, which would be many times as much; floor: processor time of a program that asks for the same and decodes it",
			thousands(connections), p.took.Seconds(), cost.daemon.Seconds(), cost.adapter.Seconds(), lookup, cost.commits, thousands(p.changed), thousands(connections)),
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
