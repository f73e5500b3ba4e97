package simulator

import (
	"encoding/json"
	"fmt"
	"time"
)

// Switches hold one answer to each question that Greenhouse's documentation leaves open. A client has to live with every
// combination. The JSON names, the variants and the defaults stand in switchTable; DefaultSwitches gives the defaults.
type Switches struct {
	Duplicate         DuplicatePost
	DuplicateBy       DuplicateKey
	PostStatus        int
	InvalidStatus     int
	InvalidBody       InvalidBody
	BatchFailure      BatchFailure
	MaxBatch          int
	MaxCandidateIDs   int
	OverLimit         OverLimit
	UnknownKey        Strictness
	ProspectAsText    Strictness
	SingleCandidate   SingleCandidate
	StatusCase        StatusCase
	StageOfProspect   StageShape
	StageOfRejected   StageShape
	StageOfHired      StageShape
	Applications      ApplicationsShape
	FurtherStatuses   FurtherStatuses
	DisabledUser      DisabledUser
	UnseenJob         int
	ProspectsDisabled int
	RateLimitReply    RateLimitReply
	RateLimit         int
	RateWindow        time.Duration
	ErrorBody         ErrorBody
	ResumeFetch       ResumeFetch
	ResumeDelay       time.Duration
	ResumeMethod      ResumeMethod
	ResumeFailure     ResumeFailure
	NotesOver         NotesOver
	NotesMax          int
	OAuthToken        OAuthToken
	OAuthTokenLife    time.Duration
	MergedCandidate   MergedCandidate
	ProspectConverted ProspectConverted
	JobsList          JobsList
	JobsPageSize      int
	BasicUserJobs     BasicUserJobs
	ReadLag           time.Duration
	HarvestKey        int
	ConfidentialJobs  ConfidentialJobs
	LiveJobPost       LiveJobPost
}

// The kinds of switches. Each constant is one variant; what it does is told in switchTable.
type (
	// DuplicatePost answers a POST of something already sent.
	DuplicatePost string
	// DuplicateKey says what makes two POSTs the same.
	DuplicateKey string
	// InvalidBody is the shape of a validation error.
	InvalidBody string
	// BatchFailure is what one bad element does to an array POST.
	BatchFailure string
	// OverLimit answers an array or id list that is too long.
	OverLimit string
	// Strictness coerces or refuses.
	Strictness string
	// SingleCandidate is the shape of a GET for one id.
	SingleCandidate string
	// StatusCase is how application statuses are written.
	StatusCase string
	// StageShape is how a stage that means nothing any more is written.
	StageShape string
	// ApplicationsShape is how many applications a candidate shows.
	ApplicationsShape string
	// FurtherStatuses says whether undocumented status words appear.
	FurtherStatuses string
	// DisabledUser answers calls on behalf of a disabled user.
	DisabledUser string
	// RateLimitReply is the look of a 429.
	RateLimitReply string
	// ErrorBody is the shape of every error other than a validation error.
	ErrorBody string
	// ResumeFetch is when a resume URL is fetched.
	ResumeFetch string
	// ResumeMethod is how a resume URL is fetched.
	ResumeMethod string
	// ResumeFailure is what a failing fetch inside the POST does.
	ResumeFailure string
	// NotesOver is what happens to notes that are too long.
	NotesOver string
	// OAuthToken is the life of an OAuth token.
	OAuthToken string
	// MergedCandidate is what the old id of a merged candidate shows.
	MergedCandidate string
	// ProspectConverted is what a conversion does to the application id.
	ProspectConverted string
	// JobsList says whether the job list is paged.
	JobsList string
	// BasicUserJobs is what a Basic user sees in the job list.
	BasicUserJobs string
	// ConfidentialJobs says who sees a confidential job.
	ConfidentialJobs string
	// LiveJobPost says whether a live job takes candidates from a Job Admin or Interviewer who is not assigned to it.
	LiveJobPost string
)

// The variants, in the order of the table; the first of each group is the default.
const (
	DuplicateSecond  DuplicatePost = "second_candidate"
	DuplicateSameIDs DuplicatePost = "same_ids"
	Duplicate409     DuplicatePost = "refuse_409"
	Duplicate422     DuplicatePost = "refuse_422"

	ByExternalID DuplicateKey = "external_id"
	ByEmail      DuplicateKey = "email"
	ByEither     DuplicateKey = "external_id_or_email"

	InvalidErrors  InvalidBody = "errors"
	InvalidMessage InvalidBody = "message"

	BatchWhole          BatchFailure = "whole"
	BatchPartial        BatchFailure = "partial"
	BatchFirstThenError BatchFailure = "first_then_error"

	Over422      OverLimit = "refuse_422"
	Over400      OverLimit = "refuse_400"
	Over414      OverLimit = "refuse_414"
	OverTruncate OverLimit = "truncate"

	Tolerate Strictness = "tolerate"
	Refuse   Strictness = "refuse"

	SingleArray  SingleCandidate = "array"
	SingleObject SingleCandidate = "object"

	StatusMixed StatusCase = "mixed"
	StatusLower StatusCase = "lower"
	StatusTitle StatusCase = "title"

	StageName   StageShape = "name"
	StageNull   StageShape = "null"
	StageEmpty  StageShape = "empty"
	StageAbsent StageShape = "absent"

	ApplicationsOne      ApplicationsShape = "one"
	ApplicationsNone     ApplicationsShape = "none"
	ApplicationsMany     ApplicationsShape = "many"
	ApplicationsShuffled ApplicationsShape = "many_shuffled"

	FurtherAbsent  FurtherStatuses = "absent"
	FurtherPresent FurtherStatuses = "present"

	Disabled401   DisabledUser = "unauthorized_401"
	Disabled403   DisabledUser = "forbidden_403"
	DisabledEmpty DisabledUser = "empty_200"

	RateRetryAfter RateLimitReply = "retry_after"
	RateNever      RateLimitReply = "never"
	RateNoHeader   RateLimitReply = "no_header"
	RatePlainText  RateLimitReply = "plain_text"

	ErrorErrors  ErrorBody = "errors"
	ErrorMessage ErrorBody = "message"
	ErrorHTML    ErrorBody = "html"
	ErrorEmpty   ErrorBody = "empty"

	ResumeLater    ResumeFetch = "later"
	ResumeNever    ResumeFetch = "never"
	ResumeInPost   ResumeFetch = "in_post"
	ResumeRepeated ResumeFetch = "repeated"

	ResumeGet       ResumeMethod = "get"
	ResumeHeadFirst ResumeMethod = "head_first"
	ResumeRange     ResumeMethod = "range"

	ResumeSilent    ResumeFailure = "silent"
	ResumeRefuse422 ResumeFailure = "refuse_422"

	NotesUnlimited NotesOver = "unlimited"
	NotesTruncate  NotesOver = "truncate"
	NotesRefuse    NotesOver = "refuse_422"

	TokenNoExpiry OAuthToken = "no_expiry"
	TokenExpires  OAuthToken = "expires"
	TokenRevoked  OAuthToken = "revoked"

	MergedAbsent MergedCandidate = "absent"
	MergedNewID  MergedCandidate = "new_record"

	ConvertedNewID       ProspectConverted = "new_id_old_gone"
	ConvertedOldRemains  ProspectConverted = "new_id_old_converted"
	ConvertedKeepsSameID ProspectConverted = "same_id"

	JobsOneArray   JobsList = "one_array"
	JobsLinkPaging JobsList = "link_paging"

	BasicLive    BasicUserJobs = "live_on_board"
	BasicAllOpen BasicUserJobs = "all_open"
	BasicNone    BasicUserJobs = "none"

	ConfidentialSiteAdmin ConfidentialJobs = "site_admin"
	ConfidentialAssigned  ConfidentialJobs = "assigned_only"

	LivePostAllowed LiveJobPost = "allowed"
	LivePostRefused LiveJobPost = "refused"
)

// SwitchPatch is a JSON object of switch names and values: the form in which switches stand in seeds, control bodies and files.
type SwitchPatch map[string]json.RawMessage

// DefaultSwitches gives what the documentation suggests, or the more demanding reading where it suggests nothing.
func DefaultSwitches() Switches {
	var s Switches
	for _, d := range switchTable() {
		// The table's own defaults always fit: TestSwitches_DefaultsAreTheirOwnVariants holds that.
		_ = d.set(&s, d.defaultJSON())
	}
	return s
}

// Apply sets every switch named in the patch, or none: the first problem is returned as an *InputError with its path.
func (s *Switches) Apply(p SwitchPatch) error {
	next := *s
	for _, name := range sortedKeys(p) {
		d, ok := findSwitch(name)
		if !ok {
			return inputErrorf("$."+name, "unknown switch%s", suggestion(name, switchNames()))
		}
		if err := d.set(&next, p[name]); err != nil {
			return under("$."+name, err)
		}
	}
	*s = next
	return nil
}

// MarshalJSON writes every switch under its name in the table.
func (s Switches) MarshalJSON() ([]byte, error) {
	all := make(map[string]any)
	for _, d := range switchTable() {
		all[d.Name] = d.get(&s)
	}
	return json.Marshal(all)
}

// UnmarshalJSON reads a patch over the defaults.
func (s *Switches) UnmarshalJSON(data []byte) error {
	var p SwitchPatch
	if err := json.Unmarshal(data, &p); err != nil {
		return fmt.Errorf("decode switches: %w", err)
	}
	*s = DefaultSwitches()
	return s.Apply(p)
}

// difference gives the patch that turns s into other.
func (s *Switches) difference(other *Switches) SwitchPatch {
	p := make(SwitchPatch)
	for _, d := range switchTable() {
		if d.get(s) != d.get(other) {
			p[d.Name] = mustJSON(d.get(other))
		}
	}
	return p
}

// mustJSON encodes texts, numbers and plain structs, which cannot fail.
func mustJSON(v any) json.RawMessage {
	raw, err := json.Marshal(v)
	if err != nil {
		return json.RawMessage("null")
	}
	return raw
}

// Duration is a time.Duration that stands in JSON as a text such as "250ms"; a bare number is refused.
type Duration time.Duration

// MarshalText writes the Go form.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalJSON reads the Go form and refuses negative values.
func (d *Duration) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return inputErrorf("$", `expected a duration as a text such as "250ms", got %s`, clip(string(data), 40))
	}
	v, err := time.ParseDuration(text)
	if err != nil {
		return inputErrorf("$", `%q is not a duration such as "250ms" or "2s"`, clip(text, 40))
	}
	if v < 0 {
		return inputErrorf("$", "a duration cannot be negative, got %s", text)
	}
	*d = Duration(v)
	return nil
}
