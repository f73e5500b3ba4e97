package collect

import (
	"time"
)

// Policy is what the operator may change while the worker runs.
type Policy struct {
	// Settle holds terminal changes back for that long; 0 tells them at once.
	Settle time.Duration
	// MissingAfter is how many readings must miss an application; 0 means 3.
	MissingAfter int
	// QuietAfter is when an application without a change counts as quiet; 0 means 14 days. QuietIntervals are how
	// often it is read then, ever more seldom; nil means hourly, daily, weekly.
	QuietAfter     time.Duration
	QuietIntervals []time.Duration
	// ReleasePerMinute is the pace at which submissions of a job that is back are released; 0 is at once.
	ReleasePerMinute int
}

// filled returns the policy with what was left out.
func (p Policy) filled() Policy {
	if p.MissingAfter <= 0 {
		p.MissingAfter = 3
	}
	if p.QuietAfter <= 0 {
		p.QuietAfter = 14 * day
	}
	if len(p.QuietIntervals) == 0 {
		p.QuietIntervals = []time.Duration{time.Hour, day, 7 * day}
	}
	return p
}

// Reconfigure puts a policy in force, for everything that begins from now on.
func (w *Worker) Reconfigure(p Policy) {
	p = p.filled()
	w.policy.Store(&p)
}
