package atssync_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

func TestMapStanding_TheSurestSourceWins(t *testing.T) {
	t.Parallel()
	yes := true
	r := atssync.Rules{
		Overrides: []atssync.StatusOverride{
			{StageName: "talent community", Status: sdk.StatusClosed},
			{StageName: "deep dive", Phase: sdk.PhaseAssessment},
		},
		Table: []sdk.StatusRule{
			{Prospect: &yes, Status: sdk.StatusProspect, Phase: sdk.PhaseSourced, Native: true},
			{RawStatus: "active", Status: sdk.StatusActive, Native: true},
			{RawStatus: "hired", Status: sdk.StatusHired, Native: true},
			{RawStatus: "rejected", RawReasonType: "withdrawn", Status: sdk.StatusWithdrawn},
			{RawStatus: "rejected", Status: sdk.StatusRejected, Native: true},
			{RawStageType: "offer", Phase: sdk.PhaseOffer, Native: true},
			{RawStageName: "reference check", Phase: sdk.PhaseChecks},
		},
	}
	was := atssync.Standing{Status: sdk.StatusActive, Phase: sdk.PhaseInterview}
	for _, c := range []struct {
		name    string
		rd      sdk.Reading
		was     atssync.Standing
		status  sdk.Status
		phase   sdk.Phase
		mapping atssync.Mapping
	}{
		{"native", raw("Active", "", ""), was, sdk.StatusActive, sdk.PhaseInterview, atssync.MappingNative},
		{"declared by stage name", raw("active", "Reference Check", ""), was, sdk.StatusActive, sdk.PhaseChecks, atssync.MappingDeclared},
		{"inferred from stage name", raw("active", "2nd phone screen", ""), was, sdk.StatusActive, sdk.PhaseScreen, atssync.MappingInferred},
		{"override of the status", raw("active", "Talent Community", ""), was, sdk.StatusClosed, sdk.PhaseInterview, atssync.MappingOverride},
		{"override of the phase only", raw("active", "Deep Dive", ""), was, sdk.StatusActive, sdk.PhaseAssessment, atssync.MappingOverride},
		{"a stage that says nothing", raw("active", "Step 4", ""), was, sdk.StatusActive, sdk.PhaseUnknown, atssync.MappingNative},
		{"offer by type", stageType("active", "offer"), was, sdk.StatusActive, sdk.PhaseOffer, atssync.MappingNative},
		{"terminal keeps the phase", raw("rejected", "Sourced", ""), was, sdk.StatusRejected, sdk.PhaseInterview, atssync.MappingNative},
		{"withdrawn by reason", raw("rejected", "", "withdrawn"), was, sdk.StatusWithdrawn, sdk.PhaseInterview, atssync.MappingDeclared},
		{"hired is its own phase", raw("hired", "Onsite", ""), was, sdk.StatusHired, sdk.PhaseHired, atssync.MappingNative},
		{"reopened without a stage", raw("active", "", ""), atssync.Standing{Status: sdk.StatusHired, Phase: sdk.PhaseHired}, sdk.StatusActive, sdk.PhaseUnknown, atssync.MappingNative},
		{"unknown word", raw("frozen", "Onsite", ""), was, sdk.StatusUnknown, sdk.PhaseInterview, atssync.MappingNone},
	} {
		got := atssync.MapStanding(r, c.rd, c.was)
		require.Equal(t, c.status, got.Status, c.name)
		require.Equal(t, c.phase, got.Phase, c.name)
		require.Equal(t, c.mapping, got.Mapping, c.name)
		require.Equal(t, c.rd.Raw.StageName, got.Raw.StageName, "the ATS's words are kept: %s", c.name)
	}
	prospect := raw("active", "", "")
	prospect.Prospect = &yes
	got := atssync.MapStanding(r, prospect, atssync.Standing{})
	require.Equal(t, sdk.StatusProspect, got.Status)
	require.Equal(t, sdk.PhaseSourced, got.Phase)
}

func raw(status, stage, reasonType string) sdk.Reading {
	return sdk.Reading{Raw: sdk.RawStatus{Status: status, StageName: stage, ReasonType: reasonType}}
}

func stageType(status, typ string) sdk.Reading {
	return sdk.Reading{Raw: sdk.RawStatus{Status: status, StageType: typ}}
}

func TestMapStanding_InfersPhasesFromStageNames(t *testing.T) {
	t.Parallel()
	r := atssync.Rules{Table: []sdk.StatusRule{{RawStatus: "active", Status: sdk.StatusActive, Native: true}}}
	for stage, want := range map[string]sdk.Phase{
		"Application Review": sdk.PhaseReview, "Hiring Manager Review": sdk.PhaseReview, "Preliminary Phone Screen": sdk.PhaseScreen,
		"Recruiter call": sdk.PhaseScreen, "Face to Face": sdk.PhaseInterview, "Onsite Interviews": sdk.PhaseInterview,
		"Take Home Test": sdk.PhaseAssessment, "Coding test": sdk.PhaseAssessment, "New": sdk.PhaseApplied,
		"Latest updates": sdk.PhaseUnknown, "Contest winners": sdk.PhaseUnknown, "Étape 2": sdk.PhaseUnknown, "面试": sdk.PhaseUnknown,
	} {
		require.Equal(t, want, atssync.MapStanding(r, raw("active", stage, ""), atssync.Standing{}).Phase, stage)
	}
}

func TestMapStanding_NeverInfersChecksOfferOrHired(t *testing.T) {
	t.Parallel()
	r := atssync.Rules{Table: []sdk.StatusRule{{RawStatus: "active", Status: sdk.StatusActive, Native: true}}}
	for _, stage := range []string{
		"Offer", "Verbal offer", "Offer screen", "Background check", "Reference interview", "Hired", "Contract review", "Onboarding interview",
	} {
		got := atssync.MapStanding(r, raw("active", stage, ""), atssync.Standing{}).Phase
		require.Equal(t, sdk.PhaseUnknown, got, stage)
	}
}

func FuzzMapStanding(f *testing.F) {
	f.Add("active", "Onsite", "x")
	f.Add("", "tests", "")
	f.Add("hired", "\xff new", "é")
	f.Fuzz(func(t *testing.T, status, stage, reason string) {
		got := atssync.MapStanding(rules, raw(status, stage, reason), atssync.Standing{Status: sdk.StatusActive, Phase: sdk.PhaseApplied})
		require.Contains(t, sdk.Statuses(), got.Status)
		require.Contains(t, sdk.Phases(), got.Phase)
		if got.Mapping == atssync.MappingInferred {
			require.NotContains(t, []sdk.Phase{sdk.PhaseChecks, sdk.PhaseOffer, sdk.PhaseHired}, got.Phase)
		}
	})
}
