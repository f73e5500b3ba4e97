package manage

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// CheckView is what a check of a connection showed now.
type CheckView struct {
	Connection Connection            `json:"connection"`
	OK         bool                  `json:"ok"`
	Checks     []atssync.CheckResult `json:"checks"`
}

// RepairRequest gives new credentials (and settings) to a connection.
type RepairRequest struct {
	Version  int64
	Fields   map[string]sdk.Secret // those left out are kept
	Operator bool
	// OtherAccount is the Reached.Identity of a refusal: the user or ATS account that it was about is meant, and no third one.
	OtherAccount string
}

// Check checks a connection again and keeps what it showed. A finding that is not OK is no error: it is in the
// answer, with whose turn it is. When all is well, what had stopped is probed at once.
func (s *Service) Check(ctx context.Context, id string) (CheckView, error) {
	c, err := s.find(ctx, id)
	if err != nil {
		return CheckView{}, err
	}
	v, err := s.open(c)
	if err != nil {
		return CheckView{}, err
	}
	if _, err := s.manifest(c.Adapter); err != nil {
		return CheckView{}, err
	}
	reply, err := s.look(ctx, c.Adapter, s.merged(c.ID, c.Adapter, v))
	if err != nil {
		return CheckView{}, err
	}
	now := time.Now().UTC()
	saved, err := s.o.Store.UpdateConnection(ctx, c.ID, 0, func(u *atssync.Connection) error {
		u.CheckedAt = now
		if !reply.OK() {
			return nil
		}
		reported(u, reply)
		if sameValues(*u, c) { // else the credentials were changed while the ATS was asked
			s.identify(u, v, &reply)
		}
		return nil
	}, now)
	if err != nil {
		return CheckView{}, err
	}
	if reply.OK() {
		if err := s.probe(ctx, c.ID, now); err != nil {
			return CheckView{}, err
		}
	}
	shown, err := s.shown(ctx, saved)
	return CheckView{Connection: shown, OK: reply.OK(), Checks: atssync.CheckResults(reply.Items)}, err
}

func sameValues(a, b atssync.Connection) bool { return slices.Equal(a.Credentials, b.Credentials) }

// probe lets the workers try at once what had stopped, and wakes them. Without the lease another daemon does so in
// its own time.
func (s *Service) probe(ctx context.Context, id string, now time.Time) error {
	if l, ok := s.o.Leases.Lease(id); ok {
		_, err := s.o.Store.UpdateLane(ctx, l, func(lane *atssync.Lane) []atssync.EventDraft {
			for op, h := range lane.Operations {
				if h.State == atssync.HealthStopped {
					h.NextAt = now
					lane.Operations[op] = h
				}
			}
			return lane.Succeed(atssync.OpCheck, now)
		}, now)
		if err != nil {
			return err
		}
	}
	s.o.Changed(id)
	s.o.Wake(id)
	return nil
}

// Repair gives new credentials to a connection: checked first, and saved only when the ATS accepts them. They must
// reach the same user of the same ATS account as before, because what was submitted is followed there;
// OtherAccount says that they may reach another.
func (s *Service) Repair(ctx context.Context, id string, req RepairRequest) (ConnectResult, error) {
	c, err := s.editable(ctx, id)
	if err != nil {
		return ConnectResult{}, err
	}
	if len(req.Fields) == 0 {
		return ConnectResult{}, invalid("the repair", []atssync.FieldError{{Path: "fields", Message: "is required: give the credentials that are new"}})
	}
	done, err := s.rewrite(ctx, c, req, func(*atssync.Connection) {})
	if err != nil {
		return ConnectResult{}, err
	}
	out := ConnectResult{Checks: atssync.CheckResults(done.reply.Items)}
	if done.unlinked > 0 {
		out.Notices = append(out.Notices, fmt.Sprintf("%d job links led to jobs of the ATS account of before and were removed; "+
			"what was queued for them is held until the jobs are linked again", done.unlinked))
	}
	out.Connection, err = s.shown(ctx, done.saved)
	return out, err
}

func (s *Service) update(ctx context.Context, c atssync.Connection, req RepairRequest, apply func(*atssync.Connection)) (Connection, error) {
	done, err := s.rewrite(ctx, c, req, apply)
	if err != nil {
		return Connection{}, err
	}
	return s.shown(ctx, done.saved)
}

// rewritten is what became of a connection with changed values.
type rewritten struct {
	saved    atssync.Connection
	reply    sdk.CheckReply
	unlinked int // job links that ended with the ATS account of before
}

// rewrite checks changed values and saves them with whatever else apply changes.
func (s *Service) rewrite(ctx context.Context, c atssync.Connection, req RepairRequest, apply func(*atssync.Connection)) (rewritten, error) {
	var out rewritten
	m, err := s.manifest(c.Adapter)
	if err != nil {
		return out, err
	}
	old, err := s.open(c)
	if err != nil {
		// What cannot be opened is replaced as a whole: that is what a repair is for.
		old = newValues()
		maps.Copy(old.settings, c.Settings)
	}
	v := old.clone()
	if problems := s.change(v, m, req.Fields, req.Operator); len(problems) > 0 {
		return out, invalid("the connection", problems)
	}
	if out.reply, err = s.check(ctx, c.Adapter, s.merged(c.ID, c.Adapter, v)); err != nil {
		return out, err
	}
	other, err := s.another(ctx, c, out.reply, req.OtherAccount)
	if err != nil {
		return out, err
	}
	relink := other && !sameATSAccount(c, out.reply)
	if relink {
		if out.unlinked, err = s.dropLinks(ctx, c, req.Version); err != nil {
			return out, err
		}
	}
	now := time.Now().UTC()
	out.saved, err = s.o.Store.UpdateConnection(ctx, c.ID, req.Version, func(u *atssync.Connection) error {
		if !sameValues(*u, c) {
			return changedMeanwhile(c)
		}
		apply(u)
		if problems := policy(*u, m); len(problems) > 0 {
			return invalid("the connection", problems)
		}
		reported(u, out.reply)
		u.CheckedAt = now
		if other {
			u.IdentityKeys = nil // it is no longer who it was
		}
		s.identify(u, v, &out.reply)
		return s.seal(u, v)
	}, now)
	if err != nil {
		return out, err
	}
	if relink {
		if err := s.beginAnew(ctx, c, &out); err != nil {
			return out, err
		}
	}
	return out, s.probe(ctx, c.ID, now)
}

func changedMeanwhile(c atssync.Connection) *atssync.Error {
	return atssync.Errorf(atssync.CodeChanged, "the credentials of connection %s were changed meanwhile", c.ID).
		WithRemedy("check it again, and repair it if that is still needed")
}

// whom names an ATS user for a person.
func whom(name, email, account, host string) string {
	out := name
	if out == "" {
		out = "a user"
	}
	if email != "" {
		out += " <" + email + ">"
	}
	if account != "" {
		out += " of " + account
	}
	if host != "" {
		out += " at " + host
	}
	return out
}
