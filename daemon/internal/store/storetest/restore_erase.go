package storetest

import (
	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// erasedSince is what a journal says of a submission that was erased after the backup.
func (w *world) erasedSince(s atssync.Submission) atssync.ErasedSubmission {
	return atssync.ErasedSubmission{
		Erasure: "era_1", By: atssync.ErasedByPerson, Submission: s.ID, ExternalKey: s.ExternalKey, AccountKey: s.AccountKey, At: w.now,
	}
}

func (w *world) eraseAgain(in ...atssync.ErasedSubmission) []atssync.Learned {
	w.t.Helper()
	out, err := w.s.EraseAgain(w.ctx, in, w.now)
	require.NoError(w.t, err)
	return out
}

var restoreErasureTests = map[string]func(*world){
	"a store that never was restored has nothing to erase again": func(w *world) {
		_, err := w.s.EraseAgain(w.ctx, []atssync.ErasedSubmission{{Erasure: "era_1", Submission: "sub_1"}}, w.now)
		w.code(err, atssync.CodeConflict)
	},
	"who was erased after the backup is erased again": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		l := w.lease(c, "daemon-1")
		sent, waits, unsure := w.ofPerson(c, canary, "job-1", "ada"), w.ofPerson(c, "app-2", "job-1", "ada"), w.ofPerson(c, "app-3", "job-1", "ada")
		w.finish(l, w.arrived(sent, w.begin(l, sent)))
		w.begin(l, unsure)
		other := w.submit(c, "app-4", "job-1")
		before := w.balanced(c)[atssync.StateSubmitted]
		w.restore()
		list := []atssync.ErasedSubmission{w.erasedSince(sent), w.erasedSince(waits), w.erasedSince(unsure), w.erasedSince(sent)}
		require.Equal(w.t, []atssync.Learned{
			atssync.LearnedSettled, atssync.LearnedSettled, atssync.LearnedSettled, atssync.LearnedKnown,
		}, w.eraseAgain(list...))
		e, err := w.s.Erasure(w.ctx, "era_1")
		require.NoError(w.t, err)
		e = w.workErasure(e)
		require.Len(w.t, e.Erased, 2)
		require.Equal(w.t, sent.ID, e.Erased[0].Submission)
		require.Equal(w.t, atssync.CopyHeld, e.Erased[0].Copy)
		require.Equal(w.t, atssync.CopyPossible, e.Erased[1].Copy, "it may have been sent after the backup")
		require.Equal(w.t, unsure.ID, e.Waiting[0].Submission, "its outcome is waited for")
		w.nowhere(sent)
		w.nowhere(waits)
		require.Equal(w.t, "held: restored", w.state(other.ID))
		require.Equal(w.t, before, w.balanced(c)[atssync.StateSubmitted])
		for _, l := range w.eraseAgain(list...) {
			require.Equal(w.t, atssync.LearnedKnown, l, "doing it again changes nothing")
		}
		require.NoError(w.t, w.s.ReleaseRestored(w.ctx, c.ID, 0, w.now))
	},
	"what is provably not sent leaves no copy": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		waits := w.ofPerson(c, "app-1", "job-1", "ada")
		w.restore()
		require.NoError(w.t, w.s.ReleaseRestored(w.ctx, c.ID, 0, w.now))
		w.eraseAgain(w.erasedSince(waits))
		e, err := w.s.Erasure(w.ctx, "era_1")
		require.NoError(w.t, err)
		require.Equal(w.t, atssync.CopyNone, w.workErasure(e).Erased[0].Copy)
	},
	"what was accepted and erased after the backup is gone when it is sent again": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		lost := w.inATS(c, "app-1", "job-1")
		w.restore()
		told := w.evidence(lost.Submission, atssync.StateSubmitted)
		_, err := w.s.Learn(w.ctx, []atssync.Evidence{told}, w.now)
		require.NoError(w.t, err)
		require.Equal(w.t, 1, w.restoration().Remembered)
		x := w.erasedSince(lost.Submission)
		require.Equal(w.t, []atssync.Learned{atssync.LearnedRemembered, atssync.LearnedKnown}, w.eraseAgain(x, x))
		require.Zero(w.t, w.restoration().Remembered, "nothing is kept of it")
		again, err := w.s.Learn(w.ctx, []atssync.Evidence{told}, w.now)
		require.NoError(w.t, err)
		require.Equal(w.t, []atssync.Learned{atssync.LearnedKnown}, again)
		require.Zero(w.t, w.restoration().Remembered)
		w.code(w.accept(lost)[0].Err, atssync.CodeGone)
		other := w.inATS(c, "app-2", "job-1")
		other.Submission.AccountKey = lost.Submission.AccountKey
		w.code(w.accept(other)[0].Err, atssync.CodeGone)
		require.NoError(w.t, w.accept(w.inATS(c, "app-3", "job-1"))[0].Err)
		w.balanced(c)
	},
}
