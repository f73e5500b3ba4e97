package submit

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// ready is one submission with all that its call carries.
type ready struct {
	sub  atssync.Submission
	link atssync.JobLink
	job  *atssync.ATSJob
	item sdk.SubmitItem
	note []byte // sealed
}

// sendDue sends what is due, at most limit at a time, and tells when the lane has to be looked at again.
func (w *Worker) sendDue(ctx context.Context, r *round, limit int) (time.Time, bool, error) {
	due, nextAt, err := w.o.Store.NextSubmissions(ctx, r.lease, limit, r.now())
	if err != nil {
		return time.Time{}, false, err
	}
	if len(due) == 0 {
		return w.idle(ctx, r, nextAt)
	}
	clean := r.lane.Health(atssync.OpSubmit).Cause != atssync.CauseUncertain
	switch v, at := w.incidents.gate(r.c.Adapter, r.c.ID, clean, r.now()); v {
	case waitFor:
		return at, false, nil
	case mayProbe:
		trouble, _, err := w.check(ctx, r)
		w.incidents.probed(r.c.Adapter, r.c.ID, err == nil && trouble == nil, r.now())
		return time.Time{}, true, nil
	case goAlone:
		due = due[:1]
	}
	items, err := w.prepare(ctx, r, due)
	if err != nil {
		return time.Time{}, false, err
	}
	if len(items) == 0 {
		return time.Time{}, true, nil // all of them were put aside
	}
	return w.sendItems(ctx, r, items)
}

// idle is a lane with nothing due.
func (w *Worker) idle(ctx context.Context, r *round, nextAt time.Time) (time.Time, bool, error) {
	w.incidents.pass(r.c.Adapter, r.c.ID)
	if r.lane.Health(atssync.OpSubmit).State == atssync.HealthDraining {
		now := r.now()
		if _, err := w.o.Store.UpdateLane(ctx, r.lease, func(l *atssync.Lane) []atssync.EventDraft {
			return l.Drained(atssync.OpSubmit, now)
		}, now); err != nil {
			return time.Time{}, false, err
		}
	}
	again, err := w.settle(ctx, r)
	if err != nil {
		return time.Time{}, false, err
	}
	return earlier(nextAt, again), false, nil
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// prepare opens and renders what is due. What cannot go is put aside with its reason.
func (w *Worker) prepare(ctx context.Context, r *round, due []atssync.Due) ([]ready, error) {
	text := r.c.NoteTemplate
	if text == "" {
		text = w.o.Note
	}
	notes, err := w.notes.parse(text)
	if err != nil {
		return nil, err
	}
	var out []ready
	for _, d := range due {
		rd, reason, trouble, err := w.prepareOne(r, d, notes)
		if err != nil {
			return nil, err
		}
		if reason == "" && trouble == nil {
			out = append(out, rd)
			continue
		}
		if err := w.o.Store.HoldSubmissions(ctx, r.lease, []string{d.Submission.ID}, reason, trouble, r.now()); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (w *Worker) prepareOne(r *round, d atssync.Due, notes atssync.NoteTemplate) (ready, atssync.HeldReason, *atssync.Trouble, error) {
	if state, reason := atssync.Judge(r.c, r.lane, d.Link, d.Job); state == atssync.StateHeld {
		return ready{}, reason, nil, nil
	}
	doc, err := w.o.Vault.OpenDocument(d.Submission, d.Payload)
	if err != nil {
		return ready{}, "", nil, err
	}
	cont, err := w.o.Vault.OpenContinuation(d.Submission)
	if err != nil {
		return ready{}, "", nil, err
	}
	if doc.Person.LastName == "" {
		doc.Person.LastName = r.c.LastNameFallback
	}
	note, err := notes.Render(doc, w.o.Platform, r.manifest.Note)
	if err != nil {
		return ready{}, atssync.HeldOperator, nil, nil //nolint:nilerr // the template is at fault, which ParseNote tells; the submission waits.
	}
	sealed, err := w.o.Vault.SealNote(d.Submission, note)
	if err != nil {
		return ready{}, "", nil, err
	}
	item := itemOf(d, doc, note)
	item.Continuation = cont
	return ready{sub: d.Submission, link: *d.Link, job: d.Job, item: item, note: sealed}, "", nil, nil
}

// sendItems waits for the adapter's limits, makes the attempts durable, and calls.
func (w *Worker) sendItems(ctx context.Context, r *round, items []ready) (time.Time, bool, error) {
	sc, err := w.o.Vault.OpenConnection(r.c)
	if err != nil {
		return time.Time{}, false, err
	}
	size := max(1, r.manifest.Batch.Submit)
	if places(r.manifest) == 1 {
		size = 1
	}
	groups := groupsOf(items, size)
	clients, release, err := w.reserve(ctx, r, sc, len(groups))
	if err != nil {
		w.incidents.pass(r.c.Adapter, r.c.ID)
		if errors.Is(err, sdk.ErrNotRunning) || ctx.Err() != nil {
			return r.now().Add(time.Second), false, nil
		}
		return time.Time{}, false, err
	}
	defer release()
	if w.stopping() {
		return time.Time{}, false, nil
	}
	begun, err := w.begin(ctx, r, items)
	if err != nil {
		return time.Time{}, false, err
	}
	errs := make([]error, len(groups))
	var wg sync.WaitGroup
	for i, g := range groups {
		wg.Go(func() { errs[i] = w.call(ctx, r, clients[i], sc, g, begun) })
	}
	wg.Wait()
	return time.Time{}, true, errors.Join(errs...)
}

func (w *Worker) reserve(ctx context.Context, r *round, sc sdk.Connection, n int) ([]sdk.Client, func(), error) {
	var clients []sdk.Client
	var dones []func()
	release := func() {
		for _, d := range dones {
			d()
		}
	}
	for range n {
		client, done, err := w.o.Adapters.Reserve(ctx, r.c.Adapter, sc, sdk.PowerSubmit)
		if err != nil {
			release()
			return nil, nil, err
		}
		clients, dones = append(clients, client), append(dones, done)
	}
	return clients, release, nil
}

// begin makes the attempts durable and returns them by submission. What is not in it must not be sent.
func (w *Worker) begin(ctx context.Context, r *round, items []ready) (map[string]atssync.Attempt, error) {
	in := make([]atssync.BeginAttempt, len(items))
	for i, it := range items {
		in[i] = atssync.BeginAttempt{
			Submission: it.sub.ID, Revision: it.sub.Revision, ATSJob: it.link.ATSJob, As: it.link.As, Note: it.note,
		}
	}
	attempts, err := w.o.Store.BeginAttempts(ctx, r.lease, in, r.now())
	if err != nil {
		return nil, err
	}
	begun := make(map[string]atssync.Attempt, len(attempts))
	for _, a := range attempts {
		begun[a.Submission] = a
	}
	return begun, nil
}

// call makes one adapter call and stores how its attempts ended, whatever became of ctx meanwhile.
func (w *Worker) call(ctx context.Context, r *round, client sdk.Client, sc sdk.Connection, g []ready, begun map[string]atssync.Attempt) error {
	req := sdk.SubmitRequest{Connection: sc}
	sent := make([]ready, 0, len(g))
	for _, it := range g {
		if _, ok := begun[it.sub.ID]; ok {
			req.Items = append(req.Items, it.item)
			sent = append(sent, it)
		}
	}
	if len(sent) == 0 {
		return nil
	}
	reply, err := client.Submit(ctx, req)
	outcomes, meta := outcomesOf(reply, err, len(sent))
	store := context.WithoutCancel(ctx)
	now := r.now()
	finishes := make([]atssync.Finish, len(sent))
	var changes []atssync.LaneChange
	var after []func()
	for i, it := range sent {
		v := w.judge(r, it, begun[it.sub.ID], outcomes[i], now)
		v.finish.Exchanges = meta.Exchanges
		finishes[i] = v.finish
		if v.change != nil {
			changes = append(changes, v.change)
		}
		after = append(after, v.after)
	}
	if err := w.finish(store, r, finishes, merge(changes), now); err != nil {
		return err
	}
	for _, f := range after {
		f()
	}
	return nil
}

// finishRetry is how long to wait before an outcome that could not be stored is tried again.
const finishRetry = time.Second

// finish stores outcomes. They are known only here until it succeeds, so it does not give up while the
// process lives: what is never stored becomes uncertain at the next start.
func (w *Worker) finish(ctx context.Context, r *round, in []atssync.Finish, change atssync.LaneChange, now time.Time) error {
	for {
		err := w.o.Store.FinishAttempts(ctx, r.lease, in, change, now)
		if err == nil || errors.Is(err, atssync.ErrFenced) {
			return err
		}
		w.o.Log.Error("store the outcome of an attempt; trying again", "connection", r.c.ID, "submission", in[0].Submission, "err", err)
		select {
		case <-w.ctx.Done():
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

func groupsOf(items []ready, size int) [][]ready {
	var out [][]ready
	for len(items) > 0 {
		n := min(size, len(items))
		out, items = append(out, items[:n]), items[n:]
	}
	return out
}
