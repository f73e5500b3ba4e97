package atssync

import (
	"slices"
	"time"

	sdk "github.com/atssync/atssync/plugin-sdk"
)

// State is where a submission is in its life.
type State string

// The states. Each constant tells who sets it and what leaves it.
const (
	// StateQueued is ready to be sent: intake sets it, or whatever proved that nothing was applied.
	StateQueued State = "queued"
	// StateHeld waits for HeldReason to go away; intake, a task or a person sets it.
	StateHeld State = "held"
	// StateSending was made durable before the first byte left. Only the holder of the connection's lease
	// ends it; a new epoch turns it into StateUncertain.
	StateSending State = "sending"
	// StateSubmitted has a receipt and is followed as an application. Final.
	StateSubmitted State = "submitted"
	// StateAlreadyApplied was known to the ATS by our external id; followed as well. Final.
	StateAlreadyApplied State = "already_applied"
	// StateRefused was refused by the ATS or for its data. A revision or a retry judges it again.
	StateRefused State = "refused"
	// StateUncertain was sent and its answer lost. Find, a webhook or a person resolves it.
	StateUncertain State = "uncertain"
	// StateCancelled was given up by a person or the platform. A revision judges it again.
	StateCancelled State = "cancelled"
	// StateExpired waited longer than it was worth. A revision judges it again.
	StateExpired State = "expired"
)

// States lists every state, in the order of a ledger line.
func States() []State {
	return []State{
		StateSubmitted, StateAlreadyApplied, StateRefused, StateCancelled, StateExpired,
		StateQueued, StateHeld, StateSending, StateUncertain,
	}
}

// moves holds every allowed move; all others are faults.
var moves = map[State][]State{
	StateQueued:    {StateSending, StateHeld, StateCancelled, StateExpired, StateQueued, StateRefused},
	StateHeld:      {StateQueued, StateHeld, StateCancelled, StateExpired, StateRefused},
	StateSending:   {StateSubmitted, StateAlreadyApplied, StateRefused, StateQueued, StateHeld, StateUncertain},
	StateUncertain: {StateSubmitted, StateAlreadyApplied, StateQueued, StateCancelled},
	StateRefused:   {StateQueued, StateHeld},
	StateCancelled: {StateQueued, StateHeld},
	StateExpired:   {StateQueued, StateHeld},
}

// CanMove reports whether a submission may go from one state to another.
func CanMove(from, to State) bool { return slices.Contains(moves[from], to) }

// Revisable reports whether other content for the same external id is a revision in this state.
func (s State) Revisable() bool {
	return s == StateQueued || s == StateHeld || s == StateRefused || s == StateCancelled || s == StateExpired
}

// Waiting reports whether the submission is accepted and not yet decided: it counts for the oldest-waiting age.
func (s State) Waiting() bool {
	return s == StateQueued || s == StateHeld || s == StateSending || s == StateUncertain
}

// HeldReason says what a held submission waits for.
type HeldReason string

// The reasons.
const (
	HeldJobNotLinked      HeldReason = "job_not_linked"
	HeldJobNotAccessible  HeldReason = "job_not_accessible"
	HeldJobClosed         HeldReason = "job_closed"
	HeldConnectionPaused  HeldReason = "connection_paused"
	HeldAdapterMissing    HeldReason = "adapter_missing"
	HeldResumeUnavailable HeldReason = "resume_unavailable"
	HeldQuota             HeldReason = "quota"
	HeldRestored          HeldReason = "restored"
	HeldOperator          HeldReason = "operator"
)

// HeldReasons lists every reason.
func HeldReasons() []HeldReason {
	return []HeldReason{
		HeldJobNotLinked, HeldJobNotAccessible, HeldJobClosed, HeldConnectionPaused, HeldAdapterMissing,
		HeldResumeUnavailable, HeldQuota, HeldRestored, HeldOperator,
	}
}

// Remedy says whose turn a held submission is and what that party should do.
func (r HeldReason) Remedy() (sdk.Turn, string) {
	switch r {
	case HeldJobNotLinked:
		return sdk.TurnPlatform, "connect the job: link the platform job to a job of the ATS"
	case HeldJobNotAccessible:
		return sdk.TurnEmployer, "give the connection's ATS user access to the job, or link another job"
	case HeldJobClosed:
		return sdk.TurnEmployer, "reopen the job in the ATS, or link the platform job to an open one"
	case HeldConnectionPaused:
		return sdk.TurnOperator, "resume the connection"
	case HeldAdapterMissing:
		return sdk.TurnOperator, "install or repair the adapter; see: atssync adapters list"
	case HeldResumeUnavailable:
		return sdk.TurnPlatform, "make the resume's address reachable, or send a revision with another one"
	case HeldQuota:
		return sdk.TurnATS, "wait for the ATS's quota to be renewed"
	case HeldRestored:
		return sdk.TurnOperator, "say what was sent after the backup (atssync reconcile --help), then: atssync connections release CONNECTION"
	case HeldOperator:
		return sdk.TurnOperator, "release it: atssync submissions release"
	}
	return sdk.TurnOperator, "see why it is held: atssync submissions show"
}

// Receipt is what the ATS gave for a submission.
type Receipt struct {
	CandidateID   string `json:"candidate_id,omitempty"`
	ApplicationID string `json:"application_id,omitempty"`
	ProfileURL    string `json:"profile_url,omitempty"`
	Pending       string `json:"pending,omitempty"`
}

// Submission is one application of one candidate to one platform job, on its way into an ATS. What is
// personal stays in the sealed payload beside it.
type Submission struct {
	ID         string `json:"id"`
	Connection string `json:"connection"`
	Account    string `json:"account"`
	ExternalID string `json:"external_id"`
	// ExternalKey is the HMAC of connection and external id: the one key of uniqueness.
	ExternalKey string `json:"external_key"`
	// AccountKey is the HMAC of Connection.ExternalInATS: the second key of uniqueness, which other connections of the
	// same account to the same ATS share, so that an application that went in through one is not sent through another.
	AccountKey string `json:"account_key,omitempty"`
	// Fingerprint is the HMAC of the canonical document, without URL queries and expiries.
	Fingerprint string `json:"fingerprint"`
	// ResumeKey is the HMAC of what the fingerprint leaves out of the resume: its whole address and when that ends. It
	// tells a new signature for the same file from a repetition.
	ResumeKey string `json:"resume_key,omitempty"`
	// PersonKeys are HMACs of the person's id and e-mails, to find a person without its payload.
	PersonKeys  []string   `json:"person_keys,omitempty"`
	PlatformJob string     `json:"job"`
	State       State      `json:"state"`
	HeldReason  HeldReason `json:"held_reason,omitempty"`
	// HeldBefore is what a person held it for before a restore holds it: it is held for that again afterwards.
	HeldBefore HeldReason `json:"held_before,omitempty"`
	Revision   int        `json:"revision"`
	// Attempt counts the attempts begun; Failures those that ended without a decision, for the back-off.
	Attempt  int       `json:"attempt,omitempty"`
	Failures int       `json:"failures,omitempty"`
	NextAt   time.Time `json:"next_at"` // queued: not before
	// Continuation is sealed: what the adapter needs to do the next write of several. While it is set
	// the ATS holds a part of the submission.
	Continuation []byte   `json:"continuation,omitempty"`
	ATSJob       string   `json:"ats_job,omitempty"` // the job it went to, once begun
	As           sdk.As   `json:"as,omitempty"`
	Receipt      *Receipt `json:"receipt,omitempty"`
	Trouble      *Trouble `json:"trouble,omitempty"`
	// Warning is what did not keep it from being sent and should be known.
	Warning string `json:"warning,omitempty"`
	// PossibleDuplicate marks one that a person or the resend policy sent again without proof.
	PossibleDuplicate bool `json:"possible_duplicate,omitempty"`
	// Orphaned says that it was cancelled because its connection was removed: nobody decided against the
	// application, and the same document sent again is judged again.
	Orphaned   bool      `json:"orphaned,omitempty"`
	AcceptedAt time.Time `json:"accepted_at"`
	UpdatedAt  time.Time `json:"updated_at"`
	ExpiresAt  time.Time `json:"expires_at"`
	// Proposal is a candidate that Find showed by e-mail and job; only a person may accept it.
	Proposal *Receipt `json:"proposal,omitempty"`
	// PayloadGoneAt is when retention dropped the document.
	PayloadGoneAt time.Time `json:"payload_gone_at,omitzero"`
	// Erasure is the id of the erasure that waits for the submission's outcome or, with ErasedAt, that erased it.
	Erasure  string    `json:"erasure,omitempty"`
	ErasedAt time.Time `json:"erased_at,omitzero"`
}

// Move is the one way to change a submission's state. It returns a fault when the move is not allowed; the
// caller keeps the ledger with From and To.
func (s *Submission) Move(to State, reason HeldReason, now time.Time) error {
	if !CanMove(s.State, to) {
		return Errorf(CodeConflict, "submission %s is %s and cannot become %s", s.ID, s.State, to)
	}
	if to != StateHeld {
		reason = ""
	}
	if to != StateHeld || reason != HeldRestored {
		s.HeldBefore = ""
	}
	s.State, s.HeldReason, s.UpdatedAt = to, reason, now
	return nil
}

// Payload is the sealed document of a submission.
type Payload []byte

// Attempt is one try to put a submission into the ATS, written before the first byte leaves.
type Attempt struct {
	Submission string    `json:"submission"`
	Number     int       `json:"number"`
	Epoch      int64     `json:"epoch"`
	StartedAt  time.Time `json:"started_at"`
	EndedAt    time.Time `json:"ended_at,omitzero"`
	// Outcome is the state it ended in, empty while under way.
	Outcome State    `json:"outcome,omitempty"`
	Kind    sdk.Kind `json:"kind,omitempty"`
	ATSJob  string   `json:"ats_job"`
	As      sdk.As   `json:"as"`
	// Note is the sealed text as it was sent.
	Note      []byte         `json:"note,omitempty"`
	Exchanges []sdk.Exchange `json:"exchanges,omitempty"`
	Trouble   *Trouble       `json:"trouble,omitempty"`
}
