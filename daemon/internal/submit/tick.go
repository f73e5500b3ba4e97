package submit

import (
	"context"
	"errors"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// round is one Tick's view of a connection.
type round struct {
	lease    atssync.Lease
	c        atssync.Connection
	lane     atssync.Lane
	manifest sdk.Manifest
	start    time.Time // of the Tick, by the caller's clock
	began    time.Time // the same moment by the process's clock, for what passes during the Tick
}

// now is the Tick's instant plus what passed since.
func (r *round) now() time.Time { return r.start.Add(time.Since(r.began)) }

// Tick does the next thing for one connection: it probes, sends what is due, or finds that there is
// nothing to do before at (zero: not until woken). more says that it should be called again at once.
func (w *Worker) Tick(ctx context.Context, connection string, now time.Time) (at time.Time, more bool, err error) {
	lease, ok := w.o.Leases.Lease(connection)
	if !ok {
		return time.Time{}, false, nil
	}
	r := &round{lease: lease, start: now, began: time.Now()}
	if r.c, err = w.o.Connections.Connection(ctx, connection); err != nil {
		if atssync.CodeOf(err) == atssync.CodeNotFound {
			return time.Time{}, false, nil
		}
		return time.Time{}, false, err
	}
	if r.lane, err = w.o.Store.Lane(ctx, connection); err != nil {
		return time.Time{}, false, err
	}
	at, more, err = w.tick(ctx, r)
	if errors.Is(err, atssync.ErrFenced) {
		w.o.Leases.Lost(lease)
		return time.Time{}, false, nil
	}
	return at, more, err
}

func (w *Worker) tick(ctx context.Context, r *round) (time.Time, bool, error) {
	if r.c.State != atssync.ConnectionActive {
		return time.Time{}, false, nil
	}
	if why := w.o.Adapters.Gone(r.c.Adapter); why != "" {
		return time.Time{}, false, w.adapterGone(ctx, r, why)
	}
	if r.lane.HoldReason == atssync.HeldAdapterMissing {
		return time.Time{}, true, w.adapterBack(ctx, r)
	}
	var err error
	if r.manifest, err = w.o.Adapters.Manifest(r.c.Adapter); err != nil {
		return r.now().Add(time.Second), false, nil // it is being started
	}
	p := next(r.c, r.lane, places(r.manifest), r.now())
	switch p.do {
	case waitUntil:
		return p.at, false, nil
	case probe:
		return w.probe(ctx, r)
	}
	return w.sendDue(ctx, r, p.limit)
}

// places is how many submissions of one connection may be under way at a time: one where an uncertain write
// could not be looked up.
func places(m sdk.Manifest) int {
	if m.Find == sdk.FindNone || m.Find == "" {
		return 1
	}
	return max(1, m.InFlight[sdk.PowerSubmit]) * max(1, m.Batch.Submit)
}

// adapterGone holds what is queued and what comes in: a missing adapter never refuses anything.
func (w *Worker) adapterGone(ctx context.Context, r *round, why string) error {
	if r.lane.HoldReason != "" {
		return nil
	}
	t := &atssync.Trouble{
		Kind: sdk.KindTransient, Message: why, Turn: sdk.TurnOperator,
		Remedy: "repair the adapter " + r.c.Adapter + "; see: atssync adapters list",
	}
	now := r.now()
	if _, err := w.o.Store.UpdateLane(ctx, r.lease, func(l *atssync.Lane) []atssync.EventDraft {
		l.HoldReason = atssync.HeldAdapterMissing
		return l.Fail(atssync.OpSubmit, atssync.CauseAdapterMissing, t, now)
	}, now); err != nil {
		return err
	}
	_, err := w.o.Tasks.PutTask(ctx, atssync.Task{
		Kind: atssync.TaskHold, Connection: r.c.ID, Reason: atssync.HeldAdapterMissing,
	}, now)
	return err
}

func (w *Worker) adapterBack(ctx context.Context, r *round) error {
	now := r.now()
	if _, err := w.o.Store.UpdateLane(ctx, r.lease, func(l *atssync.Lane) []atssync.EventDraft {
		l.HoldReason = ""
		out := l.ProbeOK(atssync.OpSubmit, now)
		return append(out, l.Succeed(atssync.OpSubmit, now)...)
	}, now); err != nil {
		return err
	}
	_, err := w.o.Tasks.PutTask(ctx, atssync.Task{
		Kind: atssync.TaskRelease, Connection: r.c.ID, Reason: atssync.HeldAdapterMissing,
	}, now)
	return err
}

// probe reads from the ATS to see whether a stopped lane may go on.
func (w *Worker) probe(ctx context.Context, r *round) (time.Time, bool, error) {
	trouble, cause, err := w.check(ctx, r)
	if err != nil {
		return r.now().Add(5 * time.Second), false, nil
	}
	now := r.now()
	l, err := w.o.Store.UpdateLane(ctx, r.lease, func(l *atssync.Lane) []atssync.EventDraft {
		if trouble == nil {
			return l.ProbeOK(atssync.OpSubmit, now)
		}
		if cause != "" && cause != l.Health(atssync.OpSubmit).Cause {
			return l.Fail(atssync.OpSubmit, cause, trouble, now)
		}
		return l.ProbeFailed(atssync.OpSubmit, trouble, now)
	}, now)
	if err != nil {
		return time.Time{}, false, err
	}
	if trouble == nil {
		return time.Time{}, true, nil
	}
	return l.Health(atssync.OpSubmit).NextAt, false, nil
}

// check asks the adapter to check the connection. trouble is nil when it is well; cause is set when the
// connection itself is at fault and not the ATS. err says that it could not be asked.
func (w *Worker) check(ctx context.Context, r *round) (trouble *atssync.Trouble, cause string, err error) {
	sc, err := w.o.Vault.OpenConnection(r.c)
	if err != nil {
		return nil, "", err
	}
	client, done, err := w.o.Adapters.Reserve(ctx, r.c.Adapter, sc, "")
	if err != nil {
		return nil, "", err
	}
	defer done()
	reply, err := client.Check(ctx, sdk.CheckRequest{Connection: sc, PartnerName: w.o.Platform})
	if err != nil {
		return atssync.TroubleOf(sdk.AsError(err)), "", nil
	}
	for _, it := range reply.Items {
		if it.OK || it.Warning {
			continue
		}
		t := &atssync.Trouble{Kind: it.Kind, Message: it.Cause, Turn: it.Turn, Remedy: it.Remedy}
		switch it.Kind {
		case sdk.KindAuth, sdk.KindPermission, sdk.KindConfigRequired:
			return t, string(it.Kind), nil
		}
		return t, "", nil
	}
	return nil, "", nil
}
