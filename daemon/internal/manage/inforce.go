package manage

import (
	"github.com/atssync/atssync/daemon/internal/atssync"
)

// Policy is what the operator may change while the service runs.
type Policy struct {
	// Settings are the operator's values for the fields of each adapter, from [adapters.NAME.settings].
	Settings map[string]map[string]string
	// PartnerName is the platform's name as the ATS's screens list it.
	PartnerName string
	// OnUncertain is the policy of connections without one of their own.
	OnUncertain atssync.OnUncertain
	// ResumeCheck is the way of connections without one of their own.
	ResumeCheck atssync.ResumeCheck
	// ReleasePerMinute is the pace at which a backlog is released; 0 is at once.
	ReleasePerMinute int
}

// filled returns the policy with what was left out.
func (p Policy) filled() Policy {
	if p.ResumeCheck == "" {
		p.ResumeCheck = atssync.ResumeCheckAnswered
	}
	if p.OnUncertain == "" {
		p.OnUncertain = atssync.OnUncertainHold
	}
	return p
}

// Reconfigure puts a policy in force, for everything that begins from now on.
func (s *Service) Reconfigure(p Policy) {
	p = p.filled()
	s.policy.Store(&p)
}
