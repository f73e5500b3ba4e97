package collect

import (
	"context"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// CheckPass checks every connection, so that a revoked key shows before somebody applies.
func (w *Worker) CheckPass(ctx context.Context, spread time.Duration) (Summary, error) {
	return w.pass(ctx, spread, operation{op: atssync.OpCheck, do: w.check})
}

func (w *Worker) check(ctx context.Context, v *visit) (Summary, error) {
	client, done, err := w.reserve(ctx, v, "")
	if err != nil {
		return Summary{}, w.failed(ctx, v, atssync.OpCheck, err)
	}
	defer done()
	reply, err := client.Check(ctx, sdk.CheckRequest{Connection: v.sc, PartnerName: w.o.Platform})
	if err != nil {
		return Summary{}, w.failed(ctx, v, atssync.OpCheck, err)
	}
	for _, it := range reply.Items {
		if it.OK || it.Warning {
			continue
		}
		return Summary{}, w.failed(ctx, v, atssync.OpCheck, &sdk.Error{
			Kind: it.Kind, Message: it.Cause, Turn: it.Turn, Remedy: it.Remedy,
		})
	}
	if h := v.lane.Health(atssync.OpRead); h.State == atssync.HealthStopped && waits(h.Cause) {
		w.ReadSoon(v.c.ID) // what stopped it may be mended
	}
	return Summary{}, w.well(ctx, v, atssync.OpCheck)
}
