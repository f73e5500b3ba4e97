package submit

import (
	"context"
	"errors"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// flight is one call that may be made: its place is taken, and its attempts are durable.
type flight struct {
	r        *round
	sc       sdk.Connection
	client   sdk.Client
	done     func()
	items    []ready
	attempts []atssync.Attempt // of items, in their order
}

// launch waits for the adapter's limits and makes the attempts durable, in this order: a submission that waits is
// not under way. What was read before a long wait is read again. before, when it is not nil, is closed when the place of
// the flight before is free. It returns nil when there is nothing to send any more.
func (t *turn) launch(ctx context.Context, r *round, items []ready, before <-chan struct{}) (*flight, error) {
	w := t.w
	client, done, err := w.o.Adapters.Reserve(ctx, r.c.Adapter, t.sc, sdk.PowerSubmit)
	if err != nil {
		return nil, err
	}
	f := &flight{r: r, sc: t.sc, client: client, done: done}
	defer func() {
		if len(f.attempts) == 0 {
			done()
		}
	}()
	if r.age() > turnFresh {
		if items, err = f.again(ctx, w, len(items)); err != nil || len(items) == 0 {
			return nil, err
		}
	}
	if ctx.Err() != nil || t.halted.Load() || !w.incidents.open(r.c.Adapter, r.c.ID) {
		return nil, ctx.Err()
	}
	err = f.begin(ctx, t, items)
	if err == nil && len(f.attempts) == 0 && before != nil {
		<-before // the store took this beginning before that end
		err = f.begin(ctx, t, items)
	}
	if err != nil || len(f.attempts) == 0 {
		return nil, err
	}
	t.begun.Store(true)
	return f, nil
}

// again reads the connection and its next submissions anew: in a long wait it may have been paused or repaired, a job
// unlinked, a submission revised.
func (f *flight) again(ctx context.Context, w *Worker, n int) ([]ready, error) {
	began := time.Now()
	r, err := w.read(ctx, f.r.c.ID, f.r.at(began), began)
	if err != nil || r == nil || r.lease != f.r.lease {
		return nil, err
	}
	r.manifest = f.r.manifest
	if p := next(r.lane, n, r.now()); p.do != send {
		return nil, nil
	}
	if f.sc, err = w.o.Vault.OpenConnection(r.c); err != nil {
		return nil, err
	}
	due, _, err := w.o.Store.NextSubmissions(ctx, r.lease, n, r.now())
	if err != nil {
		return nil, err
	}
	f.r = r
	items, err := w.prepare(ctx, r, due)
	if err != nil {
		return nil, err
	}
	items, _, err = w.seen(ctx, r, items, 0)
	return items, err
}

// begin makes the attempts durable. What is no longer there to be sent, or finds no place, is left out.
func (f *flight) begin(ctx context.Context, t *turn, items []ready) error {
	if !writeAhead && len(f.attempts) == 0 {
		for _, it := range items {
			f.items, f.attempts = append(f.items, it), append(f.attempts, atssync.Attempt{Submission: it.sub.ID, Number: it.sub.Attempt + 1})
		}
		return nil
	}
	in := make([]atssync.BeginAttempt, len(items))
	for i, it := range items {
		in[i] = atssync.BeginAttempt{
			Submission: it.sub.ID, Revision: it.sub.Revision, ATSJob: it.link.ATSJob, As: it.link.As, Note: it.note, Warning: it.warning,
			Places: t.places, Number: it.sub.Attempt + 1, ExternalKey: it.sub.ExternalKey, AccountKey: it.sub.AccountKey,
		}
	}
	begun, err := t.w.o.Store.BeginAttempts(ctx, f.r.lease, in, f.r.now())
	if err != nil {
		return err
	}
	for _, it := range items {
		for _, a := range begun {
			if a.Submission == it.sub.ID {
				f.items, f.attempts = append(f.items, it), append(f.attempts, a)
			}
		}
	}
	return nil
}

// landing is how a call ended.
type landing struct {
	finishes []atssync.Finish
	changes  []atssync.LaneChange
	after    []func() // once it is durable
	plain    bool     // every outcome is a success
}

// fly makes the call.
func (t *turn) fly(f *flight) landing {
	defer f.done()
	w, r := t.w, f.r
	if lease, ok := w.o.Leases.Lease(r.c.ID); !ok || lease != r.lease || w.calls.Err() != nil || !w.incidents.open(r.c.Adapter, r.c.ID) {
		return f.unsent() // making it durable took its time
	}
	req := sdk.SubmitRequest{Connection: f.sc, Items: make([]sdk.SubmitItem, len(f.items))}
	for i := range f.items {
		req.Items[i] = f.items[i].item
	}
	sent := time.Now()
	over := w.calling(f, sent)
	reply, err := f.client.Submit(w.calls, req)
	over()
	took := time.Since(sent)
	if !writeAhead {
		_ = (&flight{r: r, attempts: f.attempts}).begin(w.calls, t, f.items) // too late
	}
	outcomes, meta := outcomesOf(reply, err, len(f.items))
	outcomes, meta.Exchanges = discreet(f.items, outcomes, meta.Exchanges)
	l := landing{plain: true, finishes: make([]atssync.Finish, len(f.items))}
	answered := saysNothing
	now := r.now()
	for i := range f.items {
		v := w.judge(r, &f.items[i], f.attempts[i], outcomes[i], now)
		v.finish.Exchanges = meta.Exchanges
		l.finishes[i] = v.finish
		if v.change != nil {
			l.changes = append(l.changes, v.change)
		}
		l.after = append(l.after, func() { w.told(r, &f.items[i], v, took) })
		answered = max(answered, v.answer)
		l.plain = l.plain && arrivedAt(v.finish.To)
	}
	if !l.plain {
		t.halted.Store(true)
	}
	w.toldIncident(r, answered) // at once: others are about to write
	return l
}

// unsent takes the attempts back: nothing of them left.
func (f *flight) unsent() landing {
	var l landing
	for i, a := range f.attempts {
		l.finishes = append(l.finishes, atssync.Finish{
			Submission: a.Submission, Attempt: a.Number, To: atssync.StateQueued, NextAt: placeOf(f.items[i].sub, f.r.now()),
			Continuation: f.items[i].sub.Continuation, Trouble: f.items[i].sub.Trouble,
		})
	}
	return l
}

// giveBack ends a flight that will not be made.
func (f *flight) giveBack(ctx context.Context, t *turn) {
	f.done()
	if err := t.land(ctx, f.r, f.unsent()); err != nil && !errors.Is(err, atssync.ErrFenced) {
		t.w.o.Log.Error("take attempts back that were not sent", "connection", f.r.c.ID, "err", err)
	}
}

func arrivedAt(s atssync.State) bool {
	return s == atssync.StateSubmitted || s == atssync.StateAlreadyApplied
}

// land stores how a call ended, and then does what follows from it.
func (t *turn) land(ctx context.Context, r *round, l landing) error {
	if err := t.w.finish(context.WithoutCancel(ctx), r, l.finishes, merge(l.changes)); err != nil {
		return err
	}
	for _, f := range l.after {
		f()
	}
	return nil
}

// finishRetry is how long to wait before an outcome that could not be stored is tried again.
const finishRetry = time.Second

// finish stores outcomes, whatever became of the lane meanwhile. They are known only here until it succeeds, so it does
// not give up while the process lives: what is never stored becomes uncertain at the next start.
func (w *Worker) finish(ctx context.Context, r *round, in []atssync.Finish, change atssync.LaneChange) error {
	for {
		err := w.o.Store.FinishAttempts(ctx, r.lease, in, change, r.now())
		if err == nil || errors.Is(err, atssync.ErrFenced) {
			return err
		}
		w.o.Log.Error("store the outcome of an attempt; trying again", "connection", r.c.ID, "submission", in[0].Submission, "err", err)
		select {
		case <-w.calls.Done():
			return err
		case <-time.After(finishRetry):
		}
	}
}

func merge(changes []atssync.LaneChange) atssync.LaneChange {
	if len(changes) == 0 {
		return nil
	}
	return func(l *atssync.Lane) []atssync.EventDraft {
		var out []atssync.EventDraft
		for _, c := range changes {
			out = append(out, c(l)...)
		}
		return out
	}
}
