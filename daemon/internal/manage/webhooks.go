package manage

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"slices"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// WebhookStore is the roles of the store that webhooks need.
type WebhookStore interface {
	atssync.Webhooks
	atssync.Deliveries
	LastEvent(ctx context.Context, connection string) (int64, error)
	AppendAudit(ctx context.Context, a atssync.Audit) error
}

// Deliverer is the worker that sends webhooks.
type Deliverer interface {
	// Changed has an endpoint looked at that was made, changed or given something to do.
	Changed(endpoint string)
	// Test sends one event that has no number, and tells how it ended.
	Test(ctx context.Context, endpoint string) (atssync.DeliveryAttempt, error)
}

// WebhookOptions are what webhooks need.
type WebhookOptions struct {
	Store   WebhookStore
	Deliver Deliverer
	// CheckURL says what can be said of a URL before it is dialled; its text is told to the caller.
	CheckURL func(url string) error
}

// Webhook is an endpoint as people see it: without the values of its secrets.
type Webhook struct {
	ID          string                `json:"id"`
	URL         string                `json:"url"`
	Types       []atssync.EventType   `json:"types,omitempty" doc:"the event types that are wanted; all when absent"`
	Accounts    []string              `json:"accounts,omitempty"`
	Connections []string              `json:"connections,omitempty"`
	State       atssync.EndpointState `json:"state"`
	Reason      string                `json:"reason,omitempty" doc:"why it is paused or disabled"`
	ManagedBy   atssync.ManagedBy     `json:"managed_by"`
	Secrets     []WebhookSecret       `json:"secrets" doc:"those that sign, the newest first"`

	Sequence  int64     `json:"endpoint_sequence" doc:"the last number given"`
	Pending   int64     `json:"pending" doc:"deliveries under way or waiting for their next attempt"`
	Dead      int64     `json:"dead" doc:"deliveries that were given up and not replayed"`
	Behind    int64     `json:"behind" doc:"events that were not looked at yet, wanted or not"`
	OldestAt  time.Time `json:"oldest_pending_at,omitzero" doc:"when the oldest event happened that is wanted and not delivered"`
	FailingAt time.Time `json:"failing_since,omitzero" doc:"set while the endpoint takes nothing and is only probed"`
	ProbeAt   time.Time `json:"next_probe_at,omitzero"`

	LastSuccessAt time.Time `json:"last_success_at,omitzero"`
	LastFailureAt time.Time `json:"last_failure_at,omitzero"`
	LastError     string    `json:"last_error,omitempty"`
	Version       int64     `json:"version"`
	CreatedAt     time.Time `json:"created_at"`
	UpdatedAt     time.Time `json:"updated_at"`
}

// WebhookSecret is what is told of a signing secret.
type WebhookSecret struct {
	CreatedAt time.Time `json:"created_at"`
	NotAfter  time.Time `json:"not_after,omitzero" doc:"when it stops signing; absent for the one that stays"`
}

// WebhookRequest is an endpoint to make.
type WebhookRequest struct {
	URL         string
	Types       []atssync.EventType
	Accounts    []string
	Connections []string // ids or names
	// FromBeginning sends everything that was ever told and is still kept, not only what comes.
	FromBeginning bool
}

// WebhookUpdate changes what is not nil. Version 0 matches any.
type WebhookUpdate struct {
	Version     int64
	URL         *string
	Types       *[]atssync.EventType
	Accounts    *[]string
	Connections *[]string
}

// SecretShown is an endpoint with the value of its newest secret, which is shown this once.
type SecretShown struct {
	Webhook
	Secret sdk.Secret
}

const (
	recordWebhook = "webhook"
	fieldSecret   = "secret"
	secretPrefix  = "whsec_"
	secretBytes   = 32
	// DefaultOverlap is how long a secret that was exchanged still signs.
	DefaultOverlap = 24 * time.Hour
	maxOverlap     = 30 * 24 * time.Hour
	maxFilters     = 1_000
	maxURL         = 2_000
)

// newSecret returns a signing secret as Standard Webhooks writes it.
func newSecret() string {
	var b [secretBytes]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the process instead
	return secretPrefix + base64.StdEncoding.EncodeToString(b[:])
}

func (s *Service) sealSecret(endpoint, secret string) ([]byte, error) {
	sealed, err := s.o.Sealer.Seal([]byte(secret), endpoint, recordWebhook, fieldSecret)
	if err != nil {
		return nil, fmt.Errorf("seal the secret of webhook %s: %w", endpoint, err)
	}
	return sealed, nil
}

// OpenWebhookSecret opens a signing secret for the worker.
func (s *Service) OpenWebhookSecret(endpoint string, sealed []byte) (string, error) {
	plain, err := s.o.Sealer.Open(sealed, endpoint, recordWebhook, fieldSecret)
	if err != nil {
		return "", fmt.Errorf("open a secret of webhook %s: %w", endpoint, err)
	}
	return string(plain), nil
}

func (s *Service) webhooks() (*WebhookOptions, error) {
	if s.o.Webhooks == nil {
		return nil, atssync.Errorf(atssync.CodeUnavailable, "this daemon sends no webhooks")
	}
	return s.o.Webhooks, nil
}

// CreateWebhook makes an endpoint with a new secret.
func (s *Service) CreateWebhook(ctx context.Context, req WebhookRequest) (SecretShown, error) {
	o, err := s.webhooks()
	if err != nil {
		return SecretShown{}, err
	}
	now := time.Now().UTC()
	e := atssync.Endpoint{
		ID: atssync.NewID(atssync.PrefixWebhook, now), URL: req.URL, Types: req.Types, Accounts: req.Accounts,
		Connections: req.Connections, State: atssync.EndpointActive, ManagedBy: atssync.ManagedByAPI,
	}
	if err := s.judgeWebhook(ctx, &e); err != nil {
		return SecretShown{}, err
	}
	secret := newSecret()
	sealed, err := s.sealSecret(e.ID, secret)
	if err != nil {
		return SecretShown{}, err
	}
	e.Rotate(sealed, time.Time{}, now)
	after := int64(0)
	if !req.FromBeginning {
		if after, err = o.Store.LastEvent(ctx, ""); err != nil {
			return SecretShown{}, err
		}
	}
	saved, err := o.Store.CreateEndpoint(ctx, e, after, now)
	if err != nil {
		return SecretShown{}, err
	}
	o.Deliver.Changed(saved.ID)
	shown, err := s.shownWebhook(ctx, saved)
	return SecretShown{Webhook: shown, Secret: sdk.Secret(secret)}, err
}

// judgeWebhook refuses an endpoint whose URL or filters cannot be, and puts ids in place of names.
func (s *Service) judgeWebhook(ctx context.Context, e *atssync.Endpoint) error {
	problems := s.webhookProblems(*e)
	for i, name := range e.Connections {
		c, err := s.find(ctx, name)
		switch atssync.CodeOf(err) {
		case "":
			e.Connections[i] = c.ID
		case atssync.CodeNotFound, atssync.CodeConflict:
			problems = append(problems, atssync.FieldError{Path: fmt.Sprintf("connections[%d]", i), Message: err.Error()})
		default:
			return err
		}
	}
	if len(problems) > 0 {
		return invalid("the webhook", problems)
	}
	return nil
}

// webhookProblems judges what can be judged without looking anything up.
func (s *Service) webhookProblems(e atssync.Endpoint) []atssync.FieldError {
	var problems []atssync.FieldError
	add := func(path, message string) {
		problems = append(problems, atssync.FieldError{Path: path, Message: message})
	}
	if len(e.URL) > maxURL {
		add("url", fmt.Sprintf("has %d bytes; the limit is %d", len(e.URL), maxURL))
	} else if err := s.o.Webhooks.CheckURL(e.URL); err != nil {
		add("url", err.Error())
	}
	for i, t := range e.Types {
		if !atssync.ValidEventType(t) {
			add(fmt.Sprintf("types[%d]", i), "there is no such type of event")
		}
	}
	for i, a := range e.Accounts {
		if bad := badID(a); bad != "" {
			add(fmt.Sprintf("accounts[%d]", i), bad)
		}
	}
	for name, n := range map[string]int{"types": len(e.Types), "accounts": len(e.Accounts), "connections": len(e.Connections)} {
		if n > maxFilters {
			add(name, fmt.Sprintf("has %d entries; the limit is %d", n, maxFilters))
		}
	}
	return problems
}

// Webhook returns one endpoint.
func (s *Service) Webhook(ctx context.Context, id string) (Webhook, error) {
	o, err := s.webhooks()
	if err != nil {
		return Webhook{}, err
	}
	e, err := o.Store.Endpoint(ctx, id)
	if err != nil {
		return Webhook{}, err
	}
	return s.shownWebhook(ctx, e)
}

// Webhooks lists endpoints.
func (s *Service) Webhooks(ctx context.Context, q atssync.EndpointQuery) (atssync.Page[Webhook], error) {
	out := atssync.Page[Webhook]{Items: []Webhook{}}
	o, err := s.webhooks()
	if err != nil {
		return out, err
	}
	page, err := o.Store.Endpoints(ctx, q)
	if err != nil {
		return out, err
	}
	out.Next = page.Next
	for _, e := range page.Items {
		shown, err := s.shownWebhook(ctx, e)
		if atssync.CodeOf(err) == atssync.CodeNotFound {
			continue // removed meanwhile
		}
		if err != nil {
			return out, err
		}
		out.Items = append(out.Items, shown)
	}
	return out, nil
}

func (s *Service) shownWebhook(ctx context.Context, e atssync.Endpoint) (Webhook, error) {
	b, err := s.o.Webhooks.Store.EndpointBacklog(ctx, e.ID)
	if err != nil {
		return Webhook{}, err
	}
	out := Webhook{
		ID: e.ID, URL: e.URL, Types: e.Types, Accounts: e.Accounts, Connections: e.Connections, State: e.State, Reason: e.Reason,
		ManagedBy: e.ManagedBy, Secrets: []WebhookSecret{}, Sequence: b.Work.Sequence, Pending: b.Work.Pending, Dead: b.Work.Dead,
		Behind: b.Behind, OldestAt: b.OldestAt, FailingAt: b.Work.Breaker.OpenAt, ProbeAt: b.Work.Breaker.ProbeAt,
		LastSuccessAt: b.Work.LastSuccessAt, LastFailureAt: b.Work.LastFailureAt, LastError: b.Work.LastError,
		Version: e.Version, CreatedAt: e.CreatedAt, UpdatedAt: e.UpdatedAt,
	}
	now := time.Now()
	for _, k := range e.Secrets {
		if k.Valid(now) {
			out.Secrets = append(out.Secrets, WebhookSecret{CreatedAt: k.CreatedAt, NotAfter: k.NotAfter})
		}
	}
	return out, nil
}

// UpdateWebhook changes where an endpoint is or what it wants. Numbers go on; events that were looked at already are not
// looked at again.
func (s *Service) UpdateWebhook(ctx context.Context, id string, u WebhookUpdate) (Webhook, error) {
	was, err := s.editableWebhook(ctx, id)
	if err != nil {
		return Webhook{}, err
	}
	next := was.Clone()
	set(&next.URL, u.URL)
	set(&next.Types, u.Types)
	set(&next.Accounts, u.Accounts)
	set(&next.Connections, u.Connections)
	if err := s.judgeWebhook(ctx, &next); err != nil {
		return Webhook{}, err
	}
	return s.changeWebhook(ctx, id, cmp.Or(u.Version, was.Version), func(e *atssync.Endpoint) error {
		e.URL, e.Types, e.Accounts, e.Connections = next.URL, next.Types, next.Accounts, next.Connections
		return nil
	})
}

// PauseWebhook sends nothing to an endpoint until it is resumed; its place is kept.
func (s *Service) PauseWebhook(ctx context.Context, id, reason string, version int64) (Webhook, error) {
	if _, err := s.editableWebhook(ctx, id); err != nil {
		return Webhook{}, err
	}
	return s.changeWebhook(ctx, id, version, func(e *atssync.Endpoint) error {
		if e.State == atssync.EndpointPaused {
			reason = cmp.Or(reason, e.Reason)
		}
		e.State, e.Reason = atssync.EndpointPaused, cmp.Or(reason, "paused by a person")
		return nil
	})
}

// ResumeWebhook sends to a paused or disabled endpoint again, from where it stopped. A disabled one that stands in the
// configuration file is resumed here too.
func (s *Service) ResumeWebhook(ctx context.Context, id string, version int64) (Webhook, error) {
	e, err := s.storedWebhook(ctx, id)
	if err != nil {
		return Webhook{}, err
	}
	if e.ManagedBy == atssync.ManagedByFile && e.State != atssync.EndpointDisabled {
		return Webhook{}, s.inFile(e)
	}
	return s.changeWebhook(ctx, id, version, func(e *atssync.Endpoint) error {
		e.State, e.Reason = atssync.EndpointActive, ""
		return nil
	})
}

// RotateWebhook gives an endpoint a new secret. The present one signs besides for as long as overlap says; 0 ends it now.
func (s *Service) RotateWebhook(ctx context.Context, id string, overlap time.Duration, version int64) (SecretShown, error) {
	if _, err := s.editableWebhook(ctx, id); err != nil {
		return SecretShown{}, err
	}
	if overlap < 0 || overlap > maxOverlap {
		return SecretShown{}, invalid("the rotation", []atssync.FieldError{{Path: "overlap", Message: fmt.Sprintf("must be from 0 to %s", maxOverlap)}})
	}
	secret := newSecret()
	sealed, err := s.sealSecret(id, secret)
	if err != nil {
		return SecretShown{}, err
	}
	now := time.Now().UTC()
	shown, err := s.changeWebhook(ctx, id, version, func(e *atssync.Endpoint) error {
		e.Rotate(slices.Clone(sealed), now.Add(overlap), now)
		return nil
	})
	return SecretShown{Webhook: shown, Secret: sdk.Secret(secret)}, err
}

// RemoveWebhook forgets an endpoint and everything that waits for it.
func (s *Service) RemoveWebhook(ctx context.Context, id string) error {
	if _, err := s.editableWebhook(ctx, id); err != nil {
		return err
	}
	err := s.o.Webhooks.Store.RemoveEndpoint(ctx, id, time.Now().UTC())
	s.o.Webhooks.Deliver.Changed(id)
	return err
}

func (s *Service) changeWebhook(ctx context.Context, id string, version int64, change func(*atssync.Endpoint) error) (Webhook, error) {
	saved, err := s.o.Webhooks.Store.UpdateEndpoint(ctx, id, version, change, time.Now().UTC())
	if err != nil {
		return Webhook{}, err
	}
	s.o.Webhooks.Deliver.Changed(saved.ID)
	return s.shownWebhook(ctx, saved)
}

func (s *Service) storedWebhook(ctx context.Context, id string) (atssync.Endpoint, error) {
	o, err := s.webhooks()
	if err != nil {
		return atssync.Endpoint{}, err
	}
	return o.Store.Endpoint(ctx, id)
}

// editableWebhook returns an endpoint that people may change here.
func (s *Service) editableWebhook(ctx context.Context, id string) (atssync.Endpoint, error) {
	e, err := s.storedWebhook(ctx, id)
	if err == nil && e.ManagedBy == atssync.ManagedByFile {
		err = s.inFile(e)
	}
	return e, err
}

func (s *Service) inFile(e atssync.Endpoint) error {
	return atssync.Errorf(atssync.CodeForbidden, "webhook %s stands in the configuration file and is changed there", e.ID).
		WithRemedy("change [[webhooks]] with id = %q in %s and reload the daemon", e.ID, s.file())
}
