package kv

import (
	"context"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// RemoveConnection destroys the credentials, removes the links, forgets the hints and persists the task that cancels what waits.
// Keys, receipts, ledger and numbers stay.
func (s *Store) RemoveConnection(ctx context.Context, id string, version int64, now time.Time) (atssync.Connection, error) {
	var out atssync.Connection
	err := s.view(ctx, func(r reader) error { // before links are dropped in commits of their own
		c, err := r.connection(id)
		if err == nil && c != nil && version != 0 && version != c.Version {
			err = changed("connection", id, c.Version)
		}
		return err
	})
	if err == nil {
		err = s.dropAllHints(ctx, id, now)
	}
	if err != nil {
		return out, err
	}
	for {
		links, err := s.linksOf(ctx, id)
		if err != nil {
			return out, err
		}
		if len(links) > MaxItems { // more than one commit takes: the removal itself is the last one
			if err := s.update(ctx, now, func(st *step) error { return st.dropLinks(links[:MaxItems]) }); err != nil {
				return out, err
			}
			continue
		}
		err = s.update(ctx, now, func(st *step) error {
			c, err := st.remove(id, version, links)
			if err == nil {
				out = c.Clone()
			}
			return err
		})
		return out, err
	}
}

func (s *Store) linksOf(ctx context.Context, connection string) ([]atssync.JobLink, error) {
	var out []atssync.JobLink
	err := s.view(ctx, func(r reader) error {
		var err error
		out, err = all[atssync.JobLink](r.r, table(tabLink).text(connection))
		return err
	})
	return out, err
}

func (st *step) dropLinks(links []atssync.JobLink) error {
	for i := range links {
		st.deleteLink(&links[i])
	}
	return nil
}

func (st *step) remove(id string, version int64, links []atssync.JobLink) (*atssync.Connection, error) {
	was, err := st.needConn(id)
	if err != nil {
		return nil, err
	}
	if version != 0 && version != was.Version {
		return nil, changed("connection", id, was.Version)
	}
	if was.State == atssync.ConnectionRemoved {
		return was, nil
	}
	next := was.Clone()
	next.State, next.PausedReason, next.Credentials = atssync.ConnectionRemoved, "", nil
	next.Hook, next.HookAt = nil, time.Time{}
	next.RemovedAt, next.UpdatedAt, next.Version = st.now, st.now, was.Version+1
	if err := st.dropLinks(links); err != nil {
		return nil, err
	}
	hints, err := st.hints(id, 0, MaxItems)
	if err != nil {
		return nil, err
	}
	if len(hints) > 0 {
		if err := st.dropHints(id, hints); err != nil {
			return nil, err
		}
	}
	pending, err := st.pending(id)
	if err != nil {
		return nil, err
	}
	for _, t := range pending {
		st.dropTask(&t)
	}
	st.saveConnection(was, &next)
	if err := st.changeLane(&next, (*atssync.Lane).Retire); err != nil {
		return nil, err
	}
	if _, err := st.putTask(atssync.Task{Kind: atssync.TaskCancel, Connection: id}); err != nil {
		return nil, err
	}
	st.note("connection.remove", id, "")
	return &next, nil
}
