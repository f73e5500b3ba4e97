package atssync

import (
	"context"
	"time"

	sdk "github.com/atssync/atssync/plugin-sdk"
)

// A store that was loaded from a backup knows nothing of what came after it: what it holds as queued may have been
// sent, and what the platform sends again may be in the ATS. So everything is held until somebody who knows says what
// became of it: the journal of attempts, the platform's own received events, or a person.

// RestoreStride is what numbers that others remember are rounded up to in a restored store: events of a connection, their
// order over all connections, deliveries of an endpoint. What was numbered after the backup is lost with the disk, and
// none of those numbers is ever given again for something else. It is more than is ever numbered between a backup and its
// restore, and small enough for 900,000 restores in a number that JSON can carry.
const RestoreStride = 10_000_000_000

// RevisionStride is the same for the revisions of one application.
const RevisionStride = 1_000

// NextStride returns the first number of the next stride.
func NextStride(n, stride int64) int64 { return (n/stride + 1) * stride }

// Restore is one restore of a store.
type Restore struct {
	Backup string    `json:"backup"`  // the backup's id
	MadeAt time.Time `json:"made_at"` // when the backup was made
	At     time.Time `json:"at"`      // when it was restored
	// LastPosition is the last Event.Position of the backup, and FirstPosition what the positions go on after.
	LastPosition  int64 `json:"last_position"`
	FirstPosition int64 `json:"first_position"`
}

// Gap is how many positions between two numbers were never given because of this restore.
func (r Restore) Gap(after, last int64) int64 {
	if after > r.FirstPosition || last < r.LastPosition {
		return 0
	}
	return max(min(last, r.FirstPosition)-max(after, r.LastPosition), 0)
}

// RestoredConnection is what a restored store knows of one connection as it was in the backup.
type RestoredConnection struct {
	Connection string `json:"connection"` // "" stands for those that the backup does not know
	// LastSequence is the last event of the backup: what the platform was told later is news to this store.
	LastSequence int64 `json:"last_sequence"`
	Held         bool  `json:"held"`
}

// Restoration is what a store says of its restores.
type Restoration struct {
	Restores    []Restore            `json:"restores"` // the last one last; none in a store that never was
	Connections []RestoredConnection `json:"connections"`
	// Remembered counts what is known of submissions that the platform has to send again.
	Remembered int `json:"remembered"`
}

// Open reports whether connections are held still.
func (r Restoration) Open() bool {
	for _, c := range r.Connections {
		if c.Held {
			return true
		}
	}
	return false
}

// Evidence is what somebody outside of the store knows of one submission: the last state that it is known to have
// been in. StateSending says that an attempt was begun and nobody knows how it ended.
type Evidence struct {
	Connection  string `json:"connection"`
	Submission  string `json:"submission,omitempty"`
	ExternalKey string `json:"external_key,omitempty"`
	AccountKey  string `json:"account_key,omitempty"`
	// Attempt is the number of the attempt; 0 where the source does not know.
	Attempt    int        `json:"attempt,omitempty"`
	State      State      `json:"state"`
	HeldReason HeldReason `json:"held_reason,omitempty"`
	Receipt    *Receipt   `json:"receipt,omitempty"`
	ATSJob     string     `json:"ats_job,omitempty"`
	As         sdk.As     `json:"as,omitempty"`
	At         time.Time  `json:"at,omitzero"`
	Source     string     `json:"source"` // journal or events
}

// ErasedSubmission is one submission that was erased, as somebody outside of the store knows it: by keys, and by no name.
type ErasedSubmission struct {
	Erasure     string
	By          ErasedBy
	Submission  string
	ExternalKey string
	AccountKey  string
	At          time.Time
}

// Learned is what became of one Evidence, or of one ErasedSubmission.
type Learned string

// Results of Learn.
const (
	LearnedSettled    Learned = "settled"    // the submission is in another state now
	LearnedKnown      Learned = "known"      // it says nothing that the store does not know
	LearnedRemembered Learned = "remembered" // the store has no such submission: applied when the platform sends it again
)

// Restores is the role of who restores a store and settles what came after the backup.
type Restores interface {
	// Restoration says whether the store was restored, and what is held for that.
	Restoration(ctx context.Context) (Restoration, error)
	// HoldRestored makes a store that was just loaded from a backup one that sends nothing: what was queued or held, and
	// all that comes in, is held: restored, what was being sent is uncertain, and numbers go on in the next stride. It
	// may be called again after a failure.
	HoldRestored(ctx context.Context, r Restore, now time.Time) error
	// Learn applies evidence, at most 500: what the store holds undecided is settled as if the attempt had ended here, and
	// of what it does not know at all the evidence is kept until Accept gets it. One result an item.
	Learn(ctx context.Context, in []Evidence, now time.Time) ([]Learned, error)
	// EraseAgain persists the erasure of what was erased after the backup, at most 500, for WorkErasure to work. What the
	// store has not is answered as gone when it is sent again (LearnedRemembered). One result an item.
	EraseAgain(ctx context.Context, in []ErasedSubmission, now time.Time) ([]Learned, error)
	// ReleaseRestored ends the hold of one connection, "" for those that the backup did not know, and persists the task
	// that judges again what was held. A connection that is not held is CodeConflict.
	ReleaseRestored(ctx context.Context, connection string, perMinute int, now time.Time) error
}

// HoldForRestore holds everything that comes in. A stop for a missing adapter ends: it is found again after the release.
func (l *Lane) HoldForRestore(now time.Time) []EventDraft {
	out := l.AdapterBack(now)
	l.Owed = nil // everything is released once, by the release of the restore
	l.HoldReason = HeldRestored
	return out
}

// Restored ends what HoldForRestore began.
func (l *Lane) Restored() {
	if l.HoldReason == HeldRestored {
		l.HoldReason = ""
	}
}

// lostMessage is what a person is told of an attempt that was begun after the backup and whose end nobody knows.
const lostMessage = "it was being sent when the data was lost: whether the ATS has it is not known"

// Learn takes over what evidence says; learned is false when it says nothing new. It is for submissions of a restored
// store, which were not sent since.
func (s *Submission) Learn(e Evidence, now time.Time) (drafts []EventDraft, learned bool, err error) {
	if !s.news(e) {
		return nil, false, nil
	}
	was := *s
	s.Attempt = max(s.Attempt, e.Attempt)
	if e.ATSJob != "" {
		s.ATSJob, s.As = e.ATSJob, e.As
	}
	to, reason := e.outcome()
	if err := s.travel(to, reason, now); err != nil {
		*s = was
		return nil, false, err
	}
	s.take(e)
	if s.State == was.State && s.HeldReason == was.HeldReason {
		return nil, true, nil // it stays held, and is known to have been tried
	}
	drafts = []EventDraft{s.event(now)}
	if was.State == StateUncertain {
		drafts = append([]EventDraft{s.resolvedEvent(e.Source, now)}, drafts...)
	}
	return drafts, true, nil
}

// news reports whether evidence says more than the submission knows.
func (s *Submission) news(e Evidence) bool {
	undecided := s.State == StateHeld || s.State == StateQueued || s.State == StateUncertain
	if e.Attempt == 0 { // the platform's events: newer than the backup, but blind for attempts
		if !undecided || s.State == StateUncertain && e.State == StateUncertain {
			return false
		}
		return e.State != StateQueued && e.State != StateHeld // that it waited once does not say that it waits
	}
	switch {
	case e.Attempt < s.Attempt:
		return false
	case e.Attempt == s.Attempt && s.State == StateUncertain:
		return e.State != StateSending && e.State != StateUncertain
	case e.Attempt == s.Attempt:
		return s.State == StateHeld && e.stops()
	}
	return undecided || s.State == StateRefused || s.State == StateCancelled || s.State == StateExpired
}

// stops reports whether it is what a person, the platform or time decided, and no end of an attempt.
func (e Evidence) stops() bool {
	return e.State == StateCancelled || e.State == StateExpired || e.State == StateHeld && e.HeldReason == HeldOperator
}

// outcome is the state that evidence leads to: what was never applied waits for the release like everything else.
func (e Evidence) outcome() (State, HeldReason) {
	switch e.State {
	case StateSubmitted, StateAlreadyApplied:
		if e.Receipt == nil {
			return StateUncertain, "" // nobody could follow it
		}
		return e.State, ""
	case StateRefused, StateCancelled, StateExpired, StateUncertain:
		return e.State, ""
	case StateSending:
		return StateUncertain, ""
	case StateHeld:
		if e.HeldReason == HeldOperator {
			return StateHeld, HeldOperator
		}
	}
	return StateHeld, HeldRestored
}

// take copies what the evidence knows beyond the state.
func (s *Submission) take(e Evidence) {
	switch s.State {
	case StateSubmitted, StateAlreadyApplied:
		s.Receipt, s.Failures, s.Trouble, s.Proposal, s.Continuation = e.Receipt, 0, nil, nil, nil
	case StateRefused:
		s.Trouble = &Trouble{
			Message: "the ATS refused it after the backup that was restored; what it said is lost", Turn: sdk.TurnPlatform,
			Remedy: "correct it and send it again under the same external_id, or see what the ATS says now: atssync submissions retry " + s.ID,
		}
	case StateUncertain:
		s.Attempt = max(s.Attempt, 1) // there was one, whether or not the source counts them; sending again names it
		s.Trouble = s.Uncertain(s.Attempt, &Trouble{Kind: sdk.KindAmbiguous, Message: lostMessage})
	default:
		s.Trouble = nil
		if e.State == StateQueued {
			s.HeldBefore = "" // it was let go since
		}
	}
}

// travel moves a submission through the states that lie between. Where it is known to be there already nothing moves.
func (s *Submission) travel(to State, reason HeldReason, now time.Time) error {
	if s.State == to && to != StateHeld {
		return nil
	}
	var path []State
	switch to {
	case StateSubmitted, StateAlreadyApplied, StateUncertain:
		if s.State != StateUncertain {
			path = []State{StateQueued, StateSending}
		}
	case StateHeld, StateCancelled, StateRefused, StateExpired:
		if s.State == StateUncertain {
			path = []State{StateQueued}
		}
		if s.State != StateHeld && s.State != StateQueued && s.State != StateUncertain {
			path = []State{StateQueued}
		}
	}
	for _, next := range path {
		if s.State == next {
			continue
		}
		if err := s.Move(next, "", now); err != nil {
			return err
		}
	}
	return s.Move(to, reason, now)
}

// Arrive makes a new submission what evidence says of it; ok is false where it says that nothing was applied.
func (s *Submission) Arrive(e Evidence, now time.Time) (drafts []EventDraft, ok bool) {
	to, _ := e.outcome()
	other := e.Connection != s.Connection // one of the account that this store does not know
	switch {
	case to == StateHeld || to == StateExpired || other && (to == StateRefused || to == StateCancelled):
		return nil, false
	case other && to == StateSubmitted:
		to = StateAlreadyApplied
	}
	s.State, s.HeldReason, s.Attempt, s.UpdatedAt = to, "", e.Attempt, now
	s.ATSJob, s.As = e.ATSJob, e.As
	if e.Submission != "" && e.Connection == s.Connection {
		s.ID = e.Submission // the platform knows it by this id
	}
	s.take(e)
	return []EventDraft{s.event(now)}, true
}

// Supersedes reports whether evidence is worth more than what was kept before: a later attempt, or the same one's end.
func (e Evidence) Supersedes(old Evidence) bool {
	if e.Attempt != 0 && old.Attempt != 0 {
		return e.Attempt >= old.Attempt
	}
	if old.Receipt != nil && e.Receipt == nil {
		return false
	}
	doubtful := func(s State) bool { return s == StateSending || s == StateUncertain }
	return doubtful(old.State) || !doubtful(e.State) && !e.At.Before(old.At)
}
