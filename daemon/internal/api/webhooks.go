package api

import (
	"context"
	"net/http"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/manage"
)

type (
	// Webhook is an endpoint that events are sent to.
	Webhook = manage.Webhook
	// WebhookUpdate is what changes of a webhook.
	WebhookUpdate = manage.WebhookUpdate
	// EventType is the type of an event.
	EventType = atssync.EventType
	// EndpointQuery is which webhooks are wanted.
	EndpointQuery = atssync.EndpointQuery
)

// WebhookShown is a webhook with the value of its newest secret, which is told this once.
type WebhookShown struct {
	Webhook
	Secret string `json:"secret" doc:"what requests are signed with, as Standard Webhooks writes it; it cannot be read again"`
}

type webhookBody struct {
	URL           string              `json:"url" minLength:"1" maxLength:"2000" doc:"where events are sent to"`
	Types         []atssync.EventType `json:"types,omitempty" maxItems:"1000" doc:"the event types that are wanted; all when left out"`
	Accounts      []string            `json:"accounts,omitempty" maxItems:"1000" doc:"whose events are wanted; everybody's without this and connections"`
	Connections   []string            `json:"connections,omitempty" maxItems:"1000" doc:"connections, by id or name, whose events are wanted besides"`
	FromBeginning bool                `json:"from_beginning,omitempty" doc:"send everything that was ever told and is still kept, not only what comes"`
}

type webhookChange struct {
	URL         *string              `json:"url,omitempty" minLength:"1" maxLength:"2000"`
	Types       *[]atssync.EventType `json:"types,omitempty" maxItems:"1000"`
	Accounts    *[]string            `json:"accounts,omitempty" maxItems:"1000"`
	Connections *[]string            `json:"connections,omitempty" maxItems:"1000"`
}

type rotateBody struct {
	OverlapSeconds *int64 `json:"overlap_seconds,omitempty" minimum:"0" maximum:"2592000" doc:"how long the present secret signs besides; a day when left out"`
}

// WebhookPath is the path of what belongs to one webhook.
type WebhookPath struct {
	ID string `path:"webhook" maxLength:"255" doc:"id of the webhook"`
}

type oneWebhook struct {
	WebhookPath
	IfMatch
}

func (s *server) webhooks() {
	const one = "/v1/webhooks/{webhook}"
	register(s, get("/v1/webhooks", "list-webhooks", "List webhooks with what they have not got yet").by(readsAll), s.listWebhooks)
	register(s, post("/v1/webhooks", "create-webhook", "Make a webhook; its secret is told this once").answers(http.StatusCreated).by(adminsAll), s.createWebhook)
	register(s, get(one, "read-webhook", "Read one webhook").by(readsAll), s.readWebhook)
	register(s, patch(one, "update-webhook", "Change where a webhook is or what it wants").by(adminsAll), s.updateWebhook)
	register(s, del(one, "delete-webhook", "Forget a webhook and what waits for it").answers(http.StatusNoContent).by(adminsAll), s.deleteWebhook)
	register(s, post(one+"/pause", "pause-webhook", "Send nothing until it is resumed; its place is kept").by(adminsAll), s.pauseWebhook)
	register(s, post(one+"/resume", "resume-webhook", "Send again, from where it stopped").by(adminsAll), s.resumeWebhook)
	register(s, post(one+"/rotate", "rotate-webhook-secret", "Give it a new secret, told this once; the present one signs besides for a while").by(adminsAll), s.rotateWebhook)
	register(s, post(one+"/test", "test-webhook", "Send a signed event of type webhook.test now and tell how it ended").slowly().by(adminsAll), s.testWebhook)
	s.deliveries()
}

type webhookList struct {
	State string `query:"state" enum:"active,paused,disabled"`
	Paging
}

func (s *server) listWebhooks(ctx context.Context, in *webhookList) (*body[Page[Webhook]], error) {
	return answer(s.manage(ctx).Webhooks(ctx, atssync.EndpointQuery{State: atssync.EndpointState(in.State), Paging: atssync.Paging(in.Paging)}))
}

// shownAnswer must not be kept by anything between.
type shownAnswer struct {
	CacheControl string `header:"Cache-Control"`
	Body         WebhookShown
}

func shown(in manage.SecretShown, err error) (*shownAnswer, error) {
	if err != nil {
		return nil, err
	}
	return &shownAnswer{"no-store", WebhookShown{Webhook: in.Webhook, Secret: in.Secret.Reveal()}}, nil
}

func (s *server) createWebhook(ctx context.Context, in *struct{ Body webhookBody }) (*shownAnswer, error) {
	b := in.Body
	return shown(s.manage(ctx).CreateWebhook(ctx, manage.WebhookRequest{
		URL: b.URL, Types: b.Types, Accounts: b.Accounts, Connections: b.Connections, FromBeginning: b.FromBeginning,
	}))
}

func (s *server) readWebhook(ctx context.Context, in *WebhookPath) (*body[Webhook], error) {
	return answer(s.manage(ctx).Webhook(ctx, in.ID))
}

type webhookUpdateInput struct {
	WebhookPath
	IfMatch
	Body webhookChange
}

func (s *server) updateWebhook(ctx context.Context, in *webhookUpdateInput) (*body[Webhook], error) {
	v, err := in.version()
	if err != nil {
		return nil, err
	}
	b := in.Body
	return answer(s.manage(ctx).UpdateWebhook(ctx, in.ID, manage.WebhookUpdate{
		Version: v, URL: b.URL, Types: b.Types, Accounts: b.Accounts, Connections: b.Connections,
	}))
}

func (s *server) deleteWebhook(ctx context.Context, in *WebhookPath) (*struct{}, error) {
	return nil, s.manage(ctx).RemoveWebhook(ctx, in.ID)
}

type webhookPauseInput struct {
	WebhookPath
	IfMatch
	Body pauseBody
}

func (s *server) pauseWebhook(ctx context.Context, in *webhookPauseInput) (*body[Webhook], error) {
	v, err := in.version()
	if err != nil {
		return nil, err
	}
	return answer(s.manage(ctx).PauseWebhook(ctx, in.ID, in.Body.Reason, v))
}

func (s *server) resumeWebhook(ctx context.Context, in *oneWebhook) (*body[Webhook], error) {
	v, err := in.version()
	if err != nil {
		return nil, err
	}
	return answer(s.manage(ctx).ResumeWebhook(ctx, in.ID, v))
}

type rotateInput struct {
	WebhookPath
	IfMatch
	Body rotateBody
}

func (s *server) rotateWebhook(ctx context.Context, in *rotateInput) (*shownAnswer, error) {
	v, err := in.version()
	if err != nil {
		return nil, err
	}
	overlap := manage.DefaultOverlap
	if in.Body.OverlapSeconds != nil {
		overlap = time.Duration(*in.Body.OverlapSeconds) * time.Second
	}
	return shown(s.manage(ctx).RotateWebhook(ctx, in.ID, overlap, v))
}

func (s *server) testWebhook(ctx context.Context, in *WebhookPath) (*body[DeliveryAttempt], error) {
	return answer(s.manage(ctx).TestWebhook(ctx, in.ID))
}

func webhookAt(id string) string { return "/v1/webhooks/" + segment(id) }

// Webhooks lists webhooks.
func (c *Client) Webhooks(ctx context.Context, q EndpointQuery) (Page[Webhook], error) {
	return call[Page[Webhook]](ctx, c, request{path: "/v1/webhooks", query: query{}.set("state", string(q.State)).page(q.Paging)})
}

// WebhookRequest is a webhook to make.
type WebhookRequest = manage.WebhookRequest

// CreateWebhook makes a webhook. Its secret is in the answer and nowhere else.
func (c *Client) CreateWebhook(ctx context.Context, r WebhookRequest) (WebhookShown, error) {
	return call[WebhookShown](ctx, c, request{method: http.MethodPost, path: "/v1/webhooks", json: webhookBody{
		URL: r.URL, Types: r.Types, Accounts: r.Accounts, Connections: r.Connections, FromBeginning: r.FromBeginning,
	}})
}

// Webhook returns one webhook.
func (c *Client) Webhook(ctx context.Context, id string) (Webhook, error) {
	return call[Webhook](ctx, c, request{path: webhookAt(id)})
}

// UpdateWebhook changes a webhook.
func (c *Client) UpdateWebhook(ctx context.Context, id string, u WebhookUpdate) (Webhook, error) {
	return call[Webhook](ctx, c, request{method: http.MethodPatch, path: webhookAt(id), ifMatch: u.Version, json: webhookChange{
		URL: u.URL, Types: u.Types, Accounts: u.Accounts, Connections: u.Connections,
	}})
}

// DeleteWebhook forgets a webhook and what waits for it.
func (c *Client) DeleteWebhook(ctx context.Context, id string) error {
	return c.run(ctx, request{method: http.MethodDelete, path: webhookAt(id)})
}

// PauseWebhook sends nothing to a webhook until ResumeWebhook.
func (c *Client) PauseWebhook(ctx context.Context, id, reason string) (Webhook, error) {
	return call[Webhook](ctx, c, request{method: http.MethodPost, path: webhookAt(id) + "/pause", json: pauseBody{reason}})
}

// ResumeWebhook ends a pause, or has a disabled webhook sent to again.
func (c *Client) ResumeWebhook(ctx context.Context, id string) (Webhook, error) {
	return call[Webhook](ctx, c, request{method: http.MethodPost, path: webhookAt(id) + "/resume"})
}

// RotateWebhook gives a webhook a new secret, which is in the answer; the present one signs besides for that long.
func (c *Client) RotateWebhook(ctx context.Context, id string, overlap time.Duration) (WebhookShown, error) {
	seconds := int64(overlap / time.Second)
	return call[WebhookShown](ctx, c, request{method: http.MethodPost, path: webhookAt(id) + "/rotate", json: rotateBody{&seconds}})
}

// TestWebhook sends a test event and tells how it ended.
func (c *Client) TestWebhook(ctx context.Context, id string) (DeliveryAttempt, error) {
	return call[DeliveryAttempt](ctx, c, request{method: http.MethodPost, path: webhookAt(id) + "/test"})
}
