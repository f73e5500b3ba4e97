package main

import (
	"context"
	"fmt"

	sdk "github.com/atssync/atssync/plugin-sdk"
)

// version is the adapter's own; it grows with what it sends or reads.
const version = "0.1.0"

// The names of the connection's fields.
const (
	fieldKey     = "api_key"
	fieldActor   = "on_behalf_of"
	fieldBaseURL = "base_url"
)

// Bounds of the partner API. Greenhouse documents none of them; these are the caps of its sister APIs and what
// other integrations are known to live with.
const (
	maxIDs  = 50
	maxNote = 10_000
)

// Describe implements sdk.Adapter.
func (a *adapter) Describe(_ context.Context, req sdk.DescribeRequest) (sdk.Manifest, error) {
	return sdk.Manifest{
		Name:        "greenhouse",
		Label:       "Greenhouse",
		Version:     version,
		ContractMin: sdk.ContractVersion,
		ContractMax: sdk.ContractVersion,
		Powers: []sdk.Power{
			sdk.PowerListJobs, sdk.PowerSubmit, sdk.PowerReadStatuses, sdk.PowerListPools, sdk.PowerTrackingLink,
		},
		Fields: fields(),
		Steps:  steps(partner(req.PartnerName)),
		// No Limits: none is published for the partner API. One write and two reads at a time are slow enough by
		// themselves, and what Greenhouse says with a 429 is obeyed for the whole credential.
		Batch: sdk.Batch{Submit: 1, ReadStatuses: maxIDs},
		// One write at a time: an answer that is lost leaves exactly one application uncertain.
		InFlight: map[sdk.Power]int{sdk.PowerSubmit: 1, sdk.PowerReadStatuses: 2},
		Find:     sdk.FindNone,
		Dedupe:   sdk.DedupeNone,
		Deletes:  sdk.DeletesHidden,
		Note:     sdk.NoteRule{Format: sdk.NotePlain, Max: maxNote},
		Resume: sdk.ResumeRule{
			Types: []string{"doc", "docx", "pdf", "rtf", "txt"}, MaxBytes: 100_000_000, ParsedBytes: 2_500_000,
		},
		Prospects: true,
		// Empty on purpose: no status of Greenhouse's proves that a write was refused before it was processed.
		RefusedBeforeProcessing: nil,
		Statuses:                statusTable(),
		JobsListOnlyOpen:        true,
		MissingCauses:           missingCauses(),
		ReadPermission: "The acting user has to be Job Admin on the job, or Site Admin; for prospects of no job it also needs " +
			"“Can manage unattached prospects”. A Site Admin of Greenhouse grants both. A Basic user or an Interviewer can send but never read.",
		ProfileURL: `^https?://[^/]+/people/(?P<candidate>[0-9]+)` +
			`(?:(?:/applications/|[^#]*[?&]application_id=)(?P<application>[0-9]+))?`,
	}, nil
}

// partner is the platform's name as Greenhouse's dropdown lists it.
func partner(name string) string {
	if name == "" {
		return "your platform"
	}
	return name
}

func fields() []sdk.Field {
	return []sdk.Field{
		{
			Name: fieldKey, Label: "Greenhouse API key", Secret: true, Required: true, Who: sdk.WhoEmployer,
			Help:  "A key of the type Candidate Ingestion (called Partner on older screens). A Harvest key does not work.",
			Where: "Greenhouse: Configure > Dev Center > API Credential Management",
		},
		{
			Name: fieldActor, Label: "E-mail address of the Greenhouse user", Required: true, Who: sdk.WhoEmployer, ActingUser: true,
			Help: "The user on whose behalf applications are created: the one listed under “Created by” beside the key, or better a " +
				"service user, which outlives people who leave. It has to be active, and Job Admin on each connected job, or Site " +
				"Admin, for statuses to come back.",
			Where: "Greenhouse: Configure > Users, the address with which the user signs in",
		},
		{
			Name: fieldBaseURL, Label: "Address of the Greenhouse API", Who: sdk.WhoOperator, Default: defaultBaseURL,
			Help: "Changed only to use a simulator or a gateway.",
		},
	}
}

func steps(partner string) []string {
	return []string{
		"Sign in to Greenhouse as a user who has the permission “Can manage ALL organization's API Credentials”. Who lacks it " +
			"asks a Site Admin who has “Can edit another user's advanced permissions”: they grant it.",
		"Open Configure > Dev Center > API Credential Management and press Create New API Key.",
		fmt.Sprintf("Description: %s, so that your colleagues recognise the key.", partner),
		"Type: Candidate Ingestion (called Partner on older screens). A Harvest key will not do, even where a page says so.",
		fmt.Sprintf("Partner (called Client Application on older screens): %s.", partner),
		"Create the key and copy it at once: Greenhouse shows it only this one time.",
		"Choose the Greenhouse user on whose behalf applications are created: the one listed under “Created by” beside the key, or " +
			"better a service user, which outlives people who leave. It has to be Job Admin on each job you connect, or Site Admin.",
		"Enter the key and that user's log-in e-mail address here.",
	}
}

// statusTable has Greenhouse's three documented status words, which it writes in either case, and the few
// stages whose names Greenhouse gives to every job by itself. Other stages are the employer's own words; a word
// that is not here is left unknown.
func statusTable() []sdk.StatusRule {
	prospect := true
	return []sdk.StatusRule{
		{RawStatus: "hired", Status: sdk.StatusHired, Phase: sdk.PhaseHired, Native: true},
		{RawStatus: "rejected", Status: sdk.StatusRejected, Native: true},
		{RawStatus: "active", Prospect: &prospect, Status: sdk.StatusProspect, Phase: sdk.PhaseSourced, Native: true},
		{RawStatus: "active", RawStageName: "Application Review", Status: sdk.StatusActive, Phase: sdk.PhaseApplied},
		{RawStatus: "active", RawStageName: "Phone Screen", Status: sdk.StatusActive, Phase: sdk.PhaseScreen},
		{RawStatus: "active", RawStageName: "Offer", Status: sdk.StatusActive, Phase: sdk.PhaseOffer},
		{RawStatus: "active", Status: sdk.StatusActive, Native: true},
	}
}

// missingCauses are the documented reasons for a candidate that is no longer shown. They cannot be told apart
// from here.
func missingCauses() []string {
	return []string{
		"The acting user was disabled, or its permissions were changed.",
		"The acting user is not at least Job Admin on the job; for a prospect of no job it may lack “Can manage unattached prospects”.",
		"The employer deleted the candidate's profile.",
		"Somebody changed the source on the candidate's profile; only candidates whose source is the partner are shown.",
		"The profile was merged into another one and goes on there under another id.",
	}
}
