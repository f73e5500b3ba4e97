package collect

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/retry"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// visit is one connection in one pass.
type visit struct {
	lease    atssync.Lease
	c        atssync.Connection
	lane     atssync.Lane
	manifest sdk.Manifest
	sc       sdk.Connection
	asked    bool // by a person, now
}

func (v *visit) now() time.Time { return time.Now().UTC() }

var (
	// errSkip says that a connection has nothing to do in this pass, or cannot be visited for now.
	errSkip = errors.New("skipped")
	// errBusy says that the same is under way on it already.
	errBusy = errors.New("busy")
	// errThrottled says that the ATS asked to be left alone. It is an errSkip.
	errThrottled = fmt.Errorf("throttled: %w", errSkip)
)

// one visits one connection unless the same operation is under way on it.
func (w *Worker) one(o operation, id string) Summary {
	s, err := w.try(o, id)
	s.Connections = 1
	switch {
	case err == nil:
	case errors.Is(err, errThrottled):
		s.Throttled = 1
	case errors.Is(err, errSkip), errors.Is(err, errBusy), w.ctx.Err() != nil:
		s.Skipped = 1
	default:
		s.Failed = 1
		w.o.Log.Warn("read from an ATS", "connection", id, "operation", string(o.op), "kind", string(sdk.KindOf(err)), "err", err)
	}
	return s
}

// underWay is an operation that is under way on a connection.
type underWay struct {
	done chan struct{}
	err  error // how it ended, once done is closed
}

// on names the operation on a connection.
func (o operation) on(id string) string { return string(o.op) + "/" + id }

// tryOrJoin is try, but what is under way already is waited for: when it ends well its outcome is that of this call.
func (w *Worker) tryOrJoin(ctx context.Context, o operation, id string) error {
	for {
		_, err := w.try(o, id)
		if !errors.Is(err, errBusy) {
			return err
		}
		w.mu.Lock()
		u := w.busy[o.on(id)]
		w.mu.Unlock()
		if u == nil { // it has just ended, nobody knows how
			continue
		}
		select {
		case <-u.done:
		case <-ctx.Done():
			return ctx.Err()
		case <-w.ctx.Done():
			return errSkip
		}
		if u.err == nil {
			return nil
		}
	}
}

// try is one, with the reason why nothing was done: errSkip or errBusy.
func (w *Worker) try(o operation, id string) (sum Summary, err error) {
	key := o.on(id)
	w.mu.Lock()
	if w.busy[key] != nil {
		w.mu.Unlock()
		return Summary{}, errBusy
	}
	u := &underWay{done: make(chan struct{})}
	w.busy[key] = u
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		delete(w.busy, key)
		w.mu.Unlock()
		u.err = err
		close(u.done)
	}()
	v, free, err := w.visit(w.ctx, id, o.op)
	if err != nil {
		return Summary{}, err
	}
	defer free()
	if h := v.lane.Health(o.op); !o.asked && h.Throttled(v.now()) {
		return Summary{}, errThrottled // the ATS is left alone, after a restart too
	}
	v.asked = o.asked
	s, err := o.do(w.ctx, v)
	switch {
	case errors.Is(err, atssync.ErrFenced):
		w.o.Leases.Lost(v.lease)
		return s, errSkip
	case errors.Is(err, sdk.ErrNotRunning): // the adapter is being started; whoever submits tells when it is gone
		return s, errors.Join(errSkip, err)
	}
	return s, err
}

// visit reads what is known of a connection, once one of its adapter's places is free.
func (w *Worker) visit(ctx context.Context, id string, op atssync.Operation) (*visit, func(), error) {
	c, err := w.o.Connections.Connection(ctx, id)
	if err != nil {
		return nil, nil, err
	}
	free, err := w.place(ctx, c.Adapter, op)
	if err != nil {
		return nil, nil, err
	}
	v, err := w.read(ctx, id)
	if err != nil {
		free()
		return nil, nil, err
	}
	return v, free, nil
}

func (w *Worker) read(ctx context.Context, id string) (*visit, error) {
	v := &visit{}
	var ok bool
	if v.lease, ok = w.o.Leases.Lease(id); !ok {
		return nil, errSkip
	}
	var err error
	if v.c, err = w.o.Connections.Connection(ctx, id); err != nil {
		return nil, err
	}
	if v.c.State != atssync.ConnectionActive {
		return nil, errSkip
	}
	if v.manifest, err = w.o.Adapters.Manifest(v.c.Adapter); err != nil {
		return nil, errSkip
	}
	if v.lane, err = w.o.Lanes.Lane(ctx, id); err != nil {
		return nil, err
	}
	v.sc, err = w.o.Vault.OpenConnection(v.c)
	return v, err
}

// limitsWait is how long a visit waits for the limits of an ATS, before it leaves its place to others.
const limitsWait = 2 * time.Minute

// reserve waits for the limits of the ATS. One that leaves no room for long is KindRateLimited.
func (w *Worker) reserve(ctx context.Context, v *visit, p sdk.Power) (sdk.Client, func(), error) {
	wait, cancel := context.WithTimeout(ctx, limitsWait)
	defer cancel()
	client, done, err := w.o.Adapters.Reserve(wait, v.c.Adapter, v.sc, p)
	if err != nil && wait.Err() != nil && ctx.Err() == nil {
		err = &sdk.Error{Kind: sdk.KindRateLimited, Message: "the limits of the ATS left no room for reading", Turn: sdk.TurnATS}
	}
	return client, done, err
}

// failed records a failed call in the lane, and returns the error. A limit that is over soon is no trouble of the
// connection, and neither is an adapter that is being started.
func (w *Worker) failed(ctx context.Context, v *visit, op atssync.Operation, err error) error {
	if errors.Is(err, sdk.ErrNotRunning) || ctx.Err() != nil {
		return err
	}
	e := sdk.AsError(err)
	if e.Kind == sdk.KindRateLimited {
		if d := retry.Wait(e, retry.Failure{Key: v.c.ID}); d > retry.Short {
			if terr := w.throttled(ctx, v, op, e, d); terr != nil {
				return errors.Join(err, terr)
			}
		}
		return errors.Join(errThrottled, err)
	}
	if terr := w.trouble(ctx, v, op, string(e.Kind), atssync.TroubleOf(e)); terr != nil {
		return errors.Join(err, terr)
	}
	return err
}

// throttled stops an operation for as long as the ATS asked for.
func (w *Worker) throttled(ctx context.Context, v *visit, op atssync.Operation, e *sdk.Error, d time.Duration) error {
	now := v.now()
	until := now.Add(d)
	_, err := w.o.Lanes.UpdateLane(ctx, v.lease, func(l *atssync.Lane) []atssync.EventDraft {
		return l.Throttle(op, true, until, atssync.ThrottledTrouble(e, until), now)
	}, now)
	return err
}

// trouble records what is wrong with an operation.
func (w *Worker) trouble(ctx context.Context, v *visit, op atssync.Operation, cause string, t *atssync.Trouble) error {
	now := v.now()
	_, err := w.o.Lanes.UpdateLane(ctx, v.lease, func(l *atssync.Lane) []atssync.EventDraft {
		return l.Fail(op, cause, t, now)
	}, now)
	return err
}

// hamper records what is wrong with a part of an operation; the rest of it works.
func (w *Worker) hamper(ctx context.Context, v *visit, op atssync.Operation, cause string, t *atssync.Trouble) error {
	now := v.now()
	_, err := w.o.Lanes.UpdateLane(ctx, v.lease, func(l *atssync.Lane) []atssync.EventDraft {
		return l.Hamper(op, cause, t, now)
	}, now)
	return err
}

// well records a success in the lane, if there is anything to record.
func (w *Worker) well(ctx context.Context, v *visit, op atssync.Operation) error {
	if _, ok := v.lane.Operations[op]; !ok {
		return nil
	}
	now := v.now()
	_, err := w.o.Lanes.UpdateLane(ctx, v.lease, func(l *atssync.Lane) []atssync.EventDraft { return l.Succeed(op, now) }, now)
	return err
}
