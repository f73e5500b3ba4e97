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
func (s *Service) ActMany(ctx context.Context, ids []string, act BulkAct) ([]ActResult, error) {
	if n := len(ids); n > MaxActs {
		return nil, invalid("the act", []atssync.FieldError{{Path: "submissions", Message: fmt.Sprintf("has %d entries; the limit is %d", n, MaxActs)}})
	}
	do := func(ctx context.Context, id string) (Submission, error) { return s.Act(ctx, id, atssync.ActKind(act)) }
	switch act {
	case BulkHold, BulkRelease, BulkRetry, BulkCancel:
	case BulkSendAgain, BulkGiveUp:
		do = func(ctx context.Context, id string) (Submission, error) {
			return s.Resolve(ctx, ResolveRequest{ID: id, Action: atssync.Resolution(act)})
		}
	default:
		return nil, invalid("the act", []atssync.FieldError{{Path: "act", Message: "must be hold, release, retry, cancel, send_again or give_up"}})
	}
	out := make([]ActResult, len(ids))
	places := make(chan struct{}, actsAtOnce)
	var work sync.WaitGroup
	for i, id := range ids {
		places <- struct{}{}
		work.Go(func() {
			defer func() { <-places }()
			sub, err := do(ctx, id)
			out[i] = ActResult{ID: id, Submission: sub}
			if err != nil && !errors.As(err, &out[i].Err) {
				out[i].Err = atssync.Errorf(atssync.CodeInternal, "it could not be done").WithRemedy("try again; the daemon's log says why")
			}
		})
	}
	work.Wait()
	return out, nil
}
