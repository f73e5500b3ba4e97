package atssync

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// EndpointState says whether a webhook endpoint is sent to.
type EndpointState string

// Endpoint states. All but active keep their place: nothing is skipped, it waits.
const (
	EndpointActive   EndpointState = "active"
	EndpointPaused   EndpointState = "paused"   // by a person, or because it left the configuration file
	EndpointDisabled EndpointState = "disabled" // it answered 410: it wants no more
	EndpointRemoved  EndpointState = "removed"  // its deliveries are forgotten; its numbers stay
)

// EndpointStates lists the states that a person can meet, in the order in which they are told.
func EndpointStates() []EndpointState {
	return []EndpointState{EndpointActive, EndpointPaused, EndpointDisabled}
}

// MaxEndpointSecrets is how many secrets of an endpoint are valid at a time, so that one can be exchanged without a gap.
const MaxEndpointSecrets = 2

// Endpoint is where events are sent to. ID is whk_… or, for one of the configuration file, the name that it has there.
type Endpoint struct {
	ID  string `json:"id"`
	URL string `json:"url"`
	// Types are the event types that are wanted; none means all.
	Types []EventType `json:"types,omitempty"`
	// Accounts and Connections are whose events are wanted; none of either means everybody's.
	Accounts    []string      `json:"accounts,omitempty"`
	Connections []string      `json:"connections,omitempty"`
	State       EndpointState `json:"state"`
	// Reason says why it is paused or disabled.
	Reason string `json:"reason,omitempty"`
	// Secrets are sealed, the newest first; every one that is still valid signs.
	Secrets   []EndpointSecret `json:"secrets,omitempty"`
	ManagedBy ManagedBy        `json:"managed_by"`

	Version   int64     `json:"version"` // grows with each change; If-Match
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
	RemovedAt time.Time `json:"removed_at,omitzero"`
}

// EndpointSecret is one signing secret. A zero NotAfter has no end.
type EndpointSecret struct {
	Sealed    []byte    `json:"sealed"`
	CreatedAt time.Time `json:"created_at"`
	NotAfter  time.Time `json:"not_after,omitzero"`
}

// Valid reports whether the secret signs at an instant.
func (s EndpointSecret) Valid(now time.Time) bool {
	return s.NotAfter.IsZero() || now.Before(s.NotAfter)
}

// Wants reports whether an event is for this endpoint. An event is wanted when its type is, and its account or its
// connection is.
func (e Endpoint) Wants(t EventType, account, connection string) bool {
	if len(e.Types) > 0 && !slices.Contains(e.Types, t) {
		return false
	}
	return len(e.Accounts) == 0 && len(e.Connections) == 0 ||
		slices.Contains(e.Accounts, account) || slices.Contains(e.Connections, connection)
}

// Clone returns a copy that shares nothing mutable.
func (e Endpoint) Clone() Endpoint {
	e.Types, e.Accounts, e.Connections = slices.Clone(e.Types), slices.Clone(e.Accounts), slices.Clone(e.Connections)
	e.Secrets = slices.Clone(e.Secrets)
	for i := range e.Secrets {
		e.Secrets[i].Sealed = slices.Clone(e.Secrets[i].Sealed)
	}
	return e
}

// Rotate puts a new secret before the present one, which stays valid until then. Older ones end at once.
func (e *Endpoint) Rotate(sealed []byte, until, now time.Time) {
	next := []EndpointSecret{{Sealed: sealed, CreatedAt: now}}
	if len(e.Secrets) > 0 && until.After(now) {
		old := e.Secrets[0]
		old.NotAfter = until
		next = append(next, old)
	}
	e.Secrets = next
}

// EndpointWork is how far the deliveries of an endpoint are.
type EndpointWork struct {
	Endpoint string `json:"endpoint"`
	// Cursor is the Position of the last event that was looked at; Sequence the last endpoint sequence that was given.
	Cursor   int64 `json:"cursor"`
	Sequence int64 `json:"sequence"`
	// Pruned is the sequence up to which delivered records may be gone.
	Pruned  int64 `json:"pruned,omitempty"`
	Pending int64 `json:"pending,omitempty"` // planned and neither delivered nor given up
	Dead    int64 `json:"dead,omitempty"`

	Breaker       Breaker   `json:"breaker"`
	LastSuccessAt time.Time `json:"last_success_at,omitzero"`
	LastFailureAt time.Time `json:"last_failure_at,omitzero"`
	LastError     string    `json:"last_error,omitempty"` // of the last failure
}

// BreakAfter is how many deliveries in a row fail at their first attempt before an endpoint is left alone.
const BreakAfter = 20

// Breaker keeps a daemon from sending everything to an endpoint that takes nothing. Only first attempts count, so that
// what fails for ever can stand in nobody's way: while anything new is taken, the breaker stays closed.
type Breaker struct {
	Failures int       `json:"failures,omitempty"` // first attempts that failed since the last success
	OpenAt   time.Time `json:"open_at,omitzero"`   // zero: closed
	ProbeAt  time.Time `json:"probe_at,omitzero"`  // when one delivery may try again
	Probes   int       `json:"probes,omitempty"`   // those that failed since it opened
}

// Open reports whether deliveries wait for a probe.
func (b Breaker) Open() bool { return !b.OpenAt.IsZero() }

// Succeeded notes an answer of 2xx, which closes the breaker.
func (w *EndpointWork) Succeeded(now time.Time) {
	w.Breaker, w.LastSuccessAt = Breaker{}, now
}

// Failed notes a failure of a delivery's first attempt or of a later one. probeIn is when an open breaker lets the next
// probe through, by the number of those before.
func (w *EndpointWork) Failed(first bool, reason string, probeIn func(failed int) time.Duration, now time.Time) {
	w.LastFailureAt, w.LastError = now, reason
	if first {
		w.Breaker.Failures++
	}
	b := &w.Breaker
	switch {
	case b.Open() && !now.Before(b.ProbeAt): // the probe
		b.Probes++
		b.ProbeAt = now.Add(probeIn(b.Probes))
	case !b.Open() && b.Failures >= BreakAfter:
		b.OpenAt, b.ProbeAt = now, now.Add(probeIn(0))
	}
}

// DeliveryState is where a delivery is.
type DeliveryState string

// Delivery states.
const (
	DeliveryPending   DeliveryState = "pending"
	DeliveryDelivered DeliveryState = "delivered"
	DeliveryDead      DeliveryState = "dead" // the ladder ended; a person can have it sent again
)

// DeliveryStates lists the states.
func DeliveryStates() []DeliveryState {
	return []DeliveryState{DeliveryPending, DeliveryDelivered, DeliveryDead}
}

// Bounds of a delivery's record.
const (
	// MaxDeliveryAttempts is how many attempts are kept, the last ones.
	MaxDeliveryAttempts = 20
	// MaxDeliveryAnswer is how many bytes of an answer are kept.
	MaxDeliveryAnswer = 1 << 10
)

// Delivery is one event on its way to one endpoint. Sequence numbers an endpoint's deliveries without gaps. Two with the
// same Key are never under way together, and the one with the lower Sequence goes first.
type Delivery struct {
	Endpoint string `json:"webhook"`
	Sequence int64  `json:"endpoint_sequence"`

	Event         string    `json:"event"` // its id, which is the webhook-id of every attempt
	Type          EventType `json:"type"`
	Connection    string    `json:"connection"`
	EventSequence int64     `json:"sequence"` // of the connection
	Position      int64     `json:"position"`
	EventAt       time.Time `json:"event_at"`
	// Key is the submission that the event is about, or its connection.
	Key string `json:"ordering_key"`

	State DeliveryState `json:"state"`
	// Attempts counts all of them, Failures those that climbed the ladder since it was planned or last replayed.
	Attempts int               `json:"attempts"`
	Failures int               `json:"failures,omitempty"`
	Log      []DeliveryAttempt `json:"log,omitempty"` // the last attempts, the oldest first
	Replays  int               `json:"replays,omitempty"`

	PlannedAt  time.Time `json:"planned_at"`
	NextAt     time.Time `json:"next_at,omitzero"`
	FinishedAt time.Time `json:"finished_at,omitzero"`
}

// DeliveryAttempt is one request and what came back.
type DeliveryAttempt struct {
	At         time.Time `json:"at"`
	Status     int       `json:"status,omitempty"` // 0: there was no answer
	DurationMS int64     `json:"duration_ms"`
	Answer     string    `json:"answer,omitempty"` // its first bytes
	Error      string    `json:"error,omitempty"`  // why it counts as a failure
}

// Apply puts the end of an attempt into the record.
func (d *Delivery) Apply(f DeliveryFinish, now time.Time) {
	d.Attempts++
	d.Log = append(d.Log, f.Attempt)
	if n := len(d.Log) - MaxDeliveryAttempts; n > 0 {
		d.Log = slices.Delete(d.Log, 0, n)
	}
	if f.Climb {
		d.Failures++
	}
	d.State, d.NextAt, d.FinishedAt = f.To, f.NextAt, now
	if f.To == DeliveryPending {
		d.FinishedAt = time.Time{}
	} else {
		d.NextAt = time.Time{}
	}
}

// Again has the delivery sent once more, from the foot of the ladder.
func (d *Delivery) Again(now time.Time) {
	if d.State != DeliveryPending {
		d.Replays++
	}
	d.State, d.Failures, d.NextAt, d.FinishedAt = DeliveryPending, 0, now, time.Time{}
}

// EventTest is the type of the event that a test of an endpoint sends. It belongs to no connection and has no number.
const EventTest EventType = "webhook.test"

// Envelope is the body of a webhook. Its bytes are the same in every attempt and in every replay.
type Envelope struct {
	Event
	EndpointSequence int64 `json:"endpoint_sequence"`
	// Timestamp is At under the name that Standard Webhooks gives it.
	Timestamp time.Time `json:"timestamp"`
}

// Body returns the body of an event's delivery with that endpoint sequence.
func (e Event) Body(endpointSequence int64) ([]byte, error) {
	b, err := json.Marshal(Envelope{Event: e, EndpointSequence: endpointSequence, Timestamp: e.At})
	if err != nil {
		return nil, fmt.Errorf("encode event %s: %w", e.ID, err)
	}
	return b, nil
}

// OrderingKey is what an event is delivered in order with: its submission, or its connection.
func (e Event) OrderingKey() string {
	if e.Subject != "" {
		return e.Subject
	}
	return e.Connection
}

const deliveryLease = "webhook/"

// DeliveryLease is what the Connection of an endpoint's lease is.
func DeliveryLease(endpoint string) string { return deliveryLease + endpoint }

// EndpointOf returns the endpoint that a lease is on; ok is false for the lease of a connection.
func EndpointOf(lease string) (endpoint string, ok bool) {
	return strings.CutPrefix(lease, deliveryLease)
}
