package atssync

import (
	"time"

	sdk "github.com/atssync/atssync/plugin-sdk"
)

// PlatformJob is the platform's own job.
type PlatformJob struct {
	ID            string    `json:"id"`
	Account       string    `json:"account"`
	Title         string    `json:"title"`
	Location      string    `json:"location,omitempty"`
	RequisitionID string    `json:"requisition_id,omitempty"`
	URL           string    `json:"url,omitempty"`
	Open          bool      `json:"open"`
	UpdatedAt     time.Time `json:"updated_at"`
}

// ATSJob is a job as the ATS listed it, and how it was last seen.
type ATSJob struct {
	ID            string       `json:"id"`
	Connection    string       `json:"connection"`
	Name          string       `json:"name"`
	RequisitionID string       `json:"requisition_id,omitempty"`
	Location      string       `json:"location,omitempty"`
	URL           string       `json:"url,omitempty"`
	State         sdk.JobState `json:"state"`
	RawState      string       `json:"raw_state,omitempty"`
	// Visibility is not_visible when a complete listing left the job out. After MissingListings of three
	// the job counts as closed where the ATS lists only open jobs.
	Visibility      Visibility `json:"visibility"`
	MissingListings int        `json:"missing_listings,omitempty"`
	SeenAt          time.Time  `json:"seen_at"`
}

// JobLink links one platform job, on one connection, to one ATS job.
type JobLink struct {
	ID          string    `json:"id"`
	Connection  string    `json:"connection"`
	Account     string    `json:"account"`
	PlatformJob string    `json:"platform_job"`
	ATSJob      string    `json:"ats_job"`
	As          sdk.As    `json:"as"`
	PoolID      string    `json:"pool,omitempty"`
	PoolStageID string    `json:"pool_stage,omitempty"`
	OwnerEmail  string    `json:"owner_email,omitempty"`
	ManagedBy   ManagedBy `json:"managed_by"`
	Version     int64     `json:"version"`
	CreatedAt   time.Time `json:"created_at"`
	UpdatedAt   time.Time `json:"updated_at"`
}

// Backlog says what linking a job does with the submissions that wait for the link.
type Backlog struct {
	Mode  BacklogMode `json:"mode"`
	Since time.Time   `json:"since,omitzero"` // with BacklogSince: accepted at or after
}

// BacklogMode is the answer to the backlog question.
type BacklogMode string

// Answers to the backlog question. Without one, a link to a job with a backlog is refused with the count.
const (
	BacklogAll   BacklogMode = "all"
	BacklogSince BacklogMode = "since"
	BacklogNone  BacklogMode = "none"
)

// PutJobLink is one link to make or change.
type PutJobLink struct {
	Link    JobLink
	IfMatch int64 // 0: any; IfNone: only where there is none
	Backlog *Backlog
	Within  Scope // what the caller sees; see NewSubmission
}

// IfNone is the PutJobLink.IfMatch that makes a link only where the platform job has none.
const IfNone int64 = -1

// JobListing is a whole listing of one connection's jobs.
type JobListing struct {
	Jobs     []sdk.Job
	Complete bool
	// OnlyOpen says that the ATS lists only open jobs, so that absence can mean closed.
	OnlyOpen bool
}

// closedAfterListings is how many complete listings a job must be missing from to count as closed.
const closedAfterListings = 3

// massVanishing is the part of the known jobs whose absence in one listing is a permission trouble, not a
// wave of closings: a fifth.
const massVanishing = 5

// Vanished judges how many visible jobs a complete listing may leave out before it says more about the
// acting user than about the jobs. One missing job of few is never a mass.
func Vanished(visibleBefore, missing int) bool {
	return missing > 1 && missing*massVanishing >= visibleBefore
}

// Seen returns the job as a listing shows it.
func (j ATSJob) Seen(connection string, in sdk.Job, now time.Time) ATSJob {
	state := in.State
	if state == "" {
		state = sdk.JobUnknown
	}
	return ATSJob{
		ID: in.ID, Connection: connection, Name: in.Name, RequisitionID: in.RequisitionID, Location: in.Location,
		URL: in.URL, State: state, RawState: in.RawState, Visibility: Visible, SeenAt: now,
	}
}

// MissedBy returns the job after a complete listing left it out.
func (j ATSJob) MissedBy(onlyOpen, mass bool) ATSJob {
	j.Visibility = NotVisible
	if mass {
		return j // the count stands still: the listing says nothing about this job
	}
	j.MissingListings++
	if onlyOpen && j.MissingListings >= closedAfterListings {
		j.State = sdk.JobClosed
	}
	return j
}

// Takes reports whether the job takes applications as far as we know.
func (j ATSJob) Takes() bool { return j.State != sdk.JobClosed }
