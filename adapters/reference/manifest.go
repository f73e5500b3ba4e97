package main

import (
	"context"
	"time"

	sdk "github.com/atssync/atssync/plugin-sdk"
)

const (
	label = "Reference ATS"
	// version is this adapter's own; raise it with every change that an operator could notice.
	version = "0.1.0"
)

// Describe implements sdk.Adapter. The host believes every word of it: a power that is not announced is
// never used, a limit that is not named is not kept, a field that is not listed is never asked for.
func (a *adapter) Describe(_ context.Context, req sdk.DescribeRequest) (sdk.Manifest, error) {
	return sdk.Manifest{
		Name: "reference", Label: label, Version: version, ContractMin: 1, ContractMax: 1,
		Powers: []sdk.Power{
			sdk.PowerListJobs, sdk.PowerSubmit, sdk.PowerReadStatuses, sdk.PowerChanges, sdk.PowerFind,
			sdk.PowerHandleWebhook, sdk.PowerListPools, sdk.PowerVocabulary,
		},
		Fields: fields(),
		Steps: []string{
			"Sign in to the Reference ATS as an administrator.",
			"Open Settings, Integrations, and choose " + req.PartnerName + ".",
			"Press Create key and copy the key.",
		},
		Limits: []sdk.Limit{{Scope: "credential", Requests: 2000, Per: time.Second, Burst: 2000}},
		Batch:  sdk.Batch{Submit: 25, ReadStatuses: 50},
		// Several writes at a time are fine here, because a lost one can be found by its external id.
		InFlight:  map[sdk.Power]int{sdk.PowerSubmit: 4, sdk.PowerReadStatuses: 4, sdk.PowerFind: 4},
		Find:      sdk.FindExternalID,
		Dedupe:    sdk.DedupeExternalID,
		Deletes:   sdk.DeletesVisible,
		Note:      sdk.NoteRule{Format: sdk.NotePlain, Max: 10_000},
		Resume:    sdk.ResumeRule{Types: []string{"pdf", "docx", "txt"}, MaxBytes: 10 << 20},
		Prospects: true,
		Statuses:  statuses(),
		MissingCauses: []string{
			"The application was merged into another person's.",
			"The API key was made for another office.",
		},
		ReadPermission: "Every API key may read what it created.",
		ProfileURL:     `^https://ats\.example\.com/people/(?P<candidate>[^/]+)/applications/(?P<application>[^/?#]+)`,
	}, nil
}

// fields lists what a connection needs. An address is the operator's: if an employer could enter it, a page
// could be made that sends keys anywhere.
func fields() []sdk.Field {
	return []sdk.Field{
		{
			Name: fieldKey, Label: "API key", Secret: true, Required: true, Who: sdk.WhoEmployer,
			Help: "The key of this employer's account.", Where: "Settings, Integrations",
		},
		{
			Name: fieldSecret, Label: "Webhook secret", Secret: true, Who: sdk.WhoOperator,
			Help: "What the ATS signs its webhooks with; webhooks are refused without it.",
		},
		{
			Name: fieldBase, Label: "Base URL", Required: true, Who: sdk.WhoOperator,
			Help: "Where the ATS is, for example the address that \"simulate\" prints.",
		},
		{
			Name: fieldTwoStep, Label: "Two steps", Default: "false", Who: sdk.WhoOperator,
			Help: "\"true\" makes the person and the application with one write each.",
		},
	}
}

// statuses translates the words of the ATS; the host applies the first line that matches. The status lines
// are native, because the ATS has a closed list of them. Stages have names that an employer could change,
// so that these lines are declared, not native.
func statuses() []sdk.StatusRule {
	yes := true
	return []sdk.StatusRule{
		{RawStatus: "hired", Status: sdk.StatusHired, Phase: sdk.PhaseHired, Native: true},
		{RawStatus: "rejected", RawReasonType: "position", Status: sdk.StatusClosed, Native: true},
		{RawStatus: "rejected", Status: sdk.StatusRejected, Native: true},
		{RawStatus: "withdrawn", Status: sdk.StatusWithdrawn, Native: true},
		{RawStatus: "active", Prospect: &yes, Status: sdk.StatusProspect, Phase: sdk.PhaseSourced, Native: true},
		{RawStatus: "active", RawStageName: "New", Status: sdk.StatusActive, Phase: sdk.PhaseApplied},
		{RawStatus: "active", RawStageName: "Review", Status: sdk.StatusActive, Phase: sdk.PhaseReview},
		{RawStatus: "active", RawStageName: "Phone screen", Status: sdk.StatusActive, Phase: sdk.PhaseScreen},
		{RawStatus: "active", RawStageName: "Interview", Status: sdk.StatusActive, Phase: sdk.PhaseInterview},
		{RawStatus: "active", RawStageName: "Offer", Status: sdk.StatusActive, Phase: sdk.PhaseOffer},
		{RawStatus: "active", Status: sdk.StatusActive, Native: true},
	}
}
