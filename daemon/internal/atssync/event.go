package atssync

import (
	"encoding/json"
	"slices"
	"time"
)

// EventType is the closed set of what the platform is told.
type EventType string

// The events.
const (
	EventSubmitted      EventType = "submission.submitted"
	EventAlreadyApplied EventType = "submission.already_applied"
	EventRefused        EventType = "submission.refused"
	EventHeld           EventType = "submission.held"
	EventReleased       EventType = "submission.released"
	EventUncertain      EventType = "submission.uncertain"
	EventResolved       EventType = "submission.resolved"
	EventCancelled      EventType = "submission.cancelled"
	EventExpired        EventType = "submission.expired"

	EventStatusChanged EventType = "application.status_changed"
	EventReopened      EventType = "application.reopened"
	EventNotVisible    EventType = "application.not_visible"
	EventVisible       EventType = "application.visible"
	EventRekeyed       EventType = "application.rekeyed"
	EventDeleted       EventType = "application.deleted"
	EventMerged        EventType = "application.merged"

	EventConnectionUnhealthy EventType = "connection.unhealthy"
	EventConnectionHealthy   EventType = "connection.healthy"
	EventConnectionPaused    EventType = "connection.paused"
	EventConnectionResumed   EventType = "connection.resumed"
	EventConnectionRestored  EventType = "connection.restored"

	EventJobClosed     EventType = "job.closed"
	EventJobOpened     EventType = "job.opened"
	EventJobNotVisible EventType = "job.not_visible"
	EventLinkBroken    EventType = "job_link.broken"
)

// EventTypes lists every type.
func EventTypes() []EventType {
	return []EventType{
		EventSubmitted, EventAlreadyApplied, EventRefused, EventHeld, EventReleased, EventUncertain, EventResolved,
		EventCancelled, EventExpired, EventStatusChanged, EventReopened, EventNotVisible, EventVisible, EventRekeyed,
		EventDeleted, EventMerged, EventConnectionUnhealthy, EventConnectionHealthy, EventConnectionPaused,
		EventConnectionResumed, EventConnectionRestored, EventJobClosed, EventJobOpened, EventJobNotVisible, EventLinkBroken,
	}
}

// ValidEventType reports whether t is one of EventTypes.
func ValidEventType(t EventType) bool { return slices.Contains(EventTypes(), t) }

// EventDraft is an event before the store numbers it. Subject is the submission it is about, or "" when it
// is about the connection or a job. Data is one of the …Event types of this package.
type EventDraft struct {
	Type    EventType
	Subject string
	At      time.Time
	Data    any
}

// Event is something the platform is told. Sequence has no gaps within a connection; Position orders all
// events of the store by commit.
type Event struct {
	ID         string          `json:"id"`
	Type       EventType       `json:"type"`
	Connection string          `json:"connection"`
	Account    string          `json:"account"`
	Sequence   int64           `json:"sequence"`
	Position   int64           `json:"-"`
	Subject    string          `json:"-"`
	At         time.Time       `json:"at"`
	Data       json.RawMessage `json:"data"`
}

// Wants reports whether an event is one of them, as far as its content tells.
func (q EventQuery) Wants(e *Event) bool {
	if e.At.Before(q.Since) {
		return false
	}
	if q.Job == "" {
		return true
	}
	var about struct {
		Job  string   `json:"job"`
		Jobs []string `json:"jobs"`
	}
	return json.Unmarshal(e.Data, &about) == nil && (about.Job == q.Job || slices.Contains(about.Jobs, q.Job))
}

// JobEvent is the data of the job.* events and of job_link.broken.
type JobEvent struct {
	ATSJob       string   `json:"ats_job"`
	Name         string   `json:"name,omitempty"`
	PlatformJobs []string `json:"jobs,omitempty"`
	Reason       string   `json:"reason,omitempty"`
	Remedy       string   `json:"remedy,omitempty"`
}

// ConnectionEvent is the data of the connection.* events.
type ConnectionEvent struct {
	Operation Operation `json:"operation,omitempty"`
	State     string    `json:"state"`
	Cause     string    `json:"cause,omitempty"`
	Message   string    `json:"message,omitempty"`
	WhoseTurn string    `json:"whose_turn,omitempty"`
	Remedy    string    `json:"remedy,omitempty"`
	// LastSequence is the last event that a restored store knows, with connection.restored: the numbers between it and this
	// event's were lost, or never given.
	LastSequence int64 `json:"last_sequence,omitempty"`
}
