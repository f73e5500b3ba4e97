// Package retry decides what follows a failed call to an ATS: from the kind of the error, never from its
// text, and in this one place. It is pure; the workers do what it says.
package retry

import (
	"hash/fnv"
	"slices"
	"time"

	sdk "github.com/atssync/atssync/plugin-sdk"
)

// Action is what follows a failure.
type Action string

// The actions.
const (
	// Again: proved that nothing was applied; once more at Decision.At.
	Again Action = "again"
	// Refuse: the ATS or the data says no.
	Refuse Action = "refuse"
	// Ask: nobody knows whether it was applied. Never sent again on our own account.
	Ask Action = "ask"
	// HoldItem: this submission waits for the platform (its resume).
	HoldItem Action = "hold_item"
	// HoldJob: this job takes nothing; its submissions wait.
	HoldJob Action = "hold_job"
	// Stop: the operation stops until a probe succeeds; the submission goes back to the queue unharmed.
	Stop Action = "stop"
)

// Decision is an action with its time. Counted says that the failure lengthens the next back-off.
type Decision struct {
	Action  Action
	At      time.Time
	Counted bool
}

// Failure is what is known of a failed call.
type Failure struct {
	Err *sdk.Error
	// Key spreads the jitter: equal keys give equal delays, so that a run can be replayed.
	Key string
	// Failures counts those before, in a row.
	Failures int
	// RefusedBeforeProcessing is the manifest's.
	RefusedBeforeProcessing []int
}

// Write decides what follows a failed write. Everything that does not prove that nothing was applied is Ask.
func Write(f Failure, now time.Time) Decision {
	e := f.Err
	switch e.Kind {
	case sdk.KindAuth:
		return Decision{Action: Stop, At: now}
	case sdk.KindConfigRequired:
		if e.Subject != "" { // an option of the job link is wrong, such as its pool or its owner
			return Decision{Action: HoldJob, At: now}
		}
		return Decision{Action: Stop, At: now}
	case sdk.KindPermission:
		if e.Subject == sdk.SubjectJob {
			return Decision{Action: HoldJob, At: now}
		}
		return Decision{Action: Stop, At: now}
	case sdk.KindNotFound:
		switch e.Subject {
		case sdk.SubjectJob, sdk.SubjectPool:
			return Decision{Action: HoldJob, At: now}
		case sdk.SubjectEndpoint:
			return Decision{Action: Stop, At: now}
		}
		return Decision{Action: Refuse}
	case sdk.KindJobClosed:
		return Decision{Action: HoldJob, At: now}
	case sdk.KindInvalid, sdk.KindDuplicate, sdk.KindUnsupported:
		return Decision{Action: Refuse}
	case sdk.KindAttachment:
		return Decision{Action: HoldItem}
	case sdk.KindRateLimited:
		return Decision{Action: Again, At: now.Add(Wait(e, f))}
	case sdk.KindTransient:
		if e.NotApplied || e.Status != 0 && slices.Contains(f.RefusedBeforeProcessing, e.Status) {
			return Decision{Action: Again, At: now.Add(Backoff(f.Key, f.Failures)), Counted: true}
		}
	}
	if e.Status != 0 && slices.Contains(f.RefusedBeforeProcessing, e.Status) {
		return Decision{Action: Again, At: now.Add(Backoff(f.Key, f.Failures)), Counted: true}
	}
	return Decision{Action: Ask}
}

// Read decides what follows a failed read, which can always be made again.
func Read(f Failure, now time.Time) Decision {
	switch f.Err.Kind {
	case sdk.KindAuth, sdk.KindPermission, sdk.KindConfigRequired, sdk.KindUnsupported:
		return Decision{Action: Stop, At: now}
	case sdk.KindRateLimited:
		return Decision{Action: Again, At: now.Add(Wait(f.Err, f))}
	}
	return Decision{Action: Again, At: now.Add(Backoff(f.Key, f.Failures)), Counted: true}
}

// noHeader is how long to wait when a limit was hit and the ATS did not say for how long.
const noHeader = 10 * time.Second

const (
	// longestWait bounds what an ATS can ask for: one that asks for a day, by a wrong header too, would silence an employer
	// for that long. It is asked again after an hour, by a read and then by one write.
	longestWait = time.Hour
	// mostJitter bounds what is waited beyond what was asked for.
	mostJitter = time.Minute
	// Short is the longest wait that is one call's own matter. What lasts longer stops the operation until then.
	Short = time.Minute
)

// Wait is how long a limit asks to wait: never less than the ATS said, as long as that is no more than an hour, and longer by
// a little jitter.
func Wait(e *sdk.Error, f Failure) time.Duration {
	d := e.RetryAfter
	if d <= 0 {
		d = noHeader
	}
	d = min(d, longestWait)
	return d + jitter(f.Key, f.Failures, min(d/10, mostJitter))
}

// ladder is the back-off after a counted failure.
var ladder = []time.Duration{
	5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour,
}

// Backoff is the delay after the n-th counted failure in a row (0 for the first), with up to 20 % jitter.
func Backoff(key string, n int) time.Duration {
	d := ladder[min(max(n, 0), len(ladder)-1)]
	return d + jitter(key, n, d/5)
}

func jitter(key string, n int, limit time.Duration) time.Duration {
	if limit <= 0 {
		return 0
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(key))
	_, _ = h.Write([]byte{byte(n), byte(n >> 8)})
	return time.Duration(h.Sum64() % uint64(limit))
}
