package atssync

import (
	"context"
	"time"

	sdk "github.com/atssync/atssync/plugin-sdk"
)

// The store, as roles. Each method is one business step: atomic, durable when it returns, its conflicts
// retried inside; it checks first (and may refuse with an *Error) and applies then (and cannot fail half
// way). Steps of workers carry a Lease and answer ErrFenced when it is stale; steps of people are judged
// against the state in their commit. What is not there is an *Error with CodeNotFound. now is the
// instant of the step, UTC. Steps by a person take the Actor from ctx (WithActor) and write the audit record in the
// same commit. Slices and maps handed in belong to the store from then on; what it returns is the caller's.

// Page is one page of a list, and where the next begins ("" at the end).
type Page[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitempty"`
}

// Paging says which page is wanted. Limit is at most 500; 0 means 100.
type Paging struct {
	After string
	Limit int
}

// ConnectionQuery selects connections; empty fields select all. Removed ones are left out unless asked for.
type ConnectionQuery struct {
	Account, Adapter, Name string
	State                  ConnectionState
	Within                 Scope
	Paging
}

// Connections is the role of those who manage connections.
type Connections interface {
	// CreateConnection stores a new connection, or revives the removed one that shares an identity key:
	// then the answer carries the old id, and keys, receipts and numbers go on. CodeExists names a live
	// connection that shares an identity key or, within the account, the name.
	CreateConnection(ctx context.Context, c Connection, now time.Time) (Connection, error)
	// UpdateConnection changes what change changes; version 0 matches any, else CodeChanged. Pausing
	// and resuming persist the task that holds or releases, and tell the platform. change may run twice.
	UpdateConnection(ctx context.Context, id string, version int64, change func(*Connection) error, now time.Time) (Connection, error)
	// RemoveConnection destroys the credentials and persists the task that cancels what waits; version is as in
	// UpdateConnection.
	RemoveConnection(ctx context.Context, id string, version int64, now time.Time) (Connection, error)
	Connection(ctx context.Context, id string) (Connection, error)
	Connections(ctx context.Context, q ConnectionQuery) (Page[Connection], error)
}

// JobQuery selects platform jobs or ATS jobs.
type JobQuery struct {
	Connection string // ATS jobs: required
	Account    string // platform jobs
	OpenOnly   bool
	ID         string     // of the job
	State      string     // ATS jobs: as the ATS says it
	Visibility Visibility // ATS jobs
	Within     Scope      // platform jobs: by account
	Paging
}

// Jobs is the role of those who keep the two job lists.
type Jobs interface {
	// PutPlatformJobs stores or replaces jobs. A job id of another account that within covers is CodeAccountMismatch and
	// nothing is stored; of others nothing is told, and both have a job of that id.
	PutPlatformJobs(ctx context.Context, jobs []PlatformJob, within Scope, now time.Time) error
	PlatformJobs(ctx context.Context, q JobQuery) (Page[PlatformJob], error)
	PlatformJob(ctx context.Context, account, id string) (PlatformJob, error)
	// PutATSJobs takes a whole listing: it marks what is new, changed, missing and closed, tells
	// the platform, and persists the tasks that hold or release the submissions of those jobs.
	PutATSJobs(ctx context.Context, l Lease, listing JobListing, now time.Time) (JobsSummary, error)
	ATSJobs(ctx context.Context, q JobQuery) (Page[ATSJob], error)
}

// JobsSummary tells what a listing changed.
type JobsSummary struct {
	Listed, New, Missing, Closed, Reopened int
	// Vanished says that so many were missing at once that the listing says nothing about jobs.
	Vanished bool
}

// LinkQuery selects job links.
type LinkQuery struct {
	Connection, Account, PlatformJob, ATSJob string
	Within                                   Scope
	Paging
}

// JobLinks is the role of those who link jobs.
type JobLinks interface {
	// PutJobLink makes or changes one link. A link of a job with held submissions and no answer to the
	// backlog question is CodeConflict with the count; with an answer, the release task is persisted.
	// Another account's job or connection is CodeAccountMismatch. created is false for a change.
	PutJobLink(ctx context.Context, p PutJobLink, releasePerMinute int, now time.Time) (link JobLink, created bool, err error)
	// RemoveJobLink removes the link and persists the task that holds what is queued for it.
	RemoveJobLink(ctx context.Context, connection, platformJob string, ifMatch int64, now time.Time) error
	JobLink(ctx context.Context, connection, platformJob string) (JobLink, error)
	JobLinks(ctx context.Context, q LinkQuery) (Page[JobLink], error)
	// Backlog counts the submissions held for the link of a platform job on a connection, and when the oldest
	// was accepted. It stops at 10,000.
	Backlog(ctx context.Context, connection, platformJob string) (count int, oldest time.Time, err error)
}

// NewSubmission is a document that intake found valid, sealed and keyed. ID is used when it is the first.
type NewSubmission struct {
	Submission Submission
	Payload    Payload
	// IfRevision is the revision that other content is meant to replace; another one is CodeChanged. 0 is any.
	IfRevision int
	// Within is what the caller sees: a platform job of another account is refused where it lies within, else it is as unknown
	// as one that nobody has.
	Within Scope
}

// AcceptResult says what became of one.
type AcceptResult string

// Results of Accept.
const (
	AcceptedNew      AcceptResult = "accepted"
	AcceptedRevision AcceptResult = "revised"
	AcceptedReplay   AcceptResult = "unchanged" // same content as before: the first submission
	AcceptRefused    AcceptResult = "refused"   // see Err
)

// Accepted is the answer for one NewSubmission.
type Accepted struct {
	Result     AcceptResult
	Submission Submission
	Err        error
}

// Intake is the role of what accepts submissions.
type Intake interface {
	// Accept stores submissions, each judged by Judge against its link, job, lane and connection in the
	// same commit: one result an item, in order. A refusal of one leaves the others. At most 500.
	// The uniqueness of (connection, external id) is one key. An error holds for all: nothing is stored.
	// Large documents take several commits: when a later one fails, its items and those after it are
	// refused with that error. A revision does not release what a person holds (operator, restored).
	Accept(ctx context.Context, in []NewSubmission, now time.Time) ([]Accepted, error)
	// Preview tells what Accept would answer for each by itself, and stores nothing.
	Preview(ctx context.Context, in []NewSubmission, now time.Time) ([]Accepted, error)
}

// SubmissionQuery selects submissions. ExternalKey finds at most one, ExternalKeys at most one each; these are not paged.
type SubmissionQuery struct {
	Connection, Account, PlatformJob string
	State                            State
	HeldReason                       HeldReason
	ExternalKey                      string
	ExternalKeys                     []string
	Since, Until                     time.Time // accepted
	// PersonKey finds those of one person, by Submission.PersonKeys.
	PersonKey string
	// Newest lists the newest first within each connection, and in one order over all of them when nothing but the job and the
	// time narrows a list without a connection.
	Newest bool
	// Look bounds how many entries one page looks at, for those who wait for it: then a page that is not the last one may hold
	// fewer than Limit, or none, and Next goes on behind what was looked at. 0 is no bound.
	Look   int
	Within Scope
	Paging
}

// Submissions is the role of those who look at submissions.
type Submissions interface {
	Submission(ctx context.Context, id string) (Submission, error)
	// Submissions lists by connection and then in the order of acceptance; with HeldReason and no
	// platform job, by platform job in between.
	Submissions(ctx context.Context, q SubmissionQuery) (Page[Submission], error)
	Payload(ctx context.Context, id string) (Payload, error)
	Attempts(ctx context.Context, id string) ([]Attempt, error)
	// SubmissionsByApplication finds those that went in as that ATS candidate or application id of a connection.
	SubmissionsByReceipt(ctx context.Context, connection string, candidate, application string) ([]Submission, error)
}

// ActKind is what a person does to one submission.
type ActKind string

// Acts.
const (
	ActHold    ActKind = "hold"    // queued → held: operator
	ActRelease ActKind = "release" // held → judged again; held: operator and restored too
	ActRetry   ActKind = "retry"   // refused → judged again; queued → due now
	ActCancel  ActKind = "cancel"  // queued or held → cancelled
)

// SettleUncertain settles an uncertain submission.
type SettleUncertain struct {
	Resolution Resolution
	By         string // find, webhook, person, policy
	// Attempt is the one that was looked for and not found; 0 is whichever was the last. When another one was made since, the
	// answer is CodeChanged: what was not there then may be there now.
	Attempt     int
	Receipt     *Receipt
	Application *Application // with ResolvedSubmitted
}

// SubmissionActs is the role of people and of maintenance.
type SubmissionActs interface {
	Act(ctx context.Context, id string, kind ActKind, now time.Time) (Submission, error)
	Resolve(ctx context.Context, id string, how SettleUncertain, now time.Time) (Submission, error)
	// Expire ends at most limit submissions whose time is over, and returns how many.
	Expire(ctx context.Context, limit int, now time.Time) (int, error)
	// Propose notes on an uncertain submission what a search by e-mail and job showed.
	Propose(ctx context.Context, id string, proposal Receipt, now time.Time) error
	// Import follows an application that an earlier integration put into the ATS. The submission is
	// accepted and already_applied in one step.
	Import(ctx context.Context, in NewSubmission, app Application, now time.Time) (Accepted, error)
}

// Tasks is the role of what works persisted tasks off.
type Tasks interface {
	// PutTask persists a task. The same as a pending one starts that one over; the opposite of a pending
	// one takes its place, so that the last word stands. Hold and release need a reason.
	PutTask(ctx context.Context, t Task, now time.Time) (Task, error)
	Tasks(ctx context.Context, connection string) ([]Task, error) // "" for all
	// WorkTask does the task's next share, at most limit submissions, and removes it when it is done.
	// wake says that submissions were queued. A task that is gone is done.
	WorkTask(ctx context.Context, id string, limit int, now time.Time) (done bool, wake bool, err error)
}

// Due is a queued submission with all that sending it needs.
type Due struct {
	Submission Submission
	Payload    Payload
	Link       *JobLink // nil when the job is no longer linked
	Job        *ATSJob
}

// BeginAttempt is one attempt to make durable.
type BeginAttempt struct {
	Submission string
	Revision   int // as it was read; a newer one is skipped
	ATSJob     string
	As         sdk.As
	Note       []byte // sealed
	Warning    string // what should be known of it; it takes the place of an earlier one
	// Places is how many of the connection may be under way, this one with them; 0 bounds nothing.
	Places int
	// Number is the number that the attempt will have, and the keys are the submission's: they go into the journal of
	// attempts before anything is sent.
	Number                  int
	ExternalKey, AccountKey string
}

// LaneChange changes a lane; it may run twice and tells what the platform is told.
type LaneChange func(*Lane) []EventDraft

// SubmitLane is the role of the submit worker.
type SubmitLane interface {
	Lane(ctx context.Context, connection string) (Lane, error)
	// NextSubmissions only reads: the connection's queued submissions that are due, the longest due first,
	// and when the next one is due after them (zero: none). A connection that is not active has none.
	NextSubmissions(ctx context.Context, l Lease, limit int, now time.Time) ([]Due, time.Time, error)
	// BeginAttempts makes queued → sending durable, before the first byte leaves. Those that are no
	// longer queued at that revision or find no place are left out of the answer, all of them when the
	// connection is not active any more.
	BeginAttempts(ctx context.Context, l Lease, in []BeginAttempt, now time.Time) ([]Attempt, error)
	// FinishAttempts ends attempts, with the lane's change in the same commit (nil: none). A finish under a
	// stale lease is ErrFenced, except evidence; see Submission.ApplyFinish. One that cannot be ended does
	// not hold up the others: they are stored, and ErrFenced is the answer. Under a stale lease the lane is
	// left alone.
	FinishAttempts(ctx context.Context, l Lease, in []Finish, change LaneChange, now time.Time) error
	// UpdateLane changes the lane alone.
	UpdateLane(ctx context.Context, l Lease, change LaneChange, now time.Time) (Lane, error)
}

// Hold is the role of the submit worker that puts queued submissions aside.
type Hold interface {
	// HoldSubmissions turns queued submissions into held ones, or into refused ones when trouble says that
	// the data is wrong (reason ""). Others are left alone, and without a trouble so are those whose reason
	// Judge does not find any more.
	HoldSubmissions(ctx context.Context, l Lease, ids []string, reason HeldReason, t *Trouble, now time.Time) error
}

// Relook is the role of the submit worker that looks again at what is held for a reason only a look can tell.
type Relook interface {
	// LookAgain takes what was found about submissions that are held for reason: one without a trouble is judged
	// again, another one is told its trouble of now. Those that are not held for it any more are left alone.
	// It returns how many were queued. At most 500.
	LookAgain(ctx context.Context, l Lease, reason HeldReason, in []HeldLook, now time.Time) (queued int, err error)
}

// HeldLook is what was found about one held submission. Revision is the one that was looked at.
type HeldLook struct {
	Submission string
	Revision   int
	Trouble    *Trouble // nil: the reason is gone
}

// ApplicationQuery selects applications.
type ApplicationQuery struct {
	Connection, Account, PlatformJob string
	Visibility                       Visibility
	Status                           sdk.Status
	ExternalID                       string
	Since, Until                     time.Time // last told of, see Application.ToldAt
	// Question selects those whose question to the employer is open, without a look at the others.
	Question bool
	Within   Scope
	Paging
}

// ApplicationChange is one application after a reading. Was is the Version that was judged.
type ApplicationChange struct {
	Application Application
	Was         int64
	Events      []EventDraft
}

// Collect is the role of the collect worker.
type Collect interface {
	Application(ctx context.Context, id string) (Application, error)
	Applications(ctx context.Context, q ApplicationQuery) (Page[Application], error)
	// RecordReadings stores changed applications, their numbered events and the checkpoint in one commit.
	// One whose Version moved meanwhile is left out; recorded counts the rest.
	RecordReadings(ctx context.Context, l Lease, in []ApplicationChange, cp *Checkpoint, now time.Time) (recorded int, err error)
	Checkpoint(ctx context.Context, connection string, op Operation) (Checkpoint, error)
	Checkpoints(ctx context.Context, connection string) ([]Checkpoint, error) // "" for all
}

// Questions is the role of people who answer what no reading can.
type Questions interface {
	// AnswerQuestion settles an application's question, see Application.Answer. An application of the ATS that another one of the
	// connection is followed as is CodeConflict, which names that one.
	AnswerQuestion(ctx context.Context, id string, how AnswerQuestion, now time.Time) (Application, error)
}

// Leases is the role of what owns connections.
type Leases interface {
	// Heartbeat says that owner lives until then. The first one of an owner registers it.
	Heartbeat(ctx context.Context, owner string, until, now time.Time) error
	// Acquire takes the lease of each connection whose holder is dead or nobody, at a new epoch; in the same
	// commit what was sending becomes uncertain. It returns those it got. At most 500.
	Acquire(ctx context.Context, owner string, connections []string, now time.Time) ([]Lease, error)
	// Release gives every lease of the owner back and forgets it, after its workers stopped.
	Release(ctx context.Context, owner string, now time.Time) error
}

// EventQuery reads events in order: of one connection by Sequence, or of all by Position.
type EventQuery struct {
	Connection string
	Account    string
	Subject    string
	Types      []EventType
	Job        string    // a platform job that the event is about
	Since      time.Time // of At
	Within     Scope
	After      int64 // Sequence with Connection, else Position; FromFirst
	Limit      int   // 0: 100, at most 1,000
	// Newest reads backwards, from the last one or, with After above 0, from the one before that: the cursor that is returned is
	// where older ones go on, 0 at the end. With a Subject it is not looked at.
	Newest bool
}

// Events is the role of who brings events to the platform.
type Events interface {
	// Events returns events after q.After in order, and the cursor after the last one looked at. Where some of them were
	// dropped it is CodeGone, never a hole.
	Events(ctx context.Context, q EventQuery) (events []Event, after int64, err error)
	// LastEvent returns the last Sequence of a connection, or the last Position of all with "".
	LastEvent(ctx context.Context, connection string) (int64, error)
	// FirstEvent returns the Sequence or Position before the first one that is still kept: 0 when nothing was dropped.
	FirstEvent(ctx context.Context, connection string) (int64, error)
}

// Runs is the role of the schedule.
type Runs interface {
	PutRun(ctx context.Context, r Run, now time.Time) error
	LastRun(ctx context.Context, pass string) (Run, error)
	Runs(ctx context.Context, q RunQuery) (Page[Run], error) // newest first
}

// LedgerQuery selects the ledgers of connections, removed ones too.
type LedgerQuery struct {
	Within Scope
	Paging
}

// Ledgers is the role of who checks that nothing is lost.
type Ledgers interface {
	Ledger(ctx context.Context, connection string) (Ledger, error)
	Ledgers(ctx context.Context, q LedgerQuery) (Page[Ledger], error)
	// Recount counts a connection's submission records by state at one point in time, with the counters of the
	// same point.
	Recount(ctx context.Context, connection string) (LedgerLine, error)
	// OldestWaiting returns when the oldest submission of a connection was accepted that waits in one of
	// the waiting states, by state.
	OldestWaiting(ctx context.Context, connection string) (map[State]time.Time, error)
}

// AuditLog is the role of who reads what people did.
type AuditLog interface {
	AppendAudit(ctx context.Context, a Audit) error
	AuditRecords(ctx context.Context, object string, p Paging) (Page[Audit], error) // "" for all, newest first
}

// Store is all roles together, what a store implements and app hands out in parts.
type Store interface {
	Connections
	Jobs
	JobLinks
	Intake
	Submissions
	SubmissionActs
	Tasks
	SubmitLane
	Hold
	Relook
	Collect
	Questions
	Leases
	Events
	Runs
	Ledgers
	AuditLog
	Webhooks
	Deliveries
	Deliver
	Tokens
	ConnectLinks
	Hints
	Restores
	Retention
	Erasures
	Sealed
	Close() error
}

type actorKey struct{}

// WithActor puts the person or program behind a request into ctx, for the audit record.
func WithActor(ctx context.Context, a Actor) context.Context {
	return context.WithValue(ctx, actorKey{}, a)
}

// ActorOf returns the actor in ctx; ok is false for the daemon's own work, which is not audited.
func ActorOf(ctx context.Context) (a Actor, ok bool) {
	a, ok = ctx.Value(actorKey{}).(Actor)
	return a, ok
}
