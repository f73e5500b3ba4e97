package atssync

import (
	"maps"
	"strings"
	"time"

	sdk "github.com/atssync/atssync/plugin-sdk"
)

// ConnectionState is what a person decided about a connection; its health is the Lane's.
type ConnectionState string

// Connection states.
const (
	ConnectionActive  ConnectionState = "active"
	ConnectionPaused  ConnectionState = "paused"
	ConnectionRemoved ConnectionState = "removed" // credentials destroyed; keys, receipts and numbers stay
)

// OnUncertain is what becomes of a submission whose outcome nobody knows.
type OnUncertain string

// Policies for uncertain submissions.
const (
	OnUncertainHold   OnUncertain = "hold"
	OnUncertainResend OnUncertain = "resend" // only where the ATS finds or dedupes
)

// ManagedBy says where a connection or job link is edited.
type ManagedBy string

// Where things are edited.
const (
	ManagedByFile ManagedBy = "file"
	ManagedByAPI  ManagedBy = "api"
)

// Connection is one account's access to one ATS account. ID never changes; Name is a label.
type Connection struct {
	ID      string          `json:"id"`
	Name    string          `json:"name"`
	Account string          `json:"account"`
	Adapter string          `json:"adapter"`
	State   ConnectionState `json:"state"`
	// PausedReason is what the person who paused it wrote, or why the daemon did.
	PausedReason string    `json:"paused_reason,omitempty"`
	ManagedBy    ManagedBy `json:"managed_by"`
	// Settings are the non-secret values of the manifest's fields.
	Settings map[string]string `json:"settings,omitempty"`
	// Credentials is the sealed JSON object of the secret fields; nil once removed.
	Credentials []byte `json:"credentials,omitempty"`
	// Hook is the sealed secret of the address that the ATS calls, made at HookAt; nil without one and once removed.
	Hook   []byte    `json:"hook,omitempty"`
	HookAt time.Time `json:"hook_at,omitzero"`
	// IdentityKeys are HMACs by which the same account is recognised when it is connected again: of
	// (adapter, host, acting user) and of (adapter, each secret).
	IdentityKeys []string `json:"identity_keys,omitempty"`
	ActingUser   User     `json:"acting_user"`
	Host         string   `json:"host,omitempty"`
	AccountName  string   `json:"account_name,omitempty"` // the ATS account, when the ATS tells it
	AccountID    string   `json:"account_id,omitempty"`   // as above
	JobsVisible  int      `json:"jobs_visible,omitempty"`

	OnUncertain      OnUncertain      `json:"on_uncertain,omitempty"`
	ResumeCheck      ResumeCheck      `json:"resume_check,omitempty"`
	LastNameFallback string           `json:"last_name_fallback,omitempty"`
	NoteTemplate     string           `json:"note_template,omitempty"`
	StatusOverrides  []StatusOverride `json:"status_overrides,omitempty"`

	Version   int64     `json:"version"` // grows with each change; If-Match
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
	CheckedAt time.Time `json:"checked_at,omitzero"`
	RemovedAt time.Time `json:"removed_at,omitzero"`
}

// KindExternalInATS is the kind of the HMACs that Submission.AccountKey holds.
const KindExternalInATS = "external-account"

// ExternalInATS is what an external id is unique in beyond its connection: the account, and the ATS that it is
// connected to. It is keyed before it is kept.
func (c Connection) ExternalInATS(externalID string) string {
	return strings.Join([]string{c.Account, c.Adapter, strings.ToLower(c.Host), externalID}, "\x00")
}

// SameATS reports whether two connections are one account's access to the same ATS, whichever user they act for.
func (c Connection) SameATS(o Connection) bool {
	return c.Account == o.Account && c.Adapter == o.Adapter && strings.EqualFold(c.Host, o.Host)
}

// sameUser reports whether two connections to the same ATS act for the same user, as far as the ATS told who it is.
func (c Connection) sameUser(o Connection) bool {
	if !c.SameATS(o) {
		return false
	}
	if c.ActingUser.ID != "" || o.ActingUser.ID != "" {
		return c.ActingUser.ID == o.ActingUser.ID
	}
	return c.ActingUser.Email != "" && strings.EqualFold(c.ActingUser.Email, o.ActingUser.Email)
}

// Continues reports whether c, when it is connected, continues the removed connection a rather than b: that of the
// acting user before that of the key, and then the one removed last.
func (c Connection) Continues(a, b Connection) bool {
	if x, y := c.sameUser(a), c.sameUser(b); x != y {
		return x
	}
	return a.RemovedAt.After(b.RemovedAt)
}

// User is an ATS user as Check reported it.
type User struct {
	ID    string `json:"id,omitempty"`
	Name  string `json:"name,omitempty"`
	Email string `json:"email,omitempty"`
}

// StatusOverride maps words of one connection's ATS account to ours; the first match wins, before the
// adapter's own table. Empty match fields match anything, without regard to case.
type StatusOverride struct {
	RawStatus string     `json:"raw_status,omitempty"`
	StageID   string     `json:"stage_id,omitempty"`
	StageName string     `json:"stage_name,omitempty"`
	ReasonID  string     `json:"reason_id,omitempty"`
	Reason    string     `json:"reason,omitempty"`
	Status    sdk.Status `json:"status,omitempty"`
	Phase     sdk.Phase  `json:"phase,omitempty"`
}

// CheckResult is one finding of a check, as a person and a program read it.
type CheckResult struct {
	ID        string   `json:"id"`
	Label     string   `json:"label,omitempty"`
	OK        bool     `json:"ok"`
	Warning   bool     `json:"warning,omitempty"`
	Cause     string   `json:"cause,omitempty"`
	WhoseTurn sdk.Turn `json:"whose_turn,omitempty"`
	Remedy    string   `json:"remedy,omitempty"`
}

// CheckResults converts what an adapter's check found.
func CheckResults(items []sdk.CheckItem) []CheckResult {
	out := make([]CheckResult, len(items))
	for i, it := range items {
		out[i] = CheckResult{
			ID: it.ID, Label: it.Label, OK: it.OK, Warning: it.Warning,
			Cause: it.Cause, WhoseTurn: it.Turn, Remedy: it.Remedy,
		}
	}
	return out
}

// Clone returns a copy that shares nothing mutable.
func (c Connection) Clone() Connection {
	c.Settings = maps.Clone(c.Settings)
	c.IdentityKeys = append([]string(nil), c.IdentityKeys...)
	c.StatusOverrides = append([]StatusOverride(nil), c.StatusOverrides...)
	c.Credentials = append([]byte(nil), c.Credentials...)
	c.Hook = append([]byte(nil), c.Hook...)
	return c
}
