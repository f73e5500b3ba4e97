package manage

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// ReplayRequest says which deliveries of an endpoint are sent again: the one of an Event, or those numbered From to To
// (0: no end), of States (none: delivered and dead).
type ReplayRequest struct {
	Event    string
	From, To int64
	States   []atssync.DeliveryState
}

// Deliveries lists the deliveries of an endpoint, the newest first.
func (s *Service) Deliveries(ctx context.Context, q atssync.DeliveryQuery) (atssync.Page[atssync.Delivery], error) {
	o, err := s.webhooks()
	if err != nil {
		return atssync.Page[atssync.Delivery]{}, err
	}
	return o.Store.Deliveries(ctx, q)
}

// Delivery returns one delivery with its attempts.
func (s *Service) Delivery(ctx context.Context, webhook string, sequence int64) (atssync.Delivery, error) {
	o, err := s.webhooks()
	if err != nil {
		return atssync.Delivery{}, err
	}
	return o.Store.Delivery(ctx, webhook, sequence)
}

// Replay has deliveries sent again and returns how many. What was done stands when it is cut short; asking again
// does no harm, as a receiver knows a message by its id.
func (s *Service) Replay(ctx context.Context, webhook string, req ReplayRequest) (int, error) {
	o, err := s.webhooks()
	if err != nil {
		return 0, err
	}
	if err := req.judge(); err != nil {
		return 0, err
	}
	q := atssync.Replay{Endpoint: webhook, Event: req.Event, From: req.From, To: req.To, States: req.States}
	if q.Event == "" && q.To == 0 { // what comes meanwhile is not asked for
		b, err := o.Store.EndpointBacklog(ctx, webhook)
		if err != nil {
			return 0, err
		}
		q.To = b.Work.Sequence
	}
	total := 0
	for {
		n, next, err := o.Store.Replay(ctx, q, time.Now().UTC())
		total += n
		if n > 0 {
			o.Deliver.Changed(webhook)
		}
		if err != nil || next == 0 {
			return total, err
		}
		q.From = next
	}
}

func (r ReplayRequest) judge() error {
	var problems []atssync.FieldError
	add := func(path, message string) {
		problems = append(problems, atssync.FieldError{Path: path, Message: message})
	}
	if r.From < 0 || r.To < 0 || r.To > 0 && r.From > r.To {
		add("from", "must not be after to, and neither may be negative")
	}
	if r.Event != "" && (r.From != 0 || r.To != 0 || len(r.States) > 0) {
		add("event", "is one delivery; a range or states cannot be given besides")
	}
	for i, state := range r.States {
		if !slices.Contains(atssync.DeliveryStates(), state) {
			add(fmt.Sprintf("states[%d]", i), "must be pending, delivered or dead")
		}
	}
	if len(problems) > 0 {
		return invalid("the replay", problems)
	}
	return nil
}

// TestWebhook sends an endpoint a signed event of type webhook.test, which has no number, and tells how it ended.
func (s *Service) TestWebhook(ctx context.Context, id string) (atssync.DeliveryAttempt, error) {
	e, err := s.storedWebhook(ctx, id)
	if err != nil {
		return atssync.DeliveryAttempt{}, err
	}
	a, err := s.o.Webhooks.Deliver.Test(ctx, e.ID)
	if err != nil {
		return a, err
	}
	if actor, ok := atssync.ActorOf(ctx); ok {
		now := time.Now().UTC()
		err = s.o.Webhooks.Store.AppendAudit(ctx, atssync.Audit{
			ID: atssync.NewID(atssync.PrefixAudit, now), At: now, Actor: actor, Action: "webhook.test", Object: e.ID,
		})
	}
	return a, err
}
