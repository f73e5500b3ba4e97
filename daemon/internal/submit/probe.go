package submit

import (
	"context"
	"errors"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// probe reads from the ATS to see whether a stopped lane may go on.
func (w *Worker) probe(ctx context.Context, r *round) (time.Time, bool, error) {
	trouble, cause, err := w.check(ctx, r)
	if sdk.KindOf(err) == sdk.KindRateLimited {
		at, err := w.throttled(ctx, r, sdk.AsError(err))
		return at, false, err
	}
	if err != nil {
		return time.Time{}, false, err
	}
	now := r.now()
	l, err := w.o.Store.UpdateLane(ctx, r.lease, func(l *atssync.Lane) []atssync.EventDraft {
		switch {
		case trouble == nil:
			return l.ProbeOK(atssync.OpSubmit, now)
		case cause != "" && cause != l.Health(atssync.OpSubmit).Cause:
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
// connection itself is at fault and not the ATS. err says that it could not be asked, or that the ATS asked to be left alone.
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
	switch {
	case ctx.Err() != nil:
		return nil, "", ctx.Err()
	case errors.Is(err, sdk.ErrNotRunning), sdk.KindOf(err) == sdk.KindRateLimited:
		return nil, "", err
	case err != nil:
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
