package storetest

import (
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

var jobTests = map[string]func(*world){
	"platform jobs are stored and replaced": func(w *world) {
		j := atssync.PlatformJob{ID: "job-1", Account: "acme", Title: "Engineer", Location: "Lyon", RequisitionID: "R1", URL: "https://platform.example.com/1", Open: true}
		require.NoError(w.t, w.s.PutPlatformJobs(w.ctx, []atssync.PlatformJob{j}, atssync.Scope{}, w.now))
		got, err := w.s.PlatformJob(w.ctx, "acme", "job-1")
		require.NoError(w.t, err)
		j.UpdatedAt = w.now
		require.Equal(w.t, j, got)
		j.Title = "Senior Engineer"
		require.NoError(w.t, w.s.PutPlatformJobs(w.ctx, []atssync.PlatformJob{j}, atssync.Scope{}, w.now))
		got, err = w.s.PlatformJob(w.ctx, "acme", "job-1")
		require.NoError(w.t, err)
		require.Equal(w.t, j, got)
		_, err = w.s.PlatformJob(w.ctx, "globex", "job-1")
		w.code(err, atssync.CodeNotFound)
	},
	"another account's job stores nothing": func(w *world) {
		require.NoError(w.t, w.s.PutPlatformJobs(w.ctx, []atssync.PlatformJob{{ID: "job-1", Account: "acme"}}, atssync.Scope{}, w.now))
		err := w.s.PutPlatformJobs(w.ctx, []atssync.PlatformJob{{ID: "job-2", Account: "globex"}, {ID: "job-1", Account: "globex"}}, atssync.Scope{}, w.now)
		w.code(err, atssync.CodeAccountMismatch)
		_, err = w.s.PlatformJob(w.ctx, "globex", "job-2")
		w.code(err, atssync.CodeNotFound)
		err = w.s.PutPlatformJobs(w.ctx, []atssync.PlatformJob{{ID: "job-3", Account: "acme"}, {ID: "job-3", Account: "globex"}}, atssync.Scope{}, w.now)
		w.code(err, atssync.CodeAccountMismatch)
	},
	"a job without id or account is refused": func(w *world) {
		w.code(w.s.PutPlatformJobs(w.ctx, []atssync.PlatformJob{{Account: "acme"}}, atssync.Scope{}, w.now), atssync.CodeInvalid)
		w.code(w.s.PutPlatformJobs(w.ctx, []atssync.PlatformJob{{ID: "job-1"}}, atssync.Scope{}, w.now), atssync.CodeInvalid)
	},
	"many platform jobs page": func(w *world) {
		var in []atssync.PlatformJob
		for i := range 1205 {
			in = append(in, atssync.PlatformJob{ID: fmt.Sprintf("job-%04d", i), Account: []string{"acme", "globex"}[i%2], Open: i%3 == 0})
		}
		require.NoError(w.t, w.s.PutPlatformJobs(w.ctx, in, atssync.Scope{}, w.now))
		for _, want := range []struct {
			q atssync.JobQuery
			n int
		}{{atssync.JobQuery{}, 1205}, {atssync.JobQuery{Account: "acme"}, 603}, {atssync.JobQuery{Account: "acme", OpenOnly: true}, 201}, {atssync.JobQuery{Account: "none"}, 0}} {
			items, _ := pages(w, 50, func(p atssync.Paging) (atssync.Page[atssync.PlatformJob], error) {
				want.q.Paging = p
				return w.s.PlatformJobs(w.ctx, want.q)
			})
			require.Len(w.t, items, want.n)
		}
	},
	"ATS jobs are asked for by connection": func(w *world) {
		_, err := w.s.ATSJobs(w.ctx, atssync.JobQuery{})
		w.code(err, atssync.CodeInvalid)
	},
}

// list puts a complete listing of open jobs.
func (w *world) list(l atssync.Lease, ids ...string) atssync.JobsSummary {
	w.t.Helper()
	in := atssync.JobListing{Complete: true, OnlyOpen: true}
	for _, id := range ids {
		in.Jobs = append(in.Jobs, sdk.Job{ID: id, Name: "Job " + id, State: sdk.JobOpen})
	}
	sum, err := w.s.PutATSJobs(w.ctx, l, in, w.now)
	require.NoError(w.t, err)
	w.pass(time.Hour)
	return sum
}

func (w *world) job(c atssync.Connection, id string) atssync.ATSJob {
	w.t.Helper()
	items, _ := pages(w, 3, func(p atssync.Paging) (atssync.Page[atssync.ATSJob], error) {
		return w.s.ATSJobs(w.ctx, atssync.JobQuery{Connection: c.ID, Paging: p})
	})
	for _, j := range items {
		if j.ID == id {
			return j
		}
	}
	require.Fail(w.t, "no such job", id)
	return atssync.ATSJob{}
}

func jobIDs(prefix string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("%s%02d", prefix, i)
	}
	return out
}

var listingTests = map[string]func(*world){
	"needs the lease": func(w *world) {
		c := w.connect("acme")
		l := w.lease(c, "daemon-1")
		l.Epoch++
		_, err := w.s.PutATSJobs(w.ctx, l, atssync.JobListing{}, w.now)
		require.ErrorIs(w.t, err, atssync.ErrFenced)
	},
	"new jobs are counted and read back": func(w *world) {
		c := w.connect("acme")
		l := w.lease(c, "daemon-1")
		require.Equal(w.t, atssync.JobsSummary{Listed: 2, New: 2}, w.list(l, "a", "b"))
		j := w.job(c, "a")
		require.Equal(w.t, "Job a", j.Name)
		require.Equal(w.t, atssync.Visible, j.Visibility)
		require.Equal(w.t, atssync.JobsSummary{Listed: 2}, w.list(l, "a", "b"))
		require.Equal(w.t, j, w.job(c, "a"), "what did not change is not written")
		w.pass(25 * time.Hour)
		w.list(l, "a", "b")
		require.True(w.t, w.job(c, "a").SeenAt.After(j.SeenAt), "once a day it is")
		require.Empty(w.t, w.events(c), "a job that nothing is linked to is no news")
	},
	"a job that nothing is linked to comes and goes untold": func(w *world) {
		c := w.connect("acme")
		l := w.lease(c, "daemon-1")
		ids := jobIDs("j", 10)
		w.list(l, ids...)
		for range 3 {
			w.list(l, ids[1:]...)
		}
		require.False(w.t, w.job(c, "j00").Takes())
		w.list(l, ids...)
		require.True(w.t, w.job(c, "j00").Takes())
		require.Empty(w.t, w.events(c))
		require.Empty(w.t, w.pending(c))
	},
	"missing once is not visible, three times is closed": func(w *world) {
		c := w.connect("acme")
		l := w.lease(c, "daemon-1")
		ids := jobIDs("j", 10)
		w.list(l, ids...)
		w.linkTo(c, "job-1", "j00")
		s := w.submit(c, "app-1", "job-1")
		sum := w.list(l, ids[1:]...)
		require.Equal(w.t, atssync.JobsSummary{Listed: 9, Missing: 1}, sum)
		require.Equal(w.t, atssync.NotVisible, w.job(c, "j00").Visibility)
		require.True(w.t, w.job(c, "j00").Takes())
		require.Equal(w.t, []string{"job.not_visible"}, w.events(c))
		require.Equal(w.t, atssync.JobsSummary{Listed: 9}, w.list(l, ids[1:]...))
		require.Equal(w.t, atssync.JobsSummary{Listed: 9, Closed: 1}, w.list(l, ids[1:]...))
		require.False(w.t, w.job(c, "j00").Takes())
		require.Equal(w.t, []string{"job.not_visible", "job.closed", "job_link.broken"}, w.events(c))
		w.work(c)
		require.Equal(w.t, "held: job_closed", w.state(s.ID))
		require.Equal(w.t, atssync.JobsSummary{Listed: 9}, w.list(l, ids[1:]...), "it is closed once")

		sum = w.list(l, ids...)
		require.Equal(w.t, atssync.JobsSummary{Listed: 10, Reopened: 1}, sum)
		w.work(c)
		require.Equal(w.t, "queued", w.state(s.ID))
		require.Equal(w.t, []string{
			"job.not_visible", "job.closed", "job_link.broken", "submission.held", "job.opened", "submission.released",
		}, w.events(c))
	},
	"back before it is closed": func(w *world) {
		c := w.connect("acme")
		l := w.lease(c, "daemon-1")
		ids := jobIDs("j", 10)
		w.list(l, ids...)
		w.linkTo(c, "job-1", "j00")
		w.list(l, ids[1:]...)
		w.list(l, ids[1:]...)
		w.list(l, ids...)
		require.Zero(w.t, w.job(c, "j00").MissingListings)
		w.list(l, ids[1:]...)
		w.list(l, ids[1:]...)
		require.True(w.t, w.job(c, "j00").Takes(), "the count begins anew")
		require.Equal(w.t, []string{"job.not_visible", "job.opened", "job.not_visible"}, w.events(c))
	},
	"a fifth vanishing together closes nothing, ever": func(w *world) {
		c := w.connect("acme")
		l := w.lease(c, "daemon-1")
		ids := jobIDs("j", 10)
		w.list(l, ids...)
		w.linkTo(c, "job-1", "j00")
		for i := range 6 {
			sum := w.list(l, ids[2:]...)
			require.True(w.t, sum.Vanished, "listing %d: it stays a trouble of the connection", i)
			require.Zero(w.t, sum.Closed)
		}
		require.Equal(w.t, atssync.NotVisible, w.job(c, "j00").Visibility)
		require.True(w.t, w.job(c, "j00").Takes())
		require.Empty(w.t, w.events(c), "the connection's trouble is told, not each job's")
		sum := w.list(l, ids...)
		require.False(w.t, sum.Vanished)
		require.Equal(w.t, atssync.Visible, w.job(c, "j00").Visibility)
		require.Empty(w.t, w.events(c))
	},
	"jobs that close one by one are no mass": func(w *world) {
		c := w.connect("acme")
		l := w.lease(c, "daemon-1")
		ids := jobIDs("j", 10)
		w.list(l, ids...)
		for i := 1; i <= 3; i++ {
			require.False(w.t, w.list(l, ids[i:]...).Vanished, "job %d", i)
		}
		require.False(w.t, w.job(c, "j00").Takes())
		require.True(w.t, w.job(c, "j01").Takes())
	},
	"an incomplete listing says nothing of what it lacks": func(w *world) {
		c := w.connect("acme")
		l := w.lease(c, "daemon-1")
		w.list(l, "a", "b")
		sum, err := w.s.PutATSJobs(w.ctx, l, atssync.JobListing{OnlyOpen: true, Jobs: []sdk.Job{{ID: "a", Name: "Job a", State: sdk.JobOpen}}}, w.now)
		require.NoError(w.t, err)
		require.Equal(w.t, atssync.JobsSummary{Listed: 1}, sum)
		require.Equal(w.t, atssync.Visible, w.job(c, "b").Visibility)
	},
	"where closed jobs are listed absence is never closing": func(w *world) {
		c := w.connect("acme")
		l := w.lease(c, "daemon-1")
		all := atssync.JobListing{Complete: true}
		for _, id := range jobIDs("j", 10) {
			all.Jobs = append(all.Jobs, sdk.Job{ID: id, State: sdk.JobOpen})
		}
		_, err := w.s.PutATSJobs(w.ctx, l, all, w.now)
		require.NoError(w.t, err)
		all.Jobs = all.Jobs[1:]
		for range 5 {
			_, err := w.s.PutATSJobs(w.ctx, l, all, w.now)
			require.NoError(w.t, err)
		}
		require.Equal(w.t, atssync.NotVisible, w.job(c, "j00").Visibility)
		require.True(w.t, w.job(c, "j00").Takes())
	},
	"the ATS closes and opens": func(w *world) {
		c := w.connect("acme")
		l := w.lease(c, "daemon-1")
		w.linkTo(c, "job-1", "a")
		s := w.submit(c, "app-1", "job-1")
		put := func(state sdk.JobState) atssync.JobsSummary {
			sum, err := w.s.PutATSJobs(w.ctx, l, atssync.JobListing{Complete: true, Jobs: []sdk.Job{{ID: "a", Name: "A", State: state}}}, w.now)
			require.NoError(w.t, err)
			w.work(c)
			return sum
		}
		put(sdk.JobOpen)
		require.Equal(w.t, 1, put(sdk.JobClosed).Closed)
		require.Equal(w.t, "held: job_closed", w.state(s.ID))
		require.Equal(w.t, 1, put(sdk.JobOpen).Reopened)
		require.Equal(w.t, "queued", w.state(s.ID))
		require.Equal(w.t, []string{"job.closed", "submission.held", "job.opened", "submission.released"}, w.events(c))
		e := w.allEvents(c)[0]
		require.JSONEq(w.t, `{"ats_job":"a","name":"A","jobs":["job-1"],"reason":"the ATS says that the job is closed",
			"remedy":"reopen the job in the ATS, or link the platform job to an open one"}`, string(e.Data))
	},
	"a job that opens again forgets what the ATS said of it": func(w *world) {
		c := w.connect("acme")
		l := w.lease(c, "daemon-1")
		put := func(state sdk.JobState) {
			_, err := w.s.PutATSJobs(w.ctx, l, atssync.JobListing{Complete: true, Jobs: []sdk.Job{{ID: "a", State: state}}}, w.now)
			require.NoError(w.t, err)
			w.work(c)
		}
		put(sdk.JobOpen)
		w.linkTo(c, "job-1", "a")
		_, err := w.s.UpdateLane(w.ctx, l, func(l *atssync.Lane) []atssync.EventDraft {
			return l.FailJob("a", atssync.HeldJobClosed, nil, w.now)
		}, w.now)
		require.NoError(w.t, err)
		s := w.submit(c, "app-1", "job-1")
		put(sdk.JobClosed)
		require.Equal(w.t, "held: job_closed", w.state(s.ID))
		put(sdk.JobOpen)
		require.Equal(w.t, "queued", w.state(s.ID))
	},
	"a job that comes back is tried again": func(w *world) {
		c := w.connect("acme")
		l := w.lease(c, "daemon-1")
		ids := jobIDs("j", 10)
		w.list(l, ids...)
		w.linkTo(c, "job-1", "j00")
		_, err := w.s.UpdateLane(w.ctx, l, func(l *atssync.Lane) []atssync.EventDraft {
			return l.FailJob("j00", atssync.HeldJobNotAccessible, nil, w.now)
		}, w.now)
		require.NoError(w.t, err)
		s := w.submit(c, "app-1", "job-1")
		require.Equal(w.t, "held: job_not_accessible", w.state(s.ID))
		w.list(l, ids[1:]...)
		w.list(l, ids...)
		w.work(c)
		require.Equal(w.t, "queued", w.state(s.ID))
		lane, err := w.s.Lane(w.ctx, c.ID)
		require.NoError(w.t, err)
		require.Empty(w.t, lane.Jobs)
	},
	"a listing larger than a commit": func(w *world) {
		c := w.connect("acme")
		l := w.lease(c, "daemon-1")
		ids := jobIDs("j", 1100)
		require.Equal(w.t, atssync.JobsSummary{Listed: 1100, New: 1100}, w.list(l, ids...))
		items, n := pages(w, 500, func(p atssync.Paging) (atssync.Page[atssync.ATSJob], error) {
			return w.s.ATSJobs(w.ctx, atssync.JobQuery{Connection: c.ID, OpenOnly: true, Paging: p})
		})
		require.Len(w.t, items, 1100)
		require.Equal(w.t, 3, n)
	},
}

// linkTo links a platform job to a named ATS job.
func (w *world) linkTo(c atssync.Connection, job, ats string) {
	w.t.Helper()
	p := w.newLink(c, job)
	p.Link.ATSJob = ats
	_, _, err := w.s.PutJobLink(w.ctx, p, 0, w.now)
	require.NoError(w.t, err)
}
