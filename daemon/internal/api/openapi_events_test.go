package api

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// finished ends a new attempt at a queued submission.
func (w *world) finished(c Connection, id string, f atssync.Finish) {
	w.t.Helper()
	l, now := w.lease(w.t.Context(), c.ID), time.Now().Add(time.Second)
	begun, err := w.store.BeginAttempts(w.t.Context(), l, []atssync.BeginAttempt{{Submission: id, Revision: 1, ATSJob: "101", As: sdk.AsCandidate}}, now)
	require.NoError(w.t, err)
	require.Len(w.t, begun, 1)
	f.Submission, f.Attempt = id, begun[0].Number
	require.NoError(w.t, w.store.FinishAttempts(w.t.Context(), l, []atssync.Finish{f}, nil, now))
}

// everySubmissionEvent has a submission meet each of its ends.
func (w *world) everySubmissionEvent(c Connection) string {
	w.t.Helper()
	ctx := w.t.Context()
	w.submitted(c, "held", "job-unlinked")
	w.linked(c, "job-1")
	released := w.submitted(c, "released", "job-1")
	for _, act := range []string{Hold, Release, Cancel} {
		_, err := w.Act(ctx, released.ID, act)
		require.NoError(w.t, err)
	}
	receipt := &atssync.Receipt{CandidateID: "7", ApplicationID: "8", ProfileURL: "https://ats.example.com/people/7"}
	followed := w.submitted(c, "submitted", "job-1")
	sub, err := w.store.Submission(ctx, followed.ID)
	require.NoError(w.t, err)
	sub.ATSJob, sub.As = "101", sdk.AsCandidate
	app := atssync.NewApplication(sub, *receipt, "Engineer", time.Now())
	w.finished(c, followed.ID, atssync.Finish{To: atssync.StateSubmitted, Receipt: receipt, Application: &app})
	w.finished(c, w.submitted(c, "known", "job-1").ID, atssync.Finish{To: atssync.StateAlreadyApplied, Receipt: receipt})
	w.finished(c, w.submitted(c, "refused", "job-1").ID, atssync.Finish{To: atssync.StateRefused, Trouble: &atssync.Trouble{
		Kind: sdk.KindInvalid, Message: "the ATS refuses the data", Turn: sdk.TurnPlatform, Remedy: "mend it", Status: 422,
		Fields: []atssync.FieldError{{Path: "person.emails[0].address", Message: "is none"}},
	}})
	lost := w.submitted(c, "uncertain", "job-1")
	w.uncertain(c, lost.ID)
	_, err = w.Resolve(ctx, lost.ID, ResolveBody{Action: GiveUp})
	require.NoError(w.t, err)
	n, err := w.store.Expire(ctx, 100, time.Now().Add(100*24*time.Hour))
	require.NoError(w.t, err)
	require.NotZero(w.t, n)
	return followed.ID
}

// everyApplicationEvent has the ATS say everything of one application.
func (w *world) everyApplicationEvent(c Connection, id string) {
	w.t.Helper()
	ctx := w.t.Context()
	reading := func(status, stage string) sdk.Reading {
		return sdk.Reading{CandidateID: "7", ApplicationID: "8", JobID: "101", Raw: sdk.RawStatus{Status: status, StageName: stage}}
	}
	rules := atssync.Rules{MissingAfter: 1, Causes: []string{"the user lost access"}, Overrides: []atssync.StatusOverride{
		{RawStatus: "rejected", Status: sdk.StatusRejected}, {RawStatus: "active", Status: sdk.StatusActive, Phase: sdk.PhaseInterview},
	}}
	other := reading("active", "Offer")
	other.ApplicationID = "9"
	merged, deleted := other, other
	merged.Gone, merged.MergedInto, deleted.Gone = sdk.GoneMerged, "70", sdk.GoneDeleted
	now := time.Now()
	for _, readings := range [][]sdk.Reading{
		{reading("active", "Phone screen")},
		{reading("rejected", "Phone screen")},
		{reading("active", "Face to face")},
		nil,
		{reading("active", "Face to face")},
		{other},
		{merged},
		{deleted},
	} {
		now = now.Add(time.Minute)
		a, err := w.store.Application(ctx, id)
		require.NoError(w.t, err)
		was := a.Version
		changed, events := a.ApplyReadings(readings, rules, now)
		require.True(w.t, changed)
		if a.CandidateID == "70" {
			deleted.CandidateID = "70"
		}
		_, err = w.store.RecordReadings(ctx, w.lease(ctx, c.ID), []atssync.ApplicationChange{{Application: a, Was: was, Events: events}}, nil, now)
		require.NoError(w.t, err)
	}
}

// everyOtherEvent has the connection and a linked job come and go.
func (w *world) everyOtherEvent(c Connection) {
	w.t.Helper()
	ctx := w.t.Context()
	now := time.Now()
	for _, change := range []atssync.LaneChange{
		func(l *atssync.Lane) []atssync.EventDraft {
			return l.Fail(atssync.OpRead, "auth", &atssync.Trouble{Kind: sdk.KindAuth, Message: "the key is not accepted", Turn: sdk.TurnEmployer, Remedy: "make a new one"}, now)
		},
		func(l *atssync.Lane) []atssync.EventDraft { return l.Succeed(atssync.OpRead, now) },
	} {
		_, err := w.store.UpdateLane(ctx, w.lease(ctx, c.ID), change, now)
		require.NoError(w.t, err)
	}
	_, err := w.PauseConnection(ctx, c.ID, "a test", 0)
	require.NoError(w.t, err)
	_, err = w.ResumeConnection(ctx, c.ID, 0)
	require.NoError(w.t, err)
	var jobs []sdk.Job
	for _, id := range []string{"101", "102", "103", "104", "105", "106", "107"} {
		jobs = append(jobs, sdk.Job{ID: id, Name: "Engineer " + id, State: sdk.JobOpen})
	}
	for i, list := range [][]sdk.Job{jobs, jobs[1:], jobs[1:], jobs[1:], jobs} {
		_, err := w.store.PutATSJobs(ctx, w.lease(ctx, c.ID), atssync.JobListing{Jobs: list, Complete: true, OnlyOpen: true}, now.Add(time.Duration(i)*time.Hour))
		require.NoError(w.t, err)
	}
}

func TestEvents_OfEachTypeAreWhatTheirSchemasSay(t *testing.T) {
	t.Parallel()
	w, ctx := setup(t), t.Context()
	c := w.connected("acme", "ada@example.com")
	w.everyApplicationEvent(c, w.everySubmissionEvent(c))
	w.everyOtherEvent(c)
	require.NoError(t, w.store.HoldRestored(ctx, atssync.Restore{Backup: "a backup", MadeAt: time.Now(), At: time.Now()}, time.Now()))
	page, err := w.Events(ctx, EventQuery{Limit: 1000})
	require.NoError(t, err)
	s := newSchemas(t)
	missing := map[atssync.EventType]bool{}
	for _, e := range atssync.EventTypes() {
		missing[e] = true
	}
	for i, e := range page.Items {
		b, err := json.Marshal(e)
		require.NoError(t, err)
		require.NoError(t, s.check(pointer("components", "schemas", "Event"), b), "%s", b)
		body, err := e.Body(int64(i + 1))
		require.NoError(t, err)
		require.NoError(t, s.check(pointer("webhooks", string(e.Type), "post", "requestBody", "content", "application/json", "schema"), body), "%s", body)
		// The data itself holds nothing that its schema does not tell.
		require.NoError(t, s.check(pointer("components", "schemas", carries(e.Type).schema), e.Data), "%s", e.Data)
		delete(missing, e.Type)
	}
	require.Empty(t, missing, "no event of these types was made")
}
