package storetest

import (
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

var linkTests = map[string]func(*world){
	"made, changed and removed": func(w *world) {
		c := w.connect("acme")
		l, created, err := w.s.PutJobLink(w.ctx, w.newLink(c, "job-1"), 0, w.now)
		require.NoError(w.t, err)
		require.True(w.t, created)
		require.True(w.t, atssync.ValidID(atssync.PrefixJobLink, l.ID))
		require.Equal(w.t, "acme", l.Account)
		require.Equal(w.t, int64(1), l.Version)
		got, err := w.s.JobLink(w.ctx, c.ID, "job-1")
		require.NoError(w.t, err)
		require.Equal(w.t, l, got)

		w.pass(time.Minute)
		same, created, err := w.s.PutJobLink(w.ctx, w.newLink(c, "job-1"), 0, w.now)
		require.NoError(w.t, err)
		require.False(w.t, created)
		require.Equal(w.t, l, same, "the same again is no change")

		change := w.newLink(c, "job-1")
		change.Link.ATSJob, change.Link.As, change.IfMatch = "other", sdk.AsProspect, l.Version
		next, created, err := w.s.PutJobLink(w.ctx, change, 0, w.now)
		require.NoError(w.t, err)
		require.False(w.t, created)
		require.Equal(w.t, l.ID, next.ID)
		require.Equal(w.t, int64(2), next.Version)
		require.Equal(w.t, l.CreatedAt, next.CreatedAt)
		_, _, err = w.s.PutJobLink(w.ctx, change, 0, w.now)
		w.code(err, atssync.CodeChanged)

		w.code(w.s.RemoveJobLink(w.ctx, c.ID, "job-1", 1, w.now), atssync.CodeChanged)
		require.NoError(w.t, w.s.RemoveJobLink(w.ctx, c.ID, "job-1", 2, w.now))
		_, err = w.s.JobLink(w.ctx, c.ID, "job-1")
		w.code(err, atssync.CodeNotFound)
		w.code(w.s.RemoveJobLink(w.ctx, c.ID, "job-1", 0, w.now), atssync.CodeNotFound)
		_, _, err = w.s.PutJobLink(w.ctx, change, 0, w.now)
		w.code(err, atssync.CodeChanged)
	},
	"made only where there is none": func(w *world) {
		c := w.connect("acme")
		p := w.newLink(c, "job-1")
		p.IfMatch = atssync.IfNone
		l, created, err := w.s.PutJobLink(w.ctx, p, 0, w.now)
		require.NoError(w.t, err)
		require.True(w.t, created)
		other := p
		other.Link.ATSJob = "other"
		for _, again := range []atssync.PutJobLink{p, other} {
			_, _, err = w.s.PutJobLink(w.ctx, again, 0, w.now)
			w.code(err, atssync.CodeChanged)
		}
		got, err := w.s.JobLink(w.ctx, c.ID, "job-1")
		require.NoError(w.t, err)
		require.Equal(w.t, l, got)
	},
	"nothing crosses accounts": func(w *world) {
		c := w.connect("acme")
		require.NoError(w.t, w.s.PutPlatformJobs(w.ctx, []atssync.PlatformJob{{ID: "job-g", Account: "globex"}}, atssync.Scope{}, w.now))
		_, _, err := w.s.PutJobLink(w.ctx, w.newLink(c, "job-g"), 0, w.now)
		w.code(err, atssync.CodeAccountMismatch)
		p := w.newLink(c, "job-1")
		p.Link.Account = "globex"
		_, _, err = w.s.PutJobLink(w.ctx, p, 0, w.now)
		w.code(err, atssync.CodeAccountMismatch)
	},
	"only a live connection is linked": func(w *world) {
		_, _, err := w.s.PutJobLink(w.ctx, w.newLink(atssync.Connection{ID: "con_none"}, "job-1"), 0, w.now)
		w.code(err, atssync.CodeNotFound)
		c := w.connect("acme")
		_, err = w.s.RemoveConnection(w.ctx, c.ID, 0, w.now)
		require.NoError(w.t, err)
		_, _, err = w.s.PutJobLink(w.ctx, w.newLink(c, "job-1"), 0, w.now)
		w.code(err, atssync.CodeConflict)
	},
	"a backlog asks": func(w *world) {
		c := w.connect("acme")
		first := w.now
		for i := range 3 {
			w.submit(c, fmt.Sprintf("app-%d", i), "job-1")
			w.pass(time.Hour)
		}
		w.submit(c, "app-other", "job-2")
		n, oldest, err := w.s.Backlog(w.ctx, c.ID, "job-1")
		require.NoError(w.t, err)
		require.Equal(w.t, 3, n)
		require.Equal(w.t, first, oldest)
		_, _, err = w.s.PutJobLink(w.ctx, w.newLink(c, "job-1"), 0, w.now)
		w.code(err, atssync.CodeConflict)
		require.ErrorContains(w.t, err, "3 submissions")
		_, err = w.s.JobLink(w.ctx, c.ID, "job-1")
		w.code(err, atssync.CodeNotFound)
	},
	"all of the backlog": func(w *world) { w.backlog(atssync.Backlog{Mode: atssync.BacklogAll}, "queued", "queued", "queued") },
	"none of the backlog": func(w *world) {
		const held = "held: job_not_linked"
		w.backlog(atssync.Backlog{Mode: atssync.BacklogNone}, held, held, held)
	},
	"the backlog since an hour": func(w *world) {
		w.backlog(atssync.Backlog{Mode: atssync.BacklogSince, Since: w.now.Add(time.Hour)}, "held: job_not_linked", "queued", "queued")
	},
	"an answer that is none": func(w *world) {
		c := w.connect("acme")
		w.submit(c, "app-1", "job-1")
		p := w.newLink(c, "job-1")
		p.Backlog = &atssync.Backlog{Mode: "some"}
		_, _, err := w.s.PutJobLink(w.ctx, p, 0, w.now)
		w.code(err, atssync.CodeInvalid)
	},
	"unlinking holds what is queued": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		w.link(c, "job-2")
		s, other := w.submit(c, "app-1", "job-1"), w.submit(c, "app-2", "job-2")
		require.NoError(w.t, w.s.RemoveJobLink(w.ctx, c.ID, "job-1", 0, w.now))
		w.work(c)
		require.Equal(w.t, "held: job_not_linked", w.state(s.ID))
		require.Equal(w.t, "queued", w.state(other.ID))
	},
	"linking to another job asks for what the old one held": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		l := w.lease(c, "daemon-1")
		_, err := w.s.PutATSJobs(w.ctx, l, atssync.JobListing{Complete: true, Jobs: []sdk.Job{{ID: "ats-job-1", State: sdk.JobClosed}}}, w.now)
		require.NoError(w.t, err)
		s := w.submit(c, "app-1", "job-1")
		require.Equal(w.t, "held: job_closed", w.state(s.ID))
		p := w.newLink(c, "job-1")
		p.Link.OwnerEmail = "owner@example.com"
		_, _, err = w.s.PutJobLink(w.ctx, p, 0, w.now)
		require.NoError(w.t, err, "an option is no other job")
		p.Link.ATSJob = "ats-open"
		_, _, err = w.s.PutJobLink(w.ctx, p, 0, w.now)
		w.code(err, atssync.CodeConflict)
		p.Backlog = &atssync.Backlog{Mode: atssync.BacklogAll}
		_, _, err = w.s.PutJobLink(w.ctx, p, 0, w.now)
		require.NoError(w.t, err)
		w.work(c)
		require.Equal(w.t, "queued", w.state(s.ID))
	},
	"linking to a closed job holds what is queued": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		l := w.lease(c, "daemon-1")
		_, err := w.s.PutATSJobs(w.ctx, l, atssync.JobListing{Complete: true, Jobs: []sdk.Job{{ID: "shut", State: sdk.JobClosed}}}, w.now)
		require.NoError(w.t, err)
		s := w.submit(c, "app-1", "job-1")
		w.linkTo(c, "job-1", "shut")
		w.work(c)
		require.Equal(w.t, "held: job_closed", w.state(s.ID))
	},
	"lists by what is asked and pages": func(w *world) {
		a, b, g := w.connect("acme"), w.connect("acme"), w.connect("globex")
		for i := range 7 {
			w.link(a, fmt.Sprintf("job-%d", i))
		}
		w.linkTo(a, "twin", "ats-job-3")
		w.link(b, "job-1")
		w.link(g, "globex-job")
		for _, want := range []struct {
			q atssync.LinkQuery
			n int
		}{
			{atssync.LinkQuery{}, 10},
			{atssync.LinkQuery{Connection: a.ID}, 8},
			{atssync.LinkQuery{Account: "acme"}, 9},
			{atssync.LinkQuery{PlatformJob: "job-1"}, 2},
			{atssync.LinkQuery{Connection: b.ID, PlatformJob: "job-1"}, 1},
			{atssync.LinkQuery{Connection: b.ID, PlatformJob: "job-2"}, 0},
			{atssync.LinkQuery{Connection: a.ID, ATSJob: "ats-job-3"}, 2},
			{atssync.LinkQuery{ATSJob: "ats-job-3"}, 2},
			{atssync.LinkQuery{Account: "globex", PlatformJob: "job-1"}, 0},
		} {
			items, _ := pages(w, 3, func(p atssync.Paging) (atssync.Page[atssync.JobLink], error) {
				want.q.Paging = p
				return w.s.JobLinks(w.ctx, want.q)
			})
			require.Len(w.t, items, want.n, "%+v", want.q)
		}
	},
	"an id that is no text is refused": func(w *world) {
		c := w.connect("acme")
		_, _, err := w.s.PutJobLink(w.ctx, w.newLink(c, "a\xff"), 0, w.now)
		w.code(err, atssync.CodeInvalid)
	},
	"an id is what it is, whatever stands in it": func(w *world) {
		c := w.connect("acme")
		for _, id := range []string{"a", "a\x00b", "a\x01", "a\x01\x00", "ä/ö", "\U0001F600"} {
			l := w.link(c, id)
			got, err := w.s.JobLink(w.ctx, c.ID, id)
			require.NoError(w.t, err)
			require.Equal(w.t, l.ID, got.ID)
			p, err := w.s.JobLinks(w.ctx, atssync.LinkQuery{Connection: c.ID, ATSJob: "ats-" + id})
			require.NoError(w.t, err)
			require.Len(w.t, p.Items, 1, "%q", id)
		}
	},
}

// backlog links a job with three waiting submissions, an hour apart, and looks where they are then.
func (w *world) backlog(b atssync.Backlog, want ...string) {
	w.t.Helper()
	c := w.connect("acme")
	var ids []string
	for i := range 3 {
		ids = append(ids, w.submit(c, fmt.Sprintf("app-%d", i), "job-1").ID)
		w.pass(time.Hour)
	}
	other := w.submit(c, "app-other", "job-2")
	p := w.newLink(c, "job-1")
	p.Backlog = &b
	_, _, err := w.s.PutJobLink(w.ctx, p, 60, w.now)
	require.NoError(w.t, err)
	w.work(c)
	var got []string
	for _, id := range ids {
		got = append(got, w.state(id))
	}
	require.Equal(w.t, want, got)
	require.Equal(w.t, "held: job_not_linked", w.state(other.ID))
	w.balanced(c)
}
