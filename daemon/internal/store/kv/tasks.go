package kv

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// PutTask persists a task. One that is the same as a pending one starts that one over, and one that does
// the opposite takes the pending one's place, so that the last word stands.
func (s *Store) PutTask(ctx context.Context, t atssync.Task, now time.Time) (atssync.Task, error) {
	var out atssync.Task
	err := s.update(ctx, now, func(st *step) error {
		c, err := st.needConn(t.Connection)
		if err != nil {
			return err
		}
		if err := lawfulTask(c, &t); err != nil {
			return err
		}
		if out, err = st.putTask(t); err != nil {
			return err
		}
		st.note("task."+string(t.Kind), t.Connection, string(t.Reason))
		return nil
	})
	return out, err
}

func lawfulTask(c *atssync.Connection, t *atssync.Task) error {
	switch t.Kind {
	case atssync.TaskCancel:
		return nil
	case atssync.TaskHold, atssync.TaskRelease:
		if err := notRemoved(c); err != nil {
			return err
		}
		if !slices.Contains(atssync.HeldReasons(), t.Reason) {
			return atssync.Errorf(atssync.CodeInvalid, "a task that holds or releases needs a reason, %q is none", t.Reason)
		}
		return nil
	}
	return atssync.Errorf(atssync.CodeInvalid, "there is no task %q", t.Kind)
}

// pending reads a connection's tasks once a step.
func (st *step) pending(connection string) ([]atssync.Task, error) {
	if ts, ok := st.tasks[connection]; ok {
		return ts, nil
	}
	ts, err := st.tasksOf(connection)
	if err != nil {
		return nil, err
	}
	if st.tasks == nil {
		st.tasks = make(map[string][]atssync.Task, 2)
	}
	st.tasks[connection] = ts
	return ts, nil
}

func (st *step) putTask(t atssync.Task) (atssync.Task, error) {
	pending, err := st.pending(t.Connection)
	if err != nil {
		return t, err
	}
	t.CreatedAt, t.NextAt, t.Cursor, t.Done = st.now, st.now, "", 0
	t.Since = t.Since.UTC()
	if st.person {
		t.Actor = st.actor.Name
	}
	if t.ID == "" {
		t.ID = atssync.NewID(atssync.PrefixTask, st.now)
	}
	kept := pending[:0:0]
	for _, p := range pending {
		switch {
		case p.Kind == t.Kind && p.Reason == t.Reason && p.PlatformJob == t.PlatformJob && p.Since.Equal(t.Since):
			t.ID = p.ID
		case opposite(p.Kind, t.Kind) && p.Reason == t.Reason && (t.PlatformJob == "" || p.PlatformJob == t.PlatformJob) && t.Since.IsZero():
			st.dropTask(&p)
		default:
			kept = append(kept, p)
		}
	}
	st.tasks[t.Connection] = append(kept, t)
	st.saveTask(&t)
	return t, nil
}

func opposite(a, b atssync.TaskKind) bool {
	return a == atssync.TaskHold && b == atssync.TaskRelease || a == atssync.TaskRelease && b == atssync.TaskHold
}

func (st *step) saveTask(t *atssync.Task) {
	st.w.Set(keyTaskByConn(t.Connection, t.ID), []byte{})
	st.put(keyTask(t.ID), t)
}

func (st *step) dropTask(t *atssync.Task) {
	st.w.Delete(keyTaskByConn(t.Connection, t.ID))
	st.w.Delete(keyTask(t.ID))
	st.tasks[t.Connection] = slices.DeleteFunc(slices.Clone(st.tasks[t.Connection]), func(x atssync.Task) bool { return x.ID == t.ID })
}

// Tasks lists pending tasks, the oldest first.
func (s *Store) Tasks(ctx context.Context, connection string) ([]atssync.Task, error) {
	var out []atssync.Task
	err := s.view(ctx, func(r reader) error {
		var err error
		if connection == "" {
			out, err = all[atssync.Task](r.r, table(tabTask))
		} else {
			out, err = r.tasksOf(connection)
		}
		return err
	})
	return out, err
}

func (r reader) tasksOf(connection string) ([]atssync.Task, error) {
	prefix := table(tabTaskByConn).text(connection)
	var ids []string
	err := r.r.Scan(prefix, nil, func(k, _ []byte) bool {
		f := fieldsOf(k, len(prefix))
		ids = append(ids, f.text())
		return true
	})
	out := make([]atssync.Task, 0, len(ids))
	for _, id := range ids {
		t, terr := record[atssync.Task](r.r, keyTask(id))
		if terr != nil {
			return nil, terr
		}
		if t != nil {
			out = append(out, *t)
		}
	}
	return out, errors.Join(err)
}

// earlyBy is how much before its time a share may be worked off, so that a tick that comes a little early is
// not a whole interval too late.
const earlyBy = time.Second

// latestShare is more than a share ever waits, which is a minute: a task that waits longer was written by a clock that
// was ahead.
const latestShare = 2 * time.Minute

// WorkTask does the task's next share. A task that is gone is done.
func (s *Store) WorkTask(ctx context.Context, id string, limit int, now time.Time) (done, wake bool, err error) {
	err = shrinking(min(max(limit, 1), partItems), func(n int) error {
		return s.update(ctx, now, func(st *step) error {
			done, wake = false, false
			t, err := record[atssync.Task](st.w, keyTask(id))
			if err != nil {
				return err
			}
			if t == nil {
				done = true
				return nil
			}
			if early := t.NextAt.Sub(st.now); early > earlyBy && early < latestShare {
				return nil
			}
			done, wake, err = st.workTask(t, n)
			return err
		})
	})
	return done, wake, err
}

func (st *step) workTask(t *atssync.Task, limit int) (done, wake bool, err error) {
	c, err := st.needConn(t.Connection)
	if err != nil {
		return false, false, err
	}
	if t.Kind == atssync.TaskRelease && t.PerMinute > 0 {
		limit = min(limit, t.PerMinute)
	}
	share, err := st.share(t, limit)
	if err != nil {
		return false, false, err
	}
	queued := 0
	for _, id := range share.ids {
		s, err := st.submission(id)
		if err != nil {
			return false, false, err
		}
		if s == nil {
			continue
		}
		did, q, err := st.workOn(t, c, s)
		if err != nil {
			return false, false, err
		}
		if did {
			t.Done++
		}
		if q {
			queued++
		}
	}
	if share.end {
		if _, err := st.pending(t.Connection); err != nil {
			return false, false, err
		}
		st.dropTask(t)
		return true, queued > 0, nil
	}
	t.Cursor, t.NextAt = share.cursor, st.now
	if t.PerMinute > 0 {
		t.NextAt = st.now.Add(time.Duration(queued) * time.Minute / time.Duration(t.PerMinute))
	}
	st.saveTask(t)
	return false, queued > 0, nil
}

// workOn does to one submission what the task is for, where it still is to be done.
func (st *step) workOn(t *atssync.Task, c *atssync.Connection, s *atssync.Submission) (did, queued bool, err error) {
	switch t.Kind {
	case atssync.TaskRelease:
		if s.State != atssync.StateHeld || s.HeldReason != t.Reason || c.State == atssync.ConnectionRemoved {
			return false, false, nil
		}
		if s.HeldBefore != "" { // a restore held it, for which nobody has decided otherwise
			return true, false, st.moveTo(c, s, verdict{atssync.StateHeld, s.HeldBefore})
		}
		was := s.HeldReason
		queued, err = st.rejudge(c, s)
		return queued || s.HeldReason != was, queued, err
	case atssync.TaskHold:
		if s.State != atssync.StateQueued {
			return false, false, nil
		}
		return st.holdFor(t.Reason, c, s)
	case atssync.TaskCancel:
		waits := s.State == atssync.StateQueued || s.State == atssync.StateHeld
		// A connection that was revived meanwhile keeps what came in since. Where the clock was set back that is also what
		// was held before, for a pause that is over.
		kept := c.State != atssync.ConnectionRemoved && s.UpdatedAt.After(t.CreatedAt)
		switch {
		case waits && kept && s.HeldReason == atssync.HeldConnectionPaused:
			queued, err = st.rejudge(c, s)
			return queued, queued, err
		case !waits || kept:
			return false, false, nil
		}
		s.Orphaned = true
		return true, false, st.moveTo(c, s, verdict{state: atssync.StateCancelled})
	}
	return false, false, nil
}

// holdFor holds a queued submission for what Judge finds, or for a reason that Judge does not know. Where
// Judge knows the reason and does not find it, it went away since the task was made.
func (st *step) holdFor(reason atssync.HeldReason, c *atssync.Connection, s *atssync.Submission) (did, queued bool, err error) {
	state, found, err := st.judge(c, s.PlatformJob)
	if err != nil {
		return false, false, err
	}
	if state != atssync.StateHeld {
		switch reason {
		case atssync.HeldConnectionPaused, atssync.HeldJobNotLinked, atssync.HeldJobClosed, atssync.HeldJobNotAccessible:
			return false, false, nil
		}
		found = reason
	}
	return true, false, st.moveTo(c, s, verdict{atssync.StateHeld, found})
}
