package storetest

import (
	"fmt"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// newToken is a token as it is handed to the store.
func (w *world) newToken(name string) atssync.Token {
	id, _, hash := atssync.NewTokenSecret(w.now)
	return atssync.Token{
		ID: id, Name: name, Hash: hash, Powers: []atssync.TokenPower{atssync.TokenRead},
		Within: atssync.Scope{Accounts: []string{"acme"}}, CreatedBy: "uid:0",
	}
}

func (w *world) token(name string) atssync.Token {
	w.t.Helper()
	t, err := w.s.CreateToken(w.ctx, w.newToken(name), w.now)
	require.NoError(w.t, err)
	return t
}

var tokenTests = map[string]func(*world){
	"created reads back whole": func(w *world) {
		in := w.newToken("ci")
		in.ExpiresAt = w.now.Add(time.Hour)
		got, err := w.s.CreateToken(w.ctx, in, w.now)
		require.NoError(w.t, err)
		in.CreatedAt = w.now
		require.Equal(w.t, in, got)
		got.Powers[0], got.Within.Accounts[0], got.Hash[0] = "admin", "globex", got.Hash[0]+1
		got, err = w.s.Token(w.ctx, in.ID)
		require.NoError(w.t, err)
		require.Equal(w.t, in, got, "what was handed out is shared")
	},
	"unknown is not found": func(w *world) {
		_, err := w.s.Token(w.ctx, "tok_none")
		w.code(err, atssync.CodeNotFound)
		_, err = w.s.RevokeToken(w.ctx, "tok_none", w.now)
		w.code(err, atssync.CodeNotFound)
		w.code(w.s.UseToken(w.ctx, "tok_none", w.now), atssync.CodeNotFound)
	},
	"a name is one until it is revoked": func(w *world) {
		first := w.token("ci")
		_, err := w.s.CreateToken(w.ctx, w.newToken("ci"), w.now)
		w.code(err, atssync.CodeExists)
		require.ErrorContains(w.t, err, first.ID)
		_, err = w.s.RevokeToken(w.ctx, first.ID, w.now)
		require.NoError(w.t, err)
		w.token("ci")
	},
	"an id is one for ever": func(w *world) {
		in := w.newToken("ci")
		_, err := w.s.CreateToken(w.ctx, in, w.now)
		require.NoError(w.t, err)
		_, err = w.s.RevokeToken(w.ctx, in.ID, w.now)
		require.NoError(w.t, err)
		_, err = w.s.CreateToken(w.ctx, in, w.now)
		w.code(err, atssync.CodeExists)
	},
	"revoked stays revoked": func(w *world) {
		t := w.token("ci")
		w.pass(time.Minute)
		got, err := w.s.RevokeToken(w.ctx, t.ID, w.now)
		require.NoError(w.t, err)
		require.Equal(w.t, w.now, got.RevokedAt)
		again, err := w.s.RevokeToken(w.ctx, t.ID, w.now.Add(time.Hour))
		require.NoError(w.t, err)
		require.Equal(w.t, got, again, "revoking twice is revoking once")
		got, err = w.s.Token(w.ctx, t.ID)
		require.NoError(w.t, err)
		require.Equal(w.t, again, got)
	},
	"use is noted once a minute": func(w *world) {
		t := w.token("ci")
		used := func() time.Time {
			require.NoError(w.t, w.s.UseToken(w.ctx, t.ID, w.now))
			got, err := w.s.Token(w.ctx, t.ID)
			require.NoError(w.t, err)
			return got.LastUsedAt
		}
		first := w.now
		require.Equal(w.t, first, used())
		w.pass(atssync.UseEvery - time.Second)
		require.Equal(w.t, first, used())
		w.pass(time.Second)
		require.Equal(w.t, w.now, used())
	},
	"uses at once and a revocation keep each other": func(w *world) {
		t := w.token("ci")
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() { _ = w.s.UseToken(w.ctx, t.ID, w.now.Add(time.Duration(i)*time.Hour)) })
		}
		wg.Go(func() { _, _ = w.s.RevokeToken(w.ctx, t.ID, w.now) })
		wg.Wait()
		got, err := w.s.Token(w.ctx, t.ID)
		require.NoError(w.t, err)
		require.False(w.t, got.RevokedAt.IsZero(), "a use undid the revocation")
	},
	"listed in order, live ones unless all are asked for": func(w *world) {
		var ids []string
		for i := range 5 {
			ids = append(ids, w.token(fmt.Sprintf("token-%d", i)).ID)
			w.pass(time.Second)
		}
		_, err := w.s.RevokeToken(w.ctx, ids[1], w.now)
		require.NoError(w.t, err)
		old := w.newToken("old")
		old.ExpiresAt = w.now
		_, err = w.s.CreateToken(w.ctx, old, w.now)
		require.NoError(w.t, err)
		list := func(all bool) (out []string) {
			got, _ := pages(w, 2, func(p atssync.Paging) (atssync.Page[atssync.Token], error) {
				return w.s.Tokens(w.ctx, atssync.TokenQuery{All: all, Now: w.now, Paging: p})
			})
			for _, t := range got {
				out = append(out, t.ID)
			}
			return out
		}
		require.Equal(w.t, []string{ids[0], ids[2], ids[3], ids[4]}, list(false))
		require.Equal(w.t, append(ids, old.ID), list(true))
	},
	"who made and who revoked is written down, the hash is not": func(w *world) {
		w.ctx = atssync.WithActor(w.ctx, atssync.Actor{Name: "uid:0", Via: "socket"})
		t := w.token("ci")
		require.NoError(w.t, w.s.UseToken(w.ctx, t.ID, w.now.Add(time.Minute)))
		_, err := w.s.RevokeToken(w.ctx, t.ID, w.now.Add(time.Hour))
		require.NoError(w.t, err)
		p, err := w.s.AuditRecords(w.ctx, t.ID, atssync.Paging{})
		require.NoError(w.t, err)
		require.Len(w.t, p.Items, 2)
		require.Equal(w.t, "token.revoke", p.Items[0].Action)
		require.Equal(w.t, "token.create", p.Items[1].Action)
		require.Equal(w.t, "ci", p.Items[1].Detail)
	},
}
