package sdk

import "time"

// MaxContinuation bounds SubmitOutcome.Continuation, in bytes.
const MaxContinuation = 4 << 10

// SubmitRequest puts items into the ATS.
type SubmitRequest struct {
	Connection Connection
	Items      []SubmitItem
}

// As says whether a submission goes in as a candidate (has applied) or as a prospect.
type As string

// Ways to go in. The host always sends one of them.
const (
	AsCandidate As = "candidate"
	AsProspect  As = "prospect"
)

// SubmitItem is one application of one person to one ATS job.
type SubmitItem struct {
	SubmissionID string
	ExternalID   string // the platform's id, given to the ATS unchanged
	JobID        string // the ATS's id; may be empty for a prospect of no job
	As           As
	PoolID       string // prospects only
	PoolStageID  string // prospects only, needs PoolID
	OwnerEmail   string // prospects only: the ATS user who owns the prospect
	Person       Person
	Resume       *Resume
	// Note is the finished text for the activity feed, within Manifest.Note.
	Note           string
	ApplicationURL string
	Answers        []Answer
	Media          []Link
	Referrer       *Referrer
	Consent        *Consent
	// Continuation is what the last outcome of kind OutcomeContinue of this item returned, or nil.
	Continuation []byte
}

// Person is the applicant.
type Person struct {
	ID, FirstName, LastName, Company, Title string
	Emails                                  []Email
	Phones                                  []Phone
	Addresses                               []Address
	Links                                   []TypedLink
}

// Email is an e-mail address; Type is personal, work or other.
type Email struct{ Address, Type string }

// Phone is a telephone number; Type is mobile, home, work or other.
type Phone struct{ Number, Type string }

// Address is a postal address as free text; Type is home, work or other.
type Address struct{ Text, Type string }

// TypedLink is a web page of the person; Type is personal, company, portfolio, blog, social or other.
type TypedLink struct{ URL, Type string }

// Resume is a file that the ATS fetches from URL.
type Resume struct{ URL, FileName string }

// Answer is one answered question. Private answers never go into a note.
type Answer struct {
	Question, Answer string
	Private          bool
}

// Link is a named link, such as a sound bite.
type Link struct{ Title, URL string }

// Referrer gets the credit for the application.
type Referrer struct{ FirstName, LastName, Email string }

// Consent is when and to which policy the person agreed.
type Consent struct {
	At        time.Time
	PolicyURL string
}

// SubmitReply has one outcome an item, in the order of the request.
type SubmitReply struct {
	Outcomes []SubmitOutcome
	Meta
}

// OutcomeKind is what became of one item.
type OutcomeKind string

// The outcomes.
const (
	OutcomeCreated           OutcomeKind = "created"
	OutcomeCreatedOnExisting OutcomeKind = "created_on_existing" // a new application of a person the ATS knew
	OutcomeAlreadyApplied    OutcomeKind = "already_applied"     // the ATS knew our external id; Receipt is the old one
	OutcomePending           OutcomeKind = "pending"             // accepted; the application id is looked up later
	OutcomeBlocked           OutcomeKind = "blocked"             // refused by a policy until NotBefore
	OutcomeContinue          OutcomeKind = "continue"            // one write of several is done; call again with Continuation
	OutcomeFailed            OutcomeKind = "failed"              // see Err
)

// OutcomeKinds lists every outcome.
func OutcomeKinds() []OutcomeKind {
	return []OutcomeKind{
		OutcomeCreated, OutcomeCreatedOnExisting, OutcomeAlreadyApplied, OutcomePending,
		OutcomeBlocked, OutcomeContinue, OutcomeFailed,
	}
}

// SubmitOutcome is what became of one item.
type SubmitOutcome struct {
	Kind         OutcomeKind
	Receipt      Receipt
	Message      string
	NotBefore    time.Time
	Continuation []byte
	Err          *Error // set when Kind is OutcomeFailed
}

// Receipt is what the ATS gave for an application.
type Receipt struct {
	CandidateID   string
	ApplicationID string
	ProfileURL    string
	// Pending is the ATS's reference of an accepted submission that has no application id yet.
	Pending string
}

// FindRequest looks for a submission whose outcome is not known.
type FindRequest struct {
	Connection Connection
	ExternalID string
	JobID      string
	Emails     []string
	SentAfter  time.Time
}

// FindReply lists what was found, the best match first.
type FindReply struct {
	Matches []Match
	Meta
}

// Match is one found application. Only a match by external id settles; the other kind proposes.
type Match struct {
	By         Find // FindExternalID or FindEmailAndJob
	ExternalID string
	Receipt    Receipt
}
