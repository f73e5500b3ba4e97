package atssync_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// other is an application of the candidate that is not ours.
func other(id, job, stage string) sdk.Reading {
	rd := reading("active", stage)
	rd.ApplicationID, rd.JobID, rd.JobName, rd.ProfileURL = id, job, "Job "+job, "https://ats.example.com/"+id
	return rd
}

// asked is an application whose question is open, and what the ATS shows of its candidate.
func asked(t *testing.T) (atssync.Application, []sdk.Reading) {
	t.Helper()
	a, shown := application(), []sdk.Reading{other("a2", "j2", "Onsite"), other("a3", "j3", "Offer")}
	changed, drafts := a.ApplyReadings(shown, rules, now)
	require.True(t, changed)
	require.Equal(t, []atssync.EventType{atssync.EventNotVisible}, types(drafts))
	require.NotEmpty(t, a.Question)
	require.Equal(t, now, a.QuestionAskedAt)
	a.Version = 5
	return a, shown
}

func TestAnswer_TheChosenOneIsFollowed(t *testing.T) {
	t.Parallel()
	a, shown := asked(t)
	revision, later := a.Revision, now.Add(time.Hour)
	drafts, err := a.Answer(atssync.AnswerQuestion{Version: 5, ApplicationID: "a3", Readings: shown, Rules: rules}, later)
	require.NoError(t, err)
	require.Equal(t, []atssync.EventType{atssync.EventRekeyed, atssync.EventVisible, atssync.EventStatusChanged}, types(drafts))
	told := eventOf(t, drafts[0])
	require.Equal(t, "a1", told.PreviousApplicationID)
	require.Equal(t, "a3", told.Receipt.ApplicationID)
	require.Empty(t, told.Question)
	for i, d := range drafts {
		require.Equal(t, revision+1+i, eventOf(t, d).Revision)
	}
	require.Equal(t, "a3", a.ApplicationID)
	require.Equal(t, "https://ats.example.com/a3", a.ProfileURL)
	require.Equal(t, atssync.Visible, a.Visibility)
	require.Equal(t, sdk.PhaseOffer, a.Phase)
	require.Empty(t, a.Question)
	require.Zero(t, a.QuestionAskedAt)
	changed, drafts := a.ApplyReadings(shown, rules, later)
	require.False(t, changed, "it is followed like any other")
	require.Empty(t, drafts)
	shown[1].Raw.Status = "hired"
	_, drafts = a.ApplyReadings(shown, rules, later)
	require.Equal(t, []atssync.EventType{atssync.EventStatusChanged}, types(drafts))
	require.Equal(t, sdk.StatusHired, a.Status)
}

func TestAnswer_NoneOfThemIsNotAskedAgain(t *testing.T) {
	t.Parallel()
	for name, back := range map[string]struct {
		shown  sdk.Reading
		events []atssync.EventType
	}{
		"until ours is shown":            {reading("active", "Application review"), []atssync.EventType{atssync.EventVisible}},
		"until one on our job is shown":  {other("a4", "j1", "Application review"), []atssync.EventType{atssync.EventRekeyed, atssync.EventVisible}},
		"until the candidate is deleted": {sdk.Reading{CandidateID: "c1", ApplicationID: "a1", Gone: sdk.GoneDeleted}, []atssync.EventType{atssync.EventDeleted}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, shown := asked(t)
			later := now.Add(time.Hour)
			drafts, err := a.Answer(atssync.AnswerQuestion{Version: 5, Rules: rules}, later)
			require.NoError(t, err)
			require.Equal(t, []atssync.EventType{atssync.EventNotVisible}, types(drafts))
			told := eventOf(t, drafts[0])
			require.Empty(t, told.Question)
			require.Equal(t, rules.Causes, told.Causes)
			require.Equal(t, "a1", a.ApplicationID)
			require.Equal(t, later, a.QuestionSettledAt)
			for range 3 {
				changed, drafts := a.ApplyReadings(shown, rules, later)
				require.False(t, changed)
				require.Empty(t, drafts)
				require.Empty(t, a.Question)
			}
			_, drafts = a.ApplyReadings(append(shown, back.shown), rules, later)
			require.Equal(t, back.events, types(drafts))
			require.Zero(t, a.QuestionSettledAt)
			if a.Visibility == atssync.Visible {
				_, _ = a.ApplyReadings(shown, rules, later)
				require.NotEmpty(t, a.Question, "and what happens anew is asked anew")
			}
		})
	}
}

func TestAnswer_IsNeverAppliedToWhatWasNotAsked(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(a *atssync.Application, how *atssync.AnswerQuestion)
		code   atssync.Code
		texts  []string
	}{
		"there is no question": {func(a *atssync.Application, _ *atssync.AnswerQuestion) { a.Question = "" }, atssync.CodeConflict, []string{"no open question"}},
		"another version":      {func(a *atssync.Application, _ *atssync.AnswerQuestion) { a.Version = 6 }, atssync.CodeChanged, []string{"version 5 was looked at, and it is 6 now"}},
		"no version":           {func(_ *atssync.Application, how *atssync.AnswerQuestion) { how.Version = 0 }, atssync.CodeChanged, []string{"version 0"}},
		"an application that is not there": {
			func(_ *atssync.Application, how *atssync.AnswerQuestion) { how.ApplicationID = "a9" }, atssync.CodeInvalid,
			[]string{"no application a9 of the candidate c1", `a2 (job "Job j2", "active Onsite"); a3 (job "Job j3", "active Offer")`},
		},
		"another candidate's": {
			func(_ *atssync.Application, how *atssync.AnswerQuestion) { how.Readings[1].CandidateID = "c2" }, atssync.CodeInvalid, []string{"no application a3"},
		},
		"the ATS names none": {
			func(_ *atssync.Application, how *atssync.AnswerQuestion) {
				how.Readings = []sdk.Reading{{CandidateID: "c1"}}
			}, atssync.CodeInvalid, []string{"or its adapter, names no application of this candidate"},
		},
		"it cannot be read": {
			func(_ *atssync.Application, how *atssync.AnswerQuestion) {
				how.Readings[1].Unreadable = "stage is a number"
			}, atssync.CodeATS, []string{"stage is a number"},
		},
		"ours is there again": {
			func(_ *atssync.Application, how *atssync.AnswerQuestion) {
				how.Readings = append(how.Readings, reading("active", "Application review"))
			}, atssync.CodeConflict, []string{"application a1", "is shown again"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, shown := asked(t)
			how := atssync.AnswerQuestion{Version: 5, ApplicationID: "a3", Readings: shown, Rules: rules}
			c.change(&a, &how)
			before := a
			drafts, err := a.Answer(how, now)
			require.Equal(t, c.code, atssync.CodeOf(err), "%v", err)
			for _, text := range c.texts {
				require.ErrorContains(t, err, text)
			}
			require.Empty(t, drafts)
			require.Equal(t, before, a)
		})
	}
}

func TestAnswer_OursThatIsThereAgain(t *testing.T) {
	t.Parallel()
	a, shown := asked(t)
	drafts, err := a.Answer(atssync.AnswerQuestion{Version: 5, ApplicationID: "a1", Readings: append(shown, reading("active", "Application review")), Rules: rules}, now)
	require.NoError(t, err)
	require.Equal(t, []atssync.EventType{atssync.EventVisible}, types(drafts))
	require.Equal(t, "a1", a.ApplicationID)
	require.Empty(t, a.Question)
}

func TestAnswer_ARecordFromBeforeIsReadAndDatedOnce(t *testing.T) {
	t.Parallel()
	a, shown := asked(t)
	a.QuestionAskedAt = time.Time{}
	b, err := json.Marshal(a)
	require.NoError(t, err)
	require.NotContains(t, string(b), "question_asked_at")
	var old atssync.Application
	require.NoError(t, json.Unmarshal(b, &old))
	later := now.Add(24 * time.Hour)
	changed, drafts := old.ApplyReadings(shown, rules, later)
	require.True(t, changed)
	require.Empty(t, drafts)
	require.Equal(t, later, old.QuestionAskedAt)
	changed, _ = old.ApplyReadings(shown, rules, later.Add(time.Hour))
	require.False(t, changed)
}
