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
	// Adapter is an adapter with what it says of itself.
	Adapter = manage.Adapter
	// Application is a submission whose status is followed.
	Application = atssync.Application
	// Audit is the record of one act by a person.
	Audit = atssync.Audit
	// Backlog is what linking a job does with the submissions that wait for it.
	Backlog = atssync.Backlog
	// BacklogView is how many submissions wait for a link.
	BacklogView = manage.BacklogView
	// Checkpoint is how far an operation of a connection came.
	Checkpoint = atssync.Checkpoint
	// CheckResult is one finding of a check.
	CheckResult = atssync.CheckResult
	// CheckView is what a check found now.
	CheckView = manage.CheckView
	// Code is the stable code of an error.
	Code = atssync.Code
	// Connection is an account's access to one ATS account.
	Connection = manage.Connection
	// ConnectResult is what was saved and what the check showed.
	ConnectResult = manage.ConnectResult
	// Document is what the platform sends for one application.
	Document = atssync.Document
	// Error is what was refused, and what to do.
	Error = atssync.Error
	// Event is something the platform is told.
	Event = atssync.Event
	// Field is one value that a connection needs.
	Field = manage.Field
	// FieldError is one refused field.
	FieldError = atssync.FieldError
	// FindView is what a search in the ATS showed.
	FindView = manage.FindView
	// ImportReport is what became of the records of a file.
	ImportReport = manage.ImportReport
	// JobLink is the link of a platform job to an ATS job.
	JobLink = atssync.JobLink
	// ATSJob is a job as the ATS lists it.
	ATSJob = atssync.ATSJob
	// JobsRefresh is what a listing of the ATS's jobs changed.
	JobsRefresh = manage.JobsRefresh
	// LedgerView is the ledger of some connections and their sum.
	LedgerView = manage.LedgerView
	// LinkRequest is a link to make or change.
	LinkRequest = manage.LinkRequest
	// ConnectLink leads an employer to its connect page.
	ConnectLink = manage.ConnectLink
	// Question asks which of its candidate's applications a submission's is now.
	Question = manage.Question
	// QuestionChoice is an application that may be it.
	QuestionChoice = manage.QuestionChoice
	// Pass is one pass of the schedule.
	Pass = manage.Pass
	// PlatformJob is the platform's own job.
	PlatformJob = atssync.PlatformJob
	// Preflight is what would become of a document now.
	Preflight = intake.Preflight
	// Pool is a prospect pool.
	Pool = manage.Pool
	// ReleaseResult is the task that releases, and what it will find.
	ReleaseResult = manage.ReleaseResult
	// ReleaseRequest is which held submissions to release.
	ReleaseRequest = manage.ReleaseRequest
	// Run is one execution of a pass.
	Run = atssync.Run
	// RunQuery is which runs are wanted.
	RunQuery = atssync.RunQuery
	// Secret is a value that prints as stars.
	Secret = sdk.Secret
	// State is where a submission is in its life.
	State = atssync.State
	// RestoreView is whether the store was restored from a backup, and what is held for that.
	RestoreView = manage.RestoreView
	// HeldConnection is one connection that is held for a restore.
	HeldConnection = manage.HeldConnection
	// ReconcileReport is what the platform's events settled after a restore.
	ReconcileReport = manage.ReconcileReport
	// ReleaseRestoredRequest ends the hold of a restore.
	ReleaseRestoredRequest = manage.ReleaseRestoredRequest
	// Submission is an application on its way into an ATS.
	Submission = manage.Submission
	// Suggestion is a pair of jobs that may be the same.
	Suggestion = manage.Suggestion
	// Token lets a program in over HTTP.
	Token = manage.Token
	// Task is work on many submissions that is under way.
	Task = atssync.Task
	// Term is one word that an ATS account uses.
	Term = manage.Term
	// TrackingLink is the ATS's own link that credits the platform.
	TrackingLink = manage.TrackingLink
	// Visibility is whether the ATS shows something.
	Visibility = atssync.Visibility
	// StatusOverride is how one connection's own words are understood.
	StatusOverride = atssync.StatusOverride
	// ConnectionQuery is which connections are wanted.
	ConnectionQuery = atssync.ConnectionQuery
	// JobQuery is which jobs are wanted.
	JobQuery = atssync.JobQuery
	// LinkQuery is which job links are wanted.
	LinkQuery = atssync.LinkQuery
)

// Page is one page of a list, and where the next begins ("" at the end).
type Page[T any] = atssync.Page[T]

// Example returns a full, valid submission document of invented people.
func Example(now time.Time) Document { return intake.Example(now) }

// States lists the states of submissions, in the order of a ledger line.
func States() []string { return words(atssync.States()) }

// Statuses lists the statuses of applications.
func Statuses() []string { return words(sdk.Statuses()) }

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
