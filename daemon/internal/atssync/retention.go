package atssync

import (
	"context"
	"time"
)

// FromFirst is an EventQuery.After that begins with the first event that is still kept. Any other number asks for what
// follows it, and is CodeGone when a part of that was dropped.
const FromFirst int64 = -1

// DropQuery says what retention may drop. After is the next of the share before; "" begins a pass.
type DropQuery struct {
	Before time.Time
	After  string
	Limit  int // at most 200
}

// Retention is the role of maintenance: it drops what nobody needs any more, one small commit at a time. Counters,
// keys and receipts stay.
type Retention interface {
	// DropPayloads drops documents and notes of submissions that are decided and did not move since q.Before, in the
	// order of acceptance. next is "" at the end.
	DropPayloads(ctx context.Context, q DropQuery, now time.Time) (dropped int, next string, err error)
	// DropEvents drops events that happened before q.Before, in the order they were written: from the feed those that
	// every webhook has looked at, and for good those of them that no webhook waits for. next is "" at the end.
	DropEvents(ctx context.Context, q DropQuery, now time.Time) (dropped int, next string, err error)
	// DropConnectLinks drops connect links that ended before q.Before; the audit record keeps who made and withdrew them.
	// next is "" at the end.
	DropConnectLinks(ctx context.Context, q DropQuery, now time.Time) (dropped int, next string, err error)
}

// Decided reports whether nothing more happens to the submission by itself.
func (s *Submission) Decided() bool { return !s.State.Waiting() }
