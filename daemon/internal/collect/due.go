package collect

import (
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// readEvery is how often an application is read: every status pass while it moves, ever more seldom while it
// is quiet or ended. 0 means every pass.
func readEvery(a *atssync.Application, now time.Time) time.Duration {
	const day = 24 * time.Hour
	last := a.ObservedAt
	if a.CreatedAt.After(last) {
		last = a.CreatedAt
	}
	quiet := now.Sub(last)
	steps := [3]time.Duration{14 * day, 60 * day, 180 * day}
	switch {
	case a.Visibility == atssync.Deleted:
		return 7 * day
	case a.Visibility != atssync.Visible:
		return day
	case a.Settling != nil:
		return 0
	case a.Status.Terminal():
		steps = [3]time.Duration{day, 7 * day, 60 * day}
	}
	switch {
	case quiet < steps[0]:
		return 0
	case quiet < steps[1]:
		return time.Hour
	case quiet < steps[2]:
		return day
	}
	return 7 * day
}

// due reports whether an application is read in the pass that began at now, when the last whole pass
// began at before. It needs no record of when each was read: an application has its place in the
// interval, and is due in the first pass after that place.
func due(a *atssync.Application, before, now time.Time) bool {
	every := readEvery(a, now)
	if every == 0 || before.IsZero() {
		return true
	}
	p := int64(phase(a.ID, every))
	return (now.UnixNano()-p)/int64(every) != (before.UnixNano()-p)/int64(every)
}
