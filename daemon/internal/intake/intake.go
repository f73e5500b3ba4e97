// Package intake turns what the platform sends into submissions. It stands between the outside faces and the
// store: a document is decoded strictly (every problem at once, each with its JSON path), validated, brought into
// a canonical form whose HMAC tells a repetition from a revision, sealed, and handed to the store's Accept,
// which judges in the same commit whether it is queued or held. Then the connection's lane is woken.
package intake

import (
	"context"
	"io"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// Keys makes keyed HMACs by which things are looked up without being readable.
type Keys interface {
	// Index returns the HMAC of value under the key of that kind, as printable text. The same kind and value
	// give the same answer for the life of the store.
	Index(kind, value string) string
}

// Sealer encrypts what no store may read. Connection, record and field are associated data: what was sealed
// for one of them does not open for another.
type Sealer interface {
	Seal(plain []byte, connection, record, field string) ([]byte, error)
	Open(sealed []byte, connection, record, field string) ([]byte, error)
}

// Connections is how a document's connection is found.
type Connections interface {
	Connection(ctx context.Context, id string) (atssync.Connection, error)
	Connections(ctx context.Context, q atssync.ConnectionQuery) (atssync.Page[atssync.Connection], error)
}

// Jobs tells whose a platform job is.
type Jobs interface {
	// PlatformJob returns the job; CodeNotFound when it was never imported, CodeAccountMismatch when it is
	// another account's.
	PlatformJob(ctx context.Context, account, id string) (atssync.PlatformJob, error)
}

// Options are what a Service works with. Store, Connections, Jobs, Keys and Sealer are required.
type Options struct {
	Store       atssync.Intake
	Connections Connections
	Jobs        Jobs
	Keys        Keys
	Sealer      Sealer
	// Wake is told of every connection that got queued submissions; nil is nobody.
	Wake func(connection string)
	// ExpireAfter is how long a submission without expires_at waits; 0 means 60 days.
	ExpireAfter time.Duration
	// MaxDocument bounds one document in bytes; 0 means atssync.MaxDocument.
	MaxDocument int
	// LastNameFallback is used where the connection has none of its own; "" requires a last name.
	LastNameFallback string
}

// Scope narrows a Service to some accounts or connections; empty fields narrow nothing.
type Scope struct {
	Accounts    []string
	Connections []string // ids
}

// Service accepts submissions.
type Service struct {
	o     Options
	scope Scope
	vault Vault
}

// Result is what became of one document of a batch.
type Result struct {
	Line       int                  `json:"line,omitempty"` // 1 is the first line of the body
	Result     atssync.AcceptResult `json:"result"`
	ID         string               `json:"id,omitempty"`
	Connection string               `json:"connection,omitempty"`
	ExternalID string               `json:"external_id,omitempty"`
	Job        string               `json:"job,omitempty"`
	State      atssync.State        `json:"state,omitempty"`
	HeldReason atssync.HeldReason   `json:"held_reason,omitempty"`
	Revision   int                  `json:"revision,omitempty"`
	// Err is set with AcceptRefused.
	Err *atssync.Error `json:"-"`
}

// New returns a Service.
func New(o Options) *Service { return &Service{o: o, vault: Vault{Keys: o.Keys, Sealer: o.Sealer}} }

// Within returns the service narrowed to a scope: a document for anything outside it is refused as
// CodeNotFound, as if the connection did not exist.
func (s *Service) Within(sc Scope) *Service {
	n := *s
	n.scope = sc
	return &n
}

// Submit accepts one document. What is refused is an *atssync.Error: CodeInvalid with every field,
// CodeNotFound for the connection, CodeAccountMismatch for the job, CodeConflict when the submission can no
// longer be changed. A replay and a revision are no errors.
func (s *Service) Submit(ctx context.Context, doc atssync.Document) (atssync.Accepted, error) {
	return atssync.Accepted{}, nil
}

// SubmitJSON is Decode and Submit, with the problems of both at once.
func (s *Service) SubmitJSON(ctx context.Context, data []byte) (atssync.Accepted, error) {
	return atssync.Accepted{}, nil
}

// SubmitBatch accepts an NDJSON stream. each gets one result a line, in order (empty lines are skipped): a
// line that is refused leaves the others. Lines are committed in shares of at most 500, so memory does not grow
// with the body, and what was reported is durable. It ends with the reader's error, with each's, or when the
// store accepts nothing any more; what was reported before stays accepted.
func (s *Service) SubmitBatch(ctx context.Context, r io.Reader, each func(Result) error) error {
	return nil
}

// Example returns a full, valid document of invented people.
func Example(now time.Time) atssync.Document { return atssync.Document{} }
