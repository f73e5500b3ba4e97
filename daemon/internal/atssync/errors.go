package atssync

import (
	"errors"
	"fmt"
	"strings"
)

// Code is the closed set of what a person or program that asked for something is told.
type Code string

// The codes. They are stable: a client may switch on them.
const (
	CodeInvalid         Code = "invalid"           // the input is refused, see Fields
	CodeNotFound        Code = "not_found"         // there is no such thing
	CodeExists          Code = "already_exists"    // there is one already
	CodeConflict        Code = "conflict"          // the state does not allow it
	CodeChanged         Code = "changed_meanwhile" // If-Match did not match
	CodeAccountMismatch Code = "account_mismatch"  // it belongs to another account
	CodeGone            Code = "gone"              // it was there, and is kept no more
	CodeForbidden       Code = "forbidden"         // this caller may not, or the thing is read-only here
	CodeUnauthenticated Code = "unauthenticated"   // the caller did not say who it is, or is not known
	CodeCheckFailed     Code = "check_failed"      // the ATS does not accept the connection
	CodeAdapter         Code = "adapter_unavailable"
	CodeATS             Code = "ats_unavailable"
	CodeNoSpace         Code = "no_space" // the disk is too full to accept more
	CodeBusy            Code = "too_many_requests"
	CodeUnavailable     Code = "unavailable"
	CodeInternal        Code = "internal"
)

// ErrFenced says that the lease a step was made under is no longer held: drop the work.
var ErrFenced = errors.New("the lease on this connection is held by another epoch")

// Error is the error that reaches a person. Message says what happened and to which thing, Remedy what to
// do; both hold no secret and nothing personal.
type Error struct {
	Code    Code
	Message string
	Remedy  string
	Fields  []FieldError
	// Checks is set with CodeCheckFailed.
	Checks []CheckResult
	// Reached is set where credentials are good and reach another ATS user or account than before.
	Reached *Reached
	// Connection is set where the text tells of another connection than the one that was asked for; see Scope.Shown.
	Connection string
}

// Reached is an ATS user or account that is not the one of before, and what it takes to mean it.
type Reached struct {
	User        User   `json:"user" doc:"the ATS user that the credentials act for"`
	AccountName string `json:"account_name,omitempty" doc:"the ATS account, when the ATS tells it"`
	Host        string `json:"host,omitempty"`
	Identity    string `json:"identity" doc:"what says that this one is meant; another one has another"`
	// JobLinks counts the links that end with it: they lead to jobs of the ATS account of before.
	JobLinks int `json:"job_links,omitempty" doc:"how many job links end when this one is meant"`
}

// About says which other connection the text tells of, and returns e.
func (e *Error) About(connection string) *Error {
	e.Connection = connection
	return e
}

// FieldError is one refused field; Path is a JSON path into the input ("person.emails[0].address").
type FieldError struct {
	Path    string `json:"path" doc:"JSON path into the input"`
	Message string `json:"message" doc:"what is wrong with it"`
}

// Error returns message, fields and remedy in one line.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Message)
	for i, f := range e.Fields {
		if i == 0 {
			b.WriteString(": ")
		} else {
			b.WriteString("; ")
		}
		if f.Path != "" {
			b.WriteString(f.Path + ": ")
		}
		b.WriteString(f.Message)
	}
	if e.Remedy != "" {
		b.WriteString(" (" + e.Remedy + ")")
	}
	return b.String()
}

// Errorf returns an *Error with that code and message.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// WithRemedy adds what to do.
func (e *Error) WithRemedy(format string, args ...any) *Error {
	e.Remedy = fmt.Sprintf(format, args...)
	return e
}

// maxBrief is how many bytes Brief keeps.
const maxBrief = 100

// Brief is a text that somebody sent, cut for a message that names it: a key of 200 kB must not come back fifty times.
func Brief(text string) string {
	if len(text) <= maxBrief {
		return text
	}
	return strings.ToValidUTF8(text[:maxBrief], "") + "…"
}

// CodeOf returns the code of the first *Error in err's chain, CodeInternal for any other error and "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return CodeInternal
}
