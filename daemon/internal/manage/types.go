package manage

import (
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

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
