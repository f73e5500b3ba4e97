package manage

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"time"

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
	// Settle is how long a terminal change is held back, as readings hold it.
	Settle time.Duration
}

// filled returns the policy with what was left out.
func (p Policy) filled() Policy {
	p.ResumeCheck = cmp.Or(p.ResumeCheck, atssync.ResumeCheckAnswered)
	p.OnUncertain = cmp.Or(p.OnUncertain, atssync.OnUncertainHold)
	return p
}

// Reconfigure puts a policy in force, for everything that begins from now on.
func (s *Service) Reconfigure(p Policy) {
	p = p.filled()
	s.policy.Store(&p)
}

// hold returns a policy in a place of its own.
func hold(p Policy) *atomic.Pointer[Policy] {
	h := new(atomic.Pointer[Policy])
	p = p.filled()
	h.Store(&p)
	return h
}

// Reloaded tells what reading the configuration file again has changed.
type Reloaded struct {
	At time.Time `json:"at" doc:"when the file was read"`
	// Changed are the parts of the file that are others than before and are in force now.
	Changed []string `json:"changed,omitempty" doc:"parts of the file that were changed and are in force now"`
	// Restart are keys that were changed and come into force with the daemon's next start.
	Restart []string `json:"restart,omitempty" doc:"keys that were changed and come into force with the next start of the daemon"`
	// Added, Replaced and Removed are names of adapters.
	Added    []string `json:"adapters_added,omitempty" doc:"adapters that run now and did not before"`
	Replaced []string `json:"adapters_replaced,omitempty" doc:"adapters that go on in a new process; calls that were under way ended in the old one"`
	Removed  []string `json:"adapters_removed,omitempty" doc:"adapters that were ended, after their calls"`
	// Connections and Webhooks tell what was made of those in the file.
	Connections FileReport `json:"connections" doc:"what was made of the connections and job links in the file"`
	Webhooks    FileReport `json:"webhooks" doc:"what was made of the webhooks in the file"`
	Warnings    []string   `json:"warnings,omitempty" doc:"what is not wrong in the file and does not work on this machine as it is now"`
}

// Problems lists what of the file could not be applied.
func (r Reloaded) Problems() []string {
	return slices.Concat(r.Connections.Problems, r.Webhooks.Problems)
}

// Reload reads the configuration file again. A bad file is CodeInvalid with every problem, and leaves the one in force.
func (s *Service) Reload(ctx context.Context) (Reloaded, error) {
	if !s.scope.Whole() || s.o.Reload == nil {
		return Reloaded{}, atssync.Errorf(atssync.CodeForbidden, "only who may do everything can have the configuration read again")
	}
	out, err := s.o.Reload(ctx)
	if err != nil {
		return out, err
	}
	if actor, ok := atssync.ActorOf(ctx); ok {
		err = s.o.Store.AppendAudit(context.WithoutCancel(ctx), atssync.Audit{
			ID: atssync.NewID(atssync.PrefixAudit, out.At), At: out.At, Actor: actor, Action: "config.reload", Object: "config",
			Detail: "in force now: " + strings.Join(out.Changed, ", "),
		})
	}
	return out, err
}

// CheckFileConnection judges a connection of the file by what its adapter says of itself, under the policy p. Nothing is
// asked of an ATS and nothing is stored. Paths are those of FileConnection: "fields.api_key", "on_uncertain".
func (s *Service) CheckFileConnection(ctx context.Context, p Policy, in FileConnection) []atssync.FieldError {
	n := *s
	n.policy = hold(p)
	f := &filing{s: &n, now: time.Now().UTC()}
	if _, err := f.values(in); err != nil {
		return problemsOf(err)
	}
	was, err := s.o.Store.Connection(ctx, in.ID)
	if err == nil && (was.Account != in.Account || was.Adapter != in.Adapter) {
		return problemsOf(neverChanges(was))
	}
	return nil
}

func problemsOf(err error) []atssync.FieldError {
	if e, ok := err.(*atssync.Error); ok && len(e.Fields) > 0 { //nolint:errorlint // a wrapped one is told as a whole.
		return e.Fields
	}
	return []atssync.FieldError{{Message: strings.TrimSpace(err.Error())}}
}
