// Package kv holds the business steps of the store, written once over an ordered key space: what each
// step reads, when it refuses, what it writes. store/memory and store/badger give it a transaction and
// nothing else; a store with a language of its own (SQL) implements the roles of package atssync directly
// and does not use this package.
package kv

import (
	"context"
	"errors"
)

// The bounds of one step. They are the same for every engine, so that a step that the unit tests' engine
// takes is taken by the one on disk as well.
const (
	// MaxKey is the longest key in bytes.
	MaxKey = 1 << 10
	// MaxValue is the longest value in bytes: a sealed document of 256 KiB and as much again.
	MaxValue = 512 << 10
	// MaxStepKeys is how many different keys one step may write.
	MaxStepKeys = 6_000
	// MaxStepBytes is how many bytes of keys and values one step may write.
	MaxStepBytes = 1 << 20
)

// What an engine answers instead of doing the step. Match with errors.Is: the errors that arrive say more.
var (
	// ErrLowSpace refuses a step because the disk is too full; nothing was written and the same step may
	// succeed when there is room again.
	ErrLowSpace = errors.New("too little free disk space")
	// ErrTooLarge refuses a step that writes more than the bounds above; nothing was written. Half of the
	// items may pass.
	ErrTooLarge = errors.New("the step writes too much at once")
	// ErrBadKey refuses a step with a key that is empty or too long.
	ErrBadKey = errors.New("the key is empty or too long")
	// ErrCorrupt says that a stored value is not what was written. It is never reported as absent.
	ErrCorrupt = errors.New("the store is damaged")
	// ErrFailed refuses every step after a failure to write or a damaged value: the process must end and
	// start again. A step that was under way when the engine failed may or may not have become durable.
	ErrFailed = errors.New("the store has failed")
	// ErrClosed refuses a step on an engine that is closed.
	ErrClosed = errors.New("the store is closed")
)

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

// Engine is one ordered key space. Inside View and Update fn calls neither View nor Update.
type Engine interface {
	// View runs fn on a snapshot. Views run concurrently with each other and with updates.
	View(ctx context.Context, fn func(Reader) error) error
	// Update runs fn as one atomic step and returns when its writes are durable. An error from fn leaves
	// nothing written and is returned as it is. Updates are serialised: fn sees the writes of every step
	// before it, and it may run more than once. Concurrent updates may share one commit. A step whose ctx
	// ends before fn began is not run; once fn began the answer is the step's own, whatever ctx does.
	// Keys of 1 to MaxKey bytes and values of up to MaxValue bytes, nil meaning empty, can be written.
	Update(ctx context.Context, fn func(Writer) error) error
	// Close ends the engine; it may be called twice.
	Close() error
}

type intakeKey struct{}

// Intake marks the steps under ctx as taking in new work, which an engine on disk refuses with ErrLowSpace
// earlier than the steps that bring work to its end.
func Intake(ctx context.Context) context.Context {
	return context.WithValue(ctx, intakeKey{}, true)
}

// IsIntake says whether ctx was marked by Intake.
func IsIntake(ctx context.Context) bool {
	marked, _ := ctx.Value(intakeKey{}).(bool)
	return marked
}

// PrefixEnd returns the first key after all keys with the prefix, nil when there is none because the
// prefix is empty or all 0xff.
func PrefixEnd(prefix []byte) []byte {
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] != 0xff {
			end := append([]byte(nil), prefix[:i+1]...)
			end[i]++
			return end
		}
	}
	return nil
}
