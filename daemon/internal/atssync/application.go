package atssync

import (
	"time"

	sdk "github.com/atssync/atssync/plugin-sdk"
)

// Visibility says whether we can see a record in the ATS. It never changes the status.
type Visibility string

// Visibilities.
const (
	Visible    Visibility = "visible"
	NotVisible Visibility = "not_visible"
	Deleted    Visibility = "deleted"
	Merged     Visibility = "merged"
)

// Mapping says how raw words became ours.
type Mapping string

// Mappings, the surest first.
const (
	MappingNative   Mapping = "native"
	MappingDeclared Mapping = "declared"
	MappingOverride Mapping = "override"
	MappingInferred Mapping = "inferred"
	// MappingNone is a standing that no words of the ATS gave: that of an application that was never read, whose
	// Application.SeenAt is zero, or of words that nothing maps.
	MappingNone Mapping = "none"
)

// RawWords are the ATS's own words.
type RawWords struct {
	Status    string `json:"status,omitempty"`
	StageID   string `json:"stage_id,omitempty"`
	StageName string `json:"stage_name,omitempty"`
	Reason    string `json:"reason,omitempty"`
	ReasonID  string `json:"reason_id,omitempty"`
}

// Standing is what we say about an application at one moment.
type Standing struct {
	Status    sdk.Status `json:"status"`
	Phase     sdk.Phase  `json:"phase"`
	Mapping   Mapping    `json:"mapping"`
	Raw       RawWords   `json:"raw"`
	ChangedAt time.Time  `json:"changed_at,omitzero"` // the ATS's clock
	NotBefore time.Time  `json:"not_before,omitzero"` // do not tell the candidate before
}

// Application is a submission whose status we follow. It keeps the submission's id.
type Application struct {
	ID            string `json:"id"`
	Connection    string `json:"connection"`
	Account       string `json:"account"`
	ExternalID    string `json:"external_id"`
	PlatformJob   string `json:"job"`
	ATSJob        string `json:"ats_job,omitempty"`
	ATSJobName    string `json:"ats_job_name,omitempty"`
	As            sdk.As `json:"as"`
	CandidateID   string `json:"candidate_id,omitempty"`
	ApplicationID string `json:"application_id,omitempty"`
	ProfileURL    string `json:"profile_url,omitempty"`
	Pending       string `json:"pending,omitempty"`
	// Imported says that an earlier integration put it into the ATS.
	Imported bool `json:"imported,omitempty"`

	Standing
	Visibility Visibility `json:"visibility"`
	// Missing counts the readings in a row that did not show it, up to three.
	Missing int `json:"missing,omitempty"`
	// Question is what the employer has to answer, when our application id is gone and the candidate is not.
	Question string `json:"question,omitempty"`
	// QuestionAskedAt is since when it is open; QuestionSettledAt, since when it is settled that no application of the candidate
	// is ours. Then it is not asked again until ours, or exactly one on the linked job, is shown.
	QuestionAskedAt   time.Time `json:"question_asked_at,omitzero"`
	QuestionSettledAt time.Time `json:"question_settled_at,omitzero"`
	// Settling is a terminal standing that is not told yet, since SettlingSince.
	Settling      *Standing `json:"settling,omitempty"`
	SettlingSince time.Time `json:"settling_since,omitzero"`

	Revision   int       `json:"revision"`
	CreatedAt  time.Time `json:"created_at"`
	ObservedAt time.Time `json:"observed_at,omitzero"` // when the last change was seen
	SeenAt     time.Time `json:"seen_at,omitzero"`     // when it was first read; absent: never, and the standing is what was sent
	Version    int64     `json:"version"`              // grows with each write
}

// NewApplication follows a submission from its receipt on.
func NewApplication(s Submission, r Receipt, jobName string, now time.Time) Application {
	a := Application{
		ID: s.ID, Connection: s.Connection, Account: s.Account, ExternalID: s.ExternalID, PlatformJob: s.PlatformJob,
		ATSJob: s.ATSJob, ATSJobName: jobName, As: s.As, CandidateID: r.CandidateID, ApplicationID: r.ApplicationID,
		ProfileURL: r.ProfileURL, Pending: r.Pending, Visibility: Visible, CreatedAt: now,
	}
	a.Standing = Standing{Status: sdk.StatusActive, Phase: sdk.PhaseApplied, Mapping: MappingNone}
	if s.As == sdk.AsProspect {
		a.Status, a.Phase = sdk.StatusProspect, sdk.PhaseSourced
	}
	return a
}

// ToldAt is when the platform was last told something of it, or when it was first followed.
func (a *Application) ToldAt() time.Time {
	if a.ObservedAt.IsZero() {
		return a.CreatedAt
	}
	return a.ObservedAt
}

// Wants reports whether an application is one of them.
func (q ApplicationQuery) Wants(a *Application) bool {
	wanted := func(filter, value string) bool { return filter == "" || filter == value }
	return (!q.Question || a.Question != "") && wanted(q.Account, a.Account) && wanted(q.PlatformJob, a.PlatformJob) && wanted(q.ExternalID, a.ExternalID) &&
		wanted(string(q.Visibility), string(a.Visibility)) && wanted(string(q.Status), string(a.Status)) &&
		!a.ToldAt().Before(q.Since) && (q.Until.IsZero() || a.ToldAt().Before(q.Until))
}

// Ref names the application for an adapter.
func (a *Application) Ref() sdk.ApplicationRef {
	return sdk.ApplicationRef{
		CandidateID: a.CandidateID, ApplicationID: a.ApplicationID, ExternalID: a.ExternalID,
		JobID: a.ATSJob, Pending: a.Pending,
	}
}

// ApplicationEvent is the data of the application.* events. The newest Revision wins.
type ApplicationEvent struct {
	Submission            string     `json:"submission"`
	ExternalID            string     `json:"external_id"`
	Job                   string     `json:"job"`
	Revision              int        `json:"revision"`
	Status                sdk.Status `json:"status"`
	Phase                 sdk.Phase  `json:"phase"`
	PreviousStatus        sdk.Status `json:"previous_status,omitempty"`
	PreviousPhase         sdk.Phase  `json:"previous_phase,omitempty"`
	Mapping               Mapping    `json:"mapping"`
	Visibility            Visibility `json:"visibility"`
	Raw                   RawWords   `json:"raw"`
	ChangedAt             time.Time  `json:"changed_at,omitzero"`
	ObservedAt            time.Time  `json:"observed_at"`
	NotBefore             time.Time  `json:"not_before,omitzero"`
	Receipt               Receipt    `json:"receipt"`
	MergedInto            string     `json:"merged_into,omitempty"`
	PreviousApplicationID string     `json:"previous_application_id,omitempty"`
	// Causes are the documented reasons for not being visible, for a person.
	Causes   []string `json:"causes,omitempty"`
	Question string   `json:"question,omitempty"`
}

func (a *Application) draft(t EventType, was Standing, now time.Time) EventDraft {
	a.Revision++
	a.ObservedAt = now
	d := ApplicationEvent{
		Submission: a.ID, ExternalID: a.ExternalID, Job: a.PlatformJob, Revision: a.Revision,
		Status: a.Status, Phase: a.Phase, Mapping: a.Mapping, Visibility: a.Visibility, Raw: a.Raw,
		ChangedAt: a.ChangedAt, ObservedAt: now, NotBefore: a.NotBefore, Question: a.Question,
		Receipt: Receipt{CandidateID: a.CandidateID, ApplicationID: a.ApplicationID, ProfileURL: a.ProfileURL, Pending: a.Pending},
	}
	if was.Status != a.Status || was.Phase != a.Phase {
		d.PreviousStatus, d.PreviousPhase = was.Status, was.Phase
	}
	return EventDraft{Type: t, Subject: a.ID, At: now, Data: d}
}
