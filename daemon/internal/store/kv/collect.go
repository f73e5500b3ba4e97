package kv

import (
	"context"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// Application returns one application.
func (s *Store) Application(ctx context.Context, id string) (atssync.Application, error) {
	var out atssync.Application
	err := s.view(ctx, func(r reader) error {
		sub, err := r.submission(id) // an application has its submission's id and connection
		if err != nil {
			return err
		}
		var a *atssync.Application
		if sub != nil {
			a, err = r.application(sub.Connection, id)
		}
		if err == nil && a == nil {
			err = missing("application", id)
		}
		if err == nil {
			out = *a
		}
		return err
	})
	return out, err
}

// Applications lists applications by connection and then by id.
func (s *Store) Applications(ctx context.Context, q atssync.ApplicationQuery) (atssync.Page[atssync.Application], error) {
	var out atssync.Page[atssync.Application]
	err := s.view(ctx, func(r reader) error {
		from, found := tabApplication, decode[atssync.Application]
		if q.Question {
			from, found = tabQuestion, r.questioned
		}
		spans, err := r.perConnection(q.Connection, q.Account, q.Within, func(id string) span {
			return span{prefix: table(from).text(id)}
		})
		if err != nil {
			return err
		}
		out, err = page(ctx, r.r, q.Paging, listing[atssync.Application]{spans: spans, load: func(k, v []byte) (*atssync.Application, error) {
			a, err := found(k, v)
			if err != nil || a == nil || !q.Wants(a) {
				return nil, err
			}
			return a, nil
		}})
		return err
	})
	return out, err
}

// RecordReadings stores changed applications, their events and the checkpoint. Without anything to write no
// commit is made.
func (s *Store) RecordReadings(ctx context.Context, l atssync.Lease, in []atssync.ApplicationChange, cp *atssync.Checkpoint, now time.Time) (int, error) {
	if err := tooMany(len(in)); err != nil {
		return 0, err
	}
	if cp != nil {
		c := *cp
		c.Connection = l.Connection
		cp = &c
	}
	if len(in) == 0 {
		moved, err := s.checkpointMoved(ctx, l, cp)
		if err != nil || !moved {
			return 0, err
		}
	}
	if len(in) == 0 {
		return 0, s.update(ctx, now, func(st *step) error { return st.putCheckpoint(l, cp) })
	}
	recorded := 0
	err := inParts(len(in), partItems, func(from, to int) error {
		part := 0
		err := s.update(ctx, now, func(st *step) error {
			part = 0
			if err := st.fenced(l); err != nil {
				return err
			}
			c, err := st.needConn(l.Connection)
			if err != nil {
				return err
			}
			for i := range in[from:to] {
				ok, err := st.recordReading(c, &in[from+i])
				if err != nil {
					return err
				}
				if ok {
					part++
				}
			}
			if to < len(in) {
				return nil // the checkpoint goes with the last part, so that it never says too much
			}
			return st.putCheckpoint(l, cp)
		})
		if err == nil {
			recorded += part
		}
		return err
	})
	return recorded, err
}

func (st *step) putCheckpoint(l atssync.Lease, cp *atssync.Checkpoint) error {
	if err := st.fenced(l); err != nil || cp == nil {
		return err
	}
	st.touch(cp.Connection)
	st.put(keyCheckpoint(cp.Connection, cp.Operation), cp)
	return nil
}

// checkpointMoved reports whether a checkpoint differs from the stored one.
func (s *Store) checkpointMoved(ctx context.Context, l atssync.Lease, cp *atssync.Checkpoint) (bool, error) {
	moved := false
	err := s.view(ctx, func(r reader) error {
		if err := r.fenced(l); err != nil || cp == nil {
			return err
		}
		was, err := record[atssync.Checkpoint](r.r, keyCheckpoint(cp.Connection, cp.Operation))
		moved = err == nil && (was == nil || !sameJSON(was, cp))
		return err
	})
	return moved, err
}

// recordReading stores one application; ok is false when it moved since it was read.
func (st *step) recordReading(c *atssync.Connection, in *atssync.ApplicationChange) (ok bool, err error) {
	a := in.Application
	was, err := st.application(c.ID, a.ID)
	if err != nil || was == nil || was.Version != in.Was {
		return false, err
	}
	a.Connection, a.Account, a.Version = was.Connection, was.Account, was.Version+1
	st.saveApplication(was, &a)
	st.emit(c, in.Events...)
	return true, nil
}

// Checkpoint returns how far a pass came.
func (s *Store) Checkpoint(ctx context.Context, connection string, op atssync.Operation) (atssync.Checkpoint, error) {
	var out atssync.Checkpoint
	err := s.view(ctx, func(r reader) error {
		cp, err := record[atssync.Checkpoint](r.r, keyCheckpoint(connection, op))
		if err == nil && cp == nil {
			err = missing("checkpoint of "+string(op)+" on connection", connection)
		}
		if err == nil {
			out = *cp
		}
		return err
	})
	return out, err
}

// Checkpoints lists the checkpoints of a connection, or of all with "".
func (s *Store) Checkpoints(ctx context.Context, connection string) ([]atssync.Checkpoint, error) {
	prefix := table(tabCheckpoint)
	if connection != "" {
		prefix = prefix.text(connection)
	}
	var out []atssync.Checkpoint
	err := s.view(ctx, func(r reader) error {
		var err error
		out, err = all[atssync.Checkpoint](r.r, prefix)
		return err
	})
	return out, err
}
