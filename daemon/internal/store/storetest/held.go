package storetest

import (
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// relink leads a platform job to another ATS job; nothing waits for it, so there is no backlog to ask about.
func (w *world) relink(c atssync.Connection, job, atsJob string) {
	w.t.Helper()
	p := w.newLink(c, job)
	p.Link.ATSJob = atsJob
	_, _, err := w.s.PutJobLink(w.ctx, p, 0, w.now)
	require.NoError(w.t, err)
}

// A reason to hold that went away between two looks holds nothing: its release has gone by, and what were held for it
// now would wait for ever.
var heldTests = map[string]func(*world){
	"a link that was made since holds nothing": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		l := w.lease(c, "daemon-1")
		s := w.submit(c, "app-1", "job-1")
		require.NoError(w.t, w.s.RemoveJobLink(w.ctx, c.ID, "job-1", 0, w.now))
		due, _, err := w.s.NextSubmissions(w.ctx, l, 1, w.now)
		require.NoError(w.t, err)
		require.Nil(w.t, due[0].Link)
		w.link(c, "job-1") // before the worker that saw no link says so
		require.NoError(w.t, w.s.HoldSubmissions(w.ctx, l, []string{s.ID}, atssync.HeldJobNotLinked, nil, w.now))
		require.Equal(w.t, "queued", w.state(s.ID))
		w.work(c)
		require.Equal(w.t, "queued", w.state(s.ID))
	},
	"what is put aside is held for what Judge finds": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		l := w.lease(c, "daemon-1")
		s := w.submit(c, "app-1", "job-1")
		require.NoError(w.t, w.s.RemoveJobLink(w.ctx, c.ID, "job-1", 0, w.now))
		require.NoError(w.t, w.s.HoldSubmissions(w.ctx, l, []string{s.ID}, atssync.HeldJobClosed, nil, w.now))
		require.Equal(w.t, "held: job_not_linked", w.state(s.ID))
		require.Equal(w.t, []string{"submission.held"}, w.events(c))
		w.balanced(c)
	},
	"a job that was linked anew while the old one refused": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		l := w.lease(c, "daemon-1")
		for _, reason := range []atssync.HeldReason{atssync.HeldJobNotAccessible, atssync.HeldJobClosed} {
			s := w.submit(c, w.unique("app"), "job-1")
			a := w.begin(l, s)
			w.relink(c, "job-1", w.unique("ats-other"))
			w.pass(time.Minute)
			w.finish(l, atssync.Finish{
				Submission: s.ID, Attempt: a.Number, To: atssync.StateHeld, HeldReason: reason, Trouble: &atssync.Trouble{Kind: sdk.KindNotFound},
			})
			require.Equal(w.t, "queued", w.state(s.ID))
			require.Equal(w.t, w.now, w.sub(s.ID).NextAt)
		}
		s := w.submit(c, w.unique("app"), "job-1")
		a := w.begin(l, s)
		require.NoError(w.t, w.s.RemoveJobLink(w.ctx, c.ID, "job-1", 0, w.now))
		w.finish(l, atssync.Finish{Submission: s.ID, Attempt: a.Number, To: atssync.StateHeld, HeldReason: atssync.HeldJobNotAccessible})
		require.Equal(w.t, "held: job_not_linked", w.state(s.ID))
		w.balanced(c)
	},
	"a link that is mended, or whose backlog is to go, is tried again": func(w *world) {
		c := w.connect("acme")
		l := w.lease(c, "daemon-1")
		w.link(c, "job-1")
		for _, change := range []func(p *atssync.PutJobLink){
			func(p *atssync.PutJobLink) { p.Backlog = &atssync.Backlog{Mode: atssync.BacklogAll} },
			func(p *atssync.PutJobLink) { p.Link.PoolID = "pool-7" },
		} {
			s := w.submit(c, w.unique("app"), "job-1")
			f := atssync.Finish{Submission: s.ID, Attempt: w.begin(l, s).Number, To: atssync.StateHeld, HeldReason: atssync.HeldJobNotAccessible}
			require.NoError(w.t, w.s.FinishAttempts(w.ctx, l, []atssync.Finish{f}, func(l *atssync.Lane) []atssync.EventDraft {
				return l.FailJob("ats-job-1", atssync.HeldJobNotAccessible, nil, w.now)
			}, w.now))
			p := w.newLink(c, "job-1")
			p.Backlog = &atssync.Backlog{Mode: atssync.BacklogNone}
			_, _, err := w.s.PutJobLink(w.ctx, p, 0, w.now)
			require.NoError(w.t, err)
			w.work(c)
			require.Equal(w.t, "held: job_not_accessible", w.state(s.ID), "none is to go")
			p.Backlog = nil
			change(&p)
			_, _, err = w.s.PutJobLink(w.ctx, p, 0, w.now)
			require.NoError(w.t, err)
			w.work(c)
			require.Equal(w.t, "queued", w.state(s.ID))
		}
		old := w.submit(c, "app-old", "job-1")
		f := atssync.Finish{Submission: old.ID, Attempt: w.begin(l, old).Number, To: atssync.StateHeld, HeldReason: atssync.HeldJobNotAccessible}
		require.NoError(w.t, w.s.FinishAttempts(w.ctx, l, []atssync.Finish{f}, func(l *atssync.Lane) []atssync.EventDraft {
			return l.FailJob("ats-job-1", atssync.HeldJobNotAccessible, nil, w.now)
		}, w.now))
		w.pass(time.Hour)
		young := w.submit(c, "app-young", "job-1")
		p := w.newLink(c, "job-1")
		p.Backlog = &atssync.Backlog{Mode: atssync.BacklogSince, Since: w.now}
		_, _, err := w.s.PutJobLink(w.ctx, p, 0, w.now)
		require.NoError(w.t, err)
		w.work(c)
		require.Equal(w.t, "held: job_not_accessible", w.state(old.ID))
		require.Equal(w.t, "queued", w.state(young.ID))
	},
	"a job that is still the one it went to": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		l := w.lease(c, "daemon-1")
		s := w.submit(c, "app-1", "job-1")
		a := w.begin(l, s)
		w.finish(l, atssync.Finish{Submission: s.ID, Attempt: a.Number, To: atssync.StateHeld, HeldReason: atssync.HeldJobNotAccessible})
		require.Equal(w.t, "held: job_not_accessible", w.state(s.ID))
	},
}
