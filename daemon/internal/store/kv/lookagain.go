package kv

import (
	"context"
	"reflect"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// LookAgain lets those go whose reason to be held is gone, and tells the others their trouble of now.
func (s *Store) LookAgain(ctx context.Context, l atssync.Lease, reason atssync.HeldReason, in []atssync.HeldLook, now time.Time) (int, error) {
	if err := tooMany(len(in)); err != nil {
		return 0, err
	}
	all := 0
	err := inParts(len(in), partItems, func(a, b int) error {
		queued := 0
		err := s.update(ctx, now, func(st *step) error {
			queued = 0
			if err := st.fenced(l); err != nil {
				return err
			}
			c, err := st.needConn(l.Connection)
			if err != nil || c.State == atssync.ConnectionRemoved {
				return err
			}
			for i := range in[a:b] {
				went, err := st.lookAgain(c, reason, &in[a+i])
				if err != nil {
					return err
				}
				if went {
					queued++
				}
			}
			return nil
		})
		if err == nil {
			all += queued
		}
		return err
	})
	return all, err
}

func (st *step) lookAgain(c *atssync.Connection, reason atssync.HeldReason, in *atssync.HeldLook) (queued bool, err error) {
	s, err := st.submission(in.Submission)
	if err != nil || s == nil || s.Connection != c.ID || s.State != atssync.StateHeld || s.HeldReason != reason || s.Revision != in.Revision {
		return false, err
	}
	if in.Trouble == nil {
		return st.rejudge(c, s)
	}
	if reflect.DeepEqual(s.Trouble, in.Trouble) {
		return false, nil
	}
	was := *s
	s.Trouble, s.UpdatedAt = in.Trouble, st.now
	return false, st.save(&was, s)
}
