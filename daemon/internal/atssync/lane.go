package atssync

import (
	"maps"
	"slices"
	"time"

	sdk "github.com/atssync/atssync/plugin-sdk"
)

// Operation is one kind of work on a connection. Each has its own health: a connection that can send but
// not read is told as exactly that.
type Operation string

// The operations.
const (
	OpSubmit Operation = "submit"
	OpRead   Operation = "read"
	OpJobs   Operation = "jobs"
	OpCheck  Operation = "check"
)

// Operations lists every operation.
func Operations() []Operation { return []Operation{OpSubmit, OpRead, OpJobs, OpCheck} }

// HealthState is how an operation is doing.
type HealthState string

// Health states.
const (
	HealthOK       HealthState = "ok"
	HealthFailing  HealthState = "failing"  // failed lately, still tried
	HealthStopped  HealthState = "stopped"  // not tried until a probe succeeds
	HealthCanary   HealthState = "canary"   // the probe succeeded; one submission goes alone
	HealthDraining HealthState = "draining" // the canary arrived; the queue goes out at a pace
)

// CannotRead is the cause of OpRead's trouble when sending works and nothing can be read back.
const CannotRead = "can_send_cannot_read"

// Health is one operation's.
type Health struct {
	State    HealthState `json:"state"`
	Trouble  *Trouble    `json:"trouble,omitempty"`
	Cause    string      `json:"cause,omitempty"` // a stable word: auth, uncertain, can_send_cannot_read …
	Since    time.Time   `json:"since,omitzero"`
	Failures int         `json:"failures,omitempty"` // in a row
	Probes   int         `json:"probes,omitempty"`
	NextAt   time.Time   `json:"next_at,omitzero"` // stopped: the next probe; draining: the next send
	// DrainFrom is when the draining began: it ends with what was queued before.
	DrainFrom time.Time `json:"drain_from,omitzero"`
	// Told says that connection.unhealthy went out and connection.healthy is owed.
	Told bool `json:"told,omitempty"`
}

// JobTrouble is why one ATS job takes nothing.
type JobTrouble struct {
	Reason  HeldReason `json:"reason"`
	Trouble *Trouble   `json:"trouble,omitempty"`
	Since   time.Time  `json:"since"`
	Retries int        `json:"retries,omitempty"`
	NextAt  time.Time  `json:"next_at"` // when the held ones are tried again if the job is listed
}

// ReadBack follows the first submission on one job until it was seen.
type ReadBack struct {
	Submission string    `json:"submission"`
	Step       int       `json:"step"`
	NextAt     time.Time `json:"next_at"`
}

// Lane is the working state of one connection, written by the holder of its lease.
type Lane struct {
	Connection string                `json:"connection"`
	Operations map[Operation]Health  `json:"operations,omitempty"`
	Jobs       map[string]JobTrouble `json:"jobs,omitempty"`
	// JobsFailedInRow are the ATS jobs that failed since the last success on any job.
	JobsFailedInRow []string             `json:"jobs_failed_in_row,omitempty"`
	ReadBacks       map[string]ReadBack  `json:"read_backs,omitempty"`
	Verified        map[string]time.Time `json:"verified,omitempty"`
	// HoldReason, when set, holds everything that comes in.
	HoldReason HeldReason `json:"hold_reason,omitempty"`
	// Owed are the releases that have to be persisted as tasks because a reason to hold went away, each with
	// its pace a minute (0: at once). They stand here so that a crash between the two steps loses none.
	Owed       map[HeldReason]int `json:"owed_releases,omitempty"`
	LastSentAt time.Time          `json:"last_sent_at,omitzero"`
	LastReadAt time.Time          `json:"last_read_at,omitzero"`
}

// Owe notes that what is held for reason is to be released.
func (l *Lane) Owe(reason HeldReason, perMinute int) {
	if l.Owed == nil {
		l.Owed = make(map[HeldReason]int)
	}
	l.Owed[reason] = perMinute
}

// Paid forgets a release that was persisted.
func (l *Lane) Paid(reason HeldReason) { delete(l.Owed, reason) }

// Health returns the operation's health, HealthOK when nothing is recorded.
func (l *Lane) Health(op Operation) Health {
	h, ok := l.Operations[op]
	if !ok {
		return Health{State: HealthOK}
	}
	return h
}

func (l *Lane) set(op Operation, h Health) {
	if l.Operations == nil {
		l.Operations = make(map[Operation]Health)
	}
	l.Operations[op] = h
}

// stopAfter is how many failures in a row stop an operation.
const stopAfter = 3

// Fail records a failure of an operation that says something about the connection as a whole, and returns
// what the platform is told: once, when the operation stops. The first uncertain write stops it too and is told as such of
// its submission; that the connection is at fault is said when the next one is uncertain as well, or a probe fails.
func (l *Lane) Fail(op Operation, cause string, t *Trouble, now time.Time) []EventDraft {
	h := l.Health(op)
	before := h.Cause
	if before == CauseUnreadable && cause != before {
		h.Failures = 0 // the rest worked meanwhile
	}
	h.Failures++
	if h.State == HealthOK || h.Cause != cause {
		h.Since = now
	}
	h.Cause, h.Trouble = cause, t
	if h.State == HealthStopped || h.State == HealthCanary || h.State == HealthDraining ||
		h.Failures >= stopAfter || stopsAtOnce(cause) {
		if h.State == HealthOK || h.State == HealthFailing || h.Cause != before {
			h.Probes = 0 // a canary that failed goes on counting
		}
		h.State = HealthStopped
		h.NextAt = now.Add(ProbeDelay(cause, h.Probes))
		h.Probes++
	} else {
		h.State = HealthFailing
	}
	var out []EventDraft
	if h.State == HealthStopped && (cause != CauseUncertain || h.Failures > 1) {
		out = h.tell(op, now)
	}
	l.set(op, h)
	return out
}

// tell is the event that an operation does not work, once until it works again.
func (h *Health) tell(op Operation, now time.Time) []EventDraft {
	if h.Told {
		return nil
	}
	h.Told = true
	return []EventDraft{unhealthy(op, *h, now)}
}

// ProbeFailed puts the next probe off, and tells what was not told yet.
func (l *Lane) ProbeFailed(op Operation, t *Trouble, now time.Time) []EventDraft {
	h := l.Health(op)
	if h.State == HealthOK {
		return nil
	}
	if t != nil && h.Cause != CauseUncertain {
		h.Trouble = t
	}
	h.State = HealthStopped
	h.NextAt = now.Add(ProbeDelay(h.Cause, h.Probes))
	h.Probes++
	out := h.tell(op, now)
	l.set(op, h)
	return out
}

// ProbeOK lets one submission go alone after a stop of submit; any other operation is well again.
func (l *Lane) ProbeOK(op Operation, now time.Time) []EventDraft {
	h := l.Health(op)
	if h.State != HealthStopped {
		return nil
	}
	if op != OpSubmit {
		return l.Succeed(op, now)
	}
	h.State, h.NextAt = HealthCanary, time.Time{}
	l.set(op, h)
	return nil
}

// Succeed records a success. A canary that arrived starts the draining when the stop was an incident of
// the connection, and ends it when the stop was one uncertain write. A write that was under way when submit
// stopped does not end the stop: only a probe does.
func (l *Lane) Succeed(op Operation, now time.Time) []EventDraft {
	h, ok := l.Operations[op]
	if !ok || op == OpSubmit && h.State == HealthStopped {
		return nil
	}
	if h.State == HealthCanary && h.Cause != CauseUncertain {
		h.State, h.Failures, h.NextAt, h.DrainFrom = HealthDraining, 0, now, now
		l.set(op, h)
		return nil
	}
	if h.State == HealthDraining {
		return nil // Drained ends it
	}
	return l.heal(op, h, now)
}

// AdapterGone holds everything while the adapter is missing. A stop that submit is in already stays as it is:
// what ended it before ends it when the adapter is back.
func (l *Lane) AdapterGone(t *Trouble, now time.Time) []EventDraft {
	if l.HoldReason != "" {
		return nil
	}
	l.HoldReason = HeldAdapterMissing
	l.Paid(HeldAdapterMissing)
	if s := l.Health(OpSubmit).State; s != HealthOK && s != HealthFailing {
		return nil
	}
	return l.Fail(OpSubmit, CauseAdapterMissing, t, now)
}

// AdapterBack ends what AdapterGone began; the release of what was held is owed.
func (l *Lane) AdapterBack(now time.Time) []EventDraft {
	if l.HoldReason != HeldAdapterMissing {
		return nil
	}
	l.HoldReason = ""
	l.Owe(HeldAdapterMissing, 0)
	h := l.Health(OpSubmit)
	if h.Cause != CauseAdapterMissing {
		return nil
	}
	return l.heal(OpSubmit, h, now)
}

// PaceDraining puts the next send of a draining lane off.
func (l *Lane) PaceDraining(op Operation, at time.Time) {
	if h, ok := l.Operations[op]; ok && h.State == HealthDraining {
		h.NextAt = at
		l.set(op, h)
	}
}

// Drained ends the draining: nothing is queued of what was when it began.
func (l *Lane) Drained(op Operation, now time.Time) []EventDraft {
	h, ok := l.Operations[op]
	if !ok || h.State != HealthDraining {
		return nil
	}
	return l.heal(op, h, now)
}

func (l *Lane) heal(op Operation, h Health, now time.Time) []EventDraft {
	delete(l.Operations, op)
	if !h.Told {
		return nil
	}
	return []EventDraft{{Type: EventConnectionHealthy, At: now, Data: ConnectionEvent{Operation: op, State: "healthy", Cause: h.Cause}}}
}

func unhealthy(op Operation, h Health, now time.Time) EventDraft {
	e := ConnectionEvent{Operation: op, State: "unhealthy", Cause: h.Cause}
	if h.Trouble != nil {
		e.Message, e.WhoseTurn, e.Remedy = h.Trouble.Message, string(h.Trouble.Turn), h.Trouble.Remedy
	}
	return EventDraft{Type: EventConnectionUnhealthy, At: now, Data: e}
}

// FailJob records that one job refused what was sent. The second job that fails without a success between
// says that it is the connection, and stops the operation.
func (l *Lane) FailJob(job string, reason HeldReason, t *Trouble, now time.Time) []EventDraft {
	if l.Jobs == nil {
		l.Jobs = make(map[string]JobTrouble)
	}
	jt := l.Jobs[job]
	if jt.Since.IsZero() {
		jt.Since = now
	}
	jt.Reason, jt.Trouble = reason, t
	jt.NextAt = now.Add(min(time.Hour<<min(jt.Retries, 5), 24*time.Hour))
	jt.Retries++
	l.Jobs[job] = jt
	if reason == HeldJobClosed {
		return nil // jobs close; that says nothing about the connection
	}
	if !slices.Contains(l.JobsFailedInRow, job) {
		l.JobsFailedInRow = append(l.JobsFailedInRow, job)
	}
	if len(l.JobsFailedInRow) < 2 {
		return nil
	}
	return l.Fail(OpSubmit, string(sdk.KindPermission), t, now)
}

// JobOK forgets a job's trouble after a success on it, and the row of failed jobs.
func (l *Lane) JobOK(job string) {
	delete(l.Jobs, job)
	l.JobsFailedInRow = nil
}

// Retire forgets what is wrong with a connection that is removed: it is nobody's turn any more. What a restore holds
// stays held if the connection is revived.
func (l *Lane) Retire() []EventDraft {
	l.Operations, l.Jobs, l.JobsFailedInRow, l.ReadBacks, l.Owed = nil, nil, nil, nil, nil
	if l.HoldReason != HeldRestored {
		l.HoldReason = ""
	}
	return nil
}

// Settled ends a stop for an uncertain write, or for quiet that the ATS asked for, after a probe succeeded, where nothing is
// uncertain any more and nothing is there to be the canary.
func (l *Lane) Settled(now time.Time) []EventDraft {
	h := l.Health(OpSubmit)
	if h.State != HealthCanary || h.Cause != CauseUncertain && h.Cause != CauseThrottled {
		return nil
	}
	return l.heal(OpSubmit, h, now)
}

// Clone returns a copy that shares no map.
func (l Lane) Clone() Lane {
	l.Operations, l.Jobs, l.Owed = maps.Clone(l.Operations), maps.Clone(l.Jobs), maps.Clone(l.Owed)
	l.ReadBacks, l.Verified = maps.Clone(l.ReadBacks), maps.Clone(l.Verified)
	l.JobsFailedInRow = slices.Clone(l.JobsFailedInRow)
	return l
}

// readBackDelays are when the first receipt on a job is read, counted from the step before.
var readBackDelays = []time.Duration{2 * time.Second, 28 * time.Second, 270 * time.Second}

// StartReadBack begins to follow the first success on a job, unless one is or was followed.
func (l *Lane) StartReadBack(job, submission string, now time.Time) {
	if _, ok := l.Verified[job]; ok {
		return
	}
	if _, ok := l.ReadBacks[job]; ok {
		return
	}
	if l.ReadBacks == nil {
		l.ReadBacks = make(map[string]ReadBack)
	}
	l.ReadBacks[job] = ReadBack{Submission: submission, NextAt: now.Add(readBackDelays[0])}
}

// ReadBackSeen ends the following of a job: its applications can be read.
func (l *Lane) ReadBackSeen(job string, now time.Time) []EventDraft {
	delete(l.ReadBacks, job)
	if l.Verified == nil {
		l.Verified = make(map[string]time.Time)
	}
	l.Verified[job] = now
	if l.Health(OpRead).Cause != CannotRead {
		return nil
	}
	for _, rb := range l.ReadBacks {
		if rb.Step >= len(readBackDelays) {
			return nil // another job's still cannot be read
		}
	}
	return l.Succeed(OpRead, now)
}

// ReadBackMissed goes to the next step; after the last one the operation read is stopped with t, unless t is nil. The
// following goes on hourly, so that a granted permission is noticed.
func (l *Lane) ReadBackMissed(job string, t *Trouble, now time.Time) []EventDraft {
	rb, ok := l.ReadBacks[job]
	if !ok {
		return nil
	}
	rb.Step++
	if rb.Step < len(readBackDelays) {
		rb.NextAt = now.Add(readBackDelays[rb.Step])
		l.ReadBacks[job] = rb
		if h := l.Health(OpRead); t != nil && rb.Step > 1 && h.State == HealthOK { // shown, and told when it is sure
			l.set(OpRead, Health{State: HealthFailing, Cause: CannotRead, Trouble: t, Since: now, Failures: 1})
		}
		return nil
	}
	rb.NextAt = now.Add(time.Hour)
	l.ReadBacks[job] = rb
	if t == nil {
		return nil
	}
	return l.Fail(OpRead, CannotRead, t, now)
}

// Judge says where a submission goes that is accepted or looked at again: link is nil when the job is not
// linked, job when the ATS job was never listed.
func Judge(c Connection, l Lane, link *JobLink, job *ATSJob) (State, HeldReason) {
	switch {
	case c.State == ConnectionPaused:
		return StateHeld, HeldConnectionPaused
	case l.HoldReason != "":
		return StateHeld, l.HoldReason
	case link == nil:
		return StateHeld, HeldJobNotLinked
	}
	if t, ok := l.Jobs[link.ATSJob]; ok && link.ATSJob != "" {
		return StateHeld, t.Reason
	}
	if job != nil && !job.Takes() {
		return StateHeld, HeldJobClosed
	}
	return StateQueued, ""
}
