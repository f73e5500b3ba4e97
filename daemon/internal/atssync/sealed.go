package atssync

import (
	"context"
	"time"
)

// SealedKind says what a sealed value is, and with it the place that it was sealed for.
type SealedKind string

// What is sealed.
const (
	SealedDocument     SealedKind = "document"     // of a submission; Record is its external key
	SealedNote         SealedKind = "note"         // of an attempt; Record is the submission
	SealedContinuation SealedKind = "continuation" // Record is the submission
	SealedCredentials  SealedKind = "credentials"  // of a connection
	SealedHook         SealedKind = "hook"         // the secret in the address of a connection
	SealedSecret       SealedKind = "secret"       // of a webhook, whose id is Connection
)

// SealedValue is one sealed value with the place that it was sealed for.
type SealedValue struct {
	Kind               SealedKind
	Connection, Record string
	Sealed             []byte
}

// SealedQuery looks through the next share of everything that is stored for values that begin with one of the marks.
type SealedQuery struct {
	Marks [][]byte
	After string // Next of the share before; "" begins
	// Reseal returns a value sealed anew; nil: they are only counted. It may be called twice for one value.
	Reseal func(SealedValue) ([]byte, error)
}

// SealedShare is what was found in one share.
type SealedShare struct {
	Looked   int   // records of any kind
	Found    []int // by mark
	Resealed int
	Next     string // "" at the end
}

// Sealed is the role of who exchanges the keys that values are sealed with.
type Sealed interface {
	// NeedKeys notes which keys the data cannot be read without; a start without one of them is refused.
	NeedKeys(ctx context.Context, ids []string, now time.Time) error
	// WalkSealed looks through a share and, with q.Reseal, stores what it found anew in the same place: one small commit, in
	// which a value that changed meanwhile is left alone. It looks at every record there is, whatever its kind, so that
	// what it does not find is not there; a mark in a record that it cannot seal anew is an error.
	WalkSealed(ctx context.Context, q SealedQuery, now time.Time) (SealedShare, error)
	// RefuseSealed has every step refused from now on that stores a value with one of the marks, none with nil. Steps that
	// were under way are stored when the next step is.
	RefuseSealed(marks [][]byte)
}
