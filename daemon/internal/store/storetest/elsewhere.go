package storetest

import (
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// inATS is a document with the key that connections to the same ATS share.
func (w *world) inATS(c atssync.Connection, external, job string) atssync.NewSubmission {
	in := w.document(c, external, job)
	in.Submission.AccountKey = "hmac of " + c.ExternalInATS(external)
	return in
}

func (w *world) submitInATS(c atssync.Connection, external, job string) atssync.Submission {
	w.t.Helper()
	a := w.accept(w.inATS(c, external, job))[0]
	require.NoError(w.t, a.Err)
	return a.Submission
}

func (w *world) remove(c atssync.Connection) {
	w.t.Helper()
	_, err := w.s.RemoveConnection(w.ctx, c.ID, 0, w.now)
	require.NoError(w.t, err)
}

// refusedFor asserts that a new submission is refused because of another one.
func (w *world) refusedFor(a atssync.Accepted, other atssync.Submission) {
	w.t.Helper()
	require.Equal(w.t, atssync.AcceptRefused, a.Result)
	require.Equal(w.t, atssync.CodeConflict, atssync.CodeOf(a.Err), "%v", a.Err)
	require.ErrorContains(w.t, a.Err, other.ID)
	require.ErrorContains(w.t, a.Err, other.Connection)
	require.ErrorContains(w.t, a.Err, string(w.sub(other.ID).State))
}

var elsewhereTests = map[string]func(*world){
	"what went in through a removed connection is not sent through another": func(w *world) {
		old := w.connect("acme")
		w.link(old, "job-1")
		l := w.lease(old, "daemon-1")
		var in [3]atssync.Submission
		for i, to := range []atssync.State{atssync.StateSubmitted, atssync.StateUncertain, ""} {
			in[i] = w.submitInATS(old, w.unique("app"), "job-1")
			a := w.begin(l, in[i])
			if f := (atssync.Finish{Submission: in[i].ID, Attempt: a.Number, To: to}); to != "" {
				if to == atssync.StateSubmitted {
					f.Receipt = &atssync.Receipt{CandidateID: "1"}
				}
				w.finish(l, f)
			}
		}
		w.remove(old)
		c := w.connect("acme")
		w.link(c, "job-1")
		for _, s := range in {
			w.refusedFor(w.accept(w.inATS(c, s.ExternalID, "job-1"))[0], s)
		}
		require.Empty(w.t, w.balanced(c))
		imported, err := w.s.Import(w.ctx, w.inATS(c, in[0].ExternalID, "job-1"), atssync.Application{CandidateID: "1"}, w.now)
		require.NoError(w.t, err)
		w.refusedFor(imported, in[0])
	},
	"what waits on a live connection is not sent through another": func(w *world) {
		a, c := w.connect("acme"), w.connect("acme")
		w.link(a, "job-1")
		queued, held := w.submitInATS(a, "app-1", "job-1"), w.submitInATS(a, "app-2", "job-2")
		w.refusedFor(w.accept(w.inATS(c, "app-1", "job-1"))[0], queued)
		w.refusedFor(w.accept(w.inATS(c, "app-2", "job-2"))[0], held)
	},
	"another account or another ATS has external ids of its own": func(w *world) {
		a := w.connect("acme")
		w.submitInATS(a, "app-1", "job-1")
		w.submitInATS(w.connect("globex"), "app-1", "job-9")
		other := w.newConnection("acme")
		other.Host = "other.example.com"
		c, err := w.s.CreateConnection(w.ctx, other, w.now)
		require.NoError(w.t, err)
		w.submitInATS(c, "app-1", "job-1")
	},
	"what was given up goes on through another, and not through both": func(w *world) {
		a, c := w.connect("acme"), w.connect("acme")
		first := w.submitInATS(a, "app-1", "job-1")
		_, err := w.s.Act(w.ctx, first.ID, atssync.ActCancel, w.now)
		require.NoError(w.t, err)
		w.pass(time.Minute)
		second := w.submitInATS(c, "app-1", "job-1")
		require.False(w.t, second.PossibleDuplicate)
		again := w.inATS(a, "app-1", "job-1")
		again.Submission.Fingerprint = "other"
		w.refusedFor(w.accept(again)[0], second)
	},
	"what the ATS refused goes on through another and is not retried": func(w *world) {
		a, c := w.connect("acme"), w.connect("acme")
		w.link(a, "job-1")
		l := w.lease(a, "daemon-1")
		first := w.submitInATS(a, "app-1", "job-1")
		w.finish(l, atssync.Finish{Submission: first.ID, Attempt: w.begin(l, first).Number, To: atssync.StateRefused})
		second := w.submitInATS(c, "app-1", "job-1")
		_, err := w.s.Act(w.ctx, first.ID, atssync.ActRetry, w.now)
		require.Equal(w.t, atssync.CodeConflict, atssync.CodeOf(err))
		require.ErrorContains(w.t, err, second.ID)
	},
	"given up in doubt is marked when it goes through another": func(w *world) {
		a, c := w.connect("acme"), w.connect("acme")
		w.link(a, "job-1")
		l := w.lease(a, "daemon-1")
		first := w.submitInATS(a, "app-1", "job-1")
		w.finish(l, atssync.Finish{Submission: first.ID, Attempt: w.begin(l, first).Number, To: atssync.StateUncertain})
		_, err := w.s.Resolve(w.ctx, first.ID, atssync.SettleUncertain{Resolution: atssync.ResolvedGiveUp, By: "person"}, w.now)
		require.NoError(w.t, err)
		require.True(w.t, w.submitInATS(c, "app-1", "job-1").PossibleDuplicate)
	},
	"a removed connection has no trouble any more": func(w *world) {
		c := w.connect("acme")
		_, err := w.s.UpdateLane(w.ctx, w.lease(c, "daemon-1"), func(l *atssync.Lane) []atssync.EventDraft {
			return l.Fail(atssync.OpRead, atssync.CannotRead, nil, w.now)
		}, w.now)
		require.NoError(w.t, err)
		w.remove(c)
		l, err := w.s.Lane(w.ctx, c.ID)
		require.NoError(w.t, err)
		require.Empty(w.t, l.Operations)
	},
	"a page marker that no list gave is refused": func(w *world) {
		for range 3 {
			w.connect("acme")
		}
		page, err := w.s.Connections(w.ctx, atssync.ConnectionQuery{Paging: atssync.Paging{Limit: 1}})
		require.NoError(w.t, err)
		_, err = w.s.Connections(w.ctx, atssync.ConnectionQuery{Paging: atssync.Paging{Limit: 1, After: page.Next}})
		require.NoError(w.t, err)
		for _, marker := range []string{"zzzz", "zzzzzzzzzzzz", page.Next} {
			p := atssync.Paging{After: marker}
			_, err := w.s.AuditRecords(w.ctx, "", p)
			w.code(err, atssync.CodeInvalid)
			_, err = w.s.Runs(w.ctx, atssync.RunQuery{Pass: "status", Paging: p})
			w.code(err, atssync.CodeInvalid)
			_, err = w.s.JobLinks(w.ctx, atssync.LinkQuery{Paging: p})
			w.code(err, atssync.CodeInvalid)
			_, err = w.s.Submissions(w.ctx, atssync.SubmissionQuery{Paging: p})
			w.code(err, atssync.CodeInvalid)
			_, err = w.s.PlatformJobs(w.ctx, atssync.JobQuery{Paging: p})
			w.code(err, atssync.CodeInvalid)
		}
		_, err = w.s.Connections(w.ctx, atssync.ConnectionQuery{Paging: atssync.Paging{After: "zzzz"}})
		w.code(err, atssync.CodeInvalid)
	},
	"the removed connection of the acting user is revived before that of the key": func(w *world) {
		ofUser := w.newConnection("acme")
		ofUser.IdentityKeys, ofUser.ActingUser = []string{"user 7"}, atssync.User{ID: "7"}
		ofKey := w.newConnection("acme")
		ofKey.IdentityKeys, ofKey.ActingUser = []string{"key"}, atssync.User{ID: "8"}
		var made []atssync.Connection
		for _, c := range []atssync.Connection{ofUser, ofKey} {
			c, err := w.s.CreateConnection(w.ctx, c, w.now)
			require.NoError(w.t, err)
			w.pass(time.Minute)
			w.remove(c)
			made = append(made, c)
		}
		again := w.newConnection("acme")
		again.IdentityKeys, again.ActingUser = []string{"key", "user 7"}, atssync.User{ID: "7"}
		c, err := w.s.CreateConnection(w.ctx, again, w.now)
		require.NoError(w.t, err)
		require.Equal(w.t, made[0].ID, c.ID)
	},
}
