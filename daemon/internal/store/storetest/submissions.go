package storetest

import (
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

var submissionTests = map[string]func(*world){
	"unknown is not found": func(w *world) {
		_, err := w.s.Submission(w.ctx, "sub_none")
		w.code(err, atssync.CodeNotFound)
		_, err = w.s.Payload(w.ctx, "sub_none")
		w.code(err, atssync.CodeNotFound)
		_, err = w.s.Attempts(w.ctx, "sub_none")
		w.code(err, atssync.CodeNotFound)
	},
	"every filter pages without losing or doubling": func(w *world) {
		a, b, g := w.connect("acme"), w.connect("acme"), w.connect("globex")
		w.link(a, "job-1")
		start := w.now
		for i := range 12 {
			for _, c := range []atssync.Connection{a, b, g} {
				w.submit(c, fmt.Sprintf("app-%d", i), fmt.Sprintf("job-%d", 1+i%2))
			}
			w.pass(time.Minute)
		}
		for name, want := range map[string]struct {
			q atssync.SubmissionQuery
			n int
		}{
			"all":                     {atssync.SubmissionQuery{}, 36},
			"connection":              {atssync.SubmissionQuery{Connection: a.ID}, 12},
			"account":                 {atssync.SubmissionQuery{Account: "acme"}, 24},
			"state":                   {atssync.SubmissionQuery{State: atssync.StateHeld}, 30},
			"connection and state":    {atssync.SubmissionQuery{Connection: a.ID, State: atssync.StateQueued}, 6},
			"account and state":       {atssync.SubmissionQuery{Account: "globex", State: atssync.StateQueued}, 0},
			"reason":                  {atssync.SubmissionQuery{HeldReason: atssync.HeldJobNotLinked}, 30},
			"another reason":          {atssync.SubmissionQuery{HeldReason: atssync.HeldQuota}, 0},
			"reason of another state": {atssync.SubmissionQuery{State: atssync.StateQueued, HeldReason: atssync.HeldJobNotLinked}, 0},
			"job":                     {atssync.SubmissionQuery{PlatformJob: "job-2"}, 18},
			"job and state":           {atssync.SubmissionQuery{Connection: a.ID, PlatformJob: "job-2", State: atssync.StateHeld}, 6},
			"job and reason":          {atssync.SubmissionQuery{Connection: b.ID, PlatformJob: "job-2", HeldReason: atssync.HeldJobNotLinked}, 6},
			"since":                   {atssync.SubmissionQuery{Connection: a.ID, Since: start.Add(3 * time.Minute)}, 9},
			"until":                   {atssync.SubmissionQuery{Connection: a.ID, Until: start.Add(3 * time.Minute)}, 3},
			"between and state":       {atssync.SubmissionQuery{State: atssync.StateHeld, Since: start.Add(2 * time.Minute), Until: start.Add(4 * time.Minute)}, 5},
			"between and reason":      {atssync.SubmissionQuery{HeldReason: atssync.HeldJobNotLinked, Since: start.Add(2 * time.Minute), Until: start.Add(4 * time.Minute)}, 5},
			"unknown connection":      {atssync.SubmissionQuery{Connection: "con_none"}, 0},
			"another's connection":    {atssync.SubmissionQuery{Connection: a.ID, Account: "globex"}, 0},
		} {
			items, n := pages(w, 4, func(p atssync.Paging) (atssync.Page[atssync.Submission], error) {
				want.q.Paging = p
				return w.s.Submissions(w.ctx, want.q)
			})
			require.Len(w.t, items, want.n, name)
			require.Equal(w.t, max(1, (want.n+3)/4), n, "pages of %s", name)
			seen := map[string]bool{}
			for _, s := range items {
				require.False(w.t, seen[s.ID], "%s: twice", name)
				seen[s.ID] = true
			}
		}
	},
	"in the order of acceptance": func(w *world) {
		c := w.connect("acme")
		var want []string
		for i := range 5 {
			want = append(want, w.submit(c, fmt.Sprintf("app-%d", i), "job-1").ID)
			w.pass(time.Second)
		}
		p, err := w.s.Submissions(w.ctx, atssync.SubmissionQuery{Connection: c.ID})
		require.NoError(w.t, err)
		var got []string
		for _, s := range p.Items {
			got = append(got, s.ID)
		}
		require.Equal(w.t, want, got)
		require.Empty(w.t, p.Next)
	},
	"a page marker stays good while the list moves": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		for i := range 6 {
			w.submit(c, fmt.Sprintf("app-%d", i), "job-1")
			w.pass(time.Second)
		}
		q := atssync.SubmissionQuery{Connection: c.ID, State: atssync.StateQueued, Paging: atssync.Paging{Limit: 3}}
		first, err := w.s.Submissions(w.ctx, q)
		require.NoError(w.t, err)
		for _, s := range first.Items { // the very entry that the marker names goes away
			_, err := w.s.Act(w.ctx, s.ID, atssync.ActCancel, w.now)
			require.NoError(w.t, err)
		}
		q.After = first.Next
		second, err := w.s.Submissions(w.ctx, q)
		require.NoError(w.t, err)
		require.Len(w.t, second.Items, 3)
	},
	"by external key there is at most one": func(w *world) {
		c := w.connect("acme")
		in := w.document(c, "app-1", "job-1")
		s := w.accept(in)[0].Submission
		p, err := w.s.Submissions(w.ctx, atssync.SubmissionQuery{ExternalKey: in.Submission.ExternalKey})
		require.NoError(w.t, err)
		require.Len(w.t, p.Items, 1)
		require.Equal(w.t, s, p.Items[0])
		for _, q := range []atssync.SubmissionQuery{
			{ExternalKey: "none"}, {ExternalKey: in.Submission.ExternalKey, Account: "globex"}, {ExternalKey: in.Submission.ExternalKey, State: atssync.StateQueued},
		} {
			p, err := w.s.Submissions(w.ctx, q)
			require.NoError(w.t, err)
			require.Empty(w.t, p.Items)
		}
	},
	"attempts are kept with what was sent": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		l := w.lease(c, "daemon-1")
		s := w.submit(c, "app-1", "job-1")
		a := w.begin(l, s)
		require.Equal(w.t, []byte("sealed note"), a.Note)
		t := &atssync.Trouble{Kind: sdk.KindTransient, Message: "down"}
		w.pass(time.Second)
		w.finish(l, atssync.Finish{Submission: s.ID, Attempt: 1, To: atssync.StateQueued, NextAt: w.now, Trouble: t})
		second := w.begin(l, s)
		f := w.arrived(s, second)
		w.finish(l, f)
		got, err := w.s.Attempts(w.ctx, s.ID)
		require.NoError(w.t, err)
		require.Len(w.t, got, 2)
		a.EndedAt, a.Outcome, a.Kind, a.Trouble = w.now, atssync.StateQueued, sdk.KindTransient, t
		require.Equal(w.t, a, got[0])
		second.EndedAt, second.Outcome, second.Exchanges = w.now, atssync.StateSubmitted, f.Exchanges
		require.Equal(w.t, second, got[1])
	},
	"found by what the ATS calls it": func(w *world) {
		c, other := w.connect("acme"), w.connect("acme")
		w.link(c, "job-1")
		l := w.lease(c, "daemon-1")
		s := w.submitted(c, l, "app-1", "job-1")
		find := func(connection, candidate, application string) []string {
			got, err := w.s.SubmissionsByReceipt(w.ctx, connection, candidate, application)
			require.NoError(w.t, err)
			var ids []string
			for _, s := range got {
				ids = append(ids, s.ID)
			}
			return ids
		}
		candidate, application := "cand "+s.ID, "app "+s.ID
		require.Equal(w.t, []string{s.ID}, find(c.ID, candidate, ""))
		require.Equal(w.t, []string{s.ID}, find(c.ID, "", application))
		require.Equal(w.t, []string{s.ID}, find(c.ID, candidate, application))
		require.Empty(w.t, find(c.ID, "", candidate))
		require.Empty(w.t, find(c.ID, "", ""))
		require.Empty(w.t, find(other.ID, candidate, application))
	},
}
