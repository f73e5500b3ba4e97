package collect

import (
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

const day = 24 * time.Hour

// cadence says how often an application is read: every status pass while it moves, ever more seldom while it is
// quiet or ended.
type cadence struct {
	// quietAfter is when an application that is not terminal counts as quiet; a terminal one does after a day.
	quietAfter time.Duration
	intervals  []time.Duration // ever longer
}

// longer is how much longer each interval applies than the one before it.
const longer = 4

// every returns the interval of an application; 0 is every pass.
func (c cadence) every(a *atssync.Application, now time.Time) time.Duration {
	slowest := c.intervals[len(c.intervals)-1]
	switch {
	case a.Visibility == atssync.Deleted:
		return slowest
	case a.Visibility != atssync.Visible:
		return min(day, slowest)
	case a.Settling != nil:
		return 0
	}
	last := a.ObservedAt
	if a.CreatedAt.After(last) {
		last = a.CreatedAt
	}
	quiet, step := now.Sub(last), c.quietAfter
	if a.Status.Terminal() {
		step = day
	}
	if quiet < step {
		return 0
	}
	for _, interval := range c.intervals {
		if step *= longer; quiet < step {
			return interval
		}
	}
	return slowest
}

// due reports whether an application is read in the pass that began at now, when the last whole pass began at
// before. It needs no record of when each was read: an application has its place in its interval, and is due
// in the first pass after that place.
func (c cadence) due(a *atssync.Application, before, now time.Time) bool {
	every := c.every(a, now)
	if every == 0 || before.IsZero() {
		return true
	}
	p := int64(phase(a.ID, every))
	return (now.UnixNano()-p)/int64(every) != (before.UnixNano()-p)/int64(every)
}
