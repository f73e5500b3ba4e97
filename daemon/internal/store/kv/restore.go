package kv

import (
	"context"
	"slices"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// restoredEpochs is how far the epochs of leases jump in a restored store, so that no lease of the daemon that lost its
// data is ever one of this store.
const restoredEpochs = 1 << 20

// restoresOf reads the restores of the store; none in nearly every store.
func (r reader) restoresOf() ([]atssync.Restore, error) {
	list, err := record[[]atssync.Restore](r.r, keyRestore())
	if err != nil || list == nil {
		return nil, err
	}
	return *list, nil
}

// restored is restoresOf, read once a step.
func (st *step) restored() ([]atssync.Restore, error) {
	if st.restores == nil {
		list, err := st.restoresOf()
		if err != nil {
			return nil, err
		}
		st.restores = &list
	}
	return *st.restores, nil
}

// neverGiven is how many positions between two were passed over by restores.
func (r reader) neverGiven(after, last int64) (int64, error) {
	list, err := r.restoresOf()
	var n int64
	for _, x := range list {
		n += x.Gap(after, last)
	}
	return n, err
}

// Restoration says whether the store was restored, and what is held for that.
func (s *Store) Restoration(ctx context.Context) (atssync.Restoration, error) {
	out := atssync.Restoration{Restores: []atssync.Restore{}, Connections: []atssync.RestoredConnection{}}
	err := s.view(ctx, func(r reader) error {
		list, err := r.restoresOf()
		if err != nil || list == nil {
			return err
		}
		out.Restores = list
		held := make(map[string]bool)
		if err := r.r.Scan(table(tabRestoredHeld), nil, func(k, _ []byte) bool {
			f := fieldsOf(k, 2)
			held[f.text()] = true
			return true
		}); err != nil {
			return err
		}
		if out.Connections, err = all[atssync.RestoredConnection](r.r, table(tabRestored)); err != nil {
			return err
		}
		for i, c := range out.Connections {
			out.Connections[i].Held = held[c.Connection]
		}
		return r.r.Scan(table(tabEvidence), nil, func(_, _ []byte) bool {
			out.Remembered++
			return true
		})
	})
	return out, err
}

// HoldRestored makes a store that was just loaded one that sends nothing.
func (s *Store) HoldRestored(ctx context.Context, r atssync.Restore, now time.Time) error {
	if err := s.update(ctx, now, func(st *step) error { return st.beginRestore(r) }); err != nil {
		return err
	}
	var ids []string
	if err := s.view(ctx, func(r reader) error {
		return r.r.Scan(table(tabConnection), nil, func(k, _ []byte) bool {
			f := fieldsOf(k, 2)
			ids = append(ids, f.text())
			return true
		})
	}); err != nil {
		return err
	}
	for _, id := range ids {
		if err := s.holdConnection(ctx, id, r, now); err != nil {
			return err
		}
	}
	return nil
}

// beginRestore notes the restore and has positions and the numbers of deliveries go on in the next stride.
func (st *step) beginRestore(r atssync.Restore) error {
	list, err := st.restored()
	if err != nil {
		return err
	}
	if n := len(list); n > 0 && list[n-1].At.Equal(r.At) && list[n-1].Backup == r.Backup {
		return nil // begun before
	}
	v, err := st.w.Value(keyPosition())
	if err != nil {
		return err
	}
	r.LastPosition = number(v)
	r.FirstPosition = atssync.NextStride(r.LastPosition, atssync.RestoreStride)
	st.w.Set(keyPosition(), key{}.num(r.FirstPosition))
	works, err := all[atssync.EndpointWork](st.w, table(tabEndpointWork))
	if err != nil {
		return err
	}
	for i := range works {
		w := &works[i]
		w.Sequence = atssync.NextStride(w.Sequence, atssync.RestoreStride)
		if w.Cursor == r.LastPosition {
			w.Cursor = r.FirstPosition
		}
		st.saveWork(w)
		if err := st.freeLease(atssync.DeliveryLease(w.Endpoint)); err != nil {
			return err
		}
	}
	if err := st.forgetRestored(); err != nil {
		return err
	}
	st.put(keyRestore(), append(slices.Clone(list), r))
	st.put(keyRestored(""), atssync.RestoredConnection{})
	st.w.Set(keyRestoredHeld(""), []byte{})
	return nil
}

// forgetRestored drops what an earlier restore left in the backup of this one.
func (st *step) forgetRestored() error {
	for _, t := range []string{tabRestored, tabRestoredHeld} {
		var keys []key
		if err := st.w.Scan(table(t), nil, func(k, _ []byte) bool {
			keys = append(keys, slices.Clone(k))
			return true
		}); err != nil {
			return err
		}
		for _, k := range keys {
			st.w.Delete(k)
		}
	}
	return nil
}

// holdConnection holds one connection, and moves what waits on it.
func (s *Store) holdConnection(ctx context.Context, id string, r atssync.Restore, now time.Time) error {
	removed := false
	if err := s.update(ctx, now, func(st *step) error {
		c, err := st.needConn(id)
		if err != nil {
			return err
		}
		removed = c.State == atssync.ConnectionRemoved
		return st.holdRestored(c, r)
	}); err != nil || removed || !holdsRestored {
		return err
	}
	for more := true; more; {
		err := shrinking(partItems, func(n int) error {
			return s.update(ctx, now, func(st *step) error {
				var err error
				more, err = st.putAsideRestored(id, n)
				return err
			})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// holdRestored holds the connection itself: lane, lease and numbers. What waits on a removed one is being cancelled.
func (st *step) holdRestored(c *atssync.Connection, r atssync.Restore) error {
	done, err := st.w.Value(keyRestored(c.ID))
	if err != nil || done != nil {
		return err
	}
	v, err := st.w.Value(keySequence(c.ID))
	if err != nil {
		return err
	}
	last := number(v)
	if st.sequences == nil {
		st.sequences = make(map[string]int64, 4)
	}
	st.sequences[c.ID] = atssync.NextStride(last, atssync.RestoreStride)
	st.put(keyRestored(c.ID), atssync.RestoredConnection{Connection: c.ID, LastSequence: last})
	st.emit(c, atssync.EventDraft{Type: atssync.EventConnectionRestored, At: st.now, Data: atssync.ConnectionEvent{
		State: "restored", LastSequence: last,
		Message: "the daemon's data was restored from a backup of " + r.MadeAt.UTC().Format(time.RFC3339) +
			": send again what you submitted since; it is recognised where that is known, and held until then",
	}})
	if err := st.freeLease(c.ID); err != nil {
		return err
	}
	if err := st.lost(c.ID); err != nil || c.State == atssync.ConnectionRemoved || !holdsRestored {
		return err
	}
	st.w.Set(keyRestoredHeld(c.ID), []byte{})
	return st.changeLane(c, func(l *atssync.Lane) []atssync.EventDraft { return l.HoldForRestore(st.now) })
}

// freeLease takes the lease from whoever had it.
func (st *step) freeLease(connection string) error {
	rec, err := record[leaseRecord](st.w, keyLease(connection))
	if err != nil || rec == nil {
		return err
	}
	if rec.Owner != "" {
		st.w.Delete(keyLeaseByOwner(rec.Owner, connection))
	}
	st.put(keyLease(connection), leaseRecord{Epoch: rec.Epoch + restoredEpochs})
	return nil
}

// putAsideRestored holds the next submissions of a connection, at most limit.
func (st *step) putAsideRestored(connection string, limit int) (more bool, err error) {
	c, err := st.needConn(connection)
	if err != nil {
		return false, err
	}
	pending, err := st.pending(connection)
	if err != nil {
		return false, err
	}
	backlog := slices.ContainsFunc(pending, func(t atssync.Task) bool {
		return t.Kind == atssync.TaskRelease && t.Reason == atssync.HeldJobNotLinked
	})
	ids, err := st.waiting(connection, limit)
	for _, id := range ids {
		s, err := st.needSubmission(id)
		if err != nil {
			return false, err
		}
		before, err := st.decided(c, s, backlog)
		if err != nil {
			return false, err
		}
		was := *s
		if err := s.Move(atssync.StateHeld, atssync.HeldRestored, st.now); err != nil {
			return false, err
		}
		s.HeldBefore, s.Trouble = before, nil
		if err := st.save(&was, s); err != nil {
			return false, err
		}
		st.emit(c, s.StateEvent(st.now))
	}
	return len(ids) == limit, err
}

// decided is what a person decided to hold a submission for: an operator's hold, or the answer to the backlog question
// that left it out. Any other reason is found again by Judge.
func (st *step) decided(c *atssync.Connection, s *atssync.Submission, backlog bool) (atssync.HeldReason, error) {
	switch {
	case s.State != atssync.StateHeld:
		return "", nil
	case s.HeldReason == atssync.HeldOperator:
		return s.HeldReason, nil
	case s.HeldReason == atssync.HeldJobNotLinked && !backlog:
		link, _, err := st.linked(c.ID, s.PlatformJob)
		if link != nil {
			return s.HeldReason, err
		}
		return "", err
	}
	return "", nil
}

// waiting finds submissions of a connection that are queued, or held for something else than a restore.
func (r reader) waiting(connection string, limit int) (ids []string, err error) {
	spans := []key{table(tabQueue).text(connection)}
	for _, reason := range atssync.HeldReasons() {
		if reason != atssync.HeldRestored {
			spans = append(spans, table(tabHeld).text(connection).text(string(reason)))
		}
	}
	for _, prefix := range spans {
		if err := r.r.Scan(prefix, nil, func(k, _ []byte) bool {
			if len(ids) < limit {
				ids = append(ids, submissionOf(k))
			}
			return len(ids) < limit
		}); err != nil {
			return nil, err
		}
	}
	return ids, nil
}

// holdNew holds a connection that is made while a restore is not settled: it may be one that was lost with the data.
func (st *step) holdNew(c *atssync.Connection) error {
	open, err := st.w.Value(keyRestoredHeld(""))
	if err != nil || open == nil {
		return err
	}
	v, err := st.w.Value(keySequence(c.ID))
	if err != nil {
		return err
	}
	st.put(keyRestored(c.ID), atssync.RestoredConnection{Connection: c.ID, LastSequence: number(v)})
	st.w.Set(keyRestoredHeld(c.ID), []byte{})
	return st.changeLane(c, func(l *atssync.Lane) []atssync.EventDraft { return l.HoldForRestore(st.now) })
}

// ReleaseRestored ends the hold of one connection.
func (s *Store) ReleaseRestored(ctx context.Context, connection string, perMinute int, now time.Time) error {
	return s.update(ctx, now, func(st *step) error {
		held, err := st.w.Value(keyRestoredHeld(connection))
		if err != nil {
			return err
		}
		if held == nil {
			if connection != "" {
				if _, err := st.needConn(connection); err != nil {
					return err
				}
			}
			return atssync.Errorf(atssync.CodeConflict, "connection %s is not held for a restore", connection)
		}
		st.w.Delete(keyRestoredHeld(connection))
		st.note("connection.release_restored", connection, "")
		if connection == "" {
			return nil
		}
		if last, err := st.lastRestored(connection); err != nil {
			return err
		} else if last {
			st.w.Delete(keyRestoredHeld(""))
		}
		c, err := st.needConn(connection)
		if err != nil {
			return err
		}
		if err := st.changeLane(c, func(l *atssync.Lane) []atssync.EventDraft { l.Restored(); return nil }); err != nil {
			return err
		}
		if c.State == atssync.ConnectionRemoved {
			return nil
		}
		_, err = st.putTask(atssync.Task{Kind: atssync.TaskRelease, Connection: connection, Reason: atssync.HeldRestored, PerMinute: perMinute})
		return err
	})
}

// lastRestored reports whether no other connection is held for a restore.
func (r reader) lastRestored(connection string) (bool, error) {
	last := true
	err := r.r.Scan(table(tabRestoredHeld), nil, func(k, _ []byte) bool {
		f := fieldsOf(k, 2)
		id := f.text()
		last = id == "" || id == connection
		return last
	})
	return last, err
}
