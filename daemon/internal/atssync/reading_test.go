package atssync_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// rules are those of an ATS with a closed list of statuses and free stage names.
var rules = atssync.Rules{
	Table: []sdk.StatusRule{
		{RawStatus: "active", Status: sdk.StatusActive, Native: true},
		{RawStatus: "hired", Status: sdk.StatusHired, Native: true},
		{RawStatus: "rejected", Status: sdk.StatusRejected, Native: true},
		{RawStageName: "Offer", Phase: sdk.PhaseOffer},
	},
	Causes: []string{"the user lost the job", "the candidate was made private"},
}

func application() atssync.Application {
	s := atssync.Submission{ID: "sub_1", Connection: "con", ExternalID: "app-1", PlatformJob: "job-1", ATSJob: "j1", As: sdk.AsCandidate}
	a := atssync.NewApplication(s, atssync.Receipt{CandidateID: "c1", ApplicationID: "a1"}, "Engineer", now)
	a.SeenAt = now
	a.Raw = atssync.RawWords{Status: "active", StageName: "Application review"}
	a.Phase, a.Mapping = sdk.PhaseReview, atssync.MappingInferred
	return a
}

func reading(status, stage string) sdk.Reading {
	return sdk.Reading{CandidateID: "c1", ApplicationID: "a1", JobID: "j1", Raw: sdk.RawStatus{Status: status, StageName: stage}}
}

func eventOf(t *testing.T, d atssync.EventDraft) atssync.ApplicationEvent {
	t.Helper()
	e, ok := d.Data.(atssync.ApplicationEvent)
	require.True(t, ok)
	return e
}

func TestApplyReadings_TheSameAgainChangesNothing(t *testing.T) {
	t.Parallel()
	a := application()
	changed, _ := a.ApplyReadings([]sdk.Reading{reading("active", "Application review")}, rules, now)
	require.False(t, changed, "%+v", a)
	rd := reading("active", "Onsite")
	rd.ChangedAt = now.Add(-time.Hour).In(time.FixedZone("far away", 3600*7))
	changed, drafts := a.ApplyReadings([]sdk.Reading{rd}, rules, now)
	require.True(t, changed)
	require.Len(t, drafts, 1)
	rd.ChangedAt = rd.ChangedAt.In(time.FixedZone("elsewhere", -3600))
	before := a
	changed, drafts = a.ApplyReadings([]sdk.Reading{rd}, rules, now.Add(time.Hour))
	require.False(t, changed, "the same instant told in another zone is the same instant")
	require.Empty(t, drafts)
	require.Equal(t, before, a)
}

func TestApplyReadings_AChangeIsToldWithWhatItWas(t *testing.T) {
	t.Parallel()
	a := application()
	later := now.Add(time.Hour)
	changed, drafts := a.ApplyReadings([]sdk.Reading{reading("active", "Onsite interview")}, rules, later)
	require.True(t, changed)
	require.Equal(t, []atssync.EventType{atssync.EventStatusChanged}, types(drafts))
	e := eventOf(t, drafts[0])
	require.Equal(t, sdk.PhaseInterview, e.Phase)
	require.Equal(t, sdk.PhaseReview, e.PreviousPhase)
	require.Equal(t, sdk.StatusActive, e.PreviousStatus)
	require.Equal(t, 1, e.Revision)
	require.Equal(t, 1, a.Revision)
	require.Equal(t, later, a.ObservedAt)
	require.Equal(t, "app-1", e.ExternalID)
}

func TestApplyReadings_OnlyTheClockMovedIsKeptAndNotTold(t *testing.T) {
	t.Parallel()
	a := application()
	rd := reading("active", "Application review")
	rd.ChangedAt = now.Add(-time.Minute)
	changed, drafts := a.ApplyReadings([]sdk.Reading{rd}, rules, now)
	require.True(t, changed)
	require.Empty(t, drafts)
	require.True(t, a.ChangedAt.Equal(rd.ChangedAt))
	require.Zero(t, a.Revision)
}

func TestApplyReadings_TerminalKeepsThePhaseAndMayReopen(t *testing.T) {
	t.Parallel()
	a := application()
	_, drafts := a.ApplyReadings([]sdk.Reading{reading("rejected", "Application review")}, rules, now)
	require.Equal(t, []atssync.EventType{atssync.EventStatusChanged}, types(drafts))
	require.Equal(t, sdk.StatusRejected, a.Status)
	require.Equal(t, sdk.PhaseReview, a.Phase)
	_, drafts = a.ApplyReadings([]sdk.Reading{reading("active", "Phone screen")}, rules, now)
	require.Equal(t, []atssync.EventType{atssync.EventReopened}, types(drafts))
	require.Equal(t, sdk.PhaseScreen, a.Phase)
}

func TestApplyReadings_MissingThriceIsNotVisibleAndNeverDeleted(t *testing.T) {
	t.Parallel()
	a := application()
	for i := 1; i <= 2; i++ {
		changed, drafts := a.ApplyReadings(nil, rules, now)
		require.True(t, changed)
		require.Empty(t, drafts)
		require.Equal(t, i, a.Missing)
		require.Equal(t, atssync.Visible, a.Visibility)
	}
	_, drafts := a.ApplyReadings(nil, rules, now)
	require.Equal(t, []atssync.EventType{atssync.EventNotVisible}, types(drafts))
	e := eventOf(t, drafts[0])
	require.Equal(t, rules.Causes, e.Causes)
	require.Equal(t, sdk.StatusActive, e.Status, "the status is kept")
	changed, drafts := a.ApplyReadings(nil, rules, now)
	require.False(t, changed, "it is told once")
	require.Empty(t, drafts)

	_, drafts = a.ApplyReadings([]sdk.Reading{reading("rejected", "Onsite")}, rules, now)
	require.Equal(t, []atssync.EventType{atssync.EventVisible, atssync.EventStatusChanged}, types(drafts))
	first, second := eventOf(t, drafts[0]), eventOf(t, drafts[1])
	require.Equal(t, second.Revision, first.Revision+1, "the newest revision is told last")
	require.Equal(t, second.Revision, a.Revision)
	require.Zero(t, a.Missing)
}

func TestApplyReadings_SeenBetweenForgetsTheMissing(t *testing.T) {
	t.Parallel()
	a := application()
	same := reading("active", "Application review")
	for range 5 {
		a.ApplyReadings(nil, rules, now)
		a.ApplyReadings(nil, rules, now)
		changed, drafts := a.ApplyReadings([]sdk.Reading{same}, rules, now)
		require.True(t, changed)
		require.Empty(t, drafts)
	}
	require.Equal(t, atssync.Visible, a.Visibility)
}

func TestApplyReadings_NeverSeenIsNotMissing(t *testing.T) {
	t.Parallel()
	a := application()
	a.SeenAt = time.Time{}
	for range 5 {
		changed, _ := a.ApplyReadings(nil, rules, now)
		require.False(t, changed, "the read-back of the job tells")
	}
	changed, _ := a.ApplyReadings([]sdk.Reading{reading("active", "Application review")}, rules, now)
	require.True(t, changed)
	require.Equal(t, now, a.SeenAt)
}

func TestApplyReadings_GoneIsToldOnce(t *testing.T) {
	t.Parallel()
	for gone, want := range map[sdk.Gone]struct {
		event      atssync.EventType
		visibility atssync.Visibility
	}{
		sdk.GoneDeleted: {atssync.EventDeleted, atssync.Deleted},
		sdk.GoneMerged:  {atssync.EventMerged, atssync.Merged},
	} {
		a := application()
		rd := sdk.Reading{CandidateID: "c1", Gone: gone}
		if gone == sdk.GoneMerged {
			rd.MergedInto = "c2"
		}
		changed, drafts := a.ApplyReadings([]sdk.Reading{rd}, rules, now)
		require.True(t, changed)
		require.Equal(t, []atssync.EventType{want.event}, types(drafts))
		require.Equal(t, want.visibility, a.Visibility)
		require.Equal(t, sdk.StatusActive, a.Status)
		if gone == sdk.GoneMerged {
			require.Equal(t, "c2", a.CandidateID)
			require.Equal(t, "c2", eventOf(t, drafts[0]).MergedInto)
			rd.CandidateID = "c2"
		}
		changed, _ = a.ApplyReadings([]sdk.Reading{rd}, rules, now)
		require.False(t, changed)
	}
}

func TestApplyReadings_OneOtherApplicationOnTheJobIsFollowed(t *testing.T) {
	t.Parallel()
	a := application()
	rd := reading("active", "Onsite interview")
	rd.ApplicationID, rd.ProfileURL = "a9", "https://ats.example.com/a9"
	elsewhere := reading("rejected", "")
	elsewhere.ApplicationID, elsewhere.JobID = "a7", "j2"
	changed, drafts := a.ApplyReadings([]sdk.Reading{elsewhere, rd}, rules, now)
	require.True(t, changed)
	require.Equal(t, []atssync.EventType{atssync.EventRekeyed, atssync.EventStatusChanged}, types(drafts))
	require.Equal(t, "a9", a.ApplicationID)
	require.Equal(t, "https://ats.example.com/a9", a.ProfileURL)
	e := eventOf(t, drafts[0])
	require.Equal(t, "a1", e.PreviousApplicationID)
	require.Equal(t, "a9", e.Receipt.ApplicationID)
	require.Less(t, e.Revision, eventOf(t, drafts[1]).Revision)
}

func TestApplyReadings_TwoOthersAreAQuestion(t *testing.T) {
	t.Parallel()
	a := application()
	x, y := reading("active", "Onsite"), reading("active", "Review")
	x.ApplicationID, y.ApplicationID = "a8", "a9"
	changed, drafts := a.ApplyReadings([]sdk.Reading{x, y}, rules, now)
	require.True(t, changed)
	require.Equal(t, []atssync.EventType{atssync.EventNotVisible}, types(drafts))
	require.NotEmpty(t, a.Question)
	require.Equal(t, a.Question, eventOf(t, drafts[0]).Question)
	require.Equal(t, "a1", a.ApplicationID)
	changed, _ = a.ApplyReadings([]sdk.Reading{x, y}, rules, now)
	require.False(t, changed, "it is asked once")
	changed, drafts = a.ApplyReadings([]sdk.Reading{reading("active", "Application review")}, rules, now)
	require.True(t, changed)
	require.Equal(t, []atssync.EventType{atssync.EventVisible}, types(drafts))
	require.Empty(t, a.Question)
}

func TestApplyReadings_ACandidateWithoutOurApplicationIsAQuestion(t *testing.T) {
	t.Parallel()
	a := application()
	changed, _ := a.ApplyReadings([]sdk.Reading{{CandidateID: "c1"}}, rules, now)
	require.True(t, changed)
	require.NotEmpty(t, a.Question)
}

func TestApplyReadings_JobsAreComparedByNameWhereNoIDIsTold(t *testing.T) {
	t.Parallel()
	a := application()
	rd := sdk.Reading{CandidateID: "c1", ApplicationID: "a9", JobName: " ENGINEER ", Raw: sdk.RawStatus{Status: "active"}}
	_, drafts := a.ApplyReadings([]sdk.Reading{rd}, rules, now)
	require.Equal(t, atssync.EventRekeyed, drafts[0].Type)
}

func TestApplyReadings_PendingGetsItsIDs(t *testing.T) {
	t.Parallel()
	a := application()
	a.ApplicationID, a.CandidateID, a.Pending, a.SeenAt = "", "", "p1", time.Time{}
	rd := reading("active", "Application review")
	rd.Pending = "p1"
	changed, drafts := a.ApplyReadings([]sdk.Reading{rd}, rules, now)
	require.True(t, changed)
	require.Empty(t, drafts)
	require.Equal(t, "a1", a.ApplicationID)
	require.Equal(t, "c1", a.CandidateID)
	require.Empty(t, a.Pending)

	b := application()
	b.ApplicationID, b.CandidateID, b.Pending = "", "", "p1"
	changed, _ = b.ApplyReadings([]sdk.Reading{{Pending: "p1"}}, rules, now)
	require.False(t, changed, "the ATS has no application id yet")
}

func TestApplyReadings_SettleHoldsATerminalChangeBack(t *testing.T) {
	t.Parallel()
	r := rules
	r.Settle = time.Hour
	rejected, active := reading("rejected", "Application review"), reading("active", "Application review")
	a := application()
	changed, drafts := a.ApplyReadings([]sdk.Reading{rejected}, r, now)
	require.True(t, changed)
	require.Empty(t, drafts)
	require.Equal(t, sdk.StatusActive, a.Status)
	changed, _ = a.ApplyReadings([]sdk.Reading{rejected}, r, now.Add(59*time.Minute))
	require.False(t, changed, "waiting writes nothing")
	changed, drafts = a.ApplyReadings([]sdk.Reading{active}, r, now.Add(59*time.Minute))
	require.True(t, changed)
	require.Empty(t, drafts, "it was taken back and nobody was told")
	require.Nil(t, a.Settling)

	a.ApplyReadings([]sdk.Reading{rejected}, r, now)
	changed, drafts = a.ApplyReadings([]sdk.Reading{rejected}, r, now.Add(time.Hour))
	require.True(t, changed)
	require.Equal(t, []atssync.EventType{atssync.EventStatusChanged}, types(drafts))
	require.Equal(t, sdk.StatusRejected, a.Status)
	require.Nil(t, a.Settling)
}

func TestApplyReadings_SettleBeginsAnewForAnotherTerminalStatus(t *testing.T) {
	t.Parallel()
	r := rules
	r.Settle = time.Hour
	a := application()
	a.ApplyReadings([]sdk.Reading{reading("rejected", "")}, r, now)
	_, drafts := a.ApplyReadings([]sdk.Reading{reading("hired", "")}, r, now.Add(time.Hour))
	require.Empty(t, drafts)
	_, drafts = a.ApplyReadings([]sdk.Reading{reading("hired", "")}, r, now.Add(2*time.Hour))
	require.Equal(t, []atssync.EventType{atssync.EventStatusChanged}, types(drafts))
	require.Equal(t, sdk.StatusHired, a.Status)
}

func TestApplyReadings_WhatCannotBeReadChangesNothing(t *testing.T) {
	t.Parallel()
	const what = "applications[0].stage is an object"
	ours := sdk.Reading{CandidateID: "c1", ApplicationID: "a1", JobID: "j1", Raw: sdk.RawStatus{Status: "hired"}}
	other := sdk.Reading{CandidateID: "c1", ApplicationID: "a2", JobID: "j1", Raw: sdk.RawStatus{Status: "active"}}
	broken := func(application string) sdk.Reading {
		return sdk.Reading{CandidateID: "c1", ApplicationID: application, Unreadable: what}
	}
	cases := map[string]struct {
		readings   []sdk.Reading
		unreadable bool
	}{
		"ours":                              {[]sdk.Reading{broken("a1")}, true},
		"ours beside one that can be read":  {[]sdk.Reading{other, broken("a1")}, true},
		"the whole candidate":               {[]sdk.Reading{broken("")}, true},
		"one without an id, ours not shown": {[]sdk.Reading{other, broken("")}, true},
		"another one, ours not shown":       {[]sdk.Reading{broken("a2")}, true},
		"another one":                       {[]sdk.Reading{broken("a2"), ours}, false},
		"none":                              {[]sdk.Reading{ours}, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := atssync.Application{ID: "sub_1", CandidateID: "c1", ApplicationID: "a1", ATSJob: "j1", SeenAt: now, Visibility: atssync.Visible}
			before := a
			changed, events := a.ApplyReadings(c.readings, atssync.Rules{}, now)
			if c.unreadable {
				require.Equal(t, what, a.Unreadable(c.readings))
				require.False(t, changed)
				require.Empty(t, events)
				require.Equal(t, before, a, "it has not vanished, and has no other id")
				return
			}
			require.Empty(t, a.Unreadable(c.readings))
			require.True(t, changed)
			require.Equal(t, "hired", a.Raw.Status)
		})
	}
	require.Len(t, atssync.Readable([]sdk.Reading{ours, broken("a2"), other}), 2)
}
