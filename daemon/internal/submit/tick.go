package submit

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/retry"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// round is what a lane's step knows of its connection, as it was read at one moment.
type round struct {
	lease    atssync.Lease
	c        atssync.Connection
	lane     atssync.Lane
	manifest sdk.Manifest
	start    time.Time // by the caller's clock
	began    time.Time // the same moment by the process's clock, for what passes from then on
	empty    bool      // nothing is queued, and nothing is wrong with submitting
}

// now is the round's instant plus what passed since.
func (r *round) now() time.Time { return r.at(time.Now()) }

// at is what an instant of the process's clock is by the caller's.
func (r *round) at(t time.Time) time.Time { return r.start.Add(t.Sub(r.began)) }

// age is how long ago the round was read.
func (r *round) age() time.Duration { return time.Since(r.began) }

// changed has the lane as it was stored, for what is judged next.
func (r *round) changed(changes []atssync.LaneChange) {
	if len(changes) == 0 {
		return
	}
	r.lane = r.lane.Clone()
	for _, c := range changes {
		c(&r.lane)
	}
}

// notRunning is how soon a lane looks again whose adapter is being started.
const notRunning = time.Second

// Tick does the next thing for one connection: it probes, sends what is due, or finds that there is nothing to
// do before at (zero: not until woken). more says that it should be called again at once. When ctx ends nothing new
// begins; what is under way is brought to its end. For one connection it is called by one goroutine at a time.
func (w *Worker) Tick(ctx context.Context, connection string, now time.Time) (at time.Time, more bool, err error) {
	at, more, _, err = w.step(ctx, connection, now, time.Now())
	return at, more, err
}

// step is Tick. began is now by the process's clock: one reading of it for both, or what is told would seem to have happened
// earlier than it did on a machine that is busy. rests says that the lane is at rest, when there is nothing to do before it is
// woken.
func (w *Worker) step(ctx context.Context, connection string, now, began time.Time) (at time.Time, more, rests bool, err error) {
	r, err := w.read(ctx, connection, now, began)
	if err != nil || r == nil {
		return time.Time{}, false, false, err
	}
	at, more, err = w.tick(ctx, r)
	switch {
	case errors.Is(err, atssync.ErrFenced):
		w.o.Leases.Lost(r.lease)
		return time.Time{}, false, false, nil
	case ctx.Err() != nil:
		return time.Time{}, false, false, nil
	case errors.Is(err, sdk.ErrNotRunning):
		return r.now().Add(notRunning), false, false, nil
	case sdk.KindOf(err) == sdk.KindRateLimited:
		at, err = w.throttled(ctx, r, sdk.AsError(err))
		return at, false, false, err
	}
	return at, more, r.empty && err == nil, err
}

// throttled stops a lane whose ATS asked for quiet that is too long to be waited for: whoever shares the credential may have
// been told, or this lane before a restart.
func (w *Worker) throttled(ctx context.Context, r *round, e *sdk.Error) (time.Time, error) {
	now := r.now()
	until := now.Add(retry.Wait(e, retry.Failure{Key: r.c.ID}))
	l, err := w.o.Store.UpdateLane(ctx, r.lease, throttle(e, true, until, now), now)
	return l.Health(atssync.OpSubmit).NextAt, err
}

// read makes a round, nil when the connection is not ours to work.
func (w *Worker) read(ctx context.Context, connection string, now, began time.Time) (*round, error) {
	lease, ok := w.o.Leases.Lease(connection)
	if !ok {
		return nil, nil //nolint:nilnil // not ours, which is no fault.
	}
	r := &round{lease: lease, start: now.UTC(), began: began}
	var err error
	if r.c, err = w.o.Connections.Connection(ctx, connection); err != nil {
		if atssync.CodeOf(err) == atssync.CodeNotFound {
			return nil, nil //nolint:nilnil // gone, which is no fault.
		}
		return nil, err
	}
	if r.c.State != atssync.ConnectionActive {
		return nil, nil //nolint:nilnil // a person paused or removed it.
	}
	r.lane, err = w.o.Store.Lane(ctx, connection)
	return r, err
}

func (w *Worker) tick(ctx context.Context, r *round) (time.Time, bool, error) {
	if why := w.o.Adapters.Gone(r.c.Adapter); why != "" {
		return time.Time{}, false, w.adapterGone(ctx, r, why)
	}
	if r.lane.HoldReason == atssync.HeldAdapterMissing {
		now := r.now()
		_, err := w.o.Store.UpdateLane(ctx, r.lease, func(l *atssync.Lane) []atssync.EventDraft { return l.AdapterBack(now) }, now)
		return time.Time{}, true, err
	}
	if len(r.lane.Owed) > 0 {
		return time.Time{}, true, w.payOwed(ctx, r)
	}
	var err error
	if r.manifest, err = w.o.Adapters.Manifest(r.c.Adapter); err != nil {
		return r.now().Add(notRunning), false, nil //nolint:nilerr // it is being started.
	}
	if !r.manifest.Has(sdk.PowerSubmit) {
		return time.Time{}, false, w.cannotSubmit(ctx, r)
	}
	again, err := w.settle(ctx, r)
	if err != nil {
		return time.Time{}, false, err
	}
	look, err := w.lookAgain(ctx, r)
	if err != nil {
		return time.Time{}, false, err
	}
	at, more, err := w.act(ctx, r)
	return earlier(earlier(at, again), look), more, err
}

func (w *Worker) act(ctx context.Context, r *round) (time.Time, bool, error) {
	if r.lane.HoldReason == atssync.HeldRestored {
		return time.Time{}, false, nil // whatever is queued all the same: nothing is sent before the release
	}
	switch p := next(r.lane, places(r.manifest), r.now()); p.do {
	case waitUntil:
		return p.at, false, nil
	case probe:
		return w.probe(ctx, r)
	default:
		return w.turn(ctx, r, p)
	}
}

// earlier is the earlier one of two times; zero is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// places is how many submissions of one connection may be under way at a time: one where an uncertain write
// could not be looked up.
func places(m sdk.Manifest) int {
	if m.Find == sdk.FindNone || m.Find == "" {
		return 1
	}
	return max(1, m.InFlight[sdk.PowerSubmit]) * max(1, m.Batch.Submit)
}

// adapterGone holds what is queued and what comes in: a missing adapter never refuses anything. What is still
// queued at a later look (a crash came between the two steps) is held then.
func (w *Worker) adapterGone(ctx context.Context, r *round, why string) error {
	now := r.now()
	switch r.lane.HoldReason {
	case "":
		t := &atssync.Trouble{
			Kind: sdk.KindTransient, Message: why, Turn: sdk.TurnOperator,
			Remedy: "repair the adapter " + r.c.Adapter + "; see: atssync adapters list",
		}
		if _, err := w.o.Store.UpdateLane(ctx, r.lease, func(l *atssync.Lane) []atssync.EventDraft { return l.AdapterGone(t, now) }, now); err != nil {
			return err
		}
	case atssync.HeldAdapterMissing:
		due, _, err := w.o.Store.NextSubmissions(ctx, r.lease, 1, now)
		if err != nil || len(due) == 0 {
			return err
		}
	default:
		return nil
	}
	_, err := w.o.Tasks.PutTask(ctx, atssync.Task{
		Kind: atssync.TaskHold, Connection: r.c.ID, Reason: atssync.HeldAdapterMissing,
	}, now)
	return err
}

// payOwed persists the releases that the lane owes. A crash between the two steps has them persisted again.
func (w *Worker) payOwed(ctx context.Context, r *round) error {
	now := r.now()
	for _, reason := range slices.Sorted(maps.Keys(r.lane.Owed)) { // in the same order at a second try
		if _, err := w.o.Tasks.PutTask(ctx, atssync.Task{
			Kind: atssync.TaskRelease, Connection: r.c.ID, Reason: reason, PerMinute: r.lane.Owed[reason],
		}, now); err != nil {
			return err
		}
	}
	_, err := w.o.Store.UpdateLane(ctx, r.lease, func(l *atssync.Lane) []atssync.EventDraft {
		for reason := range r.lane.Owed {
			l.Paid(reason)
		}
		return nil
	}, now)
	return err
}

// cannotSubmit tells, once, that the adapter has no way to submit. What is queued stays queued.
func (w *Worker) cannotSubmit(ctx context.Context, r *round) error {
	if r.lane.Health(atssync.OpSubmit).Cause == string(sdk.KindConfigRequired) {
		return nil
	}
	now := r.now()
	t := &atssync.Trouble{
		Kind: sdk.KindConfigRequired, Turn: sdk.TurnOperator,
		Message: "the adapter " + r.c.Adapter + " cannot submit applications",
		Remedy:  "install a version of the adapter that can, or connect the account by another one",
	}
	_, err := w.o.Store.UpdateLane(ctx, r.lease, func(l *atssync.Lane) []atssync.EventDraft {
		return l.Fail(atssync.OpSubmit, string(sdk.KindConfigRequired), t, now)
	}, now)
	return err
}
