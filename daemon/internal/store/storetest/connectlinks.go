package storetest

import (
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// newConnectLink is a connect link as it is handed to the store.
func (w *world) newConnectLink(account string) atssync.ConnectLink {
	id, _, hash := atssync.NewConnectLinkSecret(w.now)
	return atssync.ConnectLink{
		ID: id, Hash: hash, Account: account, Adapter: "greenhouse", Name: "Acme", ReturnURL: "https://talent.example.com/",
		CreatedBy: "uid:0", ExpiresAt: w.now.Add(atssync.ConnectLinkFor),
	}
}

func (w *world) connectLink(account string) atssync.ConnectLink {
	w.t.Helper()
	l, err := w.s.CreateConnectLink(w.ctx, w.newConnectLink(account), w.now)
	require.NoError(w.t, err)
	return l
}

var connectLinkTests = map[string]func(*world){
	"created reads back whole": func(w *world) {
		in := w.newConnectLink("acme")
		got, err := w.s.CreateConnectLink(w.ctx, in, w.now)
		require.NoError(w.t, err)
		in.CreatedAt = w.now
		require.Equal(w.t, in, got)
		got.Hash[0]++
		got, err = w.s.ConnectLink(w.ctx, in.ID)
		require.NoError(w.t, err)
		require.Equal(w.t, in, got, "what was handed out is shared")
		_, err = w.s.CreateConnectLink(w.ctx, in, w.now)
		w.code(err, atssync.CodeExists)
	},
	"ended long ago is dropped, in shares": func(w *world) {
		var gone, stays []string
		for i := range 5 {
			l := w.connectLink("acme")
			if i%2 == 0 {
				_, err := w.s.RevokeConnectLink(w.ctx, l.ID, w.now)
				require.NoError(w.t, err)
				gone = append(gone, l.ID)
				continue
			}
			stays = append(stays, l.ID)
		}
		drop := func(before time.Time) int {
			return w.wholePass(before, 2, func(q atssync.DropQuery) (int, string, error) { return w.s.DropConnectLinks(w.ctx, q, w.now) })
		}
		require.Zero(w.t, drop(w.now), "they ended just now")
		require.Equal(w.t, 3, drop(w.now.Add(time.Second)))
		for _, id := range gone {
			_, err := w.s.ConnectLink(w.ctx, id)
			w.code(err, atssync.CodeNotFound)
		}
		for _, id := range stays {
			_, err := w.s.ConnectLink(w.ctx, id)
			require.NoError(w.t, err)
		}
		require.Equal(w.t, 2, drop(w.now.Add(atssync.ConnectLinkFor+time.Second)), "those that ran out too")
	},
	"unknown is not found": func(w *world) {
		_, err := w.s.ConnectLink(w.ctx, "cln_none")
		w.code(err, atssync.CodeNotFound)
		_, err = w.s.RevokeConnectLink(w.ctx, "cln_none", w.now)
		w.code(err, atssync.CodeNotFound)
		_, err = w.s.BindConnectLink(w.ctx, "cln_none", "", w.now)
		w.code(err, atssync.CodeNotFound)
	},
	"is about a connection of its account alone": func(w *world) {
		ours, others := w.connect("acme"), w.connect("globex")
		l := w.connectLink("acme")
		_, err := w.s.BindConnectLink(w.ctx, l.ID, others.ID, w.now)
		w.code(err, atssync.CodeAccountMismatch)
		_, err = w.s.BindConnectLink(w.ctx, l.ID, "con_none", w.now)
		w.code(err, atssync.CodeNotFound)
		got, err := w.s.BindConnectLink(w.ctx, l.ID, ours.ID, w.now)
		require.NoError(w.t, err)
		require.Equal(w.t, ours.ID, got.Connection)
		again, err := w.s.BindConnectLink(w.ctx, l.ID, ours.ID, w.now)
		require.NoError(w.t, err)
		require.Equal(w.t, got, again)
		in := w.newConnectLink("acme")
		in.Connection = others.ID
		_, err = w.s.CreateConnectLink(w.ctx, in, w.now)
		w.code(err, atssync.CodeAccountMismatch)
	},
	"revoked stays revoked": func(w *world) {
		l := w.connectLink("acme")
		w.pass(time.Minute)
		got, err := w.s.RevokeConnectLink(w.ctx, l.ID, w.now)
		require.NoError(w.t, err)
		require.Equal(w.t, w.now, got.RevokedAt)
		again, err := w.s.RevokeConnectLink(w.ctx, l.ID, w.now.Add(time.Hour))
		require.NoError(w.t, err)
		require.Equal(w.t, got, again, "revoking twice is revoking once")
	},
	"binding and revoking at once keep each other": func(w *world) {
		c, l := w.connect("acme"), w.connectLink("acme")
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() { _, _ = w.s.BindConnectLink(w.ctx, l.ID, c.ID, w.now) })
		}
		wg.Go(func() { _, _ = w.s.RevokeConnectLink(w.ctx, l.ID, w.now) })
		wg.Wait()
		got, err := w.s.ConnectLink(w.ctx, l.ID)
		require.NoError(w.t, err)
		require.Equal(w.t, c.ID, got.Connection)
		require.False(w.t, got.RevokedAt.IsZero())
	},
	"listed in order, within the scope, live ones unless all are asked for": func(w *world) {
		var ids []string
		for range 4 {
			ids = append(ids, w.connectLink("acme").ID)
			w.pass(time.Second)
		}
		other := w.connectLink("globex")
		w.pass(time.Second)
		_, err := w.s.RevokeConnectLink(w.ctx, ids[1], w.now)
		require.NoError(w.t, err)
		old := w.newConnectLink("acme")
		old.ExpiresAt = w.now
		_, err = w.s.CreateConnectLink(w.ctx, old, w.now)
		require.NoError(w.t, err)
		list := func(q atssync.ConnectLinkQuery) (out []string) {
			got, _ := pages(w, 2, func(p atssync.Paging) (atssync.Page[atssync.ConnectLink], error) {
				q.Paging, q.Now = p, w.now
				return w.s.ConnectLinks(w.ctx, q)
			})
			for _, l := range got {
				out = append(out, l.ID)
			}
			return out
		}
		live := []string{ids[0], ids[2], ids[3]}
		require.Equal(w.t, append(live, other.ID), list(atssync.ConnectLinkQuery{}))
		require.Equal(w.t, live, list(atssync.ConnectLinkQuery{Account: "acme"}))
		require.Equal(w.t, live, list(atssync.ConnectLinkQuery{Within: atssync.Scope{Accounts: []string{"acme"}}}))
		require.Empty(w.t, list(atssync.ConnectLinkQuery{Within: atssync.Scope{Connections: []string{"con_1"}}}), "it is about no connection yet")
		require.Equal(w.t, append(append([]string{}, ids...), other.ID, old.ID), list(atssync.ConnectLinkQuery{All: true}))
	},
	"who made, bound and revoked is written down, the hash is not": func(w *world) {
		w.ctx = atssync.WithActor(w.ctx, atssync.Actor{Name: "uid:0", Via: "socket"})
		c, l := w.connect("acme"), w.connectLink("acme")
		_, err := w.s.BindConnectLink(w.ctx, l.ID, c.ID, w.now.Add(time.Minute))
		require.NoError(w.t, err)
		_, err = w.s.RevokeConnectLink(w.ctx, l.ID, w.now.Add(time.Hour))
		require.NoError(w.t, err)
		p, err := w.s.AuditRecords(w.ctx, l.ID, atssync.Paging{})
		require.NoError(w.t, err)
		var did []string
		for _, a := range p.Items {
			did = append(did, a.Action+" "+a.Detail)
		}
		require.Equal(w.t, []string{"connect_link.revoke acme", "connect_link.bind " + c.ID, "connect_link.create acme"}, did)
	},
}
