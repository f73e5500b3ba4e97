package kv

import (
	"cmp"
	"context"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// AnswerQuestion settles the question of an application.
func (s *Store) AnswerQuestion(ctx context.Context, id string, how atssync.AnswerQuestion, now time.Time) (atssync.Application, error) {
	var out atssync.Application
	err := s.update(ctx, now, func(st *step) error {
		sub, err := st.needSubmission(id)
		if err != nil {
			return err
		}
		c, err := st.needConn(sub.Connection)
		if err != nil {
			return err
		}
		a, err := st.application(c.ID, id)
		if err == nil && a == nil {
			err = missing("application", id)
		}
		if err == nil {
			err = notRemoved(c)
		}
		if err != nil {
			return err
		}
		was := *a
		drafts, err := a.Answer(how, st.now)
		if err != nil {
			return err
		}
		if a.ApplicationID != was.ApplicationID {
			if err := st.notFollowed(a); err != nil {
				return err
			}
		}
		a.Version++
		st.saveApplication(&was, a)
		st.emit(c, drafts...)
		st.note("application.answer", id, cmp.Or(how.ApplicationID, "none"))
		out = *a
		return nil
	})
	return out, err
}

// notFollowed refuses an application that has the ATS's id of another one. The index by receipt holds former ids too, so that
// the records say which it is.
func (st *step) notFollowed(a *atssync.Application) error {
	ids, err := st.byReceipt(a.Connection, receiptApplication, a.ApplicationID)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if id == a.ID {
			continue
		}
		other, err := st.application(a.Connection, id)
		if err != nil {
			return err
		}
		if other != nil && other.ApplicationID == a.ApplicationID {
			return atssync.Errorf(atssync.CodeConflict, "the ATS application %s is already followed as submission %s", a.ApplicationID, id).
				WithRemedy("choose another application of the candidate, or say that it is none of them")
		}
	}
	return nil
}

// questioned reads the application that an entry of the index of open questions leads to.
func (r reader) questioned(k, _ []byte) (*atssync.Application, error) {
	f := fieldsOf(k, 2)
	return r.application(f.text(), f.text())
}
