// Package manage holds everything that people do: connect and check, list and link jobs, look at what became
// of submissions, resolve what is uncertain, run a pass now. The API, the command line and the console call the
// same methods. It stands beside the workers: it changes the store by the same business steps, each of which writes
// its audit record from the actor in ctx, and then wakes the lane it concerns.
//
// What is returned is plain data with JSON tags and never holds a secret. What is refused is an
// *atssync.Error, with JSON paths into the request where fields are wrong.
package manage

import (
	"context"
	"io"
	"sync/atomic"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// Store is the roles of the store that people's acts need.
type Store interface {
	atssync.Connections
	atssync.Jobs
	atssync.JobLinks
	atssync.Submissions
	atssync.SubmissionActs
	atssync.Events
	atssync.Runs
	atssync.Ledgers
	atssync.AuditLog
	atssync.Tokens
	atssync.ConnectLinks
	atssync.Restores
	atssync.Erasures
	Reads
	atssync.Questions
	// PutTask persists work on many submissions.
	PutTask(ctx context.Context, t atssync.Task, now time.Time) (atssync.Task, error)
	// Tasks lists the work under way.
	Tasks(ctx context.Context, connection string) ([]atssync.Task, error)
}

// Reads is what is only looked at.
type Reads interface {
	Lane(ctx context.Context, connection string) (atssync.Lane, error)
	UpdateLane(ctx context.Context, l atssync.Lease, change atssync.LaneChange, now time.Time) (atssync.Lane, error)
	Application(ctx context.Context, id string) (atssync.Application, error)
	Applications(ctx context.Context, q atssync.ApplicationQuery) (atssync.Page[atssync.Application], error)
	Checkpoints(ctx context.Context, connection string) ([]atssync.Checkpoint, error)
}

// Adapters reaches the adapter processes.
type Adapters interface {
	// Manifest returns what the adapter says of itself; an error that is sdk.ErrNotRunning when it never ran.
	Manifest(adapter string) (sdk.Manifest, error)
	// Reserve waits until the limits allow a call of that power ("" for Check) for the connection. done must be
	// called after the call. An error that is sdk.ErrNotRunning says that the process is not there.
	Reserve(ctx context.Context, adapter string, c sdk.Connection, p sdk.Power) (client sdk.Client, done func(), err error)
	// List returns every adapter that is known, by name.
	List() []AdapterStatus
}

// Leases tells which connections this daemon may work.
type Leases interface {
	// Lease returns the lease on a connection, taking it when nobody has it; ok is false when another
	// daemon does.
	Lease(connection string) (l atssync.Lease, ok bool)
}

// Keys makes keyed HMACs by which things are looked up without being readable.
type Keys interface {
	Index(kind, value string) string
}

// Sealer encrypts what no store may read; connection, record and field are associated data.
type Sealer interface {
	Seal(plain []byte, connection, record, field string) ([]byte, error)
	Open(sealed []byte, connection, record, field string) ([]byte, error)
}

// Documents opens and keys what intake sealed.
type Documents interface {
	ExternalKey(connection, externalID string) string
	PersonKeys(account string, p atssync.Person) []string
	OpenDocument(s atssync.Submission, p atssync.Payload) (atssync.Document, error)
	OpenNote(s atssync.Submission, sealed []byte) (string, error)
}

// Schedule is the daemon's schedule.
type Schedule interface {
	Passes(ctx context.Context) ([]Pass, error)
	// RunNow starts a pass and returns the id of its run; CodeNotFound for a pass there is not, CodeConflict while it runs.
	RunNow(ctx context.Context, pass string) (run string, err error)
}

// Backups makes backups of the store.
type Backups interface {
	// Backup writes a whole backup and returns its id. What was written before an error is no backup.
	Backup(ctx context.Context, w io.Writer) (id string, err error)
}

// Options are what a Service is made of. Store, Adapters, Leases, Keys, Sealer and Documents are required.
type Options struct {
	Policy    Policy // at first; Reconfigure puts another one in force
	Store     Store
	Adapters  Adapters
	Leases    Leases
	Keys      Keys
	Sealer    Sealer
	Documents Documents
	Schedule  Schedule        // nil: no schedule
	Webhooks  *WebhookOptions // nil: no webhooks
	Hooks     HookOptions
	Backups   Backups // nil: none are made
	// Reload reads the configuration file again; nil: there is none.
	Reload  func(ctx context.Context) (Reloaded, error)
	KeyRing KeyRing // nil: no keys to exchange
	Log     Log     // nil: its level stays as it is

	// RefreshJobs has the connection's jobs listed and stored now. It is required.
	RefreshJobs func(ctx context.Context, connection string) error
	// QuietUntil tells until when an ATS takes no calls for a connection, zero when it does; nil: nobody knows.
	QuietUntil func(adapter string, c sdk.Connection) time.Time
	// File is the path of the configuration file, for words that send a person there.
	File string
	// Wake has a connection's lane worked soon; nil is nobody.
	Wake func(connection string)
	// Touches says that Touched is called after every commit that writes what a survey shows, so that only that is read anew.
	Touches bool
	// Changed is told of a connection that was made, changed or removed; nil is nobody.
	Changed func(connection string)
}

// HookOptions say where ATSes reach the daemon.
type HookOptions struct {
	// PublicURL is the address before the path, without a slash at its end; "" when nobody said it.
	PublicURL string
	// Closed says that nothing listens for them.
	Closed bool
}

// How often an ATS whose list of jobs is empty is asked for it by pages, and how often it is written down that somebody looks at the same
// person's name.
const (
	listAgain = time.Minute
	lookAgain = time.Hour
)

// Service does what people ask for. Its methods may be called concurrently.
type Service struct {
	policy *atomic.Pointer[Policy] // one for all that are narrowed from one
	o      Options
	scope  atssync.Scope
	survey *surveyor   // of all that are narrowed from one
	seen   *remembered // as well
	listed *lately     // empty lists of jobs that an ATS was asked for
	looked *lately     // at people's names
}

// New returns a Service.
func New(o Options) *Service {
	if o.Wake == nil {
		o.Wake = func(string) {}
	}
	if o.Changed == nil {
		o.Changed = func(string) {}
	}
	return &Service{o: o, survey: new(surveyor), seen: new(remembered), listed: newLately(listAgain), looked: newLately(lookAgain), policy: hold(o.Policy)}
}

// Stop waits for what is done beside those who ask.
func (s *Service) Stop() { s.survey.stop() }

// Within returns the service narrowed to a scope: what lies outside of it does not exist, whatever is asked. Lists are
// of what lies inside, and an id of something else is CodeNotFound like one that there never was.
func (s *Service) Within(sc atssync.Scope) *Service {
	n := *s
	n.scope = sc
	return &n
}
