package journal

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// Source is what evidence from a journal names as where it comes from.
const Source = "journal"

// Fold is what the lines of a journal say together, as far as it matters for a backup.
type Fold struct {
	since       time.Time // when the backup was made
	at          uint64    // the store of the backup has what lines up to this one tell
	submissions map[string]*story
	connections map[string]atssync.ConnectionState
	erased      []atssync.ErasedSubmission
}

// story is one submission's.
type story struct {
	atssync.Evidence
	known   bool              // the evidence says something
	before  *atssync.Evidence // what it said before the last attempt was begun or a person decided
	decided bool
}

// NewFold returns a Fold for a backup that was made then, when the journal was at that line; 0 where that is not known.
func NewFold(since time.Time, at uint64) *Fold {
	return &Fold{since: since, at: at, submissions: make(map[string]*story), connections: make(map[string]atssync.ConnectionState)}
}

// Add takes the next line.
func (f *Fold) Add(l Line) error {
	if l.N <= f.at {
		return nil
	}
	later := l.At.After(f.since)
	if l.Op == OpConnection {
		if later {
			f.connections[l.Connection] = l.Is
		}
		return nil
	}
	if l.Op == OpErase {
		f.erased = append(f.erased, atssync.ErasedSubmission{
			Erasure: l.Erasure, By: l.By, Submission: l.Submission, ExternalKey: l.ExternalKey, AccountKey: l.AccountKey, At: l.At,
		})
		return nil
	}
	if l.Submission == "" || l.Op == OpDecide && !later {
		return nil
	}
	s := f.submissions[l.Submission]
	if s == nil {
		s = &story{}
		f.submissions[l.Submission] = s
	}
	s.add(l)
	return nil
}

func (s *story) add(l Line) {
	switch l.Op {
	case OpBegin:
		s.keep()
		s.say(l)
		s.State, s.decided = atssync.StateSending, false
	case OpVoid:
		if s.known && s.Attempt == l.Attempt && s.State == atssync.StateSending {
			s.revert()
		}
	case OpEnd:
		proved := s.known && l.Attempt == s.Attempt && s.Receipt != nil && l.Receipt == nil
		if !proved && (!s.known || l.Attempt >= s.Attempt) {
			s.say(l)
			s.decided = false
		}
	case OpImport, OpLearn:
		if !s.known || l.Attempt >= s.Attempt {
			s.say(l)
		}
	case OpDecide:
		stops := l.State == atssync.StateCancelled || l.State == atssync.StateHeld && l.HeldReason == atssync.HeldOperator
		switch {
		case stops:
			if !s.decided {
				s.keep()
			}
			s.say(l)
			s.decided = true
		case s.decided: // it was let go again
			s.revert()
		}
	}
}

func (s *story) keep() {
	s.before = nil
	if s.known {
		e := s.Evidence
		s.before = &e
	}
}

func (s *story) revert() {
	s.known, s.decided = s.before != nil, false
	if s.before != nil {
		s.Evidence = *s.before
	}
	s.before = nil
}

// say takes over what a line says and keeps what it leaves out.
func (s *story) say(l Line) {
	e := &s.Evidence
	if l.Attempt != e.Attempt {
		e.ATSJob, e.As = "", ""
	}
	e.Source, e.Submission, e.At, e.Attempt = Source, l.Submission, l.At, l.Attempt
	e.State, e.HeldReason, e.Receipt = l.State, l.HeldReason, l.Receipt
	e.Connection, e.ExternalKey = cmp.Or(l.Connection, e.Connection), cmp.Or(l.ExternalKey, e.ExternalKey)
	e.AccountKey, e.ATSJob, e.As = cmp.Or(l.AccountKey, e.AccountKey), cmp.Or(l.ATSJob, e.ATSJob), cmp.Or(l.As, e.As)
	s.known = true
}

// Evidence lists what is known of each submission.
func (f *Fold) Evidence() []atssync.Evidence {
	var out []atssync.Evidence
	for _, id := range slices.Sorted(maps.Keys(f.submissions)) {
		if s := f.submissions[id]; s.known {
			out = append(out, s.Evidence)
		}
	}
	return out
}

// Erased lists what was erased after the backup, in the order in which it was; one may be there twice.
func (f *Fold) Erased() []atssync.ErasedSubmission { return f.erased }

// Connections tells how connections were left that were made or changed after the backup.
func (f *Fold) Connections() map[string]atssync.ConnectionState { return f.connections }
