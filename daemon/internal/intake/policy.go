package intake

import (
	"cmp"
	"context"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// Policy is what the operator may change while the service runs.
type Policy struct {
	// ExpireAfter is how long a submission without expires_at waits; 0 means 60 days.
	ExpireAfter time.Duration
	// Resumes looks at a resume as the ATS would; nil: a preflight does not.
	Resumes func(ctx context.Context, r atssync.Resume, rule sdk.ResumeRule, now time.Time) atssync.ResumeLook
	// ResumeCheck is how strictly it does where the connection has no way of its own; "" is answered.
	ResumeCheck atssync.ResumeCheck
	// LastNameFallback is used where the connection has none of its own; "" requires a last name.
	LastNameFallback string
}

// filled returns the policy with what was left out.
func (p Policy) filled() Policy {
	if p.ExpireAfter <= 0 {
		p.ExpireAfter = 60 * 24 * time.Hour
	}
	p.ResumeCheck = cmp.Or(p.ResumeCheck, atssync.ResumeCheckAnswered)
	return p
}

// Reconfigure puts a policy in force, for everything that begins from now on.
func (s *Service) Reconfigure(p Policy) {
	p = p.filled()
	s.policy.Store(&p)
}
