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
}

type plannedAct int

const (
	waitUntil plannedAct = iota // nothing before at; zero at: until woken
	probe
	send
)

// next decides what a lane does now. It is pure: the same state and instant give the same plan.
func next(c atssync.Connection, l atssync.Lane, places int, now time.Time) plan {
	if c.State != atssync.ConnectionActive {
		return plan{do: waitUntil}
	}
	switch h := l.Health(atssync.OpSubmit); h.State {
	case atssync.HealthStopped:
		if now.Before(h.NextAt) {
			return plan{do: waitUntil, at: h.NextAt}
		}
		return plan{do: probe}
	case atssync.HealthCanary:
		return plan{do: send, limit: 1}
	case atssync.HealthDraining:
		if now.Before(h.NextAt) {
			return plan{do: waitUntil, at: h.NextAt}
		}
		return plan{do: send, limit: 1}
	}
	return plan{do: send, limit: places}
}
