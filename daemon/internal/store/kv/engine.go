// Package kv holds the business steps of the store, written once over an ordered key space: what each
// step reads, when it refuses, what it writes. store/memory and store/badger give it a transaction and
// nothing else; a store with a language of its own (SQL) implements the roles of package atssync directly
// and does not use this package.
package kv

import "context"

// Reader reads an ordered key space at one point in time.
type Reader interface {
	// Value returns the value of key, or nil when there is none. The bytes are the caller's to read until
	// the transaction ends and nobody's to change.
	Value(key []byte) ([]byte, error)
	// Scan calls fn for every key with the prefix in ascending order, beginning at from when it is not
	// nil (from itself included), until fn returns false. Key and value are valid until fn returns.
	Scan(prefix, from []byte, fn func(key, value []byte) bool) error
	// ScanBack is Scan in descending order, beginning at from (included) or at the end of the prefix.
	ScanBack(prefix, from []byte, fn func(key, value []byte) bool) error
}

// Writer is a Reader that also writes. A step reads first and writes then: what a Scan sees of the step's
// own writes is not promised, Value sees them all.
type Writer interface {
	Reader
	// Set writes a value; the writer owns both slices from then on.
	Set(key, value []byte)
	// Delete removes a key; removing what is not there is no error.
	Delete(key []byte)
}

// Engine is one ordered key space.
type Engine interface {
	// View runs fn on a snapshot. Views run concurrently with each other and with updates.
	View(ctx context.Context, fn func(Reader) error) error
	// Update runs fn as one atomic step and returns when its writes are durable. An error from fn leaves
	// nothing written and is returned as it is. Updates are serialised: fn sees the writes of every step
	// before it, and it may run more than once. Concurrent updates may share one commit.
	Update(ctx context.Context, fn func(Writer) error) error
	// Close ends the engine; it may be called twice.
	Close() error
}
