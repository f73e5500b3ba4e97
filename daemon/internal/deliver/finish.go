package deliver

import (
	"context"
	"errors"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/retry"
)

// goneReason is why an endpoint is disabled.
const goneReason = "it answered 410 Gone: it wants no more events"

// finish makes durable how requests ended, and frees their ordering keys.
func (w *Worker) finish(ctx context.Context, l *lane) error {
	ended := l.ended
	l.ended = nil
	store := ended[:0:0]
	for _, r := range ended {
		if r.cut {
			l.free(r.due.Delivery) // as if it had never been sent
			continue
		}
		store = append(store, r)
	}
	if len(store) == 0 {
		return nil
	}
	lease, ok := w.o.Leases.Lease(l.endpoint)
	if !ok {
		l.freeAll(store)
		return nil
	}
	now := time.Now().UTC()
	in := make([]atssync.DeliveryFinish, len(store))
	for i, r := range store {
		in[i] = r.finish()
	}
	err := w.o.Store.FinishDeliveries(ctx, lease, in, changes(l.endpoint, store), now)
	switch {
	case errors.Is(err, atssync.ErrFenced):
		w.o.Leases.Lost(lease)
	case atssync.CodeOf(err) == atssync.CodeNotFound: // removed meanwhile
	case err != nil:
		l.ended = append(store, l.ended...)
		return err
	default:
		w.tell(l.endpoint, store, in)
	}
	l.freeAll(store)
	return nil
}

func (l *lane) freeAll(ended []result) {
	for _, r := range ended {
		l.free(r.due.Delivery)
	}
}

// finish decides what follows one request.
func (r result) finish() atssync.DeliveryFinish {
	d := r.due.Delivery
	f := atssync.DeliveryFinish{Sequence: d.Sequence, Attempt: r.attempt, To: atssync.DeliveryPending}
	switch r.class {
	case classDelivered:
		f.To = atssync.DeliveryDelivered
		return f
	case classLost:
		f.To = atssync.DeliveryDead
		return f
	}
	decision := retry.Webhook(retry.WebhookFailure{
		Status: r.attempt.Status, RetryAfter: r.retryAfter, Key: d.Endpoint + "/" + d.Event, Failures: d.Failures,
	}, r.endedAt)
	switch {
	case decision.Action == retry.Dead:
		f.To = atssync.DeliveryDead
	case decision.Action == retry.Disable:
		f.NextAt = r.endedAt
	case d.NextAt.Truncate(time.Microsecond).After(r.attempt.At): // a probe before its time costs the delivery nothing
		f.NextAt = d.NextAt
	default:
		f.NextAt, f.Climb = decision.At, decision.Counted
	}
	return f
}

// changes is what requests that ended say about their endpoint, in the order in which they ended.
func changes(endpoint string, ended []result) atssync.EndpointChange {
	return func(e *atssync.Endpoint, work *atssync.EndpointWork) {
		for _, r := range ended {
			switch r.class {
			case classLost:
			case classDelivered:
				work.Succeeded(r.endedAt)
			default:
				first := r.due.Delivery.Attempts == 0
				work.Failed(first, r.attempt.Error, func(failed int) time.Duration {
					return max(retry.WebhookProbe(endpoint, failed), min(r.retryAfter, time.Hour))
				}, r.endedAt)
				if r.class == classGone && e.State == atssync.EndpointActive {
					e.State, e.Reason = atssync.EndpointDisabled, goneReason
				}
			}
		}
	}
}

// tell counts and logs what was stored.
func (w *Worker) tell(endpoint string, ended []result, in []atssync.DeliveryFinish) {
	for i, r := range ended {
		w.o.Metrics.attempted(r)
		w.o.Metrics.ended(r, in[i].To, w.o.Changed)
		d := r.due.Delivery
		switch {
		case r.class == classGone:
			w.o.Log.Warn("a webhook endpoint wants no more and is disabled", "webhook", endpoint,
				"remedy", "see who took it down, then: atssync webhooks resume "+endpoint)
		case in[i].To == atssync.DeliveryDead:
			w.o.Log.Warn("a webhook delivery is given up", "webhook", endpoint, "sequence", d.Sequence, "event", d.Event,
				"type", string(d.Type), "attempts", d.Attempts+1, "error", r.attempt.Error)
		case r.class != classDelivered:
			w.o.Log.Info("a webhook delivery failed", "webhook", endpoint, "sequence", d.Sequence, "event", d.Event,
				"attempt", d.Attempts+1, "error", r.attempt.Error, "again_at", in[i].NextAt)
		}
	}
}
