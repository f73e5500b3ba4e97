package manage

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// MaxActs bounds the submissions of one act on many.
const MaxActs = 500

// actsAtOnce is how many of them go at a time: those that go together share a commit.
const actsAtOnce = 32

// ActOn is one submission of an act on many. Attempt is the one that whoever acts has seen; see ResolveRequest.
type ActOn struct {
	ID      string
	Attempt int
}

// ActResult is what became of one submission of an act on many.
type ActResult struct {
	ID         string
	Submission Submission     // as it is now, without Err
	Err        *atssync.Error // why it was left alone
}

// BulkAct is an act on many submissions.
type BulkAct string

// The acts on many: those of one submission, and the two answers to an uncertain one that need nothing further.
const (
	BulkHold      = BulkAct(atssync.ActHold)
	BulkRelease   = BulkAct(atssync.ActRelease)
	BulkRetry     = BulkAct(atssync.ActRetry)
	BulkCancel    = BulkAct(atssync.ActCancel)
	BulkSendAgain = BulkAct(atssync.ResolvedSendAgain)
	BulkGiveUp    = BulkAct(atssync.ResolvedGiveUp)
)

// ActMany does one act to many submissions, each by itself: one result each, in order.
func (s *Service) ActMany(ctx context.Context, on []ActOn, act BulkAct) ([]ActResult, error) {
	if n := len(on); n > MaxActs {
		return nil, invalid("the act", []atssync.FieldError{{Path: "submissions", Message: fmt.Sprintf("has %d entries; the limit is %d", n, MaxActs)}})
	}
	do := func(ctx context.Context, one ActOn) (Submission, error) {
		return s.Act(ctx, one.ID, atssync.ActKind(act))
	}
	switch act {
	case BulkHold, BulkRelease, BulkRetry, BulkCancel:
	case BulkSendAgain, BulkGiveUp:
		do = func(ctx context.Context, one ActOn) (Submission, error) {
			return s.Resolve(ctx, ResolveRequest{ID: one.ID, Action: atssync.Resolution(act), Attempt: one.Attempt})
		}
	default:
		return nil, invalid("the act", []atssync.FieldError{{Path: "act", Message: "must be hold, release, retry, cancel, send_again or give_up"}})
	}
	out := make([]ActResult, len(on))
	places := make(chan struct{}, actsAtOnce)
	var work sync.WaitGroup
	for i, one := range on {
		places <- struct{}{}
		work.Go(func() {
			defer func() { <-places }()
			sub, err := do(ctx, one)
			out[i] = ActResult{ID: one.ID, Submission: sub}
			if err != nil && !errors.As(err, &out[i].Err) {
				out[i].Err = cutShort(ctx, atssync.Errorf(atssync.CodeInternal, "it could not be done").WithRemedy("try again; the daemon's log says why"))
			}
		})
	}
	work.Wait()
	return out, nil
}

// cutShort is why one of many was not done: the reason that the request was ended for, where there is one for people, such as a
// token that was revoked meanwhile.
func cutShort(ctx context.Context, otherwise *atssync.Error) *atssync.Error {
	if why, ok := errors.AsType[*atssync.Error](context.Cause(ctx)); ok {
		return why
	}
	return otherwise
}
