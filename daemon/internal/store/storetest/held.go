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
