package submit

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// A turn is what a lane does with one look into the store: so many submissions at most, one after the other where
// only one may be under way, as long as the look is fresh.
const (
	turnItems = 16
	turnFresh = time.Second
	// noneBegan is how soon a lane looks again when none of what it read could begin.
	noneBegan = 50 * time.Millisecond
)

// turn sends what is due, and tells when the lane has to be looked at again.
func (w *Worker) turn(ctx context.Context, r *round, p plan) (time.Time, bool, error) {
	n := p.limit
	if n == 1 && !p.alone {
		n = turnItems
	}
	waiting, read := w.looks.waits(r.c.ID), n
	if !p.alone { // past those that wait for the looks at their resumes
		read += min(waiting, mostSkipped)
	}
	due, nextAt, err := w.o.Store.NextSubmissions(ctx, r.lease, read, r.now())
	if err != nil {
		return time.Time{}, false, err
	}
	if len(due) == 0 {
		_, wrong := r.lane.Operations[atssync.OpSubmit]
		r.empty = nextAt.IsZero() && !wrong
		return nextAt, false, w.nothingDue(ctx, r)
	}
	if h := r.lane.Health(atssync.OpSubmit); h.State == atssync.HealthDraining && due[0].Submission.NextAt.After(h.DrainFrom) {
		return time.Time{}, true, w.drained(ctx, r) // what is left came after the incident
	}
	v, at := w.gate(r)
	switch v {
	case waitFor:
		return at, false, nil
	case mayProbe:
		trouble, _, err := w.check(ctx, r)
		if err != nil {
			w.pass(r)
			return time.Time{}, false, err
		}
		w.wakeAll(w.incidents.probed(r.c.Adapter, r.c.ID, trouble == nil, r.now()))
		return time.Time{}, true, nil
	case goAlone:
		due = due[:1]
		defer w.pass(r) // unless its outcome was told
	}
	items, err := w.prepare(ctx, r, due)
	if err != nil || len(items) == 0 {
		return time.Time{}, true, err // all of them were put aside
	}
	items, looking, err := w.seen(ctx, r, items, lookPatience)
	if err != nil || len(items) == 0 {
		further := !p.alone && len(due) == read && min(w.looks.waits(r.c.ID), mostSkipped) > min(waiting, mostSkipped)
		return r.now().Add(lookAfter), !looking || further, err
	}
	items = items[:min(len(items), n)]
	t := &turn{w: w, places: p.limit, halted: new(atomic.Bool)}
	if t.sc, err = w.o.Vault.OpenConnection(r.c); err != nil {
		return time.Time{}, false, err
	}
	if p.limit == 1 {
		err = t.oneByOne(ctx, r, items)
	} else {
		err = t.together(ctx, r, items)
	}
	if err == nil && !t.begun.Load() {
		return r.now().Add(noneBegan), false, nil
	}
	return time.Time{}, true, err
}

// gate asks the adapter's incident, if there is one.
func (w *Worker) gate(r *round) (verdict, time.Time) {
	var uncertain time.Time
	if h := r.lane.Health(atssync.OpSubmit); h.Cause == atssync.CauseUncertain {
		uncertain = h.Since
	}
	return w.incidents.gate(r.c.Adapter, r.c.ID, uncertain, r.now())
}

func (w *Worker) pass(r *round) { w.wakeAll(w.incidents.pass(r.c.Adapter, r.c.ID, r.now())) }

func (w *Worker) wakeAll(connections []string) {
	for _, c := range connections {
		w.Wake(c)
	}
}

// nothingDue is a lane whose queue is empty for now.
func (w *Worker) nothingDue(ctx context.Context, r *round) error {
	w.pass(r)
	switch h := r.lane.Health(atssync.OpSubmit); {
	case h.State == atssync.HealthDraining:
		return w.drained(ctx, r)
	case h.State == atssync.HealthCanary && (h.Cause == atssync.CauseUncertain || h.Cause == atssync.CauseThrottled):
		return w.settled(ctx, r)
	}
	return nil
}

// settled ends the wait for a canary when everything uncertain was settled: nobody may ever submit one.
func (w *Worker) settled(ctx context.Context, r *round) error {
	q := atssync.SubmissionQuery{Connection: r.c.ID, State: atssync.StateUncertain, Paging: atssync.Paging{Limit: 1}}
	page, err := w.o.Uncertain.Submissions(ctx, q)
	if err != nil || len(page.Items) > 0 {
		return err
	}
	now := r.now()
	_, err = w.o.Store.UpdateLane(ctx, r.lease, func(l *atssync.Lane) []atssync.EventDraft { return l.Settled(now) }, now)
	return err
}

func (w *Worker) drained(ctx context.Context, r *round) error {
	now := r.now()
	_, err := w.o.Store.UpdateLane(ctx, r.lease, func(l *atssync.Lane) []atssync.EventDraft {
		return l.Drained(atssync.OpSubmit, now)
	}, now)
	return err
}

// turn is a turn under way.
type turn struct {
	w      *Worker
	sc     sdk.Connection
	places int          // how many submissions may be under way
	halted *atomic.Bool // an outcome was no plain success: nothing more begins
	begun  atomic.Bool  // an attempt was made durable
}

// oneByOne sends items one after the other. While the end of one is made durable the next one begins, so that
// both share a commit; it begins only after a plain success, and never before the end: a crash finds one under way.
func (t *turn) oneByOne(ctx context.Context, r *round, items []ready) error {
	f, err := t.launch(ctx, r, items[:1], nil)
	for err == nil && f != nil {
		items = items[1:]
		l := t.fly(f)
		if !l.plain || len(items) == 0 || r.age() > turnFresh {
			return t.land(ctx, f.r, l)
		}
		var next *flight
		var failed error
		var wg sync.WaitGroup
		landed := make(chan struct{})
		wg.Go(func() { next, failed = t.launch(ctx, r, items[:1], landed) })
		err = t.land(ctx, f.r, l)
		close(landed)
		wg.Wait()
		f.r.changed(l.changes)
		if err == nil {
			err = failed
		}
		if err != nil && next != nil {
			next.giveBack(ctx, t)
		}
		f = next
	}
	return err
}

// together makes the calls of several groups at a time.
func (t *turn) together(ctx context.Context, r *round, items []ready) error {
	groups := groupsOf(items, max(1, r.manifest.Batch.Submit))
	errs := make([]error, len(groups))
	var wg sync.WaitGroup
	for i, g := range groups {
		wg.Go(func() {
			f, err := t.launch(ctx, r, g, nil)
			if err == nil && f != nil {
				err = t.land(ctx, f.r, t.fly(f))
			}
			errs[i] = err
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

func groupsOf(items []ready, size int) [][]ready {
	var out [][]ready
	for len(items) > 0 {
		n := min(size, len(items))
		out, items = append(out, items[:n]), items[n:]
	}
	return out
}
