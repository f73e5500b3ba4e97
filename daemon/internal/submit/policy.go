package submit

import (
	"cmp"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// Policy is what the operator may change while the worker runs.
type Policy struct {
	// Note is the template of notes without one of their connection's own.
	Note string
	// OnUncertain is the policy of connections without one of their own.
	OnUncertain atssync.OnUncertain
	// Resumes looks at resumes before they are sent; nil: nobody does.
	Resumes Resumes
	// ResumeCheck is how strictly, on connections without a way of their own; "" is answered.
	ResumeCheck atssync.ResumeCheck
	// DrainEvery is the least time between two submissions of a lane that drains after an incident.
	DrainEvery time.Duration
}

// filled returns the policy with what was left out.
func (p Policy) filled() Policy {
	if p.DrainEvery <= 0 {
		p.DrainEvery = time.Second
	}
	p.ResumeCheck = cmp.Or(p.ResumeCheck, atssync.ResumeCheckAnswered)
	p.OnUncertain = cmp.Or(p.OnUncertain, atssync.OnUncertainHold)
	return p
}

// Reconfigure puts a policy in force, for everything that begins from now on.
func (w *Worker) Reconfigure(p Policy) {
	p = p.filled()
	w.policy.Store(&p)
}
