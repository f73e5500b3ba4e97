package kv

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// Lane returns a connection's working state.
func (s *Store) Lane(ctx context.Context, connection string) (atssync.Lane, error) {
	out := atssync.Lane{Connection: connection}
	err := s.view(ctx, func(r reader) error {
		l, err := record[atssync.Lane](r.r, keyLane(connection))
		if err != nil {
			return err
		}
		if l != nil {
			out = *l
			return nil
		}
		c, err := r.r.Value(keyConnection(connection))
		if err == nil && c == nil {
			err = missing("connection", connection)
		}
		return err
	})
	return out, err
}

// UpdateLane changes the lane alone.
func (s *Store) UpdateLane(ctx context.Context, l atssync.Lease, change atssync.LaneChange, now time.Time) (atssync.Lane, error) {
	var out atssync.Lane
	err := s.update(ctx, now, func(st *step) error {
		if err := st.fenced(l); err != nil {
			return err
		}
		c, err := st.needConn(l.Connection)
		if err != nil {
			return err
		}
		if err := st.changeLane(c, change); err != nil {
			return err
		}
		out = st.lanes[l.Connection].lane.Clone()
		return nil
	})
	return out, err
}

// BeginAttempts makes queued → sending durable.
func (s *Store) BeginAttempts(ctx context.Context, l atssync.Lease, in []atssync.BeginAttempt, now time.Time) ([]atssync.Attempt, error) {
	if err := tooMany(len(in)); err != nil {
		return nil, err
	}
	out := make([]atssync.Attempt, 0, len(in))
	err := inParts(len(in), beginPart(in), func(from, to int) error {
		var begun []atssync.Attempt
		err := s.update(ctx, now, func(st *step) error {
			var err error
			begun, err = st.beginAll(l, in[from:to])
			return err
		})
		if err == nil {
			out = append(out, begun...)
		}
		return err
	})
	if len(out) > 0 {
		return out, nil // what was begun is the caller's to send, whatever became of the rest
	}
	return out, err
}

// beginPart is how many attempts fit one commit, by the longest note.
func beginPart(in []atssync.BeginAttempt) int {
	longest := 0
	for i := range in {
		longest = max(longest, len(in[i].Note))
	}
	return min(partItems, MaxStepBytes/(acceptBytes+longest))
}

func (st *step) beginAll(l atssync.Lease, in []atssync.BeginAttempt) ([]atssync.Attempt, error) {
	if err := st.fenced(l); err != nil {
		return nil, err
	}
	c, err := st.needConn(l.Connection)
	if err != nil || c.State != atssync.ConnectionActive {
		return nil, err // paused or removed since it was read: nothing begins
	}
	out := make([]atssync.Attempt, 0, len(in))
	for i := range in {
		a, err := st.begin(l, &in[i])
		if err != nil {
			return nil, err
		}
		if a != nil {
			out = append(out, *a)
		}
	}
	return out, nil
}

// begin starts one attempt; nil when the submission is not there to be sent any more.
func (st *step) begin(l atssync.Lease, in *atssync.BeginAttempt) (*atssync.Attempt, error) {
	s, err := st.submission(in.Submission)
	if err != nil || s == nil || s.Connection != l.Connection || s.State != atssync.StateQueued || s.Revision != in.Revision || s.Erasure != "" {
		return nil, err
	}
	if in.Places > 0 {
		n, err := st.underWay(s.Connection)
		if err != nil || n >= in.Places {
			return nil, err
		}
	}
	was := *s
	if err := s.Move(atssync.StateSending, "", st.now); err != nil {
		return nil, err
	}
	s.Attempt++
	s.ATSJob, s.As, s.Warning = in.ATSJob, in.As, in.Warning
	if err := st.save(&was, s); err != nil {
		return nil, err
	}
	a := atssync.Attempt{
		Submission: s.ID, Number: s.Attempt, Epoch: l.Epoch, StartedAt: st.now, ATSJob: in.ATSJob, As: in.As,
	}
	k := keyAttempt(s.ID, a.Number)
	if raw := st.put(k, &a); raw != nil {
		kept := a
		st.caches.attempts.keep(k, raw, &kept)
	}
	if in.Note != nil { // beside the attempt, so that ending the attempt does not write it again
		st.w.Set(keyNote(s.ID, a.Number), slices.Clone(in.Note))
	}
	a.Note = in.Note
	return &a, nil
}

// underWay is how many submissions of a connection are being sent, by the counters as they are in this step.
func (st *step) underWay(connection string) (int, error) {
	l := st.ledgers[connection]
	if l == nil {
		var err error
		if l, err = record[atssync.Ledger](st.w, keyLedger(connection)); err != nil || l == nil {
			return 0, err
		}
	}
	return int(l.States[atssync.StateSending]), nil
}

// FinishAttempts ends attempts. One that may not end any more is left as it is and the answer is ErrFenced,
// while the others, evidence above all, are stored.
func (s *Store) FinishAttempts(ctx context.Context, l atssync.Lease, in []atssync.Finish, change atssync.LaneChange, now time.Time) error {
	if err := tooMany(len(in)); err != nil {
		return err
	}
	var fenced bool
	err := inParts(max(len(in), 1), partItems/2, func(from, to int) error {
		part, last := in[from:min(to, len(in))], to >= len(in)
		var skipped bool
		err := s.update(ctx, now, func(st *step) error {
			var held bool
			var err error
			if held, skipped, err = st.finishAll(l, part); err != nil || !held || !last || change == nil {
				return err
			}
			return st.changeLane(st.conns[l.Connection], change)
		})
		fenced = fenced || skipped
		return err
	})
	if err == nil && fenced {
		err = atssync.ErrFenced
	}
	return err
}

// finishAll ends attempts; held says that the lease is, skipped that not all could be ended.
func (st *step) finishAll(l atssync.Lease, in []atssync.Finish) (held, skipped bool, err error) {
	err = st.fenced(l)
	if err != nil && !errors.Is(err, atssync.ErrFenced) {
		return false, false, err
	}
	held = err == nil
	c, err := st.needConn(l.Connection)
	if err != nil {
		return held, false, err
	}
	skipped = !held && len(in) == 0
	for i := range in {
		ok, err := st.finish(c, held, &in[i])
		if err != nil {
			return held, skipped, err
		}
		skipped = skipped || !ok
	}
	return held, skipped, nil
}

// finish ends one attempt; ok is false when it was not this one's to end.
func (st *step) finish(c *atssync.Connection, held bool, f *atssync.Finish) (ok bool, err error) {
	s, err := st.submission(f.Submission)
	if err != nil || s == nil || s.Connection != c.ID {
		return false, err
	}
	if !held && f.To != atssync.StateSubmitted && f.To != atssync.StateAlreadyApplied {
		return false, nil // only a receipt is evidence, and it is whoever brings it
	}
	if f, err = st.relinked(c, s, f); err != nil {
		return false, err
	}
	was := *s
	drafts, err := s.ApplyFinish(*f, st.now)
	if errors.Is(err, atssync.ErrFenced) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if err := st.save(&was, s); err != nil {
		return false, err
	}
	if s.State == atssync.StateSubmitted || s.State == atssync.StateAlreadyApplied {
		if err := st.follow(s, f.Application); err != nil {
			return false, err
		}
	}
	err = st.endAttempt(s.ID, f.Attempt, func(a *atssync.Attempt) {
		a.Outcome, a.Trouble = f.To, f.Trouble
		if f.Trouble != nil {
			a.Kind = f.Trouble.Kind
		}
		a.Exchanges = append(a.Exchanges, f.Exchanges...)
	})
	if err != nil {
		return false, err
	}
	st.emit(c, drafts...)
	if c.State == atssync.ConnectionRemoved && (s.State == atssync.StateQueued || s.State == atssync.StateHeld) {
		_, err = st.putTask(atssync.Task{Kind: atssync.TaskCancel, Connection: c.ID}) // it came back too late for the first one
	}
	return true, err
}

// relinked judges a submission anew that its ATS job did not take, where the platform job is linked to another one by
// now: the link's release went by while it was under way, and nobody would let it go.
func (st *step) relinked(c *atssync.Connection, s *atssync.Submission, f *atssync.Finish) (*atssync.Finish, error) {
	if f.To != atssync.StateHeld || f.HeldReason != atssync.HeldJobNotAccessible && f.HeldReason != atssync.HeldJobClosed {
		return f, nil
	}
	link, _, err := st.linked(c.ID, s.PlatformJob)
	if err != nil || link != nil && link.ATSJob == s.ATSJob {
		return f, err
	}
	anew := *f
	anew.To, anew.HeldReason, err = st.judge(c, s.PlatformJob)
	anew.NextAt = st.now
	return &anew, err
}

// HoldSubmissions puts queued submissions aside: held for a reason, or refused when the data is wrong.
//
//nolint:revive // the parameters are those of the role.
func (s *Store) HoldSubmissions(ctx context.Context, l atssync.Lease, ids []string, reason atssync.HeldReason, t *atssync.Trouble, now time.Time) error {
	if err := tooMany(len(ids)); err != nil {
		return err
	}
	to := verdict{atssync.StateHeld, reason}
	if reason == "" {
		to.state = atssync.StateRefused
	}
	return inParts(len(ids), partItems, func(a, b int) error {
		return s.update(ctx, now, func(st *step) error {
			if err := st.fenced(l); err != nil {
				return err
			}
			for _, id := range ids[a:b] {
				if err := st.putAside(l.Connection, id, to, t); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

func (st *step) putAside(connection, id string, to verdict, t *atssync.Trouble) error {
	c, err := st.needConn(connection)
	if err != nil {
		return err
	}
	s, err := st.submission(id)
	if err != nil || s == nil || s.Connection != connection || s.State != atssync.StateQueued {
		return err
	}
	if t == nil { // what Judge found when it was read; the link may have been made since
		_, _, err := st.holdFor(to.reason, c, s)
		return err
	}
	was := *s
	if err := s.Move(to.state, to.reason, st.now); err != nil {
		return err
	}
	s.Trouble = t
	if err := st.save(&was, s); err != nil {
		return err
	}
	st.emit(c, s.StateEvent(st.now))
	return nil
}
