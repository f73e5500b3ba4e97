package submit

import (
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// plan is what a lane does now.
type plan struct {
	do plannedAct
	at time.Time // with waitUntil
	// limit is how many submissions may be under way.
	limit int
	// alone says that after one submission the lane is looked at again.
	alone bool
}

type plannedAct int

const (
	waitUntil plannedAct = iota // nothing before at
	probe
	send
)

// next decides what the lane of an active connection does now. It is pure: the same state and instant give the
// same plan.
func next(l atssync.Lane, places int, now time.Time) plan {
	switch h := l.Health(atssync.OpSubmit); h.State {
	case atssync.HealthStopped:
		if ahead(h.NextAt, now) {
			return plan{do: waitUntil, at: h.NextAt}
		}
		return plan{do: probe}
	case atssync.HealthCanary:
		return plan{do: send, limit: 1, alone: true}
	case atssync.HealthDraining:
		if ahead(h.NextAt, now) {
			return plan{do: waitUntil, at: h.NextAt}
		}
		return plan{do: send, limit: 1, alone: true}
	case atssync.HealthFailing:
		return plan{do: send, limit: places, alone: places == 1}
	}
	return plan{do: send, limit: places}
}

// longestWait is more than any wait of a lane.
const longestWait = 2 * time.Hour

// ahead reports whether an instant is still to come. What lies further ahead than any wait was set by a clock that was
// wrong.
func ahead(at, now time.Time) bool { return now.Before(at) && at.Sub(now) < longestWait }
