package kv

import (
	"context"
	"slices"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// Act does to one submission what a person asks for.
func (s *Store) Act(ctx context.Context, id string, kind atssync.ActKind, now time.Time) (atssync.Submission, error) {
	var out atssync.Submission
	err := s.update(ctx, now, func(st *step) error {
		sub, err := st.needSubmission(id)
		if err != nil {
			return err
		}
		c, err := st.needConn(sub.Connection)
		if err != nil {
			return err
		}
		if err := st.act(c, sub, kind); err != nil {
			return err
		}
		st.note("submission."+string(kind), id, "")
		out = *sub
		return nil
	})
	return out, err
}

// actsOnly is what an act on another state is told.
var actsOnly = map[atssync.ActKind]string{
	atssync.ActHold:    "only a queued submission can be held",
	atssync.ActRelease: "only a held submission can be released",
	atssync.ActRetry:   "only a refused or queued submission can be tried again",
	atssync.ActCancel:  "only a queued or held submission can be cancelled",
}

func (st *step) act(c *atssync.Connection, s *atssync.Submission, kind atssync.ActKind) error {
	only, ok := actsOnly[kind]
	if !ok {
		return atssync.Errorf(atssync.CodeInvalid, "there is no act %q", kind)
	}
	if err := mayAct(s, kind); err != nil {
		return err
	}
	if !slices.Contains(kind.On(), s.State) {
		return atssync.Errorf(atssync.CodeConflict, "submission %s is %s: %s", s.ID, s.State, only)
	}
	switch kind {
	case atssync.ActHold:
		return st.moveTo(c, s, verdict{atssync.StateHeld, atssync.HeldOperator})
	case atssync.ActCancel:
		return st.moveTo(c, s, verdict{state: atssync.StateCancelled})
	}
	if err := notRemoved(c); err != nil {
		return err
	}
	if s.State == atssync.StateQueued {
		was := *s
		s.NextAt, s.UpdatedAt = st.now, st.now
		return st.save(&was, s)
	}
	if _, err := st.elsewhere(c, s); err != nil {
		return err
	}
	_, err := st.rejudge(c, s)
	return err
}

// mayAct refuses what cannot be done any more because what it needs is gone.
func mayAct(s *atssync.Submission, kind atssync.ActKind) error {
	switch {
	case s.Erasure != "":
		return s.Gone()
	case kind == atssync.ActRetry && !s.PayloadGoneAt.IsZero():
		return atssync.Errorf(atssync.CodeGone, "the document of submission %s is no longer kept, since %s", s.ID, s.PayloadGoneAt.UTC().Format(time.DateOnly)).
			WithRemedy("send the same document again, then retry")
	}
	return nil
}

func notRemoved(c *atssync.Connection) error {
	if c.State != atssync.ConnectionRemoved {
		return nil
	}
	return atssync.Errorf(atssync.CodeConflict, "connection %s is removed", c.ID).
		WithRemedy("connect the account again")
}

// moveTo moves a submission, with index, ledger and event.
func (st *step) moveTo(c *atssync.Connection, s *atssync.Submission, v verdict) error {
	was := *s
	if err := s.Move(v.state, v.reason, st.now); err != nil {
		return err
	}
	switch v.state {
	case atssync.StateQueued:
		s.NextAt, s.Failures, s.Trouble = st.now, 0, nil
	case atssync.StateHeld:
		s.Trouble = nil // it spoke of another reason
	case atssync.StateCancelled:
		if len(s.Continuation) > 0 {
			s.Trouble = &atssync.Trouble{
				Message: "the ATS holds a part of the application: one write of several was done before it was cancelled",
				Turn:    sdk.TurnEmployer, Remedy: "take the candidate out of the ATS if it is not wanted there",
			}
		}
	}
	if err := st.save(&was, s); err != nil {
		return err
	}
	st.emit(c, s.StateEvent(st.now))
	return nil
}

// rejudge looks at a held or refused submission again. One whose reason still holds stays as it is; queued
// says that it may be sent now.
func (st *step) rejudge(c *atssync.Connection, s *atssync.Submission) (queued bool, err error) {
	state, reason, err := st.judge(c, s.PlatformJob)
	if err != nil {
		return false, err
	}
	if state == s.State && reason == s.HeldReason {
		return false, nil
	}
	return state == atssync.StateQueued, st.moveTo(c, s, verdict{state, reason})
}

// Resolve settles an uncertain submission.
func (s *Store) Resolve(ctx context.Context, id string, how atssync.SettleUncertain, now time.Time) (atssync.Submission, error) {
	var out atssync.Submission
	err := s.update(ctx, now, func(st *step) error {
		sub, err := st.needSubmission(id)
		if err != nil {
			return err
		}
		c, err := st.needConn(sub.Connection)
		if err != nil {
			return err
		}
		if how.Resolution != atssync.ResolvedSubmitted && how.Attempt != 0 && how.Attempt != sub.Attempt {
			return atssync.Errorf(atssync.CodeChanged, "submission %s was sent again since: attempt %d was looked for, and the last one is %d", id, how.Attempt, sub.Attempt).
				WithRemedy("look into the ATS once more, and answer for the last attempt")
		}
		if err := st.resolve(c, sub, how); err != nil {
			return err
		}
		st.note("submission.resolve", id, string(how.Resolution))
		out = *sub
		return nil
	})
	return out, err
}

func (st *step) resolve(c *atssync.Connection, s *atssync.Submission, how atssync.SettleUncertain) error {
	if how.Resolution == atssync.ResolvedSendAgain {
		if err := notRemoved(c); err != nil {
			return err
		}
		if err := s.Gone(); err != nil {
			return err
		}
	}
	was := *s
	drafts, err := s.Resolve(how.Resolution, how.By, how.Receipt, st.now)
	if err != nil {
		return err
	}
	if how.Resolution == atssync.ResolvedSubmitted {
		if err := st.follow(s, how.Application); err != nil {
			return err
		}
		if err := st.endAttempt(s.ID, s.Attempt, func(a *atssync.Attempt) { a.Outcome = s.State }); err != nil {
			return err
		}
	}
	if err := st.save(&was, s); err != nil {
		return err
	}
	st.emit(c, drafts...)
	return nil
}

// Propose notes what a search by e-mail and job showed; only a person may accept it.
func (s *Store) Propose(ctx context.Context, id string, proposal atssync.Receipt, now time.Time) error {
	return s.update(ctx, now, func(st *step) error {
		sub, err := st.needSubmission(id)
		if err != nil {
			return err
		}
		if sub.State != atssync.StateUncertain {
			return atssync.Errorf(atssync.CodeConflict, "submission %s is %s; only an uncertain one has a proposal", id, sub.State)
		}
		if sub.Proposal != nil && *sub.Proposal == proposal {
			return nil
		}
		was := *sub
		sub.Proposal, sub.UpdatedAt = &proposal, st.now
		return st.save(&was, sub)
	})
}

// Expire ends submissions whose time is over.
func (s *Store) Expire(ctx context.Context, limit int, now time.Time) (int, error) {
	limit = min(max(limit, 0), partItems)
	due, err := s.expired(ctx, limit, now)
	if err != nil || len(due) == 0 {
		return 0, err
	}
	n := 0
	err = shrinking(len(due), func(part int) error {
		return s.update(ctx, now, func(st *step) error {
			n = 0
			for _, id := range due[:part] {
				ended, err := st.expire(id)
				if err != nil {
					return err
				}
				if ended {
					n++
				}
			}
			return nil
		})
	})
	return n, err
}

func (st *step) expire(id string) (bool, error) {
	s, err := st.submission(id)
	if err != nil || s == nil || !expires(s) || s.ExpiresAt.After(st.now) {
		return false, err
	}
	c, err := st.needConn(s.Connection)
	if err != nil {
		return false, err
	}
	return true, st.moveTo(c, s, verdict{state: atssync.StateExpired})
}

// expired looks for submissions to expire without a step, so that nothing is written when there is none. It looks at all
// that waits: an index by expiry would be written for each submission, and nearly all are sent within seconds.
func (s *Store) expired(ctx context.Context, limit int, now time.Time) ([]string, error) {
	var ids []string
	err := s.view(ctx, func(r reader) error {
		for _, waiting := range []string{tabQueue, tabHeld} {
			err := r.r.Scan(table(waiting), nil, func(k, v []byte) bool {
				if len(ids) == limit {
					return false
				}
				if f := (fields{rest: v}); len(v) > 0 && !f.at().After(now) {
					ids = append(ids, submissionOf(k))
				}
				return true
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	return ids, err
}
