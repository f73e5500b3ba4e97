package manage

import (
	"context"
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
	// OtherAccount accepts that the new credentials reach another user or ATS account than before.
	OtherAccount bool
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
	saved, reply, err := s.rewrite(ctx, c, req, func(*atssync.Connection) {})
	if err != nil {
		return ConnectResult{}, err
	}
	shown, err := s.shown(ctx, saved)
	return ConnectResult{Connection: shown, Checks: atssync.CheckResults(reply.Items)}, err
}

func (s *Service) update(ctx context.Context, c atssync.Connection, req RepairRequest, apply func(*atssync.Connection)) (Connection, error) {
	saved, _, err := s.rewrite(ctx, c, req, apply)
	if err != nil {
		return Connection{}, err
	}
	return s.shown(ctx, saved)
}

// rewrite checks changed values and saves them with whatever else apply changes.
func (s *Service) rewrite(ctx context.Context, c atssync.Connection, req RepairRequest, apply func(*atssync.Connection)) (atssync.Connection, sdk.CheckReply, error) {
	var reply sdk.CheckReply
	m, err := s.manifest(c.Adapter)
	if err != nil {
		return c, reply, err
	}
	old, err := s.open(c)
	if err != nil {
		// What cannot be opened is replaced as a whole: that is what a repair is for.
		old = newValues()
		maps.Copy(old.settings, c.Settings)
	}
	v := old.clone()
	if problems := s.change(v, m, req.Fields, req.Operator); len(problems) > 0 {
		return c, reply, invalid("the connection", problems)
	}
	if reply, err = s.check(ctx, c.Adapter, s.merged(c.ID, c.Adapter, v)); err != nil {
		return c, reply, err
	}
	if !req.OtherAccount {
		if err := sameAccount(c, reply); err != nil {
			return c, reply, err
		}
	}
	now := time.Now().UTC()
	saved, err := s.o.Store.UpdateConnection(ctx, c.ID, req.Version, func(u *atssync.Connection) error {
		if !sameValues(*u, c) {
			return atssync.Errorf(atssync.CodeChanged, "the credentials of connection %s were changed meanwhile", c.ID).
				WithRemedy("check it again, and repair it if that is still needed")
		}
		apply(u)
		if problems := policy(*u, m); len(problems) > 0 {
			return invalid("the connection", problems)
		}
		reported(u, reply)
		u.CheckedAt = now
		if req.OtherAccount {
			u.IdentityKeys = nil // it is no longer who it was
		}
		s.identify(u, v, &reply)
		return s.seal(u, v)
	}, now)
	if err != nil {
		return c, reply, err
	}
	return saved, reply, s.probe(ctx, c.ID, now)
}

// sameAccount refuses credentials that reach another user or account than the connection is known for.
func sameAccount(c atssync.Connection, r sdk.CheckReply) error {
	was, is := c.ActingUser, r.ActingUser
	other := c.Host != "" && r.Host != "" && c.Host != r.Host ||
		c.AccountName != "" && r.AccountName != "" && c.AccountName != r.AccountName ||
		was.ID != "" && is.ID != "" && was.ID != is.ID
	if was.ID == "" || is.ID == "" {
		other = other || was.Email != "" && is.Email != "" && was.Email != is.Email
	}
	if !other {
		return nil
	}
	return atssync.Errorf(atssync.CodeConflict, "the new credentials are good, but they reach %s, and connection %s is %s; nothing was saved",
		whom(is.Name, is.Email, r.AccountName, r.Host), c.ID, whom(was.Name, was.Email, c.AccountName, c.Host)).
		WithRemedy("use credentials of the same ATS user, or say that another one is meant (--other-account): what was submitted before is then followed by the new one")
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
