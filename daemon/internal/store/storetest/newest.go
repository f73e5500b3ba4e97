package storetest

import (
	"fmt"
	"slices"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// newestTests hold lists that begin with the newest, and pages that look at no more than they may.
var newestTests = map[string]func(*world){
	"the newest of all connections first": func(w *world) {
		a, b := w.connect("acme"), w.connect("globex")
		var want []string
		for i := range 7 {
			c := []atssync.Connection{a, b}[i%2]
			want = append(want, w.submit(c, fmt.Sprintf("app-%d", i), fmt.Sprintf("job-%d", i%3)).ID)
			w.pass(time.Minute)
		}
		slices.Reverse(want)
		require.Equal(w.t, want, w.newest(2, atssync.SubmissionQuery{}))
		require.Equal(w.t, []string{want[0], want[3], want[6]}, w.newest(2, atssync.SubmissionQuery{PlatformJob: "job-0"}))
		start := w.now.Add(-7 * time.Minute)
		require.Equal(w.t, want[2:5], w.newest(2, atssync.SubmissionQuery{Since: start.Add(2 * time.Minute), Until: start.Add(5 * time.Minute)}))
	},
	"the newest of each connection first, whatever narrows the list": func(w *world) {
		a, b, g := w.connect("acme"), w.connect("acme"), w.connect("globex")
		w.connect("acme") // it has nothing
		w.link(a, "job-0")
		of := map[string][]string{}
		for i := range 12 {
			for _, c := range []atssync.Connection{a, b, g} {
				of[c.ID] = append(of[c.ID], w.submit(c, fmt.Sprintf("app-%d", i), fmt.Sprintf("job-%d", i%2)).ID)
			}
			w.pass(time.Minute)
		}
		for _, ids := range of {
			slices.Reverse(ids)
		}
		start := w.now.Add(-12 * time.Minute)
		var even, odd []string // of connection a: queued for the linked job, held for the other one
		for i, id := range of[a.ID] {
			if i%2 == 0 {
				odd = append(odd, id)
			} else {
				even = append(even, id)
			}
		}
		ids := []string{a.ID, b.ID}
		slices.Sort(ids)
		both := slices.Concat(of[ids[1]], of[ids[0]])
		for name, x := range map[string]struct {
			q    atssync.SubmissionQuery
			want []string
		}{
			"connection":           {atssync.SubmissionQuery{Connection: a.ID}, of[a.ID]},
			"account":              {atssync.SubmissionQuery{Account: "acme"}, both},
			"scope":                {atssync.SubmissionQuery{Within: atssync.Scope{Accounts: []string{"acme"}}}, both},
			"scope of connections": {atssync.SubmissionQuery{Within: atssync.Scope{Connections: []string{g.ID}}}, of[g.ID]},
			"state":                {atssync.SubmissionQuery{State: atssync.StateQueued}, even},
			"reason":               {atssync.SubmissionQuery{Connection: a.ID, HeldReason: atssync.HeldJobNotLinked}, odd},
			"another reason":       {atssync.SubmissionQuery{Connection: a.ID, HeldReason: atssync.HeldOperator}, nil},
			"state and job":        {atssync.SubmissionQuery{Connection: a.ID, State: atssync.StateHeld, PlatformJob: "job-0"}, nil},
			"between":              {atssync.SubmissionQuery{Connection: a.ID, Since: start.Add(3 * time.Minute), Until: start.Add(6 * time.Minute)}, of[a.ID][6:9]},
			"unknown":              {atssync.SubmissionQuery{Connection: "con_none"}, nil},
		} {
			require.Equal(w.t, x.want, w.newest(5, x.q), name)
		}
	},
	"a page looks at no more than it may, and goes on behind it": func(w *world) {
		a, b := w.connect("acme"), w.connect("globex")
		for i := range 20 {
			w.submit([]atssync.Connection{a, b}[i%2], fmt.Sprintf("app-%d", i), fmt.Sprintf("job-%d", i/19))
			w.pass(time.Second)
		}
		for name, q := range map[string]atssync.SubmissionQuery{
			"newest of all":  {Newest: true, PlatformJob: "job-1"},
			"newest of each": {Newest: true, PlatformJob: "job-1", State: atssync.StateHeld},
			"oldest first":   {PlatformJob: "job-1"},
			"of a state":     {PlatformJob: "job-1", State: atssync.StateHeld},
		} {
			q.Look, q.Limit = 6, 5
			var found []atssync.Submission
			n := 1
			for ; ; n++ {
				p, err := w.s.Submissions(w.ctx, q)
				require.NoError(w.t, err)
				found = append(found, p.Items...)
				if p.Next == "" {
					break
				}
				require.NotEqual(w.t, q.After, p.Next, name)
				q.After = p.Next
			}
			require.Len(w.t, found, 1, name)
			require.GreaterOrEqual(w.t, n, 3, name)
			require.LessOrEqual(w.t, n, 5, name)
		}
		full, err := w.s.Submissions(w.ctx, atssync.SubmissionQuery{Newest: true, Look: 6, Paging: atssync.Paging{Limit: 5}})
		require.NoError(w.t, err)
		require.Len(w.t, full.Items, 5)
	},
	"by several external keys, one each": func(w *world) {
		a, b := w.connect("acme"), w.connect("globex")
		one, two := w.submit(a, "app-1", "job-1"), w.submit(b, "app-1", "job-1")
		w.submit(a, "app-2", "job-1")
		q := atssync.SubmissionQuery{ExternalKeys: []string{one.ExternalKey, "hmac of nothing", two.ExternalKey}}
		p, err := w.s.Submissions(w.ctx, q)
		require.NoError(w.t, err)
		require.Equal(w.t, []atssync.Submission{one, two}, p.Items)
		q.Within = atssync.Scope{Accounts: []string{"globex"}}
		p, err = w.s.Submissions(w.ctx, q)
		require.NoError(w.t, err)
		require.Equal(w.t, []atssync.Submission{two}, p.Items)
		p, err = w.s.Submissions(w.ctx, atssync.SubmissionQuery{ExternalKeys: []string{}})
		require.NoError(w.t, err)
		require.Empty(w.t, p.Items, "none is not all")
	},
	"a marker of another list is refused": func(w *world) {
		c := w.connect("acme")
		for range 3 {
			w.submit(c, w.unique("app"), "job-1")
			w.pass(time.Second)
		}
		p, err := w.s.Submissions(w.ctx, atssync.SubmissionQuery{Newest: true, Paging: atssync.Paging{Limit: 1}})
		require.NoError(w.t, err)
		_, err = w.s.Submissions(w.ctx, atssync.SubmissionQuery{Newest: true, Connection: c.ID, Paging: atssync.Paging{After: p.Next}})
		w.code(err, atssync.CodeInvalid)
		_, err = w.s.Submissions(w.ctx, atssync.SubmissionQuery{Newest: true, Paging: atssync.Paging{After: "nonsense"}})
		w.code(err, atssync.CodeInvalid)
	},
	"events from the last one back": func(w *world) {
		a, b := w.connect("acme"), w.connect("globex")
		for range 5 {
			w.submit(a, w.unique("app"), "job-1")
			w.act(w.submit(b, w.unique("app"), "job-1"), atssync.ActCancel)
		}
		back := func(q atssync.EventQuery) (out []int64) {
			q.Newest, q.Limit = true, 2
			for {
				events, older, err := w.s.Events(w.ctx, q)
				require.NoError(w.t, err)
				for _, e := range events {
					if q.Connection == "" {
						out = append(out, e.Position)
					} else {
						out = append(out, e.Sequence)
					}
				}
				if older == 0 {
					return out
				}
				require.Positive(w.t, older)
				if q.After > 0 {
					require.Less(w.t, older, q.After)
				}
				q.After = older
			}
		}
		require.Equal(w.t, []int64{15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1}, back(atssync.EventQuery{}))
		require.Equal(w.t, []int64{5, 4, 3, 2, 1}, back(atssync.EventQuery{Connection: a.ID}))
		require.Equal(w.t, []int64{15, 12, 9, 6, 3}, back(atssync.EventQuery{Types: []atssync.EventType{atssync.EventCancelled}}))
		require.Equal(w.t, []int64{13, 10, 7, 4, 1}, back(atssync.EventQuery{Within: atssync.Scope{Accounts: []string{"acme"}}}))
		require.Empty(w.t, back(atssync.EventQuery{Connection: a.ID, Within: atssync.Scope{Accounts: []string{"globex"}}}))
		require.Empty(w.t, back(atssync.EventQuery{Connection: "con_none"}))
	},
	"the deliveries of one event, to every endpoint": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		one, two := w.endpoint(), w.endpoint()
		w.toldThrice(c)
		w.plan(w.endpointLease(one))
		w.plan(w.endpointLease(two))
		for _, e := range w.read(atssync.EventQuery{}) {
			p, err := w.s.Deliveries(w.ctx, atssync.DeliveryQuery{Event: e.ID})
			require.NoError(w.t, err)
			var to []string
			for _, d := range p.Items {
				require.Equal(w.t, e.ID, d.Event)
				to = append(to, d.Endpoint)
			}
			require.ElementsMatch(w.t, []string{one.ID, two.ID}, to)
			p, err = w.s.Deliveries(w.ctx, atssync.DeliveryQuery{Event: e.ID, Endpoint: two.ID})
			require.NoError(w.t, err)
			require.Len(w.t, p.Items, 1)
		}
		p, err := w.s.Deliveries(w.ctx, atssync.DeliveryQuery{Event: "evt_none"})
		require.NoError(w.t, err)
		require.Empty(w.t, p.Items)
	},
}

// newest lists the ids of submissions from the newest one on, a page at a time.
func (w *world) newest(size int, q atssync.SubmissionQuery) []string {
	w.t.Helper()
	all, _ := pages(w, size, func(p atssync.Paging) (atssync.Page[atssync.Submission], error) {
		q.Newest, q.Paging = true, p
		return w.s.Submissions(w.ctx, q)
	})
	var ids []string
	for _, s := range all {
		ids = append(ids, s.ID)
	}
	return ids
}
