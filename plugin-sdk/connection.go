package sdk

import "log/slog"

// Secret is a value that prints as stars everywhere; Reveal is the only way to the text.
type Secret string

// Reveal returns the secret's text, for the header or body that must carry it and nothing else.
func (s Secret) Reveal() string { return string(s) }

// String hides the secret.
func (s Secret) String() string { return "***" }

// GoString hides the secret from %#v.
func (s Secret) GoString() string { return "***" }

// LogValue hides the secret from slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue("***") }

// MarshalText hides the secret from encoders; wire code uses Reveal on purpose.
func (s Secret) MarshalText() ([]byte, error) { return []byte("***"), nil }

// Connection is one account's access to one ATS account, as a call carries it. Settings hold the
// operator's and the connection's non-secret values (base_url among them) and Credentials the values of
// the manifest's secret fields; both are keyed by Field.Name, and a field is in exactly one of them.
type Connection struct {
	ID          string
	Settings    map[string]string
	Credentials map[string]Secret
}

// Value returns the setting or credential of that name, or "".
func (c Connection) Value(name string) string {
	if v, ok := c.Credentials[name]; ok {
		return v.Reveal()
	}
	return c.Settings[name]
}

// CheckRequest asks Adapter.Check about one connection.
type CheckRequest struct {
	Connection Connection
	// PartnerName is the platform's name as the ATS's screens list it, for texts.
	PartnerName string
}

// CheckReply is what a check found.
type CheckReply struct {
	// Host is the ATS host that was asked, part of the connection's identity.
	Host string
	// AccountID and AccountName are the ATS account's, when the ATS tells them.
	AccountID, AccountName string
	ActingUser             User
	// JobsVisible counts the jobs that the acting user sees; -1 when it was not asked.
	JobsVisible int
	Items       []CheckItem
	Meta
}

// OK reports whether no required check failed.
func (r CheckReply) OK() bool {
	for _, it := range r.Items {
		if !it.OK && !it.Warning {
			return false
		}
	}
	return true
}

// User is an ATS user.
type User struct{ ID, Name, Email string }

// CheckItem is one finding. When it is not OK it carries the kind that a call would fail with, the cause
// in words, whose turn it is, and what that party should do.
type CheckItem struct {
	ID      string // stable, snake_case: credentials, acting_user, jobs …
	Label   string
	OK      bool
	Warning bool // not OK, but the connection can work
	Kind    Kind
	Cause   string
	Turn    Turn
	Remedy  string
}
