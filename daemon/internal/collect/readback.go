package collect

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/retry"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// Follow has the first receipts of a connection read back when their time comes. It never blocks and may be
// called again at any time.
func (w *Worker) Follow(connection string) { w.followAt(connection, time.Now()) }

// Sweep revisits every connection: after a restart no timer stands.
func (w *Worker) Sweep() {
	for _, id := range w.o.Leases.Held() {
		w.Revisit(id)
	}
}

// Revisit follows a connection again, and looks for what was hinted at.
func (w *Worker) Revisit(connection string) {
	w.Follow(connection)
	w.Hinted(connection)
}

func (w *Worker) followAt(connection string, at time.Time) {
	w.appoint("follow/"+connection, at, func() {
		if next := w.readBack(connection); !next.IsZero() {
			w.followAt(connection, next)
		}
	})
}

// readBackAgain is how soon a read-back is tried again that could not be made.
const readBackAgain = 30 * time.Second

// readBack reads what is due and returns when the next one is (zero: none). Most connections have none, and cost one
// read of the lane.
func (w *Worker) readBack(connection string) (next time.Time) {
	lane, err := w.o.Lanes.Lane(w.ctx, connection)
	switch {
	case err != nil && w.ctx.Err() == nil && atssync.CodeOf(err) != atssync.CodeNotFound:
		return time.Now().Add(readBackAgain)
	case err != nil || len(lane.ReadBacks) == 0:
		return time.Time{}
	}
	_, err = w.try(operation{op: "read_back", do: func(ctx context.Context, v *visit) (Summary, error) {
		if !v.manifest.Has(sdk.PowerReadStatuses) {
			return Summary{}, nil
		}
		next, err = w.readBackDue(ctx, v)
		return Summary{}, err
	}}, connection)
	switch {
	case err == nil, w.ctx.Err() != nil:
	case errors.Is(err, errBusy):
		return time.Now().Add(time.Second)
	case errors.Is(err, sdk.ErrNotRunning):
		return time.Now().Add(readBackAgain)
	case sdk.KindOf(err) == sdk.KindRateLimited:
		return time.Now().Add(max(readBackAgain, retry.Wait(sdk.AsError(err), retry.Failure{Key: connection})))
	case !errors.Is(err, errSkip): // paused or another daemon's: whoever ends that has it followed again
		w.o.Log.Warn("read a first receipt back", "connection", connection, "kind", string(sdk.KindOf(err)), "err", err)
		return earlier(next, time.Now().Add(readBackAgain))
	}
	return next
}

func (w *Worker) readBackDue(ctx context.Context, v *visit) (next time.Time, err error) {
	for _, job := range slices.Sorted(maps.Keys(v.lane.ReadBacks)) {
		rb := v.lane.ReadBacks[job]
		at := rb.NextAt
		if !v.now().Before(at) {
			if at, err = w.readBackJob(ctx, v, job, rb); err != nil {
				return next, err
			}
		}
		next = earlier(next, at)
	}
	return next, nil
}

// earlier is the earlier one of two times; zero is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func (w *Worker) readBackJob(ctx context.Context, v *visit, job string, rb atssync.ReadBack) (time.Time, error) {
	a, err := w.o.Store.Application(ctx, rb.Submission)
	if atssync.CodeOf(err) == atssync.CodeNotFound {
		return w.stepReadBack(ctx, v, job, nil, nil)
	}
	if err != nil {
		return time.Time{}, err
	}
	f, err := w.ask(ctx, v, []atssync.Application{a})
	if err != nil {
		return time.Time{}, w.failed(ctx, v, atssync.OpRead, err)
	}
	got := f.of(&a)
	if len(got) == 0 {
		var t *atssync.Trouble // what the ATS has not made an application of yet is not shown for good reason
		if a.Pending == "" || a.ApplicationID != "" {
			t = cannotRead(v, job, a)
		}
		return w.stepReadBack(ctx, v, job, &a, t)
	}
	was := a.Version
	if changed, events := a.ApplyReadings(got, w.rules(v), v.now()); changed {
		if _, err := w.o.Store.RecordReadings(ctx, v.lease, []atssync.ApplicationChange{{Application: a, Was: was, Events: events}}, nil, v.now()); err != nil {
			return time.Time{}, err
		}
	}
	now := v.now()
	_, err = w.o.Lanes.UpdateLane(ctx, v.lease, func(l *atssync.Lane) []atssync.EventDraft {
		return l.ReadBackSeen(job, now)
	}, now)
	return time.Time{}, err
}

// stepReadBack goes to the next step of one job; an application that is no more ends the following.
func (w *Worker) stepReadBack(ctx context.Context, v *visit, job string, a *atssync.Application, t *atssync.Trouble) (time.Time, error) {
	now := v.now()
	l, err := w.o.Lanes.UpdateLane(ctx, v.lease, func(l *atssync.Lane) []atssync.EventDraft {
		if a == nil {
			delete(l.ReadBacks, job)
			return nil
		}
		return l.ReadBackMissed(job, t, now)
	}, now)
	return l.ReadBacks[job].NextAt, err
}

// cannotRead says who cannot read what, and which permission is missing.
func cannotRead(v *visit, job string, a atssync.Application) *atssync.Trouble {
	name := a.ATSJobName
	if name == "" {
		name = job
	}
	t := &atssync.Trouble{
		Kind: sdk.KindPermission, Turn: sdk.TurnEmployer,
		Message: fmt.Sprintf("applications arrive in the job %q (%s), but %s cannot read them back, so their status will not return", name, job, actingUser(v.c)),
		Remedy:  v.manifest.ReadPermission,
	}
	if t.Remedy == "" {
		t.Remedy = "give this user the permission to read applications of the job"
	}
	return t
}
