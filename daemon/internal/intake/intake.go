// Package intake turns what the platform sends into submissions. It stands between the outside faces and the
// store: a document is decoded strictly (every problem at once, each with its JSON path), validated, brought into
// a canonical form whose HMAC tells a repetition from a revision, sealed, and handed to the store's Accept,
// which judges in the same commit whether it is queued or held. Then the connection's lane is woken.
package intake

import (
	"context"
	"sync/atomic"

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

// Store accepts submissions and tells which were accepted.
type Store interface {
	atssync.Intake
	// Submissions is asked for one external key.
	Submissions(ctx context.Context, q atssync.SubmissionQuery) (atssync.Page[atssync.Submission], error)
}

// Connections is how a document's connection is found.
type Connections interface {
	Connection(ctx context.Context, id string) (atssync.Connection, error)
	Connections(ctx context.Context, q atssync.ConnectionQuery) (atssync.Page[atssync.Connection], error)
}

// Options are what a Service works with. Store, Connections, Keys and Sealer are required.
type Options struct {
	Policy      Policy // at first; Reconfigure puts another one in force
	Store       Store
	Connections Connections
	Keys        Keys
	Sealer      Sealer
	// Wake is told of every connection that got queued submissions; nil is nobody.
	Wake func(connection string)
	// MaxDocument bounds one document in bytes; 0 means atssync.MaxDocument.
	MaxDocument int
	// Outlook tells how things stand for a submission to a platform job; nil: a preflight says nothing of it.
	Outlook func(ctx context.Context, c atssync.Connection, job string) (Outlook, error)
	// Metrics count documents; nil counts nothing.
	Metrics *Metrics
}

// Scope narrows a Service to some accounts or connections; empty fields narrow nothing.
type Scope = atssync.Scope

// Service accepts submissions.
type Service struct {
	policy *atomic.Pointer[Policy] // one for all that are narrowed from one
	o      Options
	scope  Scope
	vault  Vault
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
	// Err is set with atssync.AcceptRefused.
	Err *atssync.Error `json:"-"`
}

// New returns a Service.
func New(o Options) *Service {
	if o.Wake == nil {
		o.Wake = func(string) {}
	}
	if o.MaxDocument <= 0 {
		o.MaxDocument = atssync.MaxDocument
	}
	s := &Service{o: o, vault: Vault{Keys: o.Keys, Sealer: o.Sealer}, policy: new(atomic.Pointer[Policy])}
	s.Reconfigure(o.Policy)
	return s
}

// Within returns the service narrowed to a scope: a document for anything outside it is refused as
// CodeNotFound, as if the connection did not exist.
func (s *Service) Within(sc Scope) *Service {
	n := *s
	n.scope = sc
	return &n
}
