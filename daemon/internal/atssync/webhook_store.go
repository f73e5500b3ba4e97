package atssync

import (
	"context"
	"time"
)

// EndpointQuery selects endpoints; removed ones are left out unless asked for.
type EndpointQuery struct {
	State EndpointState
	Paging
}

// Webhooks is the role of those who manage webhook endpoints.
type Webhooks interface {
	// CreateEndpoint stores a new endpoint, which is sent the events after that Position. The id of a live one is
	// CodeExists; the id of a removed one is taken over, and its sequence goes on.
	CreateEndpoint(ctx context.Context, e Endpoint, after int64, now time.Time) (Endpoint, error)
	// UpdateEndpoint changes what change changes; version 0 matches any, else CodeChanged. One that is made active
	// begins with a closed breaker. change may run twice.
	UpdateEndpoint(ctx context.Context, id string, version int64, change func(*Endpoint) error, now time.Time) (Endpoint, error)
	// RemoveEndpoint destroys the secrets and forgets the deliveries, delivered or not. Removing it again goes on
	// where a crash left off.
	RemoveEndpoint(ctx context.Context, id string, now time.Time) error
	Endpoint(ctx context.Context, id string) (Endpoint, error)
	Endpoints(ctx context.Context, q EndpointQuery) (Page[Endpoint], error)
}

// DeliveryQuery selects the deliveries of one endpoint, the newest first.
type DeliveryQuery struct {
	Endpoint string
	// Event selects those of one event, by its id: to one endpoint or, without Endpoint, to every one that got it. They are few
	// and not paged.
	Event string
	State DeliveryState
	Type  EventType
	Key   string // a submission or connection
	Paging
}

// Replay says which deliveries of an endpoint are sent again: those with a Sequence from From to To (0: no end), or the one
// of an event. States narrows it; none means delivered and dead.
type Replay struct {
	Endpoint string
	Event    string
	From, To int64
	States   []DeliveryState
}

// EndpointBacklog is what an endpoint has not got yet.
type EndpointBacklog struct {
	Work EndpointWork
	// Behind counts the events that were not looked at yet, wanted or not.
	Behind int64
	// OldestAt is when the oldest event happened that is wanted and not delivered; zero for none.
	OldestAt time.Time
}

// Deliveries is the role of who looks at deliveries and has them sent again.
type Deliveries interface {
	Delivery(ctx context.Context, endpoint string, sequence int64) (Delivery, error)
	Deliveries(ctx context.Context, q DeliveryQuery) (Page[Delivery], error)
	EndpointBacklog(ctx context.Context, endpoint string) (EndpointBacklog, error)
	// Replay makes the next share of them pending and due, each as it was: same id, body and sequence. next is the From
	// of the share after it, 0 at the end. An event that was never this endpoint's is CodeNotFound.
	Replay(ctx context.Context, r Replay, now time.Time) (replayed int, next int64, err error)
	// PruneDeliveries forgets what was delivered before an instant, at most limit records, and returns how many.
	PruneDeliveries(ctx context.Context, before time.Time, limit int, now time.Time) (int, error)
}

// DueDelivery is a delivery with what is sent. An Event without id is no longer kept.
type DueDelivery struct {
	Delivery Delivery
	Event    Event
}

// DeliveryFinish is the end of one attempt.
type DeliveryFinish struct {
	Sequence int64
	Attempt  DeliveryAttempt
	To       DeliveryState // pending: again at NextAt
	NextAt   time.Time
	Climb    bool // the failure counts on the ladder
}

// DueQuery says which deliveries are wanted: those due by Until, without those under way.
type DueQuery struct {
	Until time.Time
	Skip  map[int64]bool // sequences
	Limit int            // at most 500
}

// EndpointChange changes an endpoint and its work; it may run twice.
type EndpointChange func(*Endpoint, *EndpointWork)

// Deliver is the role of the deliver worker. Leases are of DeliveryLease.
type Deliver interface {
	// EndpointWork returns an endpoint with its work, a removed one too.
	EndpointWork(ctx context.Context, endpoint string) (Endpoint, EndpointWork, error)
	// PlanDeliveries looks at the next events after the cursor and makes a pending delivery of each that is wanted, at
	// most limit: cursor, sequences and records in one commit. more says that there are events left to look at. An
	// endpoint that is not active plans nothing.
	PlanDeliveries(ctx context.Context, l Lease, limit int, now time.Time) (planned int, more bool, err error)
	// DueDeliveries only reads: of each ordering key the first pending delivery, the longest due first, and when
	// the next one is due after those that are (zero: none).
	DueDeliveries(ctx context.Context, l Lease, q DueQuery) ([]DueDelivery, time.Time, error)
	// FinishDeliveries ends attempts, with the endpoint's change in the same commit (nil: none). What is no longer
	// pending is left alone.
	FinishDeliveries(ctx context.Context, l Lease, in []DeliveryFinish, change EndpointChange, now time.Time) error
}
