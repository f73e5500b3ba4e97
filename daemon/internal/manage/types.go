package manage

import (
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// AdapterStatus is how an adapter's process is.
type AdapterStatus struct {
	Name     string    `json:"name"`
	Path     string    `json:"path,omitempty"`
	State    string    `json:"state"` // starting running backoff deactivated missing disabled
	PID      int       `json:"pid,omitempty"`
	Since    time.Time `json:"since,omitzero"`
	Restarts int       `json:"restarts,omitempty"`
	Error    string    `json:"error,omitempty"`
	// Stderr is the last lines the process wrote.
	Stderr []string `json:"stderr,omitempty"`
}

// Adapter is an adapter with what it says of itself; Manifest is nil when it never ran.
type Adapter struct {
	AdapterStatus
	Manifest *Manifest `json:"manifest,omitempty"`
}

// Manifest is what people and programs need of an adapter's manifest.
type Manifest struct {
	Label            string      `json:"label"`
	Version          string      `json:"version"`
	ContractMin      int         `json:"contract_min"`
	ContractMax      int         `json:"contract_max"`
	Powers           []sdk.Power `json:"powers"`
	Fields           []Field     `json:"fields"`
	Steps            []string    `json:"steps,omitempty"`
	Find             sdk.Find    `json:"find"`
	Dedupe           sdk.Dedupe  `json:"dedupe"`
	Deletes          sdk.Deletes `json:"deletes"`
	Prospects        bool        `json:"prospects"`
	JobsListOnlyOpen bool        `json:"jobs_list_only_open"`
	MissingCauses    []string    `json:"missing_causes,omitempty"`
	ReadPermission   string      `json:"read_permission,omitempty"`
	ProfileURL       string      `json:"profile_url,omitempty"`
}

// Field is one value that a connection needs.
type Field struct {
	Name       string  `json:"name"`
	Label      string  `json:"label"`
	Secret     bool    `json:"secret"`
	Required   bool    `json:"required"`
	Default    string  `json:"default,omitempty"`
	Help       string  `json:"help,omitempty"`
	Where      string  `json:"where,omitempty"`
	Who        sdk.Who `json:"who"`
	ActingUser bool    `json:"acting_user,omitempty"`
	// Given says that the operator's configuration has a value.
	Given bool `json:"given,omitempty"`
}

// Connection is a connection as people see it: without credentials and keys.
type Connection struct {
	ID               string                   `json:"id"`
	Name             string                   `json:"name"`
	Account          string                   `json:"account"`
	Adapter          string                   `json:"adapter"`
	State            atssync.ConnectionState  `json:"state"`
	PausedReason     string                   `json:"paused_reason,omitempty"`
	ManagedBy        atssync.ManagedBy        `json:"managed_by"`
	Settings         map[string]string        `json:"settings,omitempty"`
	ActingUser       atssync.User             `json:"acting_user"`
	Host             string                   `json:"host,omitempty"`
	AccountName      string                   `json:"account_name,omitempty"`
	JobsVisible      int                      `json:"jobs_visible"`
	OnUncertain      atssync.OnUncertain      `json:"on_uncertain"`
	LastNameFallback string                   `json:"last_name_fallback,omitempty"`
	NoteTemplate     string                   `json:"note_template,omitempty"`
	StatusOverrides  []atssync.StatusOverride `json:"status_overrides,omitempty"`
	Version          int64                    `json:"version"`
	CreatedAt        time.Time                `json:"created_at"`
	UpdatedAt        time.Time                `json:"updated_at"`
	CheckedAt        time.Time                `json:"checked_at,omitzero"`
	RemovedAt        time.Time                `json:"removed_at,omitzero"`
	// Health is the worst of the operations: ok failing stopped canary draining.
	Health     atssync.HealthState                  `json:"health"`
	Operations map[atssync.Operation]atssync.Health `json:"operations,omitempty"`
	// HoldReason is set while everything that comes in is held.
	HoldReason atssync.HeldReason            `json:"hold_reason,omitempty"`
	Jobs       map[string]atssync.JobTrouble `json:"job_troubles,omitempty"`
}

// ConnectRequest connects an account to an ATS account.
type ConnectRequest struct {
	Account string
	Name    string // "" takes the ATS account's name, or the adapter's label
	Adapter string
	// Fields are the values of the manifest's fields, secret and not, by name.
	Fields map[string]sdk.Secret
	// Operator allows fields that the operator fills in.
	Operator bool
	// DryRun checks and saves nothing.
	DryRun           bool
	OnUncertain      atssync.OnUncertain
	LastNameFallback string
	NoteTemplate     string
	StatusOverrides  []atssync.StatusOverride
}

// ConnectResult tells what was saved and what the check showed.
type ConnectResult struct {
	Connection Connection            `json:"connection"`
	Checks     []atssync.CheckResult `json:"checks"`
	// Revived says that the same ATS account was connected before: its id, keys and numbers go on.
	Revived bool `json:"revived,omitempty"`
	DryRun  bool `json:"dry_run,omitempty"`
}

// CheckView is what a check of a connection showed now.
type CheckView struct {
	Connection Connection            `json:"connection"`
	OK         bool                  `json:"ok"`
	Checks     []atssync.CheckResult `json:"checks"`
}

// UpdateRequest changes what is not nil. Version 0 matches any.
type UpdateRequest struct {
	Version          int64
	Name             *string
	OnUncertain      *atssync.OnUncertain
	LastNameFallback *string
	NoteTemplate     *string
	StatusOverrides  *[]atssync.StatusOverride
	// Fields change settings; "" returns to the default. Those that decide which account is reached are checked
	// before they are saved. Credentials are changed by Repair.
	Fields   map[string]sdk.Secret
	Operator bool
}

// RepairRequest gives new credentials (and settings) to a connection.
type RepairRequest struct {
	Version  int64
	Fields   map[string]sdk.Secret // those left out are kept
	Operator bool
	// OtherAccount accepts that the new credentials reach another user or ATS account than before.
	OtherAccount bool
}

// LinkRequest links a platform job on a connection to an ATS job.
type LinkRequest struct {
	Connection  string           `json:"connection"`
	PlatformJob string           `json:"platform_job"`
	ATSJob      string           `json:"ats_job,omitempty"` // may be empty for prospects of no job
	As          sdk.As           `json:"as,omitempty"`      // candidate by default
	Pool        string           `json:"pool,omitempty"`
	PoolStage   string           `json:"pool_stage,omitempty"`
	OwnerEmail  string           `json:"owner_email,omitempty"`
	Backlog     *atssync.Backlog `json:"backlog,omitempty"`
	Version     int64            `json:"version,omitempty"`
}

// LinkResult is what became of one LinkRequest.
type LinkResult struct {
	Link    atssync.JobLink `json:"link"`
	Created bool            `json:"created"`
	// Warning is something about the link that is allowed and should be known.
	Warning string         `json:"warning,omitempty"`
	Err     *atssync.Error `json:"-"`
}

// BacklogView counts the submissions that wait for a link.
type BacklogView struct {
	Connection  string    `json:"connection"`
	PlatformJob string    `json:"platform_job"`
	Count       int       `json:"count"` // stops at 10,000
	Oldest      time.Time `json:"oldest,omitzero"`
}

// Reason is why two jobs are suggested as a pair, the surest first.
type Reason string

// Reasons of a suggestion. The first two are the same thing said twice; the others are words that look alike.
const (
	ReasonSameID          Reason = "same_id"
	ReasonSameRequisition Reason = "same_requisition"
	ReasonSameTitle       Reason = "same_title"
	ReasonSimilarTitle    Reason = "similar_title"
)

// Suggestion is a pair of jobs that may be the same.
type Suggestion struct {
	PlatformJob atssync.PlatformJob `json:"platform_job"`
	ATSJob      atssync.ATSJob      `json:"ats_job"`
	Reason      Reason              `json:"reason"`
	Confidence  float64             `json:"confidence"` // 0..1
	// Ambiguous says that another pair looks as good for one of the two.
	Ambiguous bool `json:"ambiguous,omitempty"`
	// Backlog counts the submissions that wait for the link.
	Backlog int `json:"backlog,omitempty"`
}

// AcceptSuggestions says which suggestions to link.
type AcceptSuggestions struct {
	// Reasons is empty for same_id and same_requisition.
	Reasons []Reason
	// PlatformJobs, when not empty, are the only ones.
	PlatformJobs []string
	Backlog      *atssync.Backlog
}

// Submission is a submission as people see it: without keys.
type Submission struct {
	ID                string             `json:"id"`
	Connection        string             `json:"connection"`
	Account           string             `json:"account"`
	ExternalID        string             `json:"external_id"`
	PlatformJob       string             `json:"job"`
	State             atssync.State      `json:"state"`
	HeldReason        atssync.HeldReason `json:"held_reason,omitempty"`
	Revision          int                `json:"revision"`
	Attempt           int                `json:"attempts,omitempty"`
	NextAt            time.Time          `json:"next_at,omitzero"`
	ATSJob            string             `json:"ats_job,omitempty"`
	As                sdk.As             `json:"as,omitempty"`
	Receipt           *atssync.Receipt   `json:"receipt,omitempty"`
	Proposal          *atssync.Receipt   `json:"proposal,omitempty"`
	Trouble           *atssync.Trouble   `json:"trouble,omitempty"`
	PossibleDuplicate bool               `json:"possible_duplicate,omitempty"`
	// Partial says that the ATS holds a part of it: one write of several was done.
	Partial    bool      `json:"partial,omitempty"`
	AcceptedAt time.Time `json:"accepted_at"`
	UpdatedAt  time.Time `json:"updated_at"`
	ExpiresAt  time.Time `json:"expires_at"`
	// WhoseTurn and Remedy say what a waiting or refused one needs.
	WhoseTurn sdk.Turn `json:"whose_turn,omitempty"`
	Remedy    string   `json:"remedy,omitempty"`
}

// SubmissionDetail is one submission with its attempts, and what was asked for.
type SubmissionDetail struct {
	Submission
	Attempts    []Attempt            `json:"attempts_made"`
	Application *atssync.Application `json:"application,omitempty"`
	// Document is personal data: it is opened only when asked for, and that is audited.
	Document *atssync.Document `json:"document,omitempty"`
}

// Attempt is one try to put a submission into the ATS. Note is the text as it was sent, with the document only.
type Attempt struct {
	Number    int              `json:"number"`
	StartedAt time.Time        `json:"started_at"`
	EndedAt   time.Time        `json:"ended_at,omitzero"`
	Outcome   atssync.State    `json:"outcome,omitempty"`
	Kind      sdk.Kind         `json:"kind,omitempty"`
	ATSJob    string           `json:"ats_job"`
	As        sdk.As           `json:"as"`
	Note      string           `json:"note,omitempty"`
	Exchanges []sdk.Exchange   `json:"exchanges,omitempty"`
	Trouble   *atssync.Trouble `json:"trouble,omitempty"`
}

// ResolveRequest settles an uncertain submission. It is named by ID, or by Connection and ExternalID.
type ResolveRequest struct {
	ID         string             `json:"submission,omitempty"`
	Connection string             `json:"connection,omitempty"`
	ExternalID string             `json:"external_id,omitempty"`
	Action     atssync.Resolution `json:"action"`
	// ProfileURL is the candidate's page in the ATS, with ResolvedSubmitted.
	ProfileURL string `json:"profile_url,omitempty"`
}

// FindView is what a search in the ATS showed.
type FindView struct {
	Submission Submission `json:"submission"`
	// Settled says that a match by external id settled it; otherwise Matches are proposals.
	Settled bool    `json:"settled"`
	Matches []Match `json:"matches"`
}

// Match is one found application.
type Match struct {
	By         sdk.Find        `json:"by"`
	ExternalID string          `json:"external_id,omitempty"`
	Receipt    atssync.Receipt `json:"receipt"`
}

// Format is how a file is written.
type Format string

// Formats. FormatAuto looks at the first character: [ is a JSON array, { is NDJSON, anything else is CSV.
const (
	FormatAuto   Format = ""
	FormatJSON   Format = "json"
	FormatNDJSON Format = "ndjson"
	FormatCSV    Format = "csv"
)

// LineError is what is wrong with one record of a file.
type LineError struct {
	Line    int    `json:"line"` // where the record begins; 1 is the first line of the file
	Path    string `json:"path,omitempty"`
	Message string `json:"message"`
}

// ImportReport counts what became of the records of a file.
type ImportReport struct {
	Read    int         `json:"read"`
	Stored  int         `json:"stored"`
	Same    int         `json:"unchanged,omitempty"`
	Refused int         `json:"refused"`
	Errors  []LineError `json:"errors,omitempty"` // the first 1,000
}

// ReleaseRequest releases many held submissions of a connection.
type ReleaseRequest struct {
	Connection  string             `json:"connection"`
	Reason      atssync.HeldReason `json:"reason"`
	PlatformJob string             `json:"job,omitempty"`
	Since       time.Time          `json:"since,omitzero"`
	PerMinute   int                `json:"per_minute,omitempty"`
}

// Pass is one named pass of the schedule.
type Pass struct {
	Name    string       `json:"name"`
	Spec    string       `json:"spec"`
	Zone    string       `json:"zone"`
	Running bool         `json:"running"`
	Last    *atssync.Run `json:"last,omitempty"`
	Next    []time.Time  `json:"next,omitempty"`
	Skipped int          `json:"skipped,omitempty"`
}

// LedgerView is the ledger of some connections and their sum.
type LedgerView struct {
	Connections []atssync.LedgerLine `json:"connections"`
	Total       atssync.LedgerLine   `json:"total"`
	Next        string               `json:"next,omitempty"`
}

// EventPage is a page of events and the cursor after it.
type EventPage struct {
	Events []atssync.Event `json:"events"`
	After  int64           `json:"after"`
}

// Pool is a prospect pool.
type Pool struct {
	ID     string      `json:"id"`
	Name   string      `json:"name"`
	Stages []PoolStage `json:"stages,omitempty"`
}

// PoolStage is one stage of a pool.
type PoolStage struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// TrackingLink is the ATS's own link that credits the platform.
type TrackingLink struct {
	URL      string `json:"url"`
	JobName  string `json:"job_name,omitempty"`
	Source   string `json:"source,omitempty"`
	Referrer string `json:"referrer,omitempty"`
}

// Term is one word that the ATS account uses.
type Term struct {
	Type  string `json:"type"` // status stage reason
	ID    string `json:"id,omitempty"`
	Name  string `json:"name"`
	JobID string `json:"job_id,omitempty"`
}

// JobsRefresh tells what a listing of the ATS's jobs changed.
type JobsRefresh struct {
	Listed   int  `json:"listed"`
	New      int  `json:"new"`
	Missing  int  `json:"missing"`
	Closed   int  `json:"closed"`
	Reopened int  `json:"reopened"`
	Vanished bool `json:"vanished,omitempty"`
	Complete bool `json:"complete"`
}

// FileConnection is a connection that stands in the configuration file. ID is the id of the connection itself.
type FileConnection struct {
	ID, Name, Account, Adapter string
	Fields                     map[string]sdk.Secret
	OnUncertain                atssync.OnUncertain
	LastNameFallback           string
	NoteTemplate               string
	StatusOverrides            []atssync.StatusOverride
	Paused                     bool
}

// FileLink is a job link that stands in the configuration file.
type FileLink struct {
	Connection, PlatformJob, ATSJob string
	As                              sdk.As
	Pool, PoolStage                 string
}

// FileReport tells what the configuration file changed and what of it could not be applied.
type FileReport struct {
	Created, Updated, Paused []string // connections
	Linked, Unlinked         int
	// Problems name the key: "connections[acme].credentials.api_key: …". The rest was applied.
	Problems []string
}
