package atssync

import (
	"context"
	"encoding/json"
	"time"
)

// PrefixErasure begins the ids of erasures.
const PrefixErasure = "era"

// MaxErasure is how many submissions one erasure takes; Erasure.More says that there are others.
const MaxErasure = 500

// ErasedBy says by what a person was named.
type ErasedBy string

// What an erasure goes by.
const (
	ErasedByExternalID ErasedBy = "external_id"
	ErasedByPerson     ErasedBy = "person"
	ErasedByEmail      ErasedBy = "email"
)

// Copy says what the employer's ATS holds of an erased submission.
type Copy string

// Copies.
const (
	CopyHeld     Copy = "held"     // it was submitted; Receipt says where
	CopyPartial  Copy = "partial"  // one write of several was done
	CopyPossible Copy = "possible" // given up while nobody knew whether it arrived
	CopyNone     Copy = "none"     // it never arrived
)

// Erasure removes one person. What is left of each submission is a tombstone: the key of its external id, its state for
// the ledger and its place in lists. The record itself names nobody; the receipts in it are where the employers' copies are.
type Erasure struct {
	ID         string          `json:"id"`
	By         ErasedBy        `json:"by"`
	Within     Scope           `json:"within"` // of who asked
	Waiting    []ErasureTarget `json:"waiting,omitempty"`
	Erased     []ErasedItem    `json:"erased,omitempty"`
	More       bool            `json:"more,omitempty"`
	Actor      Actor           `json:"actor"`
	CreatedAt  time.Time       `json:"created_at"`
	FinishedAt time.Time       `json:"finished_at,omitzero"` // zero while something is waited for
}

// ErasureTarget is a submission that is to be erased. One whose outcome nobody knows yet is waited for.
type ErasureTarget struct {
	Submission string `json:"submission"`
	Connection string `json:"connection"`
	Account    string `json:"account"`
}

// ErasedItem is a submission that was erased.
type ErasedItem struct {
	ErasureTarget
	State    State     `json:"state"` // it stays in the ledger as that
	Copy     Copy      `json:"copy"`
	Receipt  *Receipt  `json:"receipt,omitempty"`
	ErasedAt time.Time `json:"erased_at"`
}

// Covered reports whether everything that an erasure is about lies within a scope.
func (e *Erasure) Covered(sc Scope) bool {
	for _, t := range e.Waiting {
		if !sc.Covers(t.Account, t.Connection) {
			return false
		}
	}
	for _, i := range e.Erased {
		if !sc.Covers(i.Account, i.Connection) {
			return false
		}
	}
	return sc.Whole() || len(e.Waiting)+len(e.Erased) > 0
}

// NewErasure names what is to be erased: the submission of one external id, or those of a person, by keys.
type NewErasure struct {
	By          ErasedBy
	ExternalKey string
	PersonKeys  []string
	Within      Scope
}

// ErasureQuery selects erasures, the oldest first.
type ErasureQuery struct {
	Pending bool // only those that wait for something
	Within  Scope
	Paging
}

// Erasures is the role of who removes people.
type Erasures interface {
	// CreateErasure persists an erasure of what is there now; what is accepted later is another application. An external
	// id that nothing was accepted with is CodeNotFound. One that is erased, or about to be, returns the erasure that did
	// it, so that asking twice is asking once.
	CreateErasure(ctx context.Context, in NewErasure, now time.Time) (Erasure, error)
	Erasure(ctx context.Context, id string) (Erasure, error)
	Erasures(ctx context.Context, q ErasureQuery) (Page[Erasure], error)
	// WorkErasure erases what can be erased: at once what is decided, after cancelling it what waits, and later what is
	// being sent or uncertain, which is not sent again meanwhile. Each submission takes a few small commits and a crash
	// leaves nothing but work to go on with. done says that nothing is waited for any more.
	WorkErasure(ctx context.Context, id string, now time.Time) (done bool, err error)
}

// ErasedEvent is the data of an event about a submission that was erased.
type ErasedEvent struct {
	Submission string `json:"submission"`
	Erased     bool   `json:"erased"`
}

// ErasedData is what is left of the data of an event.
func ErasedData(submission string) json.RawMessage {
	b, _ := json.Marshal(ErasedEvent{submission, true}) // a text and a bool are always encoded
	return b
}

// Gone refuses an external id whose submission was erased, or is about to be; nil for any other.
func (s *Submission) Gone() error {
	switch {
	case s.Erasure == "":
		return nil
	case s.ErasedAt.IsZero():
		return Errorf(CodeGone, "the submission with this external_id, %s, is being erased (%s)", s.ID, s.Erasure).
			WithRemedy("a new application of the same person goes through under an external_id of its own")
	}
	return Errorf(CodeGone, "the submission with this external_id, %s, was erased on %s (%s)", s.ID, s.ErasedAt.UTC().Format(time.DateOnly), s.Erasure).
		WithRemedy("a new application of the same person goes through under an external_id of its own")
}

// Erase leaves a tombstone of a submission that is decided.
func (s *Submission) Erase(now time.Time) {
	*s = Submission{
		ID: s.ID, Connection: s.Connection, Account: s.Account, ExternalKey: s.ExternalKey, AccountKey: s.AccountKey,
		PlatformJob: s.PlatformJob, State: s.State, Revision: s.Revision, Attempt: s.Attempt, ATSJob: s.ATSJob, As: s.As,
		AcceptedAt: s.AcceptedAt, UpdatedAt: s.UpdatedAt, Erasure: s.Erasure, ErasedAt: now,
	}
}
