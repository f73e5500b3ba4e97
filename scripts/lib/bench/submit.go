package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/atssync/atssync/scripts/lib/people"
	"github.com/atssync/atssync/scripts/lib/rig"
)

// submitThrough measures submissions from the queue on disk through the plugin process into the simulator. They are
// accepted while the simulator is stopped, so that their acceptance is not in the time, and judged at the end: the ledger
// balances, and in the simulator nobody is missing and nobody stands twice.
func submitThrough(ctx context.Context, b *bench) (result, error) {
	w, err := b.sending(ctx)
	if err != nil {
		return result{}, err
	}
	w.simulator.Signal(syscall.SIGSTOP)
	queued, err := w.acceptFor(ctx, b.submissions, stoppedMost)
	if err != nil {
		return result{}, err
	}
	before, err := w.usage(ctx)
	if err != nil {
		return result{}, err
	}
	profiled := b.profile(ctx, w, "submit", b.seconds)
	began := time.Now()
	w.simulator.Signal(syscall.SIGCONT)
	if err := w.arrived(ctx); err != nil {
		return result{}, err
	}
	took := time.Since(began)
	after, err := w.usage(ctx)
	if err != nil {
		return result{}, err
	}
	if err := errors.Join(profiled(), w.honest(ctx)); err != nil {
		return result{}, err
	}
	floor, err := straight(ctx, b)
	if err != nil {
		return result{}, fmt.Errorf("straight into the simulator: %w", err)
	}
	ceiling, err := commits(ctx, filepath.Join(b.root, "ceiling"), b.seconds/2, b.connections, func() [][]byte {
		return [][]byte{w.forms.write(nil, w.written)}
	})
	if err != nil {
		return result{}, fmt.Errorf("bare Badger: %w", err)
	}
	n := float64(queued)
	each := after.minus(before).by(n)
	return result{
		Target: "≥ 5,000/s", Measured: fmt.Sprintf("%s, 0 lost, 0 doubled", rate(n/took.Seconds())),
		Met: n/took.Seconds() >= 5000, Floor: rate(floor.rate()), Ceiling: rate(ceiling.rate() / 2),
		How: fmt.Sprintf("%s submissions over %d connections, one write at a time each; ledger and simulator agree; processor time each: "+
			"daemon %d µs, adapter %d µs, simulator %d µs; %s; floor: POSTs straight into a simulator; ceiling: two commits a submission",
			thousands(int64(queued)), b.connections, each.daemon.Microseconds(), each.adapter.Microseconds(), each.simulator.Microseconds(),
			after.since(before.commitCount)),
		Numbers: map[string]float64{
			"rate": n / took.Seconds(), "floor_rate": floor.rate(), "ceiling_rate": ceiling.rate() / 2,
			"daemon_cpu": each.daemon.Seconds(), "adapter_cpu": each.adapter.Seconds(), "simulator_cpu": each.simulator.Seconds(),
		},
	}, nil
}

// stoppedMost is how long the simulator may stand still: a call that got no answer for half a minute is uncertain.
const stoppedMost = 20 * time.Second

// acceptFor is accept with what a busy machine cannot do in that time left out. It returns how many were accepted.
func (w *world) acceptFor(ctx context.Context, n int, most time.Duration) (accepted int, err error) {
	const share = 2_000
	for began := time.Now(); accepted < n && time.Since(began) < most; {
		size := min(n-accepted, share)
		if err := w.accept(ctx, size); err != nil {
			return accepted, err
		}
		accepted += size
	}
	return accepted, nil
}

// accept has n further documents accepted.
func (w *world) accept(ctx context.Context, n int) error {
	s, err := dial("unix", w.socket())
	if err != nil {
		return err
	}
	defer s.close()
	var docs []byte
	for n > 0 && ctx.Err() == nil {
		size := min(n, batchSize)
		docs = docs[:0]
		for range size {
			docs = append(w.forms.write(docs, atomic.AddInt64(&w.written, 1)), '\n')
		}
		if err := answered(s, "/v1/submissions:batch", headerMany, docs, size); err != nil {
			return err
		}
		n -= size
	}
	return ctx.Err()
}

// ledger is the daemon's own account of all submissions.
type ledger struct {
	Total struct {
		Accepted int64            `json:"accepted"`
		States   map[string]int64 `json:"states"`
		OK       bool             `json:"ok"`
	} `json:"total"`
}

// arrived waits until everything that was accepted is submitted.
func (w *world) arrived(ctx context.Context) error {
	var l ledger
	last, since := int64(-1), time.Now()
	return rig.Until(ctx, time.Hour, 100*time.Millisecond, func() (bool, error) {
		if err := w.api.Call(ctx, http.MethodGet, "/v1/ledger", nil, &l); err != nil {
			return false, err
		}
		done := l.Total.States["submitted"]
		if done > last {
			last, since = done, time.Now()
		}
		if time.Since(since) > 30*time.Second {
			return false, fmt.Errorf("nothing was submitted for 30 seconds: %v of %d", l.Total.States, w.written)
		}
		return done == w.written, nil
	})
}

// honest compares what was accepted with the ledger, counted anew, and with the simulator.
func (w *world) honest(ctx context.Context) error {
	var l ledger
	if err := w.api.Call(ctx, http.MethodGet, "/v1/ledger?recount=true", nil, &l); err != nil {
		return err
	}
	if !l.Total.OK || l.Total.Accepted != w.written || l.Total.States["submitted"] != w.written {
		return fmt.Errorf("%d were accepted and the ledger says %+v", w.written, l.Total)
	}
	s, err := w.state(ctx)
	if err != nil {
		return err
	}
	if lost := w.written - s.Total.ExternalIDs; lost != 0 || s.Total.Doubled != 0 || s.Total.Candidates != w.written {
		return fmt.Errorf("of %d submissions %d are not in the simulator and %d stand there more than once", w.written, lost, s.Total.Doubled)
	}
	w.applied = w.written
	return nil
}

// atsState is the simulator's account.
type atsState struct {
	Total struct {
		Candidates  int64 `json:"candidates"`
		ExternalIDs int64 `json:"external_ids"`
		Doubled     int64 `json:"doubled"`
	} `json:"total"`
	Employers []struct {
		Requests []struct {
			Method   string `json:"method"`
			Endpoint string `json:"endpoint"`
			Count    int64  `json:"count"`
		} `json:"requests"`
	} `json:"employers"`
}

func (w *world) state(ctx context.Context) (s atsState, err error) {
	return s, w.control.Call(ctx, http.MethodGet, "/state", nil, &s)
}

// reads counts the requests for candidates.
func (s atsState) reads() (n int64) {
	for _, e := range s.Employers {
		for _, r := range e.Requests {
			if r.Method == http.MethodGet && strings.Contains(r.Endpoint, "candidates") {
				n += r.Count
			}
		}
	}
	return n
}

// straight measures the same people posted straight into a simulator of their own, one at a time for each employer.
func straight(ctx context.Context, b *bench) (got load, err error) {
	p, ats, err := startSimulator(b.bin, b.connections)
	if err != nil {
		return got, err
	}
	defer p.Stop()
	var n atomic.Int64
	list := make([]caller, len(ats.Employers))
	for i, e := range ats.Employers {
		s, header, err := ats.caller(ctx, i)
		if err != nil {
			return got, err
		}
		defer s.close()
		header += headerOne
		list[i] = func(context.Context) (int, error) {
			body, err := candidate(people.Invent(1, uint64(n.Add(1)), "", e.Name, time.Time{}), e.Jobs[0].ID)
			if err != nil {
				return 0, err
			}
			status, answer, err := s.post("/v1/partner/candidates", header, body)
			if err == nil && (status != http.StatusOK && status != http.StatusCreated || !bytes.Contains(answer, []byte("application_id"))) {
				err = fmt.Errorf("status %d: %s", status, answer)
			}
			return 1, err
		}
	}
	return drive(ctx, b.seconds/2, list)
}

// candidate is what the adapter makes of a document, about.
func candidate(d people.Document, job int64) ([]byte, error) {
	var notes strings.Builder
	for _, a := range d.Answers {
		notes.WriteString(a.Question + "\n" + a.Answer + "\n\n")
	}
	last := d.Person.LastName
	if last == "" {
		last = "(one name only)"
	}
	return json.Marshal(map[string]any{
		"prospect": false, "job_id": job, "first_name": d.Person.FirstName, "last_name": last, "external_id": d.ExternalID,
		"emails":        []map[string]string{{"email": d.Person.Emails[0].Address, "type": "personal"}},
		"phone_numbers": []map[string]string{{"phone_number": d.Person.Phones[0].Number, "type": "mobile"}},
		"resume":        d.Resume.URL, "notes": notes.String(),
	})
}
