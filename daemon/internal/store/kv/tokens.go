package kv

import (
	"context"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// CreateToken stores a token under a name that no other one has that is not revoked.
func (s *Store) CreateToken(ctx context.Context, t atssync.Token, now time.Time) (atssync.Token, error) {
	if err := usableID("id", t.ID); err != nil {
		return atssync.Token{}, err
	}
	if err := usableID("name", t.Name); err != nil {
		return atssync.Token{}, err
	}
	t = t.Clone()
	t.CreatedAt, t.RevokedAt, t.LastUsedAt = now.UTC(), time.Time{}, time.Time{}
	err := s.update(ctx, now, func(st *step) error {
		was, err := st.token(t.ID)
		if err != nil {
			return err
		}
		if was != nil {
			return atssync.Errorf(atssync.CodeExists, "there is a token %s already", t.ID)
		}
		holder, err := st.w.Value(keyTokenName(t.Name))
		if err != nil {
			return err
		}
		if holder != nil {
			return atssync.Errorf(atssync.CodeExists, "there is a token named %q already, %s", t.Name, holder).
				WithRemedy("choose another name, or revoke that one first")
		}
		st.put(keyToken(t.ID), t)
		st.w.Set(keyTokenName(t.Name), []byte(t.ID))
		st.note("token.create", t.ID, t.Name)
		return nil
	})
	if err != nil {
		return atssync.Token{}, err
	}
	return t.Clone(), nil
}

// token reads a token; nil when there is none.
func (r reader) token(id string) (*atssync.Token, error) {
	return record[atssync.Token](r.r, keyToken(id))
}

func (r reader) needToken(id string) (*atssync.Token, error) {
	t, err := r.token(id)
	if err == nil && t == nil {
		err = missing("token", id)
	}
	return t, err
}

// Token returns one token, a revoked one too.
func (s *Store) Token(ctx context.Context, id string) (atssync.Token, error) {
	var out atssync.Token
	err := s.view(ctx, func(r reader) error {
		t, err := r.needToken(id)
		if err == nil {
			out = t.Clone()
		}
		return err
	})
	return out, err
}

// Tokens lists tokens in the order of their ids, which is that of their making.
func (s *Store) Tokens(ctx context.Context, q atssync.TokenQuery) (atssync.Page[atssync.Token], error) {
	var out atssync.Page[atssync.Token]
	err := s.view(ctx, func(r reader) error {
		var err error
		out, err = page(ctx, r.r, q.Paging, listing[atssync.Token]{
			spans: []span{{prefix: table(tabToken)}},
			load: func(k, v []byte) (*atssync.Token, error) {
				t, err := decode[atssync.Token](k, v)
				if err != nil || !q.All && t.Usable(q.Now) != nil {
					return nil, err
				}
				return t, nil
			},
		})
		return err
	})
	return out, err
}

// RevokeToken ends a token and frees its name.
func (s *Store) RevokeToken(ctx context.Context, id string, now time.Time) (atssync.Token, error) {
	var out atssync.Token
	err := s.update(ctx, now, func(st *step) error {
		t, err := st.needToken(id)
		if err != nil {
			return err
		}
		out = t.Clone()
		if !t.RevokedAt.IsZero() {
			return nil
		}
		out.RevokedAt = st.now
		st.put(keyToken(id), out)
		st.w.Delete(keyTokenName(t.Name))
		st.note("token.revoke", id, t.Name)
		return nil
	})
	return out, err
}

// UseToken notes the use of a token. Uses at once are noted once.
func (s *Store) UseToken(ctx context.Context, id string, now time.Time) error {
	return s.update(ctx, now, func(st *step) error {
		t, err := st.needToken(id)
		if err != nil || st.now.Sub(t.LastUsedAt) < atssync.UseEvery {
			return err
		}
		next := t.Clone()
		next.LastUsedAt = st.now
		st.put(keyToken(id), next)
		return nil
	})
}
