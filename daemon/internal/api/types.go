package api

import (
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/intake"
	"github.com/atssync/atssync/daemon/internal/manage"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// What the API answers with, under names that a client can use without knowing the packages behind.
type (
	Adapter         = manage.Adapter
	Application     = atssync.Application
	Audit           = atssync.Audit
	Backlog         = atssync.Backlog
	BacklogView     = manage.BacklogView
	Checkpoint      = atssync.Checkpoint
	CheckResult     = atssync.CheckResult
	CheckView       = manage.CheckView
	Code            = atssync.Code
	Connection      = manage.Connection
	ConnectResult   = manage.ConnectResult
	Document        = atssync.Document
	Error           = atssync.Error
	Event           = atssync.Event
	Field           = manage.Field
	FieldError      = atssync.FieldError
	FindView        = manage.FindView
	ImportReport    = manage.ImportReport
	JobLink         = atssync.JobLink
	ATSJob          = atssync.ATSJob
	JobsRefresh     = manage.JobsRefresh
	LedgerView      = manage.LedgerView
	LinkRequest     = manage.LinkRequest
	Pass            = manage.Pass
	PlatformJob     = atssync.PlatformJob
	Pool            = manage.Pool
	ReleaseRequest  = manage.ReleaseRequest
	ResolveRequest  = manage.ResolveRequest
	Run             = atssync.Run
	Secret          = sdk.Secret
	State           = atssync.State
	Submission      = manage.Submission
	Suggestion      = manage.Suggestion
	Task            = atssync.Task
	Term            = manage.Term
	TrackingLink    = manage.TrackingLink
	StatusOverride  = atssync.StatusOverride
	ConnectionQuery = atssync.ConnectionQuery
	JobQuery        = atssync.JobQuery
	LinkQuery       = atssync.LinkQuery
)

// Page is one page of a list, and where the next begins ("" at the end).
type Page[T any] = atssync.Page[T]

// Example returns a full, valid submission document of invented people.
func Example(now time.Time) Document { return intake.Example(now) }

// States, HeldReasons and EventTypes list the words that filters take.
func States() []string { return words(atssync.States()) }

// HeldReasons lists the reasons for which a submission is held.
func HeldReasons() []string { return words(atssync.HeldReasons()) }

// EventTypes lists the types of events.
func EventTypes() []string { return words(atssync.EventTypes()) }

func words[T ~string](in []T) []string {
	out := make([]string, len(in))
	for i, w := range in {
		out[i] = string(w)
	}
	return out
}
