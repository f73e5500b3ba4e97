package api

import (
	"context"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/manage"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// HealthLine is how one operation of one connection is, and whose turn it is.
type HealthLine struct {
	Connection string              `json:"connection"`
	Name       string              `json:"name"`
	Account    string              `json:"account"`
	Operation  atssync.Operation   `json:"operation" enum:"submit,read,jobs,check"`
	State      atssync.HealthState `json:"state" enum:"ok,failing,stopped,canary,draining"`
	Cause      string              `json:"cause,omitempty" doc:"a stable word"`
	Message    string              `json:"message,omitempty"`
	WhoseTurn  sdk.Turn            `json:"whose_turn,omitempty"`
	Remedy     string              `json:"remedy,omitempty"`
	Since      time.Time           `json:"since,omitzero"`
	NextAt     time.Time           `json:"next_at,omitzero" doc:"when it is tried again"`
}

// WebhookHealth is one thing that is wrong with a webhook.
type WebhookHealth = manage.WebhookHealth

// HealthPage is a page of health lines. Webhooks stand on the first one.
type HealthPage struct {
	Items    []HealthLine    `json:"items"`
	Webhooks []WebhookHealth `json:"webhooks,omitempty" doc:"what is wrong with webhooks; on the first page, for tokens without a limit, and not with account"`
	Backup   *BackupHealth   `json:"backup,omitempty" doc:"the last backup; where webhooks stand"`
	Next     string          `json:"next,omitempty"`
}

// BackupHealth is how the last backup went.
type BackupHealth = manage.BackupHealth

// Restore is when the store was restored, and from which backup.
type Restore = atssync.Restore

// HealthQuery selects connections; All shows what is well too.
type HealthQuery struct {
	Account string
	All     bool
	After   string
	Limit   int // connections a page
}

func (s *server) health() {
	register(s, get("/v1/health", "list-health", "List what does not work, per connection and operation, and of webhooks").by(reads), s.listHealth)
}

type healthList struct {
	Account string `query:"account"`
	All     bool   `query:"all" doc:"what is well too"`
	Paging
}

func (s *server) listHealth(ctx context.Context, in *healthList) (*body[HealthPage], error) {
	cons, err := s.manage(ctx).Connections(ctx, atssync.ConnectionQuery{Account: in.Account, Paging: atssync.Paging(in.Paging)})
	if err != nil {
		return nil, err
	}
	page := HealthPage{Items: []HealthLine{}, Next: cons.Next}
	if in.After == "" && in.Account == "" {
		if page.Webhooks, err = s.manage(ctx).WebhookHealth(ctx); err != nil {
			return nil, err
		}
		if page.Backup, err = s.manage(ctx).BackupHealth(ctx); err != nil {
			return nil, err
		}
	}
	for _, c := range cons.Items {
		for _, op := range atssync.Operations() {
			h, ok := c.Operations[op]
			if !ok {
				h.State = atssync.HealthOK
			}
			if h.State == atssync.HealthOK && !in.All {
				continue
			}
			line := HealthLine{
				Connection: c.ID, Name: c.Name, Account: c.Account, Operation: op, State: h.State, Cause: h.Cause,
				Since: h.Since, NextAt: h.NextAt,
			}
			switch t := h.Trouble; {
			case h.State == atssync.HealthDraining: // the cause is gone, and what it left is nobody's turn
				line.Message = "it works again: what waited goes out little by little"
			case t != nil:
				line.Message, line.WhoseTurn, line.Remedy = t.Message, t.Turn, t.Remedy
			}
			page.Items = append(page.Items, line)
		}
	}
	return answer(page, nil)
}

// Health lists what does not work, a page of connections at a time.
func (c *Client) Health(ctx context.Context, q HealthQuery) (HealthPage, error) {
	return call[HealthPage](ctx, c, request{path: "/v1/health", query: query{}.set("account", q.Account).
		flag("all", q.All).page(atssync.Paging{After: q.After, Limit: q.Limit})})
}
