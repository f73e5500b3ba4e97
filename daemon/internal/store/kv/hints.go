package kv

import (
	"context"
	"errors"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// QueueHints remembers a hook and queues what it touches of ours.
func (s *Store) QueueHints(ctx context.Context, h atssync.Hook, now time.Time) (atssync.HookResult, error) {
	var out atssync.HookResult
	touched, err := s.touched(ctx, h)
	if err != nil || len(touched) == 0 {
		return out, err // nothing of ours: there is nothing to write and nothing to remember
	}
	err = s.update(Intake(ctx), now, func(st *step) error {
		out = atssync.HookResult{}
		c, err := st.needConn(h.Connection)
		if err == nil {
			err = notRemoved(c)
		}
		if err != nil {
			return err
		}
		state, err := st.hookState(h.Connection)
		if err != nil {
			return err
		}
		if out.Replayed, err = st.seeHook(state, h); err != nil || out.Replayed {
			return err
		}
		for _, t := range touched {
			if err := st.queueHint(state, h.Connection, t); err != nil {
				return err
			}
		}
		if state.Waiting > atssync.MaxHints {
			return atssync.Errorf(atssync.CodeBusy, "connection %s has %d applications to read for its ATS's hooks already", h.Connection, atssync.MaxHints).
				WithRemedy("send it again later; see whether the ATS answers: atssync connections show %s", h.Connection)
		}
		st.put(keyHookState(h.Connection), state)
		out.Queued = len(touched)
		return nil
	})
	if errors.Is(err, ErrLowSpace) {
		err = atssync.Errorf(atssync.CodeNoSpace, "the disk of the data folder is nearly full: no hooks are taken").
			WithRemedy("free disk space")
	}
	return out, err
}

// ourTouch is a touch of one of our submissions. Its ExternalKey is set when that is what named the submission.
type ourTouch struct {
	atssync.Touch
	submission string
}

// touched finds the submissions that a hook touches, each once. What is ours stays ours, so that it can be looked up
// before the step.
func (s *Store) touched(ctx context.Context, h atssync.Hook) ([]ourTouch, error) {
	var out []ourTouch
	place := make(map[string]int)
	add := func(id string, t atssync.Touch) {
		i, ok := place[id]
		switch {
		case ok && t.ExternalKey != "":
			out[i].Touch = t // the last word of those that name our id
		case !ok && len(out) < atssync.MaxHintsOfHook:
			place[id] = len(out)
			out = append(out, ourTouch{t, id})
		}
	}
	err := s.view(ctx, func(r reader) error {
		for _, t := range h.Touched {
			if err := r.eachTouched(h.Connection, t, add); err != nil {
				return err
			}
		}
		return nil
	})
	return out, err
}

func (r reader) eachTouched(connection string, t atssync.Touch, add func(id string, t atssync.Touch)) error {
	found := false
	if t.ExternalKey != "" {
		id, err := r.idAt(keyExternal(t.ExternalKey))
		if err != nil {
			return err
		}
		if id != "" {
			s, err := r.needSubmission(id)
			if err != nil {
				return err
			}
			if found = s.Connection == connection; found && s.ErasedAt.IsZero() {
				add(s.ID, t)
			}
		}
	}
	t.ExternalKey, t.Receipt = "", nil // from here on the submission is ours by the ATS's ids, which prove nothing new
	for _, by := range [][2]string{{receiptApplication, t.ApplicationID}, {receiptCandidate, t.CandidateID}} {
		if by[1] == "" || found {
			continue
		}
		ids, err := r.byReceipt(connection, by[0], by[1])
		if err != nil {
			return err
		}
		for _, id := range ids {
			found = true
			add(id, t)
		}
	}
	return nil
}

func (r reader) hookState(connection string) (*hookState, error) {
	state, err := record[hookState](r.r, keyHookState(connection))
	if err == nil && state == nil {
		state = &hookState{}
	}
	return state, err
}

// seeHook remembers a hook's event among the last ones of its connection, and reports whether it was there already.
func (st *step) seeHook(state *hookState, h atssync.Hook) (before bool, err error) {
	if h.EventKey == "" {
		return false, nil
	}
	v, err := st.w.Value(keyHookSeen(h.Connection, h.EventKey))
	if err != nil || v != nil {
		return v != nil, err
	}
	state.SeenLast++
	st.w.Set(keyHookSeen(h.Connection, h.EventKey), key{}.num(state.SeenLast))
	st.w.Set(keyHookSeenAt(h.Connection, state.SeenLast), []byte(h.EventKey))
	if state.SeenLast-state.SeenFirst <= atssync.SeenHooks {
		return false, nil
	}
	state.SeenFirst++
	k := keyHookSeenAt(h.Connection, state.SeenFirst)
	old, err := st.w.Value(k)
	if err != nil {
		return false, err
	}
	if old != nil {
		st.w.Delete(keyHookSeen(h.Connection, string(old)))
		st.w.Delete(k)
	}
	return false, nil
}

// queueHint queues one submission, or has the hint that waits for it take the touch in.
func (st *step) queueHint(state *hookState, connection string, t ourTouch) error {
	at, err := st.w.Value(keyHintOf(connection, t.submission))
	if err != nil {
		return err
	}
	h := &atssync.Hint{Connection: connection, Submission: t.submission, At: st.now}
	if at != nil {
		was, err := record[atssync.Hint](st.w, keyHint(connection, number(at)))
		if err != nil {
			return err
		}
		if was != nil {
			h = was
		}
	}
	if h.Number == 0 {
		state.Number++
		state.Waiting++
		h.Number = state.Number
		st.w.Set(keyHintOf(connection, t.submission), key{}.num(h.Number))
	}
	h.Take(t.Touch, st.now)
	st.put(keyHint(connection, h.Number), h)
	return nil
}

// NextHints lists the hints of a connection in the order of their numbers.
func (s *Store) NextHints(ctx context.Context, l atssync.Lease, after int64, limit int) ([]atssync.Hint, error) {
	var out []atssync.Hint
	limit = min(max(limit, 0), MaxItems)
	err := s.view(ctx, func(r reader) error {
		if err := r.fenced(l); err != nil {
			return err
		}
		var err error
		out, err = r.hints(l.Connection, after, limit)
		return err
	})
	return out, err
}

func (r reader) hints(connection string, after int64, limit int) ([]atssync.Hint, error) {
	var out []atssync.Hint
	var failed error
	err := r.r.Scan(table(tabHint).text(connection), keyHint(connection, after+1), func(k, v []byte) bool {
		if len(out) == limit {
			return false
		}
		h, err := decode[atssync.Hint](k, v)
		if err != nil {
			failed = err
			return false
		}
		out = append(out, *h)
		return true
	})
	return out, errors.Join(err, failed)
}

// FinishHints forgets hints that were not touched again.
func (s *Store) FinishHints(ctx context.Context, l atssync.Lease, done []atssync.Hint, now time.Time) error {
	if err := tooMany(len(done)); err != nil || len(done) == 0 {
		return err
	}
	return s.update(ctx, now, func(st *step) error {
		if err := st.fenced(l); err != nil {
			return err
		}
		return st.dropHints(l.Connection, done)
	})
}

func (st *step) dropHints(connection string, done []atssync.Hint) error {
	state, err := st.hookState(connection)
	if err != nil {
		return err
	}
	for _, d := range done {
		h, err := record[atssync.Hint](st.w, keyHint(connection, d.Number))
		if err != nil {
			return err
		}
		if h == nil || h.Touches != d.Touches {
			continue
		}
		st.w.Delete(keyHint(connection, h.Number))
		st.w.Delete(keyHintOf(connection, h.Submission))
		state.Waiting--
	}
	st.put(keyHookState(connection), state)
	return nil
}

// HintBacklog counts what waits.
func (s *Store) HintBacklog(ctx context.Context, connection string) (atssync.HintBacklog, error) {
	var out atssync.HintBacklog
	err := s.view(ctx, func(r reader) error {
		ids := []string{connection}
		if connection == "" {
			ids = nil
			if err := r.r.Scan(table(tabHookState), nil, func(k, _ []byte) bool {
				f := fieldsOf(k, len(tabHookState))
				ids = append(ids, f.text())
				return true
			}); err != nil {
				return err
			}
		}
		for _, id := range ids {
			state, err := r.hookState(id)
			if err != nil {
				return err
			}
			if state.Waiting == 0 {
				continue
			}
			out.Waiting += state.Waiting
			oldest, err := r.hints(id, 0, 1)
			if err != nil {
				return err
			}
			if len(oldest) > 0 && (out.OldestAt.IsZero() || oldest[0].At.Before(out.OldestAt)) {
				out.OldestAt = oldest[0].At
			}
		}
		return nil
	})
	return out, err
}

// dropAllHints forgets the hints of a connection that is being removed, but for as many as its last step takes.
func (s *Store) dropAllHints(ctx context.Context, connection string, now time.Time) error {
	for {
		var some []atssync.Hint
		err := s.view(ctx, func(r reader) error {
			var err error
			some, err = r.hints(connection, 0, MaxItems)
			return err
		})
		if err != nil || len(some) < MaxItems {
			return err
		}
		if err := s.update(ctx, now, func(st *step) error { return st.dropHints(connection, some) }); err != nil {
			return err
		}
	}
}
