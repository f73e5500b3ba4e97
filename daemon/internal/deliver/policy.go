package deliver

import (
	"time"
)

// Policy is what the operator may change while the worker runs.
type Policy struct {
	Door Door

	// Timeout bounds one request with its answer; 0 is 15 s.
	Timeout time.Duration
}

// filled returns the policy with what was left out.
func (p Policy) filled() Policy {
	if p.Timeout <= 0 {
		p.Timeout = 15 * time.Second
	}
	return p
}

// Reconfigure puts a policy in force, for everything that begins from now on.
func (w *Worker) Reconfigure(p Policy) {
	p = p.filled()
	w.policy.Store(&p)
}
