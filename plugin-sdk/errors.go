package sdk

import (
	"errors"
	"fmt"
	"time"
)

// Kind is the closed, append-only set of what can go wrong. Retry, hold and refusal are decided from the
// kind and the fields of Error, never from its text.
type Kind string

// The kinds.
const (
	KindAuth           Kind = "auth"            // the credential or the acting user is not accepted
	KindPermission     Kind = "permission"      // accepted, but may not do this
	KindConfigRequired Kind = "config_required" // a setting is missing or wrong
	KindNotFound       Kind = "not_found"       // Subject is not there, or not visible
	KindJobClosed      Kind = "job_closed"      // the job takes no applications
	KindInvalid        Kind = "invalid"         // the data is refused, see Fields
	KindDuplicate      Kind = "duplicate"       // refused as a repetition, without a usable reference
	KindAttachment     Kind = "attachment"      // the resume is refused
	KindRateLimited    Kind = "rate_limited"    // not processed; RetryAfter when the ATS told it
	KindTransient      Kind = "transient"       // may work later; a write only with NotApplied
	KindAmbiguous      Kind = "ambiguous"       // a write was sent and its outcome is not known
	KindCursorExpired  Kind = "cursor_expired"  // start a full pass
	KindUnsupported    Kind = "unsupported"     // the power or option does not exist here
	KindRemoteChanged  Kind = "remote_changed"  // the answer contradicts the documented one
	KindInternal       Kind = "internal"        // a fault of the adapter
)

// Kinds lists every kind.
func Kinds() []Kind {
	return []Kind{
		KindAuth, KindPermission, KindConfigRequired, KindNotFound, KindJobClosed, KindInvalid,
		KindDuplicate, KindAttachment, KindRateLimited, KindTransient, KindAmbiguous,
		KindCursorExpired, KindUnsupported, KindRemoteChanged, KindInternal,
	}
}

// Turn names the party that has to act.
type Turn string

// The parties.
const (
	TurnEmployer Turn = "employer"
	TurnATS      Turn = "ats"
	TurnPlatform Turn = "platform"
	TurnOperator Turn = "operator"
	TurnAdapter  Turn = "adapter" // the adapter's author
)

// Subject says what a not_found or permission error is about.
type Subject string

// Subjects.
const (
	SubjectJob         Subject = "job"
	SubjectCandidate   Subject = "candidate"
	SubjectApplication Subject = "application"
	SubjectUser        Subject = "user"
	SubjectEndpoint    Subject = "endpoint"
	SubjectPool        Subject = "pool"
)

// Error is the only error that crosses the process border; the host rebuilds it as the same Go value.
// Message and Remedy are single sentences for a person and hold nothing secret or personal.
type Error struct {
	Kind    Kind
	Message string
	Turn    Turn
	Remedy  string
	Subject Subject
	// Status is the HTTP status that the ATS answered with, 0 when none.
	Status int
	Fields []FieldError
	// RetryAfter is how long the ATS asked to wait; 0 when it did not say.
	RetryAfter time.Duration
	// NotApplied is true only when it is proved that nothing was written.
	NotApplied bool
	Meta
}

// FieldError is one field that the ATS or the adapter refuses. Path is a JSON path into the submission
// document ("person.emails[0].address").
type FieldError struct{ Path, Code, Message string }

// Error returns kind and message.
func (e *Error) Error() string { return fmt.Sprintf("%s: %s", e.Kind, e.Message) }

// KindOf returns the kind of the first *Error in err's chain, KindInternal for any other error, and ""
// for nil.
func KindOf(err error) Kind {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return KindInternal
}

// AsError returns the first *Error in err's chain, or an internal one that wraps err's text.
func AsError(err error) *Error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{Kind: KindInternal, Message: err.Error(), Turn: TurnAdapter}
}

// ErrNotRunning is what the host side answers when an adapter's process is not there to be called:
// nothing was sent.
var ErrNotRunning = errors.New("the adapter is not running")
