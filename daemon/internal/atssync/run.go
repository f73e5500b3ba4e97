package atssync

import "time"

// Lease is one daemon's right to work a connection. Every step of a worker carries it; a step under an
// older epoch gets ErrFenced.
type Lease struct {
	Connection string `json:"connection"`
	Owner      string `json:"owner"`
	Epoch      int64  `json:"epoch"`
}

// Checkpoint tells how far a pass over a connection came; a killed pass resumes there.
type Checkpoint struct {
	Connection string    `json:"connection"`
	Operation  Operation `json:"operation"`
	Pass       int64     `json:"pass"` // counts the passes begun
	// LastKey is the marker of the page where a pass under way goes on, "" between passes.
	LastKey    string    `json:"last_key,omitempty"`
	Cursor     string    `json:"cursor,omitempty"` // the adapter's
	StartedAt  time.Time `json:"started_at,omitzero"`
	PreviousAt time.Time `json:"previous_at,omitzero"` // when the last whole pass began
	AdvancedAt time.Time `json:"advanced_at,omitzero"` // when LastKey or Cursor last moved or a pass ended
	FinishedAt time.Time `json:"finished_at,omitzero"` // when the last whole pass ended
	// Asked and Read count the applications of the last whole pass: a pass that asks and reads nothing is
	// not a success.
	Asked int    `json:"asked,omitempty"`
	Read  int    `json:"read,omitempty"`
	Error string `json:"error,omitempty"`
}

// PassBackup is the pass of a Run that made a backup, whoever wanted it. When scheduled ones are made is the business of
// another pass.
const PassBackup = "backup"

// Run is one execution of a scheduled pass, or of a backup.
type Run struct {
	ID         string    `json:"id"`
	Pass       string    `json:"pass"`    // submit status jobs check maintenance backup
	Trigger    string    `json:"trigger"` // schedule, catch_up, person
	StartedAt  time.Time `json:"started_at"`
	FinishedAt time.Time `json:"finished_at,omitzero"`
	NextAt     time.Time `json:"next_at,omitzero"`
	Error      string    `json:"error,omitempty"`
	Summary    string    `json:"summary,omitempty"`
	Bytes      int64     `json:"bytes,omitempty"` // how large the backup is
}

// RunQuery is which runs are wanted.
type RunQuery struct {
	Pass         string // "" for all
	Since, Until time.Time
	Failed       bool // only those that ended with an error
	Paging
}

// Wants reports whether a run is one of them.
func (q RunQuery) Wants(r *Run) bool {
	return (q.Pass == "" || r.Pass == q.Pass) && !r.StartedAt.Before(q.Since) &&
		(q.Until.IsZero() || r.StartedAt.Before(q.Until)) && (!q.Failed || r.Error != "")
}

// TaskKind is what a task does to each submission it finds.
type TaskKind string

// Task kinds.
const (
	TaskRelease TaskKind = "release" // held for Reason → judged again
	TaskHold    TaskKind = "hold"    // queued → held for Reason
	TaskCancel  TaskKind = "cancel"  // queued and held → cancelled
)

// Task is work on many submissions that is too much for one commit. It is persisted by the step that made
// it necessary and worked off a few hundred at a time.
type Task struct {
	ID          string     `json:"id"`
	Kind        TaskKind   `json:"kind"`
	Connection  string     `json:"connection"`
	Reason      HeldReason `json:"reason,omitempty"`
	PlatformJob string     `json:"job,omitempty"`        // only this job's
	Since       time.Time  `json:"since,omitzero"`       // only accepted at or after
	PerMinute   int        `json:"per_minute,omitempty"` // pace of a release; 0 is at once
	Cursor      string     `json:"cursor,omitempty"`
	Done        int        `json:"done"`
	Actor       string     `json:"actor,omitempty"`
	CreatedAt   time.Time  `json:"created_at"`
	NextAt      time.Time  `json:"next_at"` // when the next share may be worked off
}

// Actor is the person or program behind an act, for the audit record.
type Actor struct {
	Name string `json:"name"` // uid:1000(ops), token:abc, file, daemon
	Via  string `json:"via"`  // socket, http, console, config
}

// Audit is the record of one act by a person.
type Audit struct {
	ID     string    `json:"id"`
	At     time.Time `json:"at"`
	Actor  Actor     `json:"actor"`
	Action string    `json:"action"` // connection.create, submission.cancel …
	Object string    `json:"object"` // an id of ours
	Detail string    `json:"detail,omitempty"`
}
