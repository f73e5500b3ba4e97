package api

import (
	"context"
	"net/http"
	"strconv"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/manage"
)

type (
	// Delivery is one event on its way to one webhook.
	Delivery = atssync.Delivery
	// DeliveryAttempt is one request and what came back.
	DeliveryAttempt = atssync.DeliveryAttempt
	// DeliveryQuery is which deliveries are wanted.
	DeliveryQuery = atssync.DeliveryQuery
	// ReplayRequest is which deliveries are sent again.
	ReplayRequest = manage.ReplayRequest
)

// DeliveryStates lists the states of deliveries.
func DeliveryStates() []string { return words(atssync.DeliveryStates()) }

type replayBody struct {
	Event  string                  `json:"event,omitempty" maxLength:"64" doc:"the one delivery of this event, by its id"`
	From   int64                   `json:"from,omitempty" minimum:"0" doc:"endpoint sequence to begin with"`
	To     int64                   `json:"to,omitempty" minimum:"0" doc:"endpoint sequence to end with; the last one when left out"`
	States []atssync.DeliveryState `json:"states,omitempty" maxItems:"3" doc:"only those in these states: pending, delivered, dead; delivered and dead when left out"`
}

// Replayed tells how many deliveries are sent again.
type Replayed struct {
	Replayed int `json:"replayed"`
}

func (s *server) deliveries() {
	const one = "/v1/webhooks/{webhook}"
	register(s, get(one+"/deliveries", "list-deliveries", "List the deliveries of a webhook, the newest first").by(readsAll), s.listDeliveries)
	register(s, get(one+"/deliveries/{sequence}", "read-delivery", "Read one delivery with its attempts").by(readsAll), s.readDelivery)
	register(s, post(one+"/replay", "replay-deliveries", "Send deliveries again, each as it was: the same id, body and number").slowly().by(adminsAll), s.replay)
}

type deliveryList struct {
	WebhookPath
	State string `query:"state" enum:"pending,delivered,dead"`
	Type  string `query:"type" maxLength:"64" doc:"only events of this type"`
	Key   string `query:"key" maxLength:"255" doc:"only those about this submission, or about this connection itself"`
	Paging
}

func (s *server) listDeliveries(ctx context.Context, in *deliveryList) (*body[Page[Delivery]], error) {
	return answer(s.manage(ctx).Deliveries(ctx, atssync.DeliveryQuery{
		Endpoint: in.ID, State: atssync.DeliveryState(in.State), Type: atssync.EventType(in.Type), Key: in.Key,
		Paging: atssync.Paging(in.Paging),
	}))
}

type deliveryPath struct {
	WebhookPath
	Sequence int64 `path:"sequence" minimum:"1" doc:"its endpoint sequence"`
}

func (s *server) readDelivery(ctx context.Context, in *deliveryPath) (*body[Delivery], error) {
	return answer(s.manage(ctx).Delivery(ctx, in.ID, in.Sequence))
}

type replayInput struct {
	WebhookPath
	Body replayBody
}

func (s *server) replay(ctx context.Context, in *replayInput) (*body[Replayed], error) {
	b := in.Body
	n, err := s.manage(ctx).Replay(ctx, in.ID, manage.ReplayRequest{Event: b.Event, From: b.From, To: b.To, States: b.States})
	return answer(Replayed{n}, err)
}

// Deliveries lists the deliveries of a webhook, the newest first.
func (c *Client) Deliveries(ctx context.Context, q DeliveryQuery) (Page[Delivery], error) {
	return call[Page[Delivery]](ctx, c, request{
		path:  webhookAt(q.Endpoint) + "/deliveries",
		query: query{}.set("state", string(q.State)).set("type", string(q.Type)).set("key", q.Key).page(q.Paging),
	})
}

// Delivery returns one delivery with its attempts.
func (c *Client) Delivery(ctx context.Context, webhook string, sequence int64) (Delivery, error) {
	return call[Delivery](ctx, c, request{path: webhookAt(webhook) + "/deliveries/" + strconv.FormatInt(sequence, 10)})
}

// Replay has deliveries sent again and returns how many.
func (c *Client) Replay(ctx context.Context, webhook string, r ReplayRequest) (int, error) {
	out, err := call[Replayed](ctx, c, request{
		method: http.MethodPost, path: webhookAt(webhook) + "/replay", json: replayBody{r.Event, r.From, r.To, r.States},
	})
	return out.Replayed, err
}
