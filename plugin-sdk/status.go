package sdk

import "time"

// Status is our word for where an application stands, the same for every ATS.
type Status string

// The statuses.
const (
	StatusProspect  Status = "prospect"
	StatusActive    Status = "active"
	StatusHired     Status = "hired"
	StatusRejected  Status = "rejected"  // the employer said no
	StatusWithdrawn Status = "withdrawn" // the candidate said no
	StatusClosed    Status = "closed"    // ended without a decision on the person
	StatusUnknown   Status = "unknown"
)

// Terminal reports whether the status ends an application (it may still be reopened).
func (s Status) Terminal() bool {
	return s == StatusHired || s == StatusRejected || s == StatusWithdrawn || s == StatusClosed
}

// Phase is how far an application came; it is kept when the status turns terminal.
type Phase string

// The phases, in the usual order; no code may assume that it is kept.
const (
	PhaseSourced    Phase = "sourced"
	PhaseApplied    Phase = "applied"
	PhaseReview     Phase = "review"
	PhaseScreen     Phase = "screen"
	PhaseAssessment Phase = "assessment"
	PhaseInterview  Phase = "interview"
	PhaseChecks     Phase = "checks"
	PhaseOffer      Phase = "offer"
	PhaseHired      Phase = "hired"
	PhaseUnknown    Phase = "unknown"
)

// Statuses lists every status.
func Statuses() []Status {
	return []Status{
		StatusProspect, StatusActive, StatusHired, StatusRejected, StatusWithdrawn, StatusClosed, StatusUnknown,
	}
}

// Phases lists every phase.
func Phases() []Phase {
	return []Phase{
		PhaseSourced, PhaseApplied, PhaseReview, PhaseScreen, PhaseAssessment, PhaseInterview,
		PhaseChecks, PhaseOffer, PhaseHired, PhaseUnknown,
	}
}

// StatusRule is one line of an adapter's status table; the host applies the first that matches. The Raw…
// fields are compared without regard to case, and an empty one matches anything. Prospect, when set,
// must equal the reading's.
type StatusRule struct {
	RawStatus, RawStageType, RawStageName, RawReasonType string
	Prospect                                             *bool
	Status                                               Status // "" leaves the status
	Phase                                                Phase  // "" leaves the phase
	// Native says that the ATS's own closed list gives the word; otherwise the word was declared by
	// the adapter for a name.
	Native bool
}

// ApplicationRef names one application to read.
type ApplicationRef struct {
	CandidateID, ApplicationID, ExternalID, JobID, Pending string
}

// ReadStatusesRequest looks applications up.
type ReadStatusesRequest struct {
	Connection   Connection
	Applications []ApplicationRef
}

// ReadStatusesReply has every reading of every candidate that was asked for and is visible, in any order:
// a candidate with two applications gives two readings, one with none gives a reading without
// ApplicationID.
type ReadStatusesReply struct {
	Readings []Reading
	Meta
}

// Reading is what the ATS says about one application now, in its own words.
type Reading struct {
	CandidateID, ApplicationID, ExternalID string
	// Pending is the reference by which an accepted submission without application id was asked.
	Pending        string
	JobID, JobName string // whichever the ATS tells
	ProfileURL     string
	Raw            RawStatus
	Prospect       *bool // nil when the ATS does not say
	ChangedAt      time.Time
	NotBefore      time.Time // do not tell the candidate before
	Gone           Gone
	MergedInto     string // candidate id, with GoneMerged
	// Unreadable is set when the ATS shows the application, or all of the candidate's where ApplicationID is "", in a
	// form that the adapter cannot read: the place in the answer and what stands there ("applications[0].stage is an
	// object"), nothing of its content. Of the rest only ids are set then. What is reported so is not missing; an
	// answer of which nothing can be told apart is an error instead.
	Unreadable string
}

// Gone says that the ATS reported the end of a record, as opposed to not showing it.
type Gone string

// Ways to be gone; "" is visible.
const (
	GoneDeleted Gone = "deleted"
	GoneMerged  Gone = "merged"
)

// RawStatus is the ATS's own words.
type RawStatus struct {
	Status, StageID, StageName, StageType, ReasonID, Reason, ReasonType string
}

// ChangesRequest asks what changed since Cursor ("" for the beginning); Page walks one pass.
type ChangesRequest struct {
	Connection   Connection
	Cursor, Page string
}

// ChangesReply is one page of changes. CursorAfter is set on the last page of a pass only.
type ChangesReply struct {
	Readings          []Reading
	Next, CursorAfter string
	Complete          bool
	Meta
}
