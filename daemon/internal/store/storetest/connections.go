package storetest

import (
	"errors"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

var connectionTests = map[string]func(*world){
	"created reads back whole": func(w *world) {
		in := w.newConnection("acme")
		c, err := w.s.CreateConnection(w.ctx, in, w.now)
		require.NoError(w.t, err)
		require.True(w.t, atssync.ValidID(atssync.PrefixConnection, c.ID))
		require.Equal(w.t, atssync.ConnectionActive, c.State)
		require.Equal(w.t, int64(1), c.Version)
		got, err := w.s.Connection(w.ctx, c.ID)
		require.NoError(w.t, err)
		require.Equal(w.t, c, got)
		in.ID, in.State, in.Version, in.CreatedAt, in.UpdatedAt = c.ID, c.State, 1, w.now, w.now
		require.Equal(w.t, in, got)
	},
	"unknown is not found": func(w *world) {
		_, err := w.s.Connection(w.ctx, "con_none")
		w.code(err, atssync.CodeNotFound)
		_, err = w.s.RemoveConnection(w.ctx, "con_none", 0, w.now)
		w.code(err, atssync.CodeNotFound)
		_, err = w.s.UpdateConnection(w.ctx, "con_none", 0, func(*atssync.Connection) error { return nil }, w.now)
		w.code(err, atssync.CodeNotFound)
	},
	"the same user of the ATS is not connected twice": func(w *world) {
		c := w.connect("acme")
		twin := w.newConnection("acme")
		twin.IdentityKeys = []string{"another", c.IdentityKeys[1]}
		_, err := w.s.CreateConnection(w.ctx, twin, w.now)
		w.code(err, atssync.CodeExists)
		require.ErrorContains(w.t, err, c.ID)
	},
	"a live connection of another account is not named": func(w *world) {
		c := w.connect("acme")
		twin := w.newConnection("globex")
		twin.IdentityKeys = c.IdentityKeys
		_, err := w.s.CreateConnection(w.ctx, twin, w.now)
		w.code(err, atssync.CodeExists)
		require.NotContains(w.t, err.Error(), c.ID)
		require.NotContains(w.t, err.Error(), c.Name)
	},
	"a name is one within the account only": func(w *world) {
		c := w.connect("acme")
		twin := w.newConnection("acme")
		twin.Name = c.Name
		_, err := w.s.CreateConnection(w.ctx, twin, w.now)
		w.code(err, atssync.CodeExists)
		twin.Account = "globex"
		_, err = w.s.CreateConnection(w.ctx, twin, w.now)
		require.NoError(w.t, err)
	},
	"an id that is taken is refused": func(w *world) {
		c := w.connect("acme")
		twin := w.newConnection("acme")
		twin.ID = c.ID
		_, err := w.s.CreateConnection(w.ctx, twin, w.now)
		w.code(err, atssync.CodeExists)
	},
	"removal destroys credentials and keeps the rest": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		w.submit(c, "app-1", "job-1")
		w.pass(time.Minute)
		gone, err := w.s.RemoveConnection(w.ctx, c.ID, 0, w.now)
		require.NoError(w.t, err)
		require.Equal(w.t, atssync.ConnectionRemoved, gone.State)
		require.Nil(w.t, gone.Credentials)
		require.Equal(w.t, c.Settings, gone.Settings)
		require.Equal(w.t, c.IdentityKeys, gone.IdentityKeys)
		require.Equal(w.t, w.now, gone.RemovedAt)
		_, err = w.s.JobLink(w.ctx, c.ID, "job-1")
		w.code(err, atssync.CodeNotFound)
		again, err := w.s.RemoveConnection(w.ctx, c.ID, 0, w.now.Add(time.Hour))
		require.NoError(w.t, err)
		require.Equal(w.t, gone, again, "removing twice is removing once")
	},
	"connecting again revives the same id and doubles nobody": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		l := w.lease(c, "daemon-1")
		s := w.submitted(c, l, "app-1", "job-1")
		waits := w.submit(c, "app-2", "job-1")
		_, err := w.s.RemoveConnection(w.ctx, c.ID, 0, w.now)
		require.NoError(w.t, err)
		w.work(c)
		require.Equal(w.t, "cancelled", w.state(waits.ID))
		last, err := w.s.LastEvent(w.ctx, c.ID)
		require.NoError(w.t, err)

		anew := w.newConnection("acme")
		anew.IdentityKeys = []string{"new key", c.IdentityKeys[0]}
		back, err := w.s.CreateConnection(w.ctx, anew, w.now)
		require.NoError(w.t, err)
		require.Equal(w.t, c.ID, back.ID)
		require.Equal(w.t, anew.Credentials, back.Credentials)
		require.Equal(w.t, anew.Name, back.Name)
		require.Equal(w.t, c.Version+2, back.Version)
		require.Zero(w.t, back.RemovedAt)
		require.Subset(w.t, back.IdentityKeys, c.IdentityKeys, "it is recognised by its old keys as well")

		w.link(back, "job-1")
		a := w.accept(w.document(back, "app-1", "job-1"))[0]
		require.Equal(w.t, atssync.AcceptedReplay, a.Result)
		require.Equal(w.t, s.ID, a.Submission.ID)
		w.submit(back, "app-3", "job-unlinked")
		es := w.allEvents(back)
		require.Equal(w.t, last+1, es[len(es)-1].Sequence, "the numbers go on")
		require.Equal(w.t, int64(1), w.balanced(back)[atssync.StateSubmitted])
	},
	"what only the removal cancelled is judged again when it is sent again": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		orphan, decided := w.submit(c, "app-1", "job-1"), w.submit(c, "app-2", "job-1")
		w.act(decided, atssync.ActCancel)
		w.pass(time.Second)
		later := w.submit(c, "app-3", "job-1")
		_, err := w.s.RemoveConnection(w.ctx, c.ID, 0, w.now)
		require.NoError(w.t, err)
		task := w.pending(c)[0]
		_, _, err = w.s.WorkTask(w.ctx, task.ID, 1, w.now)
		require.NoError(w.t, err)
		require.Equal(w.t, "cancelled", w.state(orphan.ID))
		require.Equal(w.t, "queued", w.state(later.ID), "the task is still under way")
		w.pass(time.Minute)
		anew := w.newConnection("acme")
		anew.IdentityKeys = c.IdentityKeys
		c, err = w.s.CreateConnection(w.ctx, anew, w.now)
		require.NoError(w.t, err)
		w.link(c, "job-1")
		out := w.accept(w.document(c, "app-1", "job-1"), w.document(c, "app-2", "job-1"), w.document(c, "app-3", "job-1"))
		require.Equal(w.t, atssync.AcceptedRevision, out[0].Result)
		require.Equal(w.t, atssync.AcceptedReplay, out[1].Result, "a person decided against it")
		require.Equal(w.t, atssync.AcceptedRevision, out[2].Result)
		w.work(c)
		require.Equal(w.t, "queued", w.state(orphan.ID))
		require.Equal(w.t, "cancelled", w.state(decided.ID))
		require.Equal(w.t, "queued", w.state(later.ID))
		w.balanced(c)
	},
	"another account does not revive what is not its own": func(w *world) {
		c := w.connect("acme")
		_, err := w.s.RemoveConnection(w.ctx, c.ID, 0, w.now)
		require.NoError(w.t, err)
		anew := w.newConnection("globex")
		anew.IdentityKeys = c.IdentityKeys
		other, err := w.s.CreateConnection(w.ctx, anew, w.now)
		require.NoError(w.t, err)
		require.NotEqual(w.t, c.ID, other.ID)
		require.Equal(w.t, int64(1), other.Version)
	},
	"the one removed last is revived": func(w *world) {
		first := w.newConnection("acme")
		a, err := w.s.CreateConnection(w.ctx, first, w.now)
		require.NoError(w.t, err)
		_, err = w.s.RemoveConnection(w.ctx, a.ID, 0, w.now)
		require.NoError(w.t, err)
		second := w.newConnection("acme")
		b, err := w.s.CreateConnection(w.ctx, second, w.now)
		require.NoError(w.t, err)
		w.pass(time.Minute)
		_, err = w.s.RemoveConnection(w.ctx, b.ID, 0, w.now)
		require.NoError(w.t, err)
		third := w.newConnection("acme")
		third.IdentityKeys = []string{first.IdentityKeys[0], second.IdentityKeys[0]}
		got, err := w.s.CreateConnection(w.ctx, third, w.now)
		require.NoError(w.t, err)
		require.Equal(w.t, b.ID, got.ID)
	},
	"a change needs the version it was decided on": func(w *world) {
		c := w.connect("acme")
		rename := func(c *atssync.Connection) error { c.Name = "renamed"; return nil }
		_, err := w.s.UpdateConnection(w.ctx, c.ID, 7, rename, w.now)
		w.code(err, atssync.CodeChanged)
		w.pass(time.Minute)
		got, err := w.s.UpdateConnection(w.ctx, c.ID, c.Version, rename, w.now)
		require.NoError(w.t, err)
		require.Equal(w.t, c.Version+1, got.Version)
		require.Equal(w.t, w.now, got.UpdatedAt)
		same, err := w.s.UpdateConnection(w.ctx, c.ID, 0, rename, w.now.Add(time.Hour))
		require.NoError(w.t, err)
		require.Equal(w.t, got, same, "a change that changes nothing is none")
	},
	"a change that fails changes nothing": func(w *world) {
		c := w.connect("acme")
		boom := errors.New("boom")
		_, err := w.s.UpdateConnection(w.ctx, c.ID, 0, func(c *atssync.Connection) error { c.Name = "renamed"; return boom }, w.now)
		require.ErrorIs(w.t, err, boom)
		got, err := w.s.Connection(w.ctx, c.ID)
		require.NoError(w.t, err)
		require.Equal(w.t, c, got)
	},
	"id, account and adapter never change": func(w *world) {
		c := w.connect("acme")
		for _, change := range []func(*atssync.Connection){
			func(c *atssync.Connection) { c.ID = "con_other" },
			func(c *atssync.Connection) { c.Account = "globex" },
			func(c *atssync.Connection) { c.Adapter = "other" },
			func(c *atssync.Connection) { c.State = atssync.ConnectionRemoved },
		} {
			_, err := w.s.UpdateConnection(w.ctx, c.ID, 0, func(c *atssync.Connection) error { change(c); return nil }, w.now)
			w.code(err, atssync.CodeInvalid)
		}
	},
	"a change cannot take another's name or identity": func(w *world) {
		a, b := w.connect("acme"), w.connect("acme")
		_, err := w.s.UpdateConnection(w.ctx, b.ID, 0, func(c *atssync.Connection) error { c.Name = a.Name; return nil }, w.now)
		w.code(err, atssync.CodeExists)
		_, err = w.s.UpdateConnection(w.ctx, b.ID, 0, func(c *atssync.Connection) error { c.IdentityKeys = a.IdentityKeys; return nil }, w.now)
		w.code(err, atssync.CodeExists)
	},
	"a name that was given up is free": func(w *world) {
		a := w.connect("acme")
		_, err := w.s.UpdateConnection(w.ctx, a.ID, 0, func(c *atssync.Connection) error { c.Name = "other"; return nil }, w.now)
		require.NoError(w.t, err)
		b := w.newConnection("acme")
		b.Name = a.Name
		_, err = w.s.CreateConnection(w.ctx, b, w.now)
		require.NoError(w.t, err)
	},
	"pausing holds what is queued and resuming releases it": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		s := w.submit(c, "app-1", "job-1")
		w.pause(c)
		require.Equal(w.t, "held: connection_paused", w.state(w.submit(c, "app-2", "job-1").ID), "what comes in is held at once")
		w.work(c)
		require.Equal(w.t, "held: connection_paused", w.state(s.ID))
		w.setState(c, atssync.ConnectionActive)
		w.work(c)
		require.Equal(w.t, "queued", w.state(s.ID))
		require.Equal(w.t, []string{
			"connection.paused", "submission.held", "submission.held", "connection.resumed", "submission.released", "submission.released",
		}, w.events(c))
		require.Equal(w.t, map[atssync.State]int64{atssync.StateQueued: 2}, w.balanced(c))
	},
	"a pause that was taken back holds nothing": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		s := w.submit(c, "app-1", "job-1")
		w.pause(c)
		w.setState(c, atssync.ConnectionActive)
		w.work(c)
		require.Equal(w.t, "queued", w.state(s.ID))
	},
	"lists by what is asked and pages": func(w *world) {
		var acme []string
		for range 5 {
			acme = append(acme, w.connect("acme").ID)
		}
		other := w.connect("globex")
		w.pause(other)
		gone := w.connect("globex")
		_, err := w.s.RemoveConnection(w.ctx, gone.ID, 0, w.now)
		require.NoError(w.t, err)
		list := func(q atssync.ConnectionQuery) []string {
			items, _ := pages(w, 2, func(p atssync.Paging) (atssync.Page[atssync.Connection], error) {
				q.Paging = p
				return w.s.Connections(w.ctx, q)
			})
			var ids []string
			for _, c := range items {
				ids = append(ids, c.ID)
			}
			return ids
		}
		require.ElementsMatch(w.t, acme, list(atssync.ConnectionQuery{Account: "acme"}))
		require.ElementsMatch(w.t, append([]string{other.ID}, acme...), list(atssync.ConnectionQuery{}))
		require.Equal(w.t, []string{other.ID}, list(atssync.ConnectionQuery{State: atssync.ConnectionPaused}))
		require.Equal(w.t, []string{gone.ID}, list(atssync.ConnectionQuery{State: atssync.ConnectionRemoved}))
		require.Equal(w.t, []string{other.ID}, list(atssync.ConnectionQuery{Name: other.Name}))
		require.Empty(w.t, list(atssync.ConnectionQuery{Adapter: "none"}))
	},
	"a page marker of nobody is refused": func(w *world) {
		_, err := w.s.Connections(w.ctx, atssync.ConnectionQuery{Paging: atssync.Paging{After: "!"}})
		w.code(err, atssync.CodeInvalid)
	},
	"what is returned is the caller's": func(w *world) {
		c := w.connect("acme")
		got, err := w.s.Connection(w.ctx, c.ID)
		require.NoError(w.t, err)
		got.Settings["base_url"], got.Credentials[0], got.IdentityKeys[0] = "changed", 'X', "changed"
		again, err := w.s.Connection(w.ctx, c.ID)
		require.NoError(w.t, err)
		require.Equal(w.t, c, again)
	},
}
