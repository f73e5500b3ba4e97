package storetest

import (
	"bytes"
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

var intakeTests = map[string]func(*world){
	"a preview answers what accepting does and stores nothing": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		require.NoError(w.t, w.s.PutPlatformJobs(w.ctx, []atssync.PlatformJob{{ID: "theirs", Account: "globex"}}, atssync.Scope{}, w.now))
		w.submit(c, "same", "job-1")
		w.submit(c, "other", "job-1")
		l := w.lease(c, "daemon-1")
		w.submitted(c, l, "sent", "job-1")
		changed := w.document(c, "other", "job-2")
		changed.Submission.Fingerprint = "of other content"
		late := w.document(c, "sent", "job-1")
		late.Submission.Fingerprint = "of other content"
		in := []atssync.NewSubmission{
			w.document(c, "new", "job-1"), w.document(c, "held", "job-2"), w.document(c, "same", "job-1"), changed, late, w.document(c, "x", "theirs"),
		}
		before, told := w.balanced(c), w.events(c)
		got, err := w.s.Preview(w.ctx, in, w.now)
		require.NoError(w.t, err)
		require.Equal(w.t, before, w.balanced(c))
		require.Equal(w.t, told, w.events(c))
		for i, want := range w.accept(in...) {
			require.Equal(w.t, want.Result, got[i].Result, "item %d", i)
			require.Equal(w.t, want.Submission.State, got[i].Submission.State, "item %d", i)
			require.Equal(w.t, want.Submission.HeldReason, got[i].Submission.HeldReason, "item %d", i)
			require.Equal(w.t, want.Submission.Revision, got[i].Submission.Revision, "item %d", i)
			require.Equal(w.t, atssync.CodeOf(want.Err), atssync.CodeOf(got[i].Err), "item %d", i)
		}
	},
	"a linked job is queued and told to nobody": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		in := w.document(c, "app-1", "job-1")
		a := w.accept(in)[0]
		require.Equal(w.t, atssync.AcceptedNew, a.Result)
		s := a.Submission
		require.Equal(w.t, in.Submission.ID, s.ID)
		require.Equal(w.t, atssync.StateQueued, s.State)
		require.Equal(w.t, "acme", s.Account)
		require.Equal(w.t, 1, s.Revision)
		require.Equal(w.t, w.now, s.AcceptedAt)
		require.Equal(w.t, w.now, s.NextAt)
		require.Equal(w.t, s, w.sub(s.ID))
		p, err := w.s.Payload(w.ctx, s.ID)
		require.NoError(w.t, err)
		require.Equal(w.t, in.Payload, p)
		require.Empty(w.t, w.events(c))
		require.Equal(w.t, map[atssync.State]int64{atssync.StateQueued: 1}, w.balanced(c))
	},
	"a job that is not linked is held and told": func(w *world) {
		c := w.connect("acme")
		s := w.submit(c, "app-1", "job-1")
		require.Equal(w.t, "held: job_not_linked", w.state(s.ID))
		require.Equal(w.t, []string{"submission.held"}, w.events(c))
		e := w.allEvents(c)[0]
		require.Equal(w.t, s.ID, e.Subject)
		require.Equal(w.t, "acme", e.Account)
		require.Contains(w.t, string(e.Data), `"held_reason":"job_not_linked"`)
		require.Contains(w.t, string(e.Data), `"whose_turn":"platform"`)
	},
	"judged by everything that holds": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		w.link(c, "job-2")
		l := w.lease(c, "daemon-1")
		_, err := w.s.PutATSJobs(w.ctx, l, atssync.JobListing{Complete: true, Jobs: []sdk.Job{{ID: "ats-job-1", State: sdk.JobClosed}}}, w.now)
		require.NoError(w.t, err)
		require.Equal(w.t, "held: job_closed", w.state(w.submit(c, "app-1", "job-1").ID))
		lane := func(change func(*atssync.Lane)) {
			_, err := w.s.UpdateLane(w.ctx, l, func(l *atssync.Lane) []atssync.EventDraft { change(l); return nil }, w.now)
			require.NoError(w.t, err)
		}
		lane(func(l *atssync.Lane) {
			l.Jobs = map[string]atssync.JobTrouble{"ats-job-2": {Reason: atssync.HeldJobNotAccessible}}
		})
		require.Equal(w.t, "held: job_not_accessible", w.state(w.submit(c, "app-2", "job-2").ID))
		lane(func(l *atssync.Lane) { l.HoldReason = atssync.HeldRestored })
		require.Equal(w.t, "held: restored", w.state(w.submit(c, "app-3", "job-2").ID))
		w.pause(c)
		require.Equal(w.t, "held: connection_paused", w.state(w.submit(c, "app-4", "job-2").ID))
	},
	"the same again is the first submission": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		first := w.submit(c, "app-1", "job-1")
		w.pass(time.Minute)
		again := w.accept(w.document(c, "app-1", "job-1"))[0]
		require.Equal(w.t, atssync.AcceptedReplay, again.Result)
		require.Equal(w.t, first, again.Submission)
		require.Equal(w.t, map[atssync.State]int64{atssync.StateQueued: 1}, w.balanced(c))
	},
	"the same again is told the state it is in": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		s := w.submitted(c, w.lease(c, "daemon-1"), "app-1", "job-1")
		again := w.accept(w.document(c, "app-1", "job-1"))[0]
		require.Equal(w.t, atssync.AcceptedReplay, again.Result)
		require.Equal(w.t, s, again.Submission)
	},
	"other content of what waits is a revision": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		l := w.lease(c, "daemon-1")
		s := w.submit(c, "app-1", "job-1")
		a := w.begin(l, s)
		w.finish(l, atssync.Finish{
			Submission: s.ID, Attempt: a.Number, To: atssync.StateQueued, NextAt: w.now.Add(time.Hour), Counted: true,
			Trouble: &atssync.Trouble{Kind: sdk.KindTransient},
		})
		w.pass(time.Minute)
		in := w.document(c, "app-1", "job-1")
		in.Submission.Fingerprint, in.Submission.PersonKeys, in.Payload = "other", []string{"another person"}, atssync.Payload("other document")
		got := w.accept(in)[0]
		require.Equal(w.t, atssync.AcceptedRevision, got.Result)
		r := got.Submission
		require.Equal(w.t, s.ID, r.ID)
		require.Equal(w.t, 2, r.Revision)
		require.Equal(w.t, "other", r.Fingerprint)
		require.Equal(w.t, []string{"another person"}, r.PersonKeys)
		require.Nil(w.t, r.Trouble)
		require.Zero(w.t, r.Failures)
		require.Equal(w.t, w.now, r.NextAt)
		require.Equal(w.t, s.AcceptedAt, r.AcceptedAt)
		require.Equal(w.t, 1, r.Attempt, "attempts are numbered on")
		require.Equal(w.t, r, w.sub(s.ID))
		p, err := w.s.Payload(w.ctx, s.ID)
		require.NoError(w.t, err)
		require.Equal(w.t, in.Payload, p)
		require.Equal(w.t, map[atssync.State]int64{atssync.StateQueued: 1}, w.balanced(c))
	},
	"a revision of what ended is judged anew": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		l := w.lease(c, "daemon-1")
		for _, end := range []atssync.State{atssync.StateRefused, atssync.StateCancelled, atssync.StateExpired} {
			in := w.document(c, string(end), "job-1")
			in.Submission.ExpiresAt = w.now.Add(time.Minute)
			s := w.accept(in)[0].Submission
			switch end {
			case atssync.StateRefused:
				require.NoError(w.t, w.s.HoldSubmissions(w.ctx, l, []string{s.ID}, "", &atssync.Trouble{Kind: sdk.KindInvalid}, w.now))
			case atssync.StateCancelled:
				_, err := w.s.Act(w.ctx, s.ID, atssync.ActCancel, w.now)
				require.NoError(w.t, err)
			case atssync.StateExpired:
				n, err := w.s.Expire(w.ctx, 100, w.now.Add(time.Minute))
				require.NoError(w.t, err)
				require.Equal(w.t, 1, n)
			}
			require.Equal(w.t, string(end), w.state(s.ID))
			in.Submission.Fingerprint, in.Submission.ExpiresAt = "other", w.now.Add(time.Hour)
			got := w.accept(in)[0]
			require.Equal(w.t, atssync.AcceptedRevision, got.Result)
			require.Equal(w.t, atssync.StateQueued, got.Submission.State)
		}
		require.Equal(w.t, map[atssync.State]int64{atssync.StateQueued: 3}, w.balanced(c))
	},
	"a revision to another job moves there": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		s := w.submit(c, "app-1", "job-1")
		in := w.document(c, "app-1", "job-2")
		in.Submission.Fingerprint = "other"
		require.Equal(w.t, atssync.StateHeld, w.accept(in)[0].Submission.State)
		n, _, err := w.s.Backlog(w.ctx, c.ID, "job-2")
		require.NoError(w.t, err)
		require.Equal(w.t, 1, n)
		p, err := w.s.Submissions(w.ctx, atssync.SubmissionQuery{Connection: c.ID, PlatformJob: "job-2"})
		require.NoError(w.t, err)
		require.Len(w.t, p.Items, 1)
		require.Equal(w.t, s.ID, p.Items[0].ID)
		p, err = w.s.Submissions(w.ctx, atssync.SubmissionQuery{Connection: c.ID, PlatformJob: "job-1"})
		require.NoError(w.t, err)
		require.Empty(w.t, p.Items)
		require.Equal(w.t, []string{"submission.held"}, w.events(c))
		in = w.document(c, "app-1", "job-1")
		require.Equal(w.t, atssync.StateQueued, w.accept(in)[0].Submission.State)
		require.Equal(w.t, []string{"submission.held", "submission.released"}, w.events(c))
	},
	"what a person holds stays held over a revision": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		s := w.submit(c, "app-1", "job-1")
		_, err := w.s.Act(w.ctx, s.ID, atssync.ActHold, w.now)
		require.NoError(w.t, err)
		in := w.document(c, "app-1", "job-1")
		in.Submission.Fingerprint = "other"
		require.Equal(w.t, atssync.AcceptedRevision, w.accept(in)[0].Result)
		require.Equal(w.t, "held: operator", w.state(s.ID))
	},
	"what was sent is not revised": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		l := w.lease(c, "daemon-1")
		sending := w.submit(c, "sending", "job-1")
		w.begin(l, sending)
		subs := []atssync.Submission{sending, w.submitted(c, l, "submitted", "job-1"), w.uncertain(c, l, "uncertain", "job-1")}
		for _, s := range subs {
			in := w.document(c, s.ExternalID, "job-1")
			in.Submission.Fingerprint = "other"
			a := w.accept(in)[0]
			require.Equal(w.t, atssync.AcceptRefused, a.Result)
			w.code(a.Err, atssync.CodeConflict)
			require.ErrorContains(w.t, a.Err, string(w.sub(s.ID).State))
			require.ErrorContains(w.t, a.Err, "content cannot be changed")
			require.Equal(w.t, 1, w.sub(s.ID).Revision)
		}
	},
	"what the ATS holds a part of is not revised": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		l := w.lease(c, "daemon-1")
		s := w.submit(c, "app-1", "job-1")
		a := w.begin(l, s)
		w.finish(l, atssync.Finish{Submission: s.ID, Attempt: a.Number, To: atssync.StateQueued, NextAt: w.now, Continuation: []byte("half done")})
		in := w.document(c, "app-1", "job-1")
		in.Submission.Fingerprint = "other"
		got := w.accept(in)[0]
		w.code(got.Err, atssync.CodeConflict)
		require.ErrorContains(w.t, got.Err, "part")
	},
	"a batch is as if one came after the other": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		other := w.document(c, "app-1", "job-1")
		other.Submission.Fingerprint = "other"
		out := w.accept(w.document(c, "app-1", "job-1"), w.document(c, "app-1", "job-1"), other, w.document(c, "app-2", "job-1"))
		require.Equal(w.t, atssync.AcceptedNew, out[0].Result)
		require.Equal(w.t, atssync.AcceptedReplay, out[1].Result)
		require.Equal(w.t, atssync.AcceptedRevision, out[2].Result)
		require.Equal(w.t, atssync.AcceptedNew, out[3].Result)
		require.Equal(w.t, out[0].Submission.ID, out[1].Submission.ID)
		require.Equal(w.t, out[0].Submission.ID, out[2].Submission.ID)
		require.Equal(w.t, map[atssync.State]int64{atssync.StateQueued: 2}, w.balanced(c))
	},
	"a refusal of one leaves the others": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		gone := w.connect("acme")
		_, err := w.s.RemoveConnection(w.ctx, gone.ID, 0, w.now)
		require.NoError(w.t, err)
		out := w.accept(
			w.document(c, "app-1", "job-1"),
			w.document(atssync.Connection{ID: "con_none"}, "app-2", "job-1"),
			w.document(gone, "app-3", "job-1"),
			w.document(c, "app-4", "job-1"),
		)
		require.Equal(w.t, atssync.AcceptedNew, out[0].Result)
		w.code(out[1].Err, atssync.CodeNotFound)
		w.code(out[2].Err, atssync.CodeNotFound)
		require.Equal(w.t, atssync.AcceptedNew, out[3].Result)
		require.Equal(w.t, map[atssync.State]int64{atssync.StateQueued: 2}, w.balanced(c))
	},
	"nothing crosses accounts": func(w *world) {
		require.NoError(w.t, w.s.PutPlatformJobs(w.ctx, []atssync.PlatformJob{{ID: "job-g", Account: "globex"}}, atssync.Scope{}, w.now))
		c := w.connect("acme")
		a := w.accept(w.document(c, "app-1", "job-g"))[0]
		w.code(a.Err, atssync.CodeAccountMismatch)
		in := w.document(c, "app-2", "job-1")
		in.Submission.Account = "globex"
		w.code(w.accept(in)[0].Err, atssync.CodeAccountMismatch)
		both := w.document(c, "app-3", "job-g")
		both.Within = atssync.Scope{Accounts: []string{"acme", "globex"}}
		w.code(w.accept(both)[0].Err, atssync.CodeAccountMismatch)
		require.Empty(w.t, w.balanced(c))
	},
	"who does not see an account learns nothing of its jobs": func(w *world) {
		require.NoError(w.t, w.s.PutPlatformJobs(w.ctx, []atssync.PlatformJob{{ID: "job-g", Account: "globex"}}, atssync.Scope{}, w.now))
		c := w.connect("acme")
		for i, within := range []atssync.Scope{{Accounts: []string{"acme"}}, {Connections: []string{c.ID}}, {Accounts: []string{"acme"}, Connections: []string{c.ID}}} {
			for _, job := range []string{"job-g", "job-nobody"} {
				in := w.document(c, fmt.Sprintf("app-%s-%d", job, i), job)
				in.Within = within
				a := w.accept(in)[0]
				require.NoError(w.t, a.Err)
				require.Equal(w.t, atssync.HeldJobNotLinked, a.Submission.HeldReason)
			}
		}
		own := atssync.Scope{Accounts: []string{"acme"}}
		require.NoError(w.t, w.s.PutPlatformJobs(w.ctx, []atssync.PlatformJob{{ID: "job-g", Account: "acme", Title: "Ours"}}, own, w.now))
		theirs, err := w.s.PlatformJob(w.ctx, "globex", "job-g")
		require.NoError(w.t, err)
		require.Empty(w.t, theirs.Title, "the other account's job is as it was")
		require.NoError(w.t, w.s.PutPlatformJobs(w.ctx, []atssync.PlatformJob{{ID: "job-g", Account: "globex"}}, atssync.Scope{}, w.now))
	},
	"who sees one account takes no job ids from others": func(w *world) {
		own := atssync.Scope{Accounts: []string{"acme"}}
		require.NoError(w.t, w.s.PutPlatformJobs(w.ctx, []atssync.PlatformJob{{ID: "job-f", Account: "acme"}}, own, w.now))
		theirs := w.connect("globex")
		a := w.accept(w.document(theirs, "app-1", "job-f"))[0]
		require.NoError(w.t, a.Err)
		require.Equal(w.t, atssync.HeldJobNotLinked, a.Submission.HeldReason)
		require.NoError(w.t, w.s.PutPlatformJobs(w.ctx, []atssync.PlatformJob{{ID: "job-f", Account: "globex"}}, atssync.Scope{}, w.now))
		require.NoError(w.t, w.s.PutPlatformJobs(w.ctx, []atssync.PlatformJob{{ID: "job-f", Account: "globex", Title: "Ours"}}, atssync.Scope{Accounts: []string{"globex"}}, w.now))
		third := []atssync.PlatformJob{{ID: "job-f", Account: "initech"}}
		w.code(w.s.PutPlatformJobs(w.ctx, third, atssync.Scope{}, w.now), atssync.CodeAccountMismatch)
	},
	"an external id is one per connection only": func(w *world) {
		a, b := w.connect("acme"), w.connect("acme")
		require.NotEqual(w.t, w.submit(a, "app-1", "job-1").ID, w.submit(b, "app-1", "job-1").ID)
	},
	"an id that no key can hold is refused and harms no other": func(w *world) {
		c := w.connect("acme")
		out := w.accept(w.document(c, "app-1", string(bytes.Repeat([]byte("j"), 2000))), w.document(c, "app-2", "job-1"))
		w.code(out[0].Err, atssync.CodeInvalid)
		require.NoError(w.t, out[1].Err)
	},
	"large documents take several commits": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		var in []atssync.NewSubmission
		for i := range 60 {
			d := w.document(c, fmt.Sprintf("app-%d", i), "job-1")
			d.Payload = bytes.Repeat([]byte{byte(i)}, 256<<10)
			in = append(in, d)
		}
		for _, a := range w.accept(in...) {
			require.Equal(w.t, atssync.AcceptedNew, a.Result)
		}
		for i, d := range in {
			p, err := w.s.Payload(w.ctx, d.Submission.ID)
			require.NoError(w.t, err)
			require.Len(w.t, p, 256<<10)
			require.Equal(w.t, byte(i), p[0])
		}
		require.Equal(w.t, map[atssync.State]int64{atssync.StateQueued: 60}, w.balanced(c))
	},
	"five hundred at once and not more": func(w *world) {
		c := w.connect("acme")
		w.link(c, "job-1")
		var in []atssync.NewSubmission
		for i := range 501 {
			in = append(in, w.document(c, fmt.Sprintf("app-%d", i), "job-1"))
		}
		_, err := w.s.Accept(w.ctx, in, w.now)
		w.code(err, atssync.CodeInvalid)
		require.Empty(w.t, w.balanced(c))
		for _, a := range w.accept(in[:500]...) {
			require.Equal(w.t, atssync.AcceptedNew, a.Result)
		}
		require.Equal(w.t, int64(500), w.balanced(c)[atssync.StateQueued])
	},
	"imported is followed and already applied": func(w *world) {
		c := w.connect("acme")
		in := w.document(c, "app-1", "job-1")
		app := atssync.NewApplication(in.Submission, atssync.Receipt{CandidateID: "c1", ApplicationID: "a1"}, "Engineer", w.now)
		got, err := w.s.Import(w.ctx, in, app, w.now)
		require.NoError(w.t, err)
		require.Equal(w.t, atssync.AcceptedNew, got.Result)
		require.Equal(w.t, "already_applied", w.state(got.Submission.ID))
		a, err := w.s.Application(w.ctx, got.Submission.ID)
		require.NoError(w.t, err)
		require.True(w.t, a.Imported)
		require.Equal(w.t, "acme", a.Account)
		require.Equal(w.t, int64(1), a.Version)
		require.Equal(w.t, []string{"submission.already_applied"}, w.events(c))
		require.Equal(w.t, map[atssync.State]int64{atssync.StateAlreadyApplied: 1}, w.balanced(c))

		again, err := w.s.Import(w.ctx, in, app, w.now)
		require.NoError(w.t, err)
		require.Equal(w.t, atssync.AcceptedReplay, again.Result)
		handed := w.document(c, "app-1", "job-2")
		handed.Submission.Fingerprint = "whatever it says"
		later := w.accept(handed)[0]
		require.Equal(w.t, atssync.AcceptedReplay, later.Result)
		require.Equal(w.t, got.Submission.ID, later.Submission.ID)
		require.Equal(w.t, atssync.StateAlreadyApplied, later.Submission.State)
		twin := w.document(c, "app-2", "job-1")
		refused, err := w.s.Import(w.ctx, twin, app, w.now)
		require.NoError(w.t, err)
		w.code(refused.Err, atssync.CodeConflict)
		require.ErrorContains(w.t, refused.Err, got.Submission.ID)
	},
	"import refuses what waits to be sent": func(w *world) {
		c := w.connect("acme")
		w.submit(c, "app-1", "job-1")
		in := w.document(c, "app-1", "job-1")
		in.Submission.Fingerprint = "imported"
		got, err := w.s.Import(w.ctx, in, atssync.Application{ApplicationID: "a1"}, w.now)
		require.NoError(w.t, err)
		w.code(got.Err, atssync.CodeConflict)
	},
}
