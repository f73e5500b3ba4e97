package manage

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// linked is a world with one connection, a job linked, and one submission queued for it.
func linked(t *testing.T) (*world, Connection, atssync.Submission) {
	t.Helper()
	w := setup(t)
	c := w.connect(adaRequest())
	_, err := w.Link(w.ctx(), LinkRequest{Connection: c.ID, PlatformJob: "eng", ATSJob: "101"})
	require.NoError(t, err)
	return w, c, w.accept(c, "app-1", "eng")
}

func TestSubmissions_ListShowAndFindByThePlatformsID(t *testing.T) {
	t.Parallel()
	w, c, sub := linked(t)
	held := w.accept(c, "app-2", "other")
	page, err := w.Submissions(w.ctx(), atssync.SubmissionQuery{Connection: "Acme", State: atssync.StateHeld})
	require.NoError(t, err)
	require.Len(t, page.Items, 1)
	require.Equal(t, held.ID, page.Items[0].ID)
	require.Equal(t, sdk.TurnPlatform, page.Items[0].WhoseTurn)
	require.NotEmpty(t, page.Items[0].Remedy)
	_, err = w.Submissions(w.ctx(), atssync.SubmissionQuery{Connection: "nobody"})
	requireCode(t, err, atssync.CodeNotFound)

	id, err := w.SubmissionID(w.ctx(), "Acme", "app-1")
	require.NoError(t, err)
	require.Equal(t, sub.ID, id)
	_, err = w.SubmissionID(w.ctx(), "Acme", "app-9")
	requireCode(t, err, atssync.CodeNotFound, "never accepted", "app-9")
	_, err = w.Submission(w.ctx(), "sub_x", false)
	requireCode(t, err, atssync.CodeNotFound)
}

func TestSubmission_IsOpenedOnlyWhenAskedForAndThatIsAudited(t *testing.T) {
	t.Parallel()
	w, _, sub := linked(t)
	w.uncertain(sub)
	got, err := w.Submission(w.ctx(), sub.ID, false)
	require.NoError(t, err)
	require.Nil(t, got.Document)
	require.Len(t, got.Attempts, 1)
	require.Empty(t, got.Attempts[0].Note)
	require.Equal(t, "/candidates", got.Attempts[0].Exchanges[0].Endpoint)
	require.Contains(t, got.Remedy, "atssync resolve "+sub.ID)
	require.Empty(t, w.actions(sub.ID))
	got, err = w.Submission(w.ctx(), sub.ID, true)
	require.NoError(t, err)
	require.Equal(t, "ada@example.com", got.Document.Person.Emails[0].Address)
	require.Equal(t, "the note", got.Attempts[0].Note)
	require.Equal(t, []string{"submission.open"}, w.actions(sub.ID))
}

func TestAct_HoldReleaseCancelRetry(t *testing.T) {
	t.Parallel()
	w, _, sub := linked(t)
	got, err := w.Act(w.ctx(), sub.ID, atssync.ActHold)
	require.NoError(t, err)
	require.Equal(t, atssync.HeldOperator, got.HeldReason)
	got, err = w.Act(w.ctx(), sub.ID, atssync.ActRelease)
	require.NoError(t, err)
	require.Equal(t, atssync.StateQueued, got.State)
	require.False(t, got.NextAt.IsZero())
	_, err = w.Act(w.ctx(), sub.ID, atssync.ActRelease)
	requireCode(t, err, atssync.CodeConflict, "only a held")
	_, err = w.Act(w.ctx(), sub.ID, atssync.ActRetry)
	require.NoError(t, err)
	got, err = w.Act(w.ctx(), sub.ID, atssync.ActCancel)
	require.NoError(t, err)
	require.Equal(t, atssync.StateCancelled, got.State)
	_, err = w.Act(w.ctx(), sub.ID, "eat")
	requireCode(t, err, atssync.CodeInvalid)
	require.Equal(t, []string{"submission.hold", "submission.release", "submission.retry", "submission.cancel"}, w.actions(sub.ID))
}

// A person who wants it sent now is told the truth while the ATS asked to be left alone.
func TestAct_SaysUntilWhenTheATSAskedToBeLeftAlone(t *testing.T) {
	t.Parallel()
	w, c, sub := linked(t)
	now := time.Now()
	until := now.Add(40 * time.Minute)
	l := w.lease(w.ctx(), c.ID)
	trouble := atssync.ThrottledTrouble(&sdk.Error{Kind: sdk.KindRateLimited, Message: "Greenhouse asks for fewer requests"}, until)
	_, err := w.store.UpdateLane(w.ctx(), l, func(lane *atssync.Lane) []atssync.EventDraft {
		return lane.Throttle(atssync.OpSubmit, true, until, trouble, now)
	}, now)
	require.NoError(t, err)
	got, err := w.Act(w.ctx(), sub.ID, atssync.ActRetry)
	require.NoError(t, err)
	require.Equal(t, atssync.StateQueued, got.State)
	require.True(t, got.NextAt.Equal(until))
	require.Equal(t, sdk.TurnATS, got.WhoseTurn)
	require.Contains(t, got.Remedy, until.UTC().Format(time.RFC3339))
	shown, err := w.Connection(w.ctx(), c.ID)
	require.NoError(t, err)
	require.Equal(t, atssync.HealthStopped, shown.Health)

	_, err = w.Check(w.ctx(), c.ID) // the ATS answers: whatever waited may go on
	require.NoError(t, err)
	got, err = w.Act(w.ctx(), sub.ID, atssync.ActRetry)
	require.NoError(t, err)
	require.False(t, got.NextAt.After(time.Now()))
	require.Empty(t, got.WhoseTurn)
}

func TestRelease_ManyByATask(t *testing.T) {
	t.Parallel()
	w, c, sub := linked(t)
	_, err := w.Act(w.ctx(), sub.ID, atssync.ActHold)
	require.NoError(t, err)
	task, err := w.Release(w.ctx(), ReleaseRequest{Connection: "Acme", Reason: atssync.HeldOperator})
	require.NoError(t, err)
	list, err := w.Tasks(w.ctx(), "Acme")
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Equal(t, task.ID, list[0].ID)
	w.work(c.ID)
	require.Equal(t, atssync.StateQueued, w.state(sub.ID).State)
	_, err = w.Release(w.ctx(), ReleaseRequest{Connection: "Acme", Reason: "mood"})
	requireCode(t, err, atssync.CodeInvalid, "reason: must be one of job_not_linked")
	_, err = w.Release(w.ctx(), ReleaseRequest{Connection: "Acme", Reason: atssync.HeldOperator, PerMinute: -2})
	requireCode(t, err, atssync.CodeInvalid, "per_minute")
	_, err = w.Release(w.ctx(), ReleaseRequest{Connection: "nobody", Reason: atssync.HeldOperator})
	requireCode(t, err, atssync.CodeNotFound)
	_, err = w.Tasks(w.ctx(), "nobody")
	requireCode(t, err, atssync.CodeNotFound)
}

const profile = "https://app.ats.example.com/people/55"

func TestResolve_SubmittedIsProvedByOurExternalIDOnly(t *testing.T) {
	t.Parallel()
	own := sdk.Reading{CandidateID: "55", ApplicationID: "77", ExternalID: "app-1", JobID: "101", JobName: "Senior Engineer"}
	with := func(change func(*sdk.Reading)) sdk.Reading { r := own; change(&r); return r }
	for name, c := range map[string]struct {
		url      string
		readings []sdk.Reading
		change   func(w *world)
		code     atssync.Code
		texts    []string
	}{
		"good":                             {profile, []sdk.Reading{own}, nil, "", nil},
		"good, with the application":       {profile + "/applications/77", []sdk.Reading{with(func(r *sdk.Reading) { r.ApplicationID, r.JobID = "78", "102" }), own}, nil, "", nil},
		"good, on our job of two":          {profile, []sdk.Reading{with(func(r *sdk.Reading) { r.ApplicationID, r.JobID = "78", "102" }), own}, nil, "", nil},
		"good, as a person only":           {profile, []sdk.Reading{with(func(r *sdk.Reading) { r.ApplicationID, r.JobID = "", "" })}, nil, "", nil},
		"not a profile":                    {"https://evil.example.com/people/55", nil, nil, atssync.CodeInvalid, []string{"profile_url: is not the address of a candidate's page of Fake ATS"}},
		"nobody there":                     {profile, nil, nil, atssync.CodeNotFound, []string{"does not show the candidate 55", "the permission to see candidates"}},
		"another candidate":                {profile, []sdk.Reading{with(func(r *sdk.Reading) { r.CandidateID = "56" })}, nil, atssync.CodeNotFound, []string{"does not show"}},
		"deleted":                          {profile, []sdk.Reading{with(func(r *sdk.Reading) { r.Gone = sdk.GoneDeleted })}, nil, atssync.CodeNotFound, []string{"does not show"}},
		"another's external id":            {profile, []sdk.Reading{with(func(r *sdk.Reading) { r.ExternalID = "app-2" })}, nil, atssync.CodeConflict, []string{`carries the external id "app-2", not ours "app-1"`}},
		"no external id":                   {profile, []sdk.Reading{with(func(r *sdk.Reading) { r.ExternalID = "" })}, nil, atssync.CodeConflict, []string{"carries no external id"}},
		"two on our job":                   {profile, []sdk.Reading{own, with(func(r *sdk.Reading) { r.ApplicationID = "78" })}, nil, atssync.CodeConflict, []string{"has 2 applications", "address of the application"}},
		"an application that is not there": {profile + "/applications/99", []sdk.Reading{own}, nil, atssync.CodeNotFound, []string{"has no application 99"}},
		"the ATS is down":                  {profile, nil, func(w *world) { w.ats.failure = &sdk.Error{Kind: sdk.KindTransient, Message: "down"} }, atssync.CodeATS, []string{"down"}},
		"no way to read":                   {profile, nil, func(w *world) { w.ats.manifest.Powers = nil }, atssync.CodeConflict, []string{"does not announce read_statuses"}},
		"no description of profiles":       {profile, nil, func(w *world) { w.ats.manifest.ProfileURL = "" }, atssync.CodeConflict, []string{"does not say how"}},
		"a broken description":             {profile, nil, func(w *world) { w.ats.manifest.ProfileURL = "(" }, atssync.CodeAdapter, []string{"cannot be read"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, _, sub := linked(t)
			w.uncertain(sub)
			w.ats.readings = c.readings
			if c.change != nil {
				c.change(w)
			}
			got, err := w.Resolve(w.ctx(), ResolveRequest{ID: sub.ID, Action: atssync.ResolvedSubmitted, ProfileURL: c.url})
			if c.code != "" {
				requireCode(t, err, c.code, c.texts...)
				require.Equal(t, atssync.StateUncertain, w.state(sub.ID).State)
				return
			}
			require.NoError(t, err)
			require.Equal(t, atssync.StateSubmitted, got.State)
			require.Equal(t, "55", got.Receipt.CandidateID)
			require.Equal(t, c.url, got.Receipt.ProfileURL)
			app, err := w.Application(w.ctx(), sub.ID)
			require.NoError(t, err)
			require.Equal(t, got.Receipt.ApplicationID, app.ApplicationID)
			require.NotEqual(t, "78", app.ApplicationID)
		})
	}
}

// What is held for a restore and stands in the ATS is settled by a person before anything is released.
func TestResolve_HeldForARestoreAndFoundInTheATS(t *testing.T) {
	t.Parallel()
	w, c, sub := linked(t)
	other := w.accept(c, "app-2", "eng")
	now := time.Now().UTC()
	require.NoError(t, w.store.HoldRestored(w.t.Context(), atssync.Restore{Backup: "b", MadeAt: now, At: now}, now))
	require.Equal(t, atssync.HeldRestored, w.state(sub.ID).HeldReason)
	w.ats.readings = []sdk.Reading{{CandidateID: "55", ApplicationID: "77", ExternalID: "app-1", JobID: "101", JobName: "Senior Engineer"}}

	_, err := w.Resolve(w.ctx(), ResolveRequest{ID: other.ID, Action: atssync.ResolvedSubmitted, ProfileURL: profile})
	requireCode(t, err, atssync.CodeConflict, "not ours")
	for _, action := range []atssync.Resolution{atssync.ResolvedSendAgain, atssync.ResolvedGiveUp} {
		_, err := w.Resolve(w.ctx(), ResolveRequest{ID: sub.ID, Action: action})
		requireCode(t, err, atssync.CodeConflict, "only an uncertain one")
	}
	got, err := w.Resolve(w.ctx(), ResolveRequest{ID: sub.ID, Action: atssync.ResolvedSubmitted, ProfileURL: profile})
	require.NoError(t, err)
	require.Equal(t, atssync.StateSubmitted, got.State)
	require.Equal(t, "77", got.Receipt.ApplicationID)
	app, err := w.Application(w.ctx(), sub.ID)
	require.NoError(t, err)
	require.Equal(t, "77", app.ApplicationID, "it is followed")
	require.Equal(t, []string{"submission.resolve"}, w.actions(sub.ID))
	require.Equal(t, atssync.StateHeld, w.state(other.ID).State)
}

func TestResolve_AnApplicationThatIsFollowedAlreadyIsNotTakenTwice(t *testing.T) {
	t.Parallel()
	w, c, sub := linked(t)
	w.ats.readings = []sdk.Reading{{CandidateID: "55", ApplicationID: "77", JobID: "101"}}
	_, err := w.ImportApplications(w.ctx(), c.ID, strings.NewReader(`{"external_id":"old","job":"eng","candidate_id":"55","application_id":"77"}`), FormatAuto)
	require.NoError(t, err)
	w.uncertain(sub)
	w.ats.readings = []sdk.Reading{{CandidateID: "55", ApplicationID: "77", ExternalID: "app-1", JobID: "101"}}
	_, err = w.Resolve(w.ctx(), ResolveRequest{ID: sub.ID, Action: atssync.ResolvedSubmitted, ProfileURL: profile})
	requireCode(t, err, atssync.CodeConflict, "already followed")
}

func TestResolve_SendAgainAndGiveUp(t *testing.T) {
	t.Parallel()
	w, c, sub := linked(t)
	_, err := w.Resolve(w.ctx(), ResolveRequest{ID: sub.ID, Action: atssync.ResolvedGiveUp})
	requireCode(t, err, atssync.CodeConflict, "only an uncertain one")
	w.uncertain(sub)
	for text, req := range map[string]ResolveRequest{
		"submission: is required":               {Action: atssync.ResolvedGiveUp},
		"connection: is required":               {ExternalID: "app-1", Action: atssync.ResolvedGiveUp},
		"action: must be":                       {ID: sub.ID, Action: "hope"},
		"profile_url: is required":              {ID: sub.ID, Action: atssync.ResolvedSubmitted},
		"attempt: must be the number":           {ID: sub.ID, Action: atssync.ResolvedGiveUp, Attempt: -1},
		"profile_url: is for submitted only":    {ID: sub.ID, Action: atssync.ResolvedGiveUp, ProfileURL: profile},
		"never accepted a submission with exte": {Connection: c.ID, ExternalID: "x", Action: atssync.ResolvedGiveUp},
	} {
		_, err := w.Resolve(w.ctx(), req)
		require.ErrorContains(t, err, text)
	}
	again := ResolveRequest{Connection: "Acme", ExternalID: "app-1", Action: atssync.ResolvedSendAgain}
	_, err = w.Resolve(w.ctx(), again)
	requireCode(t, err, atssync.CodeInvalid, "attempt: is required to send it again: the last attempt is 1;")
	again.Attempt = 1
	got, err := w.Resolve(w.ctx(), again)
	require.NoError(t, err)
	require.True(t, got.PossibleDuplicate)
	require.Equal(t, atssync.StateQueued, got.State)
	w.uncertain(w.state(sub.ID))
	for _, action := range []atssync.Resolution{atssync.ResolvedSendAgain, atssync.ResolvedGiveUp} {
		_, err = w.Resolve(w.ctx(), ResolveRequest{ID: sub.ID, Action: action, Attempt: 1})
		requireCode(t, err, atssync.CodeChanged, "attempt 1 was looked for, and the last one is 2")
	}
	require.Equal(t, atssync.StateUncertain, w.state(sub.ID).State)
	got, err = w.Resolve(w.ctx(), ResolveRequest{ID: sub.ID, Action: atssync.ResolvedGiveUp})
	require.NoError(t, err)
	require.Equal(t, atssync.StateCancelled, got.State)
}

func TestResolveFile_EachLineByItself(t *testing.T) {
	t.Parallel()
	w, c, sub := linked(t)
	second, third := w.accept(c, "app-2", "eng"), w.accept(c, "app-3", "eng")
	for _, s := range []atssync.Submission{sub, second, third} {
		w.uncertain(s)
	}
	w.ats.readings = []sdk.Reading{{CandidateID: "55", ApplicationID: "77", ExternalID: "app-1", JobID: "101"}}
	got, err := w.ResolveFile(w.ctx(), strings.NewReader("external_id,submission,action,profile_url,attempt\n"+
		"app-1,,submitted,"+profile+",\n,"+second.ID+",send_again,,1\napp-3,,submitted,"+profile+",\napp-9,,give_up,,\napp-3,,dance,,\n"+
		"app-3,,send_again,,\napp-3,,send_again,,2\napp-3,,send_again,,last\n"), FormatAuto, "Acme")
	require.NoError(t, err)
	require.Equal(t, 8, got.Read)
	require.Equal(t, 2, got.Stored)
	require.Equal(t, 6, got.Refused)
	require.Equal(t, 4, got.Errors[0].Line)
	require.Contains(t, got.Errors[0].Message, "not ours")
	require.Equal(t, 5, got.Errors[1].Line)
	require.Equal(t, 6, got.Errors[2].Line)
	require.Contains(t, got.Errors[3].Message, "the last attempt is 1")
	require.Contains(t, got.Errors[4].Message, "attempt 2 was looked for")
	require.Equal(t, LineError{Line: 9, Path: "attempt", Message: "must be the number of an attempt, from 1"}, got.Errors[5])
	require.Equal(t, atssync.StateSubmitted, w.state(sub.ID).State)
	require.Equal(t, atssync.StateQueued, w.state(second.ID).State)
	require.Equal(t, atssync.StateUncertain, w.state(third.ID).State)
}

func TestFind_SettlesByOurExternalIDAndOnlyProposesOtherwise(t *testing.T) {
	t.Parallel()
	proof := sdk.Match{By: sdk.FindExternalID, ExternalID: "app-1", Receipt: sdk.Receipt{CandidateID: "55", ApplicationID: "77"}}
	guess := sdk.Match{By: sdk.FindEmailAndJob, Receipt: sdk.Receipt{CandidateID: "56", ApplicationID: "78"}}
	lie := sdk.Match{By: sdk.FindExternalID, ExternalID: "app-2", Receipt: sdk.Receipt{CandidateID: "57"}}
	for name, c := range map[string]struct {
		matches  []sdk.Match
		settled  bool
		proposal string
	}{
		"nothing":             {nil, false, ""},
		"proof":               {[]sdk.Match{guess, proof}, true, ""},
		"one guess":           {[]sdk.Match{guess}, false, "56"},
		"two guesses":         {[]sdk.Match{guess, lie}, false, ""},
		"another external id": {[]sdk.Match{lie}, false, "57"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, _, sub := linked(t)
			_, err := w.Find(w.ctx(), sub.ID)
			requireCode(t, err, atssync.CodeConflict, "only an uncertain one")
			w.uncertain(sub)
			_, err = w.Find(w.ctx(), sub.ID)
			requireCode(t, err, atssync.CodeConflict, "does not announce find")
			w.ats.manifest.Powers = append(w.ats.manifest.Powers, sdk.PowerFind)
			w.ats.matches = c.matches
			got, err := w.Find(w.ctx(), sub.ID)
			require.NoError(t, err)
			require.Equal(t, c.settled, got.Settled)
			require.Len(t, got.Matches, len(c.matches))
			now := w.state(sub.ID)
			require.Equal(t, c.settled, now.State == atssync.StateSubmitted)
			if c.proposal == "" {
				require.Nil(t, now.Proposal)
			} else {
				require.Equal(t, c.proposal, now.Proposal.CandidateID)
			}
		})
	}
}

func TestSchedule_RunsAPassNowAndAuditsIt(t *testing.T) {
	t.Parallel()
	w := setup(t)
	list, err := w.Schedule(w.ctx())
	require.NoError(t, err)
	require.Len(t, list, 1)
	id, err := w.RunNow(w.ctx(), "status")
	require.NoError(t, err)
	require.Equal(t, []string{"pass.run"}, w.actions(id))
	_, err = w.RunNow(w.ctx(), "dance")
	requireCode(t, err, atssync.CodeNotFound)
	runs, err := w.Runs(w.ctx(), atssync.RunQuery{Pass: ""})
	require.NoError(t, err)
	require.Empty(t, runs.Items)
	_, err = w.Runs(w.ctx(), atssync.RunQuery{Pass: "status"})
	require.NoError(t, err)
	_, err = w.Runs(w.ctx(), atssync.RunQuery{Pass: "dance"})
	requireCode(t, err, atssync.CodeInvalid, "query.pass")
	points, err := w.Checkpoints(w.ctx(), "", atssync.Paging{})
	require.NoError(t, err)
	require.Empty(t, points.Items)
	w.o.Schedule = nil
	_, err = w.Schedule(w.ctx())
	requireCode(t, err, atssync.CodeUnavailable)
	_, err = w.RunNow(w.ctx(), "status")
	requireCode(t, err, atssync.CodeUnavailable)
}
