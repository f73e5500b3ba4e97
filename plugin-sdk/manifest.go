package sdk

import (
	"slices"
	"time"
)

// DescribeRequest asks Adapter.Describe.
type DescribeRequest struct {
	// PartnerName is filled into the steps that tell an employer how to make the credential.
	PartnerName string
}

// Manifest is what an adapter says of itself. The host believes it and nothing else.
type Manifest struct {
	Name    string // the adapter's id, [a-z0-9_]+: "greenhouse"
	Label   string // for people: "Greenhouse"
	Version string
	// ContractMin and ContractMax are the contract versions that the adapter speaks.
	ContractMin, ContractMax int
	Powers                   []Power
	Fields                   []Field
	// Steps tell the employer how to make the credential, one sentence each.
	Steps  []string
	Limits []Limit
	Batch  Batch
	// InFlight bounds the calls of a power at one time per connection; absent means 1.
	InFlight map[Power]int
	// Cost is how many ATS requests one call makes; absent means 1.
	Cost    map[Power]int
	Find    Find
	Dedupe  Dedupe
	Deletes Deletes
	Note    NoteRule
	Resume  ResumeRule
	// Prospects says whether a submission may go in as a prospect.
	Prospects bool
	// RefusedBeforeProcessing lists HTTP statuses that, to a write, prove that nothing was applied
	// although they would otherwise be uncertain (5xx). Empty for most.
	RefusedBeforeProcessing []int
	Statuses                []StatusRule
	// Jobs says what absence from a complete job listing means.
	JobsListOnlyOpen bool
	// MissingCauses are the documented reasons why an application that was visible no longer is, as
	// sentences for a person.
	MissingCauses []string
	// ReadPermission names the permission that reading an application back needs, and who grants it.
	ReadPermission string
	// ProfileURL is an RE2 expression over the address of a candidate's page with the named groups
	// "candidate" and, where the address has it, "application".
	ProfileURL string
}

// Has reports whether the manifest announces p.
func (m Manifest) Has(p Power) bool {
	return slices.Contains(m.Powers, p)
}

// Field is one value that a connection needs.
type Field struct {
	Name     string // key in Connection.Settings or Connection.Credentials
	Label    string
	Secret   bool // kept in Credentials, sealed, never shown again
	Required bool
	Default  string
	Help     string
	Where    string // where in the ATS it is found
	Who      Who
	// ActingUser marks the field that names the user the connection acts for.
	ActingUser bool
}

// Who fills in a field. What the operator fills in is never asked on a page that an employer sees.
type Who string

// Who fills in a field.
const (
	WhoEmployer Who = "employer"
	WhoOperator Who = "operator"
)

// Limit is one documented or prudent limit of the ATS. The host keeps it.
type Limit struct {
	// Scope: "credential" (one per credential value) or "connection".
	Scope    string
	Requests int
	Per      time.Duration
	Burst    int
}

// Batch bounds the items of a call; 0 means 1.
type Batch struct{ Submit, ReadStatuses int }

// Find says how a submission whose outcome is unknown can be looked up.
type Find string

// Ways to find a submission.
const (
	FindNone        Find = "none"
	FindExternalID  Find = "external_id"
	FindEmailAndJob Find = "email_and_job" // only proposes
)

// Dedupe says what the ATS does with a second write of the same external id.
type Dedupe string

// Ways an ATS treats a repeated write.
const (
	DedupeNone       Dedupe = "none"
	DedupeExternalID Dedupe = "external_id" // the second write answers with the first one's ids
)

// Deletes says whether a deletion in the ATS can be told from a lost permission.
type Deletes string

// How deletions show.
const (
	DeletesHidden  Deletes = "hidden"
	DeletesVisible Deletes = "visible"
)

// NoteFormat is how the ATS shows a note.
type NoteFormat string

// Note formats.
const (
	NoteNone  NoteFormat = "none"
	NotePlain NoteFormat = "plain"
	NoteHTML  NoteFormat = "html"
)

// NoteRule bounds the note the host renders. Max counts characters (Unicode code points); 0 means none is taken.
type NoteRule struct {
	Format NoteFormat
	Max    int
}

// ResumeRule says what the ATS takes as a resume, given by URL.
type ResumeRule struct {
	Types    []string // file name extensions without the dot, lower case
	MaxBytes int64
	// ParsedBytes is the size above which the file is attached but not parsed; 0 when unknown.
	ParsedBytes int64
}
