package manage

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// Connection is a connection as people see it: without credentials and keys.
type Connection struct {
	ID               string                   `json:"id"`
	Name             string                   `json:"name"`
	Account          string                   `json:"account"`
	Adapter          string                   `json:"adapter"`
	State            atssync.ConnectionState  `json:"state"`
	PausedReason     string                   `json:"paused_reason,omitempty"`
	ManagedBy        atssync.ManagedBy        `json:"managed_by"`
	Settings         map[string]string        `json:"settings,omitempty"`
	ActingUser       atssync.User             `json:"acting_user"`
	Host             string                   `json:"host,omitempty"`
	AccountName      string                   `json:"account_name,omitempty"`
	JobsVisible      int                      `json:"jobs_visible"` // -1 when it was not asked
	OnUncertain      atssync.OnUncertain      `json:"on_uncertain"`
	ResumeCheck      atssync.ResumeCheck      `json:"resume_check"`
	LastNameFallback string                   `json:"last_name_fallback,omitempty"`
	NoteTemplate     string                   `json:"note_template,omitempty"`
	StatusOverrides  []atssync.StatusOverride `json:"status_overrides,omitempty"`
	Version          int64                    `json:"version"`
	CreatedAt        time.Time                `json:"created_at"`
	UpdatedAt        time.Time                `json:"updated_at"`
	CheckedAt        time.Time                `json:"checked_at,omitzero"`
	RemovedAt        time.Time                `json:"removed_at,omitzero"`
	// Health is the worst of the operations: ok draining canary failing stopped.
	Health     atssync.HealthState                  `json:"health"`
	Operations map[atssync.Operation]atssync.Health `json:"operations,omitempty"`
	// HoldReason is set while everything that comes in is held.
	HoldReason atssync.HeldReason            `json:"hold_reason,omitempty"`
	Jobs       map[string]atssync.JobTrouble `json:"job_troubles,omitempty"`
}

// UpdateRequest changes what is not nil. Version 0 matches any.
type UpdateRequest struct {
	Version          int64
	Name             *string
	OnUncertain      *atssync.OnUncertain
	ResumeCheck      *atssync.ResumeCheck
	LastNameFallback *string
	NoteTemplate     *string
	StatusOverrides  *[]atssync.StatusOverride
	// Fields change settings; "" returns to the default. They are checked against the ATS before they are saved.
	// Credentials are changed by Repair.
	Fields   map[string]sdk.Secret
	Operator bool
}

// Connection returns one connection with its health, by id, or by name when exactly one live connection has it.
func (s *Service) Connection(ctx context.Context, id string) (Connection, error) {
	c, err := s.find(ctx, id)
	if err != nil {
		return Connection{}, err
	}
	return s.shown(ctx, c)
}

// Connections lists connections with their health.
func (s *Service) Connections(ctx context.Context, q atssync.ConnectionQuery) (atssync.Page[Connection], error) {
	q.Within = s.scope
	page, err := s.o.Store.Connections(ctx, q)
	if err != nil {
		return atssync.Page[Connection]{}, err
	}
	known := func(a AdapterStatus) bool { return a.Name == q.Adapter }
	if q.Adapter != "" && len(page.Items) == 0 && !slices.ContainsFunc(s.o.Adapters.List(), known) {
		return atssync.Page[Connection]{}, invalid("the query", []atssync.FieldError{
			{Path: "query.adapter", Message: "there is no adapter " + q.Adapter + "; see: atssync adapters list"},
		})
	}
	out := atssync.Page[Connection]{Items: make([]Connection, len(page.Items)), Next: page.Next}
	for i, c := range page.Items {
		if out.Items[i], err = s.shown(ctx, c); err != nil {
			return out, err
		}
	}
	return out, nil
}

// Update changes a connection. What would reach another ATS account is Repair's.
func (s *Service) Update(ctx context.Context, id string, req UpdateRequest) (Connection, error) {
	c, err := s.editable(ctx, id)
	if err != nil {
		return Connection{}, err
	}
	if len(req.Fields) > 0 {
		if err := s.onlySettings(c, req.Fields); err != nil {
			return Connection{}, err
		}
		r := RepairRequest{Version: req.Version, Fields: req.Fields, Operator: req.Operator}
		return s.update(ctx, c, r, req.apply)
	}
	m, err := s.o.Adapters.Manifest(c.Adapter)
	if err != nil {
		if req.OnUncertain != nil && *req.OnUncertain == atssync.OnUncertainResend {
			return Connection{}, s.adapterError(c.Adapter, err) // nobody can say whether it would make duplicates
		}
		m.Find = sdk.FindExternalID // the policy stays as it was judged
	}
	saved, err := s.o.Store.UpdateConnection(ctx, c.ID, req.Version, func(u *atssync.Connection) error {
		req.apply(u)
		if problems := policy(*u, m); len(problems) > 0 {
			return invalid("the connection", problems)
		}
		return nil
	}, time.Now().UTC())
	if err != nil {
		return Connection{}, err
	}
	s.o.Changed(saved.ID)
	return s.shown(ctx, saved)
}

func (r UpdateRequest) apply(c *atssync.Connection) {
	set(&c.Name, r.Name)
	set(&c.OnUncertain, r.OnUncertain)
	set(&c.ResumeCheck, r.ResumeCheck)
	set(&c.LastNameFallback, r.LastNameFallback)
	set(&c.NoteTemplate, r.NoteTemplate)
	set(&c.StatusOverrides, r.StatusOverrides)
}

func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

// onlySettings refuses secret fields: new credentials are a repair, and said so.
func (s *Service) onlySettings(c atssync.Connection, fields map[string]sdk.Secret) error {
	m, err := s.manifest(c.Adapter)
	if err != nil {
		return err
	}
	var problems []atssync.FieldError
	for _, f := range m.Fields {
		if _, given := fields[f.Name]; given && f.Secret {
			problems = append(problems, atssync.FieldError{Path: "fields." + f.Name, Message: "is a credential; give it with: atssync connections repair " + c.ID})
		}
	}
	if len(problems) > 0 {
		return invalid("the change", problems)
	}
	return nil
}

// Pause stops a connection; what is queued is held until it is resumed. One that is paused already keeps the reason
// that it has, unless another one is given.
func (s *Service) Pause(ctx context.Context, id, reason string, version int64) (Connection, error) {
	return s.turn(ctx, id, version, func(c *atssync.Connection) {
		if c.State == atssync.ConnectionPaused {
			reason = cmp.Or(reason, c.PausedReason)
		}
		c.State, c.PausedReason = atssync.ConnectionPaused, cmp.Or(reason, "paused by a person")
	})
}

// Resume ends a pause; what was held for it is released at the pace.
func (s *Service) Resume(ctx context.Context, id string, version int64) (Connection, error) {
	return s.turn(ctx, id, version, func(c *atssync.Connection) {
		c.State, c.PausedReason = atssync.ConnectionActive, ""
	})
}

func (s *Service) turn(ctx context.Context, id string, version int64, change func(*atssync.Connection)) (Connection, error) {
	c, err := s.editable(ctx, id)
	if err != nil {
		return Connection{}, err
	}
	saved, err := s.o.Store.UpdateConnection(ctx, c.ID, version, func(u *atssync.Connection) error {
		change(u)
		return nil
	}, time.Now().UTC())
	if err != nil {
		return Connection{}, err
	}
	s.o.Changed(saved.ID)
	s.o.Wake(saved.ID)
	return s.shown(ctx, saved)
}

// Remove destroys the credentials and cancels what waits. Keys, receipts and numbers stay, so that connecting the
// same account again doubles nobody.
func (s *Service) Remove(ctx context.Context, id string, version int64) (Connection, error) {
	c, err := s.editable(ctx, id)
	if err != nil {
		return Connection{}, err
	}
	saved, err := s.o.Store.RemoveConnection(ctx, c.ID, version, time.Now().UTC())
	if err != nil {
		return Connection{}, err
	}
	s.o.Changed(saved.ID)
	return s.view(saved, atssync.Lane{}), nil
}

// find returns a stored connection by id, or by name when exactly one live connection has it.
func (s *Service) find(ctx context.Context, name string) (atssync.Connection, error) {
	c, err := s.o.Store.Connection(ctx, name)
	switch {
	case err == nil && s.scope.Covers(c.Account, c.ID):
		return c, nil
	case err != nil && atssync.CodeOf(err) != atssync.CodeNotFound:
		return c, err
	}
	c = atssync.Connection{}
	if name == "" {
		return c, noConnection(name)
	}
	page, err := s.o.Store.Connections(ctx, atssync.ConnectionQuery{Name: name, Within: s.scope})
	switch {
	case err != nil:
		return c, err
	case len(page.Items) == 0:
		return c, noConnection(name)
	case len(page.Items) > 1 || page.Next != "":
		return c, atssync.Errorf(atssync.CodeConflict, "more than one connection has the name %q", name).
			WithRemedy("give the id of the one that is meant; see: atssync connections list")
	}
	return page.Items[0], nil
}

func noConnection(name string) *atssync.Error {
	return atssync.Errorf(atssync.CodeNotFound, "there is no connection %q", name).WithRemedy("see: atssync connections list")
}

// idOf returns the id of a connection given by id or name; "" stays "" and means all.
func (s *Service) idOf(ctx context.Context, name string) (string, error) {
	if name == "" {
		return "", nil
	}
	c, err := s.find(ctx, name)
	return c.ID, err
}

// editable returns a connection that people may change here.
func (s *Service) editable(ctx context.Context, id string) (atssync.Connection, error) {
	c, err := s.find(ctx, id)
	switch {
	case err != nil:
		return c, err
	case c.State == atssync.ConnectionRemoved:
		return c, removed(c)
	case c.ManagedBy == atssync.ManagedByFile:
		return c, atssync.Errorf(atssync.CodeForbidden, "connection %s stands in the configuration file and is changed there", c.ID).
			WithRemedy("change [[connections]] with id = %q in %s and reload the daemon", c.ID, s.file())
	}
	return c, nil
}

func (s *Service) file() string { return cmp.Or(s.o.File, "the configuration file") }

// shown returns a connection with its health.
func (s *Service) shown(ctx context.Context, c atssync.Connection) (Connection, error) {
	lane, err := s.o.Store.Lane(ctx, c.ID)
	if err != nil && atssync.CodeOf(err) != atssync.CodeNotFound {
		return Connection{}, err
	}
	return s.view(c, lane), nil
}

func (s *Service) view(c atssync.Connection, l atssync.Lane) Connection {
	return Connection{
		ID: c.ID, Name: c.Name, Account: c.Account, Adapter: c.Adapter, State: c.State, PausedReason: c.PausedReason,
		ManagedBy: c.ManagedBy, Settings: c.Settings, ActingUser: c.ActingUser, Host: c.Host, AccountName: c.AccountName,
		JobsVisible: c.JobsVisible, OnUncertain: cmp.Or(c.OnUncertain, s.policy.Load().OnUncertain), ResumeCheck: cmp.Or(c.ResumeCheck, s.policy.Load().ResumeCheck), LastNameFallback: c.LastNameFallback,
		NoteTemplate: c.NoteTemplate, StatusOverrides: c.StatusOverrides, Version: c.Version, CreatedAt: c.CreatedAt,
		UpdatedAt: c.UpdatedAt, CheckedAt: c.CheckedAt, RemovedAt: c.RemovedAt,
		Health: worst(l), Operations: l.Operations, HoldReason: l.HoldReason, Jobs: l.Jobs,
	}
}

// worst is the state of the operation that does worst.
func worst(l atssync.Lane) atssync.HealthState {
	order := []atssync.HealthState{
		atssync.HealthOK, atssync.HealthDraining, atssync.HealthCanary, atssync.HealthFailing, atssync.HealthStopped,
	}
	state := atssync.HealthOK
	for _, h := range l.Operations {
		if slices.Index(order, h.State) > slices.Index(order, state) {
			state = h.State
		}
	}
	return state
}
