package manage

import (
	"context"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// Activity is what a connection did last and what it has before it.
type Activity struct {
	LastSentAt time.Time `json:"last_sent_at,omitzero"`
	LastReadAt time.Time `json:"last_read_at,omitzero"`
	// Waiting counts what is queued, held or being sent; OldestWaiting is when the oldest of them was accepted.
	Waiting       int64     `json:"waiting"`
	OldestWaiting time.Time `json:"oldest_waiting,omitzero"`
	Uncertain     int64     `json:"uncertain"`
	Arrived       int64     `json:"arrived"` // submitted, or known to the ATS before
	Refused       int64     `json:"refused"`
	// Questions counts, up to 500, the applications of which it is asked which one of their candidate's they are now.
	Questions int `json:"questions"`
}

// Activity tells what a connection did and what waits, from counters and without a look at every submission.
func (s *Service) Activity(ctx context.Context, connection string) (Activity, error) {
	c, err := s.find(ctx, connection)
	if err != nil {
		return Activity{}, err
	}
	questions, err := s.OpenQuestions(ctx, c.ID)
	if err != nil {
		return Activity{}, err
	}
	lane, err := s.o.Store.Lane(ctx, c.ID)
	if err != nil && atssync.CodeOf(err) != atssync.CodeNotFound {
		return Activity{}, err
	}
	out := Activity{LastSentAt: lane.LastSentAt, Questions: questions}
	passes, err := s.o.Store.Checkpoints(ctx, c.ID)
	if err != nil {
		return out, err
	}
	for _, p := range passes {
		if p.Operation == atssync.OpRead && p.AdvancedAt.After(out.LastReadAt) {
			out.LastReadAt = p.AdvancedAt
		}
	}
	ledger, err := s.o.Store.Ledger(ctx, c.ID)
	if err != nil && atssync.CodeOf(err) != atssync.CodeNotFound {
		return out, err
	}
	of := ledger.States
	out.Waiting = of[atssync.StateQueued] + of[atssync.StateHeld] + of[atssync.StateSending]
	out.Arrived = of[atssync.StateSubmitted] + of[atssync.StateAlreadyApplied]
	out.Uncertain, out.Refused = of[atssync.StateUncertain], of[atssync.StateRefused]
	oldest, err := s.o.Store.OldestWaiting(ctx, c.ID)
	if err != nil && atssync.CodeOf(err) != atssync.CodeNotFound {
		return out, err
	}
	for state, at := range oldest {
		if state != atssync.StateUncertain && (out.OldestWaiting.IsZero() || at.Before(out.OldestWaiting)) {
			out.OldestWaiting = at
		}
	}
	return out, nil
}
