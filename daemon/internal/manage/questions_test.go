package manage

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// asked is a world with an imported application that is gone from the ATS, while its candidate is shown with two others.
func asked(t *testing.T) (*world, Connection, atssync.Application) {
	t.Helper()
	w, c, _ := linked(t)
	return w, c, w.asked(c, "old")
}

func (w *world) asked(c Connection, external string) atssync.Application {
	w.t.Helper()
	w.ats.readings = []sdk.Reading{{CandidateID: "55", ApplicationID: "of " + external, JobID: "101", JobName: "Senior Engineer"}}
	report, err := w.ImportApplications(w.ctx(), c.ID, strings.NewReader(`{"external_id":"`+external+`","job":"eng","candidate_id":"55","application_id":"of `+external+`"}`), FormatAuto)
	require.NoError(w.t, err)
	require.Empty(w.t, report.Refused)
	w.ats.readings = []sdk.Reading{
		{CandidateID: "55", ApplicationID: "78", JobID: "102", JobName: "Designer", ProfileURL: profile, Raw: sdk.RawStatus{Status: "active", StageName: "Onsite"}},
		{CandidateID: "55", ApplicationID: "79", JobID: "103", JobName: "Old Job", Raw: sdk.RawStatus{Status: "rejected"}},
		{CandidateID: "56", ApplicationID: "80", JobID: "102", JobName: "Designer"},
	}
	id, err := w.SubmissionID(w.ctx(), c.ID, external)
	require.NoError(w.t, err)
	a, err := w.Application(w.ctx(), id)
	require.NoError(w.t, err)
	was, now := a.Version, time.Now().UTC()
	a.SeenAt = now
	changed, events := a.ApplyReadings(a.Shown(w.ats.readings), atssync.Rules{}, now)
	require.True(w.t, changed)
	_, err = w.store.RecordReadings(w.t.Context(), w.lease(w.t.Context(), c.ID), []atssync.ApplicationChange{{Application: a, Was: was, Events: events}}, nil, now)
	require.NoError(w.t, err)
	a, err = w.Application(w.ctx(), id)
	require.NoError(w.t, err)
	require.NotEmpty(w.t, a.Question)
	return a
}

func TestQuestion_ListsWhatTheATSShowsNow(t *testing.T) {
	t.Parallel()
	w, c, a := asked(t)
	q, err := w.Question(w.ctx(), a.ID)
	require.NoError(t, err)
	require.Equal(t, a.Version, q.Version)
	require.Equal(t, sdk.TurnEmployer, q.WhoseTurn)
	require.Contains(t, q.Remedy, "atssync applications answer "+a.ID)
	require.Equal(t, "of old", q.ApplicationID)
	require.Equal(t, []QuestionChoice{
		{ApplicationID: "78", JobID: "102", JobName: "Designer", ProfileURL: profile, Raw: atssync.RawWords{Status: "active", StageName: "Onsite"}},
		{ApplicationID: "79", JobID: "103", JobName: "Old Job", Raw: atssync.RawWords{Status: "rejected"}},
	}, q.Choices)
	page, err := w.Applications(w.ctx(), atssync.ApplicationQuery{Connection: "Acme", Question: true})
	require.NoError(t, err)
	require.Len(t, page.Items, 1)
	activity, err := w.Activity(w.ctx(), c.ID)
	require.NoError(t, err)
	require.Equal(t, 1, activity.Questions)
	_, err = w.Within(atssync.Scope{Accounts: []string{"globex"}}).Question(w.ctx(), a.ID)
	requireCode(t, err, atssync.CodeNotFound)
}

func TestAnswer_IsReadLiveAndNeverTakenOnTrust(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		req    AnswerRequest
		change func(w *world)
		code   atssync.Code
		texts  []string
	}{
		"neither":                {AnswerRequest{Version: 2}, nil, atssync.CodeInvalid, []string{"application_id: give one"}},
		"both":                   {AnswerRequest{Version: 2, ApplicationID: "78", None: true}, nil, atssync.CodeInvalid, []string{"not both"}},
		"no version":             {AnswerRequest{ApplicationID: "78"}, nil, atssync.CodeInvalid, []string{"version: is required"}},
		"another version":        {AnswerRequest{Version: 1, None: true}, nil, atssync.CodeChanged, []string{"version 1 was looked at, and it is 2 now"}},
		"not there":              {AnswerRequest{Version: 2, ApplicationID: "99"}, nil, atssync.CodeInvalid, []string{"shows no application 99", "78 (job \"Designer\"", "79 (job \"Old Job\""}},
		"another candidate's":    {AnswerRequest{Version: 2, ApplicationID: "80"}, nil, atssync.CodeInvalid, []string{"shows no application 80"}},
		"the candidate is gone":  {AnswerRequest{Version: 2, ApplicationID: "78"}, func(w *world) { w.ats.readings = nil }, atssync.CodeNotFound, []string{"does not show the candidate 55", "the permission to see candidates"}},
		"the ATS names none":     {AnswerRequest{Version: 2, ApplicationID: "78"}, func(w *world) { w.ats.readings = []sdk.Reading{{CandidateID: "55"}} }, atssync.CodeInvalid, []string{"or its adapter, names no application"}},
		"the ATS is down":        {AnswerRequest{Version: 2, ApplicationID: "78"}, func(w *world) { w.ats.failure = &sdk.Error{Kind: sdk.KindTransient, Message: "down"} }, atssync.CodeATS, []string{"down"}},
		"no way to read":         {AnswerRequest{Version: 2, ApplicationID: "78"}, func(w *world) { w.ats.manifest.Powers = nil }, atssync.CodeConflict, []string{"does not announce read_statuses"}},
		"there is no such thing": {AnswerRequest{Version: 2, None: true, ID: "sub_none"}, nil, atssync.CodeNotFound, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, _, a := asked(t)
			if c.change != nil {
				c.change(w)
			}
			if c.req.ID == "" {
				c.req.ID = a.ID
			}
			_, err := w.Answer(w.ctx(), c.req)
			requireCode(t, err, c.code, c.texts...)
			got, err := w.Application(w.ctx(), a.ID)
			require.NoError(t, err)
			require.Equal(t, a, got)
		})
	}
}

func TestAnswer_SettlesOnceAndIsWrittenDown(t *testing.T) {
	t.Parallel()
	w, c, a := asked(t)
	got, err := w.Answer(w.ctx(), AnswerRequest{ID: a.ID, ApplicationID: "78", Version: a.Version})
	require.NoError(t, err)
	require.Equal(t, "78", got.ApplicationID)
	require.Equal(t, "Onsite", got.Raw.StageName)
	require.Contains(t, w.actions(a.ID), "application.answer")
	_, err = w.Answer(w.ctx(), AnswerRequest{ID: a.ID, None: true, Version: got.Version})
	requireCode(t, err, atssync.CodeConflict, "no open question")
	_, err = w.Question(w.ctx(), a.ID)
	requireCode(t, err, atssync.CodeConflict, "no open question")

	other := w.asked(c, "older")
	q, err := w.Question(w.ctx(), other.ID)
	require.NoError(t, err)
	require.Equal(t, a.ID, q.Choices[0].FollowedAs)
	require.Empty(t, q.Choices[1].FollowedAs)
	_, err = w.Answer(w.ctx(), AnswerRequest{ID: other.ID, ApplicationID: "78", Version: other.Version})
	requireCode(t, err, atssync.CodeConflict, "already followed as submission "+a.ID)
	w.ats.state = "stopped" // nothing of the ATS is taken for none of them
	got, err = w.Answer(w.ctx(), AnswerRequest{ID: other.ID, None: true, Version: other.Version})
	require.NoError(t, err)
	require.Equal(t, atssync.NotVisible, got.Visibility)
	require.False(t, got.QuestionSettledAt.IsZero())
}

func TestAnswer_HoldsATerminalChangeBackAsReadingsDo(t *testing.T) {
	t.Parallel()
	w, _, a := asked(t)
	w.Reconfigure(Policy{Settle: time.Hour})
	w.ats.manifest.Statuses = []sdk.StatusRule{{RawStatus: "rejected", Status: sdk.StatusRejected, Native: true}}
	got, err := w.Answer(w.ctx(), AnswerRequest{ID: a.ID, ApplicationID: "79", Version: a.Version})
	require.NoError(t, err)
	require.Equal(t, sdk.StatusActive, got.Status)
	require.NotNil(t, got.Settling)
}
