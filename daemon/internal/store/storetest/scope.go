package storetest

import (
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// scopeTests hold every list to a scope: nothing of others, and pages that are full all the same.
var scopeTests = map[string]func(*world){
	"lists show what lies within and nothing else": func(w *world) {
		of := map[string][]atssync.Connection{}
		for range 3 {
			for _, account := range []string{"acme", "globex", "initech"} {
				c := w.connect(account)
				w.link(c, "job of "+account)
				l := w.lease(c, "daemon-1")
				w.submitted(c, l, w.unique("app"), "job of "+account)
				w.submit(c, w.unique("app"), "unlinked")
				of[account] = append(of[account], c)
			}
		}
		for _, account := range []string{"acme", "globex", "initech"} {
			require.NoError(w.t, w.s.PutPlatformJobs(w.ctx, []atssync.PlatformJob{
				{ID: "job of " + account, Account: account, Title: "x"}, {ID: "other of " + account, Account: account, Title: "x"},
			}, atssync.Scope{}, w.now))
		}
		ids := func(cs ...[]atssync.Connection) (out []string) {
			for _, c := range cs {
				for i := range c {
					out = append(out, c[i].ID)
				}
			}
			return out
		}
		for _, tt := range []struct {
			within atssync.Scope
			want   []string
		}{
			{atssync.Scope{}, ids(of["acme"], of["globex"], of["initech"])},
			{atssync.Scope{Accounts: []string{"globex"}}, ids(of["globex"])},
			{atssync.Scope{Accounts: []string{"initech", "acme"}}, ids(of["initech"], of["acme"])},
			{atssync.Scope{Connections: []string{of["globex"][2].ID, of["acme"][0].ID}}, []string{of["globex"][2].ID, of["acme"][0].ID}},
			{atssync.Scope{Accounts: []string{"acme"}, Connections: []string{of["globex"][2].ID, of["acme"][0].ID}}, []string{of["acme"][0].ID}},
			{atssync.Scope{Accounts: []string{"nobody"}}, nil},
			{atssync.Scope{Connections: []string{"con_none"}}, nil},
		} {
			w.within(tt.within, tt.want)
		}
		foreign := atssync.Scope{Accounts: []string{"acme"}}
		c := of["globex"][0].ID
		require.Empty(w.t, w.read(atssync.EventQuery{Connection: c, Within: foreign}))
		subs, err := w.s.Submissions(w.ctx, atssync.SubmissionQuery{Connection: c, Within: foreign})
		require.NoError(w.t, err)
		require.Empty(w.t, subs.Items, "a named connection outside of the scope is shown")
		links, err := w.s.JobLinks(w.ctx, atssync.LinkQuery{PlatformJob: "job of globex", Within: foreign})
		require.NoError(w.t, err)
		require.Empty(w.t, links.Items)
		subs, err = w.s.Submissions(w.ctx, atssync.SubmissionQuery{Account: "globex", Within: foreign})
		require.NoError(w.t, err)
		require.Empty(w.t, subs.Items)
	},
	"an external key finds nothing outside": func(w *world) {
		c := w.connect("globex")
		s := w.submit(c, "app-1", "job-1")
		for n, within := range []atssync.Scope{{Accounts: []string{"acme"}}, {Accounts: []string{"globex"}}} {
			p, err := w.s.Submissions(w.ctx, atssync.SubmissionQuery{ExternalKey: s.ExternalKey, Within: within})
			require.NoError(w.t, err)
			require.Len(w.t, p.Items, n)
		}
	},
	"a person is found by its key, on the connection asked for": func(w *world) {
		a, b := w.connect("acme"), w.connect("acme")
		for _, c := range []atssync.Connection{a, b, a} {
			d := w.document(c, w.unique("app"), "job-1")
			d.Submission.PersonKeys = []string{"ada", "ada's other address"}
			require.NoError(w.t, w.accept(d)[0].Err)
			w.submit(c, w.unique("app"), "job-1")
			w.pass(time.Second)
		}
		for _, tt := range []struct {
			q    atssync.SubmissionQuery
			want int
		}{
			{atssync.SubmissionQuery{PersonKey: "ada"}, 3},
			{atssync.SubmissionQuery{PersonKey: "ada's other address", Connection: a.ID}, 2},
			{atssync.SubmissionQuery{PersonKey: "ada", Connection: b.ID}, 1},
			{atssync.SubmissionQuery{PersonKey: "ada", State: atssync.StateSubmitted}, 0},
			{atssync.SubmissionQuery{PersonKey: "ada", Within: atssync.Scope{Accounts: []string{"globex"}}}, 0},
			{atssync.SubmissionQuery{PersonKey: "ad"}, 0},
		} {
			got, _ := pages(w, 2, func(p atssync.Paging) (atssync.Page[atssync.Submission], error) {
				tt.q.Paging = p
				return w.s.Submissions(w.ctx, tt.q)
			})
			require.Len(w.t, got, tt.want, "%+v", tt.q)
		}
	},
	"a removal meant for another version is refused": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		_, err := w.s.RemoveConnection(w.ctx, c.ID, c.Version+1, w.now)
		w.code(err, atssync.CodeChanged)
		_, err = w.s.JobLink(w.ctx, c.ID, "job-1")
		require.NoError(w.t, err, "a refused removal took a link along")
		_, err = w.s.RemoveConnection(w.ctx, c.ID, c.Version, w.now)
		require.NoError(w.t, err)
	},
}

// within holds every list to a scope that covers these connections.
func (w *world) within(sc atssync.Scope, want []string) {
	w.t.Helper()
	accounts := map[string]bool{}
	for _, id := range want {
		c, err := w.s.Connection(w.ctx, id)
		require.NoError(w.t, err)
		accounts[c.Account] = true
	}
	check := func(what string, each int, got []string) {
		w.t.Helper()
		var expected []string
		for _, id := range want {
			for range each {
				expected = append(expected, id)
			}
		}
		require.ElementsMatch(w.t, expected, got, "%s within %+v", what, sc)
	}
	check("connections", 1, drain(w, func(p atssync.Paging) (atssync.Page[atssync.Connection], error) {
		return w.s.Connections(w.ctx, atssync.ConnectionQuery{Within: sc, Paging: p})
	}, func(c atssync.Connection) string { return c.ID }))
	check("submissions", 2, drain(w, func(p atssync.Paging) (atssync.Page[atssync.Submission], error) {
		return w.s.Submissions(w.ctx, atssync.SubmissionQuery{Within: sc, Paging: p})
	}, func(s atssync.Submission) string { return s.Connection }))
	check("held submissions", 1, drain(w, func(p atssync.Paging) (atssync.Page[atssync.Submission], error) {
		return w.s.Submissions(w.ctx, atssync.SubmissionQuery{State: atssync.StateHeld, Within: sc, Paging: p})
	}, func(s atssync.Submission) string { return s.Connection }))
	check("applications", 1, drain(w, func(p atssync.Paging) (atssync.Page[atssync.Application], error) {
		return w.s.Applications(w.ctx, atssync.ApplicationQuery{Within: sc, Paging: p})
	}, func(a atssync.Application) string { return a.Connection }))
	check("job links", 1, drain(w, func(p atssync.Paging) (atssync.Page[atssync.JobLink], error) {
		return w.s.JobLinks(w.ctx, atssync.LinkQuery{Within: sc, Paging: p})
	}, func(l atssync.JobLink) string { return l.Connection }))
	check("ledgers", 1, drain(w, func(p atssync.Paging) (atssync.Page[atssync.Ledger], error) {
		return w.s.Ledgers(w.ctx, atssync.LedgerQuery{Within: sc, Paging: p})
	}, func(l atssync.Ledger) string { return l.Connection }))
	var events []string
	for _, e := range w.read(atssync.EventQuery{Within: sc, Limit: 2}) {
		events = append(events, e.Connection)
	}
	check("events", 2, events) // submitted and held
	jobs := drain(w, func(p atssync.Paging) (atssync.Page[atssync.PlatformJob], error) {
		return w.s.PlatformJobs(w.ctx, atssync.JobQuery{Within: sc, Paging: p})
	}, func(j atssync.PlatformJob) string { return j.Account })
	for _, account := range jobs {
		require.True(w.t, sc.Account(account), "platform jobs within %+v", sc)
	}
	if len(sc.Accounts) > 0 && len(sc.Connections) == 0 {
		require.Len(w.t, jobs, 2*len(accounts))
	}
}

// drain reads a list in small pages and names each item.
func drain[T any](w *world, read func(atssync.Paging) (atssync.Page[T], error), name func(T) string) []string {
	w.t.Helper()
	items, _ := pages(w, 2, read)
	var out []string
	for _, it := range items {
		out = append(out, name(it))
	}
	return out
}
