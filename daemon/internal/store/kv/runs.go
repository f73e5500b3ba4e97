package kv

import (
	"context"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// PutRun stores a run, or replaces what was stored of it.
func (s *Store) PutRun(ctx context.Context, r atssync.Run, now time.Time) error {
	return s.update(ctx, now, func(st *step) error {
		if r.ID == "" {
			return atssync.Errorf(atssync.CodeInvalid, "a run needs an id")
		}
		was, err := record[runPlace](st.w, keyRunID(r.ID))
		if err != nil {
			return err
		}
		is := runPlace{Pass: r.Pass, Started: r.StartedAt.UnixMicro()}
		if was != nil && *was != is {
			at := time.UnixMicro(was.Started)
			st.w.Delete(keyRun(at, r.ID))
			st.w.Delete(keyRunByPass(was.Pass, at, r.ID))
		}
		st.put(keyRunID(r.ID), is)
		st.put(keyRun(r.StartedAt, r.ID), r)
		st.w.Set(keyRunByPass(r.Pass, r.StartedAt, r.ID), []byte{})
		return nil
	})
}

// LastRun returns the run of a pass that started last.
func (s *Store) LastRun(ctx context.Context, pass string) (atssync.Run, error) {
	p, err := s.Runs(ctx, atssync.RunQuery{Pass: pass, Paging: atssync.Paging{Limit: 1}})
	if err != nil {
		return atssync.Run{}, err
	}
	if len(p.Items) == 0 {
		return atssync.Run{}, missing("run of pass", pass)
	}
	return p.Items[0], nil
}

// Runs lists runs, the newest first.
func (s *Store) Runs(ctx context.Context, q atssync.RunQuery) (atssync.Page[atssync.Run], error) {
	keep := func(run *atssync.Run, err error) (*atssync.Run, error) {
		if err != nil || run == nil || !q.Wants(run) {
			return nil, err
		}
		return run, nil
	}
	var out atssync.Page[atssync.Run]
	err := s.view(ctx, func(r reader) error {
		var err error
		if q.Pass == "" {
			out, err = pageBack(r.r, q.Paging, table(tabRun), func(k, v []byte) (*atssync.Run, error) {
				return keep(decode[atssync.Run](k, v))
			})
			return err
		}
		prefix := table(tabRunByPass).text(q.Pass)
		out, err = pageBack(r.r, q.Paging, prefix, func(k, _ []byte) (*atssync.Run, error) {
			f := fieldsOf(k, len(prefix))
			at, id := f.at(), f.text()
			return keep(record[atssync.Run](r.r, keyRun(at, id)))
		})
		return err
	})
	return out, err
}
