package atssync

import (
	"strconv"
	"strings"
	"time"

	sdk "github.com/atssync/atssync/plugin-sdk"
)

// Finish is how one attempt ended, decided by the submit worker; the store applies it.
type Finish struct {
	Submission string
	Attempt    int
	To         State
	HeldReason HeldReason
	NextAt     time.Time // with StateQueued
	// Counted says that the failure counts for the back-off (a rate limit does not).
	Counted      bool
	Receipt      *Receipt
	Proposal     *Receipt
	Trouble      *Trouble
	Continuation []byte // sealed; replaces the old one when the attempt ended with a decision
	Exchanges    []sdk.Exchange
	// Application is the application to follow from now on, set with submitted and already_applied.
	Application *Application
}

// ApplyFinish ends the attempt on the submission and returns what the platform is told. It refuses when
// the submission is not where the attempt left it, except that a receipt for an attempt that has become
// uncertain is evidence and resolves it.
func (s *Submission) ApplyFinish(f Finish, now time.Time) ([]EventDraft, error) {
	evidence := s.State == StateUncertain && (f.To == StateSubmitted || f.To == StateAlreadyApplied)
	if s.Attempt != f.Attempt || (s.State != StateSending && !evidence) {
		return nil, ErrFenced
	}
	if err := s.Move(f.To, f.HeldReason, now); err != nil {
		return nil, err
	}
	s.Trouble, s.Proposal = f.Trouble, f.Proposal
	s.Continuation = f.Continuation
	switch f.To {
	case StateSubmitted, StateAlreadyApplied:
		s.Receipt, s.Failures = f.Receipt, 0
	case StateQueued:
		s.NextAt = f.NextAt
		if f.Counted {
			s.Failures++
		}
	}
	if f.To == StateQueued {
		return nil, nil // back in the queue is no news
	}
	drafts := []EventDraft{s.event(now)}
	if evidence {
		drafts = append([]EventDraft{s.resolvedEvent("evidence", now)}, drafts...)
	}
	return drafts, nil
}

// Uncertain is the trouble of a submission of which nobody knows how an attempt ended, from what went wrong: settling it is the
// operator's, whoever has to mend the cause.
func (s *Submission) Uncertain(attempt int, cause *Trouble) *Trouble {
	t := Trouble{Kind: sdk.KindAmbiguous}
	if cause != nil {
		t = *cause
	}
	if t.Turn != "" && t.Turn != sdk.TurnOperator {
		who := string(t.Turn)
		if t.Turn == sdk.TurnATS {
			who = "ATS"
		}
		t.Message = strings.TrimSpace(t.Message + " (what caused it is for the " + who + " to mend)")
	}
	t.Turn, t.Remedy = sdk.TurnOperator, s.uncertainRemedy(attempt)
	return &t
}

// uncertainRemedy names the submission by our id alone: it is told of the connection as well, where no erasure finds it.
func (s *Submission) uncertainRemedy(attempt int) string {
	return "look into the ATS for its external id (atssync submissions show " + s.ID + ") and settle it: atssync resolve " + s.ID +
		" --submitted PROFILE_URL, --send-again --attempt " + strconv.Itoa(attempt) + " or --give-up"
}

// Next says whose turn a submission is and what that party should do; "" where it is nobody's.
func (s *Submission) Next() (sdk.Turn, string) {
	switch {
	case s.State == StateHeld && s.HeldReason == HeldResumeUnavailable && s.Trouble != nil && s.Trouble.Remedy != "":
		return s.Trouble.Turn, s.Trouble.Remedy // which knows what is wrong with this one
	case s.State == StateHeld:
		return s.HeldReason.Remedy()
	case s.State == StateUncertain:
		return sdk.TurnOperator, s.uncertainRemedy(s.Attempt)
	case s.State == StateRefused && s.Trouble != nil:
		return s.Trouble.Turn, s.Trouble.Remedy
	}
	return "", ""
}

// Resolution is how an uncertain submission is settled.
type Resolution string

// Resolutions.
const (
	ResolvedSubmitted Resolution = "submitted"  // it is there: Receipt was read back
	ResolvedSendAgain Resolution = "send_again" // marked possible_duplicate
	ResolvedGiveUp    Resolution = "give_up"
)

// Resolve settles an uncertain submission. By is "find", "webhook", "person" or "policy".
func (s *Submission) Resolve(r Resolution, by string, receipt *Receipt, now time.Time) ([]EventDraft, error) {
	if s.State != StateUncertain {
		return nil, Errorf(CodeConflict, "submission %s is %s; only an uncertain one is resolved", s.ID, s.State)
	}
	to := map[Resolution]State{
		ResolvedSubmitted: StateSubmitted, ResolvedSendAgain: StateQueued, ResolvedGiveUp: StateCancelled,
	}[r]
	if err := s.Move(to, "", now); err != nil {
		return nil, err
	}
	switch r {
	case ResolvedSubmitted:
		s.Receipt, s.Trouble, s.Proposal, s.Continuation = receipt, nil, nil, nil
	case ResolvedSendAgain:
		s.PossibleDuplicate, s.NextAt = true, now
	}
	drafts := []EventDraft{s.resolvedEvent(by, now)}
	if to != StateQueued {
		drafts = append(drafts, s.event(now))
	}
	return drafts, nil
}

// SubmissionEvent is the data of the submission.* events.
type SubmissionEvent struct {
	Submission        string     `json:"submission"`
	ExternalID        string     `json:"external_id"`
	Job               string     `json:"job"`
	State             State      `json:"state"`
	Revision          int        `json:"submission_revision"`
	HeldReason        HeldReason `json:"held_reason,omitempty"`
	WhoseTurn         sdk.Turn   `json:"whose_turn,omitempty"`
	Remedy            string     `json:"remedy,omitempty"`
	Receipt           *Receipt   `json:"receipt,omitempty"`
	Trouble           *Trouble   `json:"trouble,omitempty"`
	ResolvedBy        string     `json:"resolved_by,omitempty"`
	PossibleDuplicate bool       `json:"possible_duplicate,omitempty"`
}

var stateEvents = map[State]EventType{
	StateSubmitted: EventSubmitted, StateAlreadyApplied: EventAlreadyApplied, StateRefused: EventRefused,
	StateHeld: EventHeld, StateQueued: EventReleased, StateUncertain: EventUncertain,
	StateCancelled: EventCancelled, StateExpired: EventExpired,
}

// event tells the state the submission is in.
func (s *Submission) event(now time.Time) EventDraft { return s.draft(stateEvents[s.State], "", now) }

// StateEvent tells the state the submission is in, for the steps that move it otherwise than by an attempt.
func (s *Submission) StateEvent(now time.Time) EventDraft { return s.event(now) }

func (s *Submission) resolvedEvent(by string, now time.Time) EventDraft {
	return s.draft(EventResolved, by, now)
}

func (s *Submission) draft(t EventType, by string, now time.Time) EventDraft {
	d := SubmissionEvent{
		Submission: s.ID, ExternalID: s.ExternalID, Job: s.PlatformJob, State: s.State, Revision: s.Revision,
		HeldReason: s.HeldReason, Receipt: s.Receipt, Trouble: s.Trouble, ResolvedBy: by,
		PossibleDuplicate: s.PossibleDuplicate,
	}
	d.WhoseTurn, d.Remedy = s.Next()
	return EventDraft{Type: t, Subject: s.ID, At: now, Data: d}
}
