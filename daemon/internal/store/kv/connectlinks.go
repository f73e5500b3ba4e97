package kv

import (
	"context"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// CreateConnectLink stores a connect link.
func (s *Store) CreateConnectLink(ctx context.Context, l atssync.ConnectLink, now time.Time) (atssync.ConnectLink, error) {
	if err := usableID("id", l.ID); err != nil {
		return atssync.ConnectLink{}, err
	}
	if err := usableID("account", l.Account); err != nil {
		return atssync.ConnectLink{}, err
	}
	l = l.Clone()
	l.CreatedAt, l.RevokedAt = now.UTC(), time.Time{}
	err := s.update(ctx, now, func(st *step) error {
		was, err := st.connectLink(l.ID)
		if err != nil {
			return err
		}
		if was != nil {
			return atssync.Errorf(atssync.CodeExists, "there is a connect link %s already", l.ID)
		}
		if err := st.bindable(l.Account, l.Connection); err != nil {
			return err
		}
		st.put(keyConnectLink(l.ID), l)
		st.note("connect_link.create", l.ID, l.Account)
		return nil
	})
	if err != nil {
		return atssync.ConnectLink{}, err
	}
	return l.Clone(), nil
}

// bindable refuses a connection that is none or another account's; "" is fine.
func (st *step) bindable(account, connection string) error {
	if connection == "" {
		return nil
	}
	c, err := st.needConn(connection)
	if err == nil && c.Account != account {
		err = atssync.Errorf(atssync.CodeAccountMismatch, "connection %s belongs to another account than %s", connection, account).About(connection)
	}
	return err
}

// connectLink reads a connect link; nil when there is none.
func (r reader) connectLink(id string) (*atssync.ConnectLink, error) {
	return record[atssync.ConnectLink](r.r, keyConnectLink(id))
}

func (r reader) needConnectLink(id string) (*atssync.ConnectLink, error) {
	l, err := r.connectLink(id)
	if err == nil && l == nil {
		err = missing("connect link", id)
	}
	return l, err
}

// ConnectLink returns one connect link, a withdrawn one too.
func (s *Store) ConnectLink(ctx context.Context, id string) (atssync.ConnectLink, error) {
	var out atssync.ConnectLink
	err := s.view(ctx, func(r reader) error {
		l, err := r.needConnectLink(id)
		if err == nil {
			out = l.Clone()
		}
		return err
	})
	return out, err
}

// ConnectLinks lists connect links in the order of their ids, which is that of their making.
func (s *Store) ConnectLinks(ctx context.Context, q atssync.ConnectLinkQuery) (atssync.Page[atssync.ConnectLink], error) {
	var out atssync.Page[atssync.ConnectLink]
	err := s.view(ctx, func(r reader) error {
		var err error
		out, err = page(ctx, r.r, q.Paging, listing[atssync.ConnectLink]{
			spans: []span{{prefix: table(tabConnectLink)}},
			load: func(k, v []byte) (*atssync.ConnectLink, error) {
				l, err := decode[atssync.ConnectLink](k, v)
				if err != nil || q.Account != "" && l.Account != q.Account || !q.Within.Covers(l.Account, l.Connection) || !q.All && l.Usable(q.Now) != nil {
					return nil, err
				}
				return l, nil
			},
		})
		return err
	})
	return out, err
}

// BindConnectLink says which connection a link is about.
func (s *Store) BindConnectLink(ctx context.Context, id, connection string, now time.Time) (atssync.ConnectLink, error) {
	return s.changeConnectLink(ctx, id, now, func(st *step, l *atssync.ConnectLink) error {
		if l.Connection == connection {
			return nil
		}
		if err := st.bindable(l.Account, connection); err != nil {
			return err
		}
		l.Connection = connection
		st.note("connect_link.bind", id, connection)
		return nil
	})
}

// RevokeConnectLink ends a connect link.
func (s *Store) RevokeConnectLink(ctx context.Context, id string, now time.Time) (atssync.ConnectLink, error) {
	return s.changeConnectLink(ctx, id, now, func(st *step, l *atssync.ConnectLink) error {
		if l.RevokedAt.IsZero() {
			l.RevokedAt = st.now
			st.note("connect_link.revoke", id, l.Account)
		}
		return nil
	})
}

func (s *Store) changeConnectLink(ctx context.Context, id string, now time.Time, change func(*step, *atssync.ConnectLink) error) (atssync.ConnectLink, error) {
	var out atssync.ConnectLink
	err := s.update(ctx, now, func(st *step) error {
		l, err := st.needConnectLink(id)
		if err != nil {
			return err
		}
		out = l.Clone()
		if err := change(st, &out); err != nil {
			return err
		}
		if out.Connection != l.Connection || !out.RevokedAt.Equal(l.RevokedAt) {
			st.put(keyConnectLink(id), out)
		}
		return nil
	})
	if err != nil {
		return atssync.ConnectLink{}, err
	}
	return out.Clone(), nil
}
