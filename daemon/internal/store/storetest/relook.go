package storetest

import (
	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

var noResume = &atssync.Trouble{Message: "the resume: its address answers 404", Turn: sdk.TurnPlatform, Remedy: "give another"}

// withoutResume is a submission that waits for its resume.
func (w *world) withoutResume(c atssync.Connection, l atssync.Lease, external string) atssync.Submission {
	w.t.Helper()
	n := w.document(c, external, "job-1")
	n.Submission.ResumeKey = "first address"
	s := w.accept(n)[0].Submission
	require.NoError(w.t, w.s.HoldSubmissions(w.ctx, l, []string{s.ID}, atssync.HeldResumeUnavailable, noResume, w.now))
	require.Equal(w.t, "held: resume_unavailable", w.state(s.ID))
	return w.sub(s.ID)
}

func (w *world) lookAgain(l atssync.Lease, s atssync.Submission, t *atssync.Trouble) int {
	w.t.Helper()
	in := []atssync.HeldLook{{Submission: s.ID, Revision: s.Revision, Trouble: t}}
	n, err := w.s.LookAgain(w.ctx, l, atssync.HeldResumeUnavailable, in, w.now)
	require.NoError(w.t, err)
	return n
}

// What only a look can tell leaves by what a look tells, and by nothing else.
var relookTests = map[string]func(*world){
	"what is found lets it go, once": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		l := w.lease(c, "daemon-1")
		s := w.withoutResume(c, l, "app-1")
		require.Equal(w.t, noResume, s.Trouble)
		require.Equal(w.t, 1, w.lookAgain(l, s, nil))
		require.Equal(w.t, "queued", w.state(s.ID))
		require.Nil(w.t, w.sub(s.ID).Trouble)
		require.Zero(w.t, w.lookAgain(l, s, nil), "it was let go twice")
		require.Equal(w.t, []string{"submission.held", "submission.released"}, w.events(c))
		w.balanced(c)
	},
	"another trouble is told and is no event": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		l := w.lease(c, "daemon-1")
		s := w.withoutResume(c, l, "app-1")
		other := &atssync.Trouble{Message: "the resume: the file is empty", Turn: sdk.TurnPlatform, Remedy: "fill it"}
		require.Zero(w.t, w.lookAgain(l, s, other))
		require.Equal(w.t, "held: resume_unavailable", w.state(s.ID))
		require.Equal(w.t, other, w.sub(s.ID).Trouble)
		require.Equal(w.t, []string{"submission.held"}, w.events(c))
		w.balanced(c)
	},
	"a revision, another reason and a stale lease are left alone": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		l := w.lease(c, "daemon-1")
		old := w.withoutResume(c, l, "app-1")
		w.accept(w.changed(c, "app-1"))
		require.NoError(w.t, w.s.HoldSubmissions(w.ctx, l, []string{old.ID}, atssync.HeldResumeUnavailable, noResume, w.now))
		require.Zero(w.t, w.lookAgain(l, old, nil), "the look was at what it said before")
		require.Equal(w.t, "held: resume_unavailable", w.state(old.ID))

		s := w.submit(c, "app-2", "job-1")
		require.Zero(w.t, w.lookAgain(l, s, noResume))
		require.Equal(w.t, "queued", w.state(s.ID))
		w.act(s, atssync.ActHold)
		require.Zero(w.t, w.lookAgain(l, s, nil))
		require.Equal(w.t, "held: operator", w.state(s.ID))

		l.Epoch++
		_, err := w.s.LookAgain(w.ctx, l, atssync.HeldResumeUnavailable, []atssync.HeldLook{{Submission: old.ID, Revision: 2}}, w.now)
		require.ErrorIs(w.t, err, atssync.ErrFenced)
	},
	"one whose job is gone meanwhile is held for that": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		l := w.lease(c, "daemon-1")
		s := w.withoutResume(c, l, "app-1")
		require.NoError(w.t, w.s.RemoveJobLink(w.ctx, c.ID, "job-1", 0, w.now))
		require.Zero(w.t, w.lookAgain(l, s, nil))
		require.Equal(w.t, "held: job_not_linked", w.state(s.ID))
	},
	"the same content with another address is a revision where that is waited for": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		l := w.lease(c, "daemon-1")
		s := w.withoutResume(c, l, "app-1")
		n := w.document(c, "app-1", "job-1")
		n.Submission.ResumeKey = "first address"
		require.Equal(w.t, atssync.AcceptedReplay, w.accept(n)[0].Result)
		n.Submission.ResumeKey, n.Payload = "second address", atssync.Payload("signed anew")
		a := w.accept(n)[0]
		require.Equal(w.t, atssync.AcceptedRevision, a.Result)
		require.Equal(w.t, s.ID, a.Submission.ID)
		require.Equal(w.t, "queued", w.state(s.ID))
		p, err := w.s.Payload(w.ctx, s.ID)
		require.NoError(w.t, err)
		require.Equal(w.t, "signed anew", string(p))
		n.Submission.ResumeKey = "third address"
		require.Equal(w.t, atssync.AcceptedReplay, w.accept(n)[0].Result, "nobody waits for it now")
		w.balanced(c)
	},
	"a warning stays with what was sent, and a revision forgets it": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		l := w.lease(c, "daemon-1")
		s := w.submit(c, "app-1", "job-1")
		in := w.attempt(s)
		in.Warning = "the resume is large"
		got, err := w.s.BeginAttempts(w.ctx, l, []atssync.BeginAttempt{in}, w.now)
		require.NoError(w.t, err)
		w.finish(l, atssync.Finish{Submission: s.ID, Attempt: got[0].Number, To: atssync.StateRefused})
		require.Equal(w.t, "the resume is large", w.sub(s.ID).Warning)
		w.accept(w.changed(c, "app-1"))
		require.Empty(w.t, w.sub(s.ID).Warning)
	},
}
