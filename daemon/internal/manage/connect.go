package manage

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// ConnectRequest connects an account to an ATS account.
type ConnectRequest struct {
	Account string
	Name    string // "" takes the ATS account's name, or the account's
	Adapter string
	// Fields are the values of the manifest's fields, secret and not, by name.
	Fields map[string]sdk.Secret
	// Operator allows fields that the operator fills in.
	Operator bool
	// Only is the connection that may be brought back, where no other one may be made.
	Only string
	// DryRun checks and saves nothing.
	DryRun           bool
	OnUncertain      atssync.OnUncertain
	ResumeCheck      atssync.ResumeCheck
	LastNameFallback string
	NoteTemplate     string
	StatusOverrides  []atssync.StatusOverride
}

// ConnectResult tells what was saved and what the check showed.
type ConnectResult struct {
	Connection Connection            `json:"connection"`
	Checks     []atssync.CheckResult `json:"checks"`
	// Revived says that the same ATS account was connected before: its id, keys and numbers go on.
	Revived bool `json:"revived,omitempty"`
	DryRun  bool `json:"dry_run,omitempty"`
	// Notices are what whoever connects should know of what was there before, one sentence each.
	Notices []string `json:"notices,omitempty"`
	// Hook is the address that the ATS calls, nil when its adapter takes no calls. It is a secret, so that no encoder
	// takes it along by itself.
	Hook *Hook `json:"-"`
}

// Connect checks the values against the ATS and saves the connection when it accepts them. A wrong value is
// CodeInvalid with its path; what the ATS does not accept is CodeCheckFailed with every finding, and nothing is
// saved. CodeExists names a live connection of the same ATS user.
func (s *Service) Connect(ctx context.Context, req ConnectRequest) (ConnectResult, error) {
	now := time.Now().UTC()
	if err := s.mayConnect(req.Account); err != nil {
		return ConnectResult{}, err
	}
	m, err := s.manifest(req.Adapter)
	if err != nil {
		return ConnectResult{}, err
	}
	c := atssync.Connection{
		ID: atssync.NewID(atssync.PrefixConnection, now), Name: req.Name, Account: req.Account, Adapter: req.Adapter,
		State: atssync.ConnectionActive, ManagedBy: atssync.ManagedByAPI, OnUncertain: req.OnUncertain, ResumeCheck: req.ResumeCheck,
		LastNameFallback: req.LastNameFallback, NoteTemplate: req.NoteTemplate, StatusOverrides: req.StatusOverrides,
	}
	v := newValues()
	problems := append(policy(c, m), s.change(v, m, req.Fields, req.Operator)...)
	if bad := badID(req.Account); bad != "" {
		problems = append(problems, atssync.FieldError{Path: "account", Message: bad})
	}
	if len(problems) > 0 {
		return ConnectResult{}, invalid("the connection", problems)
	}
	reply, err := s.check(ctx, c.Adapter, s.merged(c.ID, c.Adapter, v))
	if err != nil {
		return ConnectResult{}, err
	}
	reported(&c, reply)
	c.CheckedAt = now
	out := ConnectResult{Checks: atssync.CheckResults(reply.Items), DryRun: req.DryRun}
	if c.Name == "" {
		if c.Name, err = s.freeName(ctx, c.Account, cmp.Or(reply.AccountName, c.Account, m.Label, m.Name)); err != nil {
			return ConnectResult{}, err
		}
	}
	s.identify(&c, v, &reply)
	if req.Only != "" {
		if err := s.becomes(ctx, &c, req.Only); err != nil {
			return ConnectResult{}, err
		}
	}
	if req.DryRun {
		c.ID, c.Settings = "", v.settings
		out.Connection = s.view(c, atssync.Lane{})
		return out, nil
	}
	saved, revived, err := s.create(ctx, c, v, now, req.Only)
	if err != nil {
		return ConnectResult{}, err
	}
	out.Revived = revived
	if out.Notices, err = s.notices(ctx, saved, revived); err != nil {
		return ConnectResult{}, err
	}
	if out.Hook, err = s.shownHook(saved); err != nil {
		return ConnectResult{}, err
	}
	out.Connection, err = s.shown(ctx, saved)
	return out, err
}

// becomes gives a new connection the id of the removed one that it is to bring back, and refuses every other one.
func (s *Service) becomes(ctx context.Context, c *atssync.Connection, only string) error {
	o, err := s.find(ctx, only)
	switch {
	case err != nil:
		return err
	case o.Account != c.Account || o.Adapter != c.Adapter || !sharesIdentity(o, *c):
		return atssync.Errorf(atssync.CodeConflict, "these credentials are of another ATS user or account than connection %s, and no other connection may be made here; nothing was saved", o.ID).
			WithRemedy("use credentials of the same ATS user, or have a connect link made for the account as a whole")
	case o.State != atssync.ConnectionRemoved:
		return atssync.Errorf(atssync.CodeExists, "this ATS account is connected already, with the same user or the same key, as %s (%s)", o.ID, o.Name).
			WithRemedy("give that connection the new credentials (atssync connections repair), or remove it first").About(o.ID)
	}
	c.ID = o.ID
	return nil
}

// notices tells what became of the account's earlier connections to the same ATS.
func (s *Service) notices(ctx context.Context, c atssync.Connection, revived bool) ([]string, error) {
	var out []string
	if revived {
		out = append(out, fmt.Sprintf("connection %s is revived: its submissions and numbers go on, its job links are gone; link the jobs again", c.ID))
	}
	q := atssync.ConnectionQuery{Account: c.Account, Adapter: c.Adapter, State: atssync.ConnectionRemoved}
	err := each(func(p atssync.Paging) (atssync.Page[atssync.Connection], error) {
		q.Paging = p
		return s.o.Store.Connections(ctx, q)
	}, func(o atssync.Connection) error {
		if c.SameATS(o) {
			out = append(out, fmt.Sprintf("the account had connection %s (%s) to the same ATS, which was removed and is not revived, since user and key are others: "+
				"what went in through it stays there, and its external ids are refused here", o.ID, o.Name))
		}
		return nil
	})
	return out, err
}

// create seals the values and stores a new connection, or the removed one that it continues.
// With only, c has the id of a removed one and becomes that or nothing.
func (s *Service) create(ctx context.Context, c atssync.Connection, v values, now time.Time, only string) (saved atssync.Connection, revived bool, err error) {
	if only != "" {
		if err := s.sealNew(&c, v, now); err != nil {
			return c, false, err
		}
		if saved, err = s.o.Store.CreateConnection(ctx, c, now); err != nil {
			return c, false, err
		}
		s.o.Changed(saved.ID)
		s.o.Wake(saved.ID)
		return saved, true, nil
	}
	twin, err := s.twin(ctx, c)
	if err != nil {
		return c, false, err
	}
	made := c.ID
	if twin != nil {
		c.ID, revived = twin.ID, true
	}
	if err := s.sealNew(&c, v, now); err != nil {
		return c, false, err
	}
	saved, err = s.o.Store.CreateConnection(ctx, c, now)
	if atssync.CodeOf(err) == atssync.CodeExists && twin != nil {
		// Somebody revived it meanwhile; the store says what stands in the way of a new one.
		c.ID, revived = made, false
		if err := s.sealNew(&c, v, now); err != nil {
			return c, false, err
		}
		saved, err = s.o.Store.CreateConnection(ctx, c, now)
	}
	if err != nil {
		return c, false, err
	}
	if saved.ID != c.ID { // it was removed since it was looked for: seal for the id that it has
		revived = true
		saved, err = s.o.Store.UpdateConnection(ctx, saved.ID, 0, func(u *atssync.Connection) error { return s.sealNew(u, v, now) }, now)
		if err != nil {
			return c, false, err
		}
	}
	s.o.Changed(saved.ID)
	s.o.Wake(saved.ID)
	return saved, revived, nil
}

// sealNew puts the values into a connection whose ID is final, and gives it an address for its ATS to call.
func (s *Service) sealNew(c *atssync.Connection, v values, now time.Time) error {
	if err := s.seal(c, v); err != nil {
		return err
	}
	return s.giveHook(c, now)
}

// freeName returns name, or name with a number when the account has a live connection of that name.
func (s *Service) freeName(ctx context.Context, account, name string) (string, error) {
	for n := 1; ; n++ {
		try := name
		if n > 1 {
			try = fmt.Sprintf("%s %d", name, n)
		}
		page, err := s.o.Store.Connections(ctx, atssync.ConnectionQuery{Account: account, Name: try})
		if err != nil || len(page.Items) == 0 || n > 100 {
			return try, err
		}
	}
}

// check asks the ATS about values that are not saved yet, and refuses what it does not accept.
func (s *Service) check(ctx context.Context, adapter string, sc sdk.Connection) (sdk.CheckReply, error) {
	reply, err := s.look(ctx, adapter, sc)
	if err != nil {
		return reply, err
	}
	if !reply.OK() {
		return reply, checkFailed("the ATS does not accept this connection; nothing was saved", reply)
	}
	return reply, nil
}

// look makes a check and judges nothing.
func (s *Service) look(ctx context.Context, adapter string, sc sdk.Connection) (sdk.CheckReply, error) {
	client, done, err := s.o.Adapters.Reserve(ctx, adapter, sc, "")
	if err != nil {
		return sdk.CheckReply{}, s.adapterError(adapter, err)
	}
	defer done()
	reply, err := client.Check(ctx, sdk.CheckRequest{Connection: sc, PartnerName: s.policy.Load().PartnerName})
	if err != nil {
		return reply, s.adapterError(adapter, err)
	}
	return reply, nil
}

// checkFailed is the error for a check with a finding that is not OK; the first one gives the remedy.
func checkFailed(message string, r sdk.CheckReply) *atssync.Error {
	e := &atssync.Error{Code: atssync.CodeCheckFailed, Message: message, Checks: atssync.CheckResults(r.Items)}
	for _, it := range r.Items {
		if !it.OK && !it.Warning {
			e.Message = message + ": " + it.Cause
			e.Remedy = it.Remedy
			break
		}
	}
	return e
}
