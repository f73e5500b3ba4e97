package api

import (
	"context"
	"net/http"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/manage"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// AcceptRequest says which suggestions to link.
type AcceptRequest struct {
	// Reasons is empty for same_id and same_requisition, which need no second look.
	Reasons []string `json:"reasons,omitempty" enum:"same_id,same_requisition,same_title,similar_title"`
	// PlatformJobs, when not empty, are the only ones.
	PlatformJobs []string         `json:"platform_jobs,omitempty" maxItems:"500"`
	Backlog      *atssync.Backlog `json:"backlog,omitempty"`
}

func (s *server) suggestions() {
	const at = "/v1/connections/{connection}/suggestions"
	register(s, get(at, "list-suggestions", "Propose pairs of platform job and ATS job, the surest first").slowly().by(reads), s.suggest)
	register(s, post(at+"/accept", "accept-suggestions", "Link what is proposed").slowly().by(admins), s.acceptSuggestions)
}

func (s *server) suggest(ctx context.Context, in *ConnectionPath) (*body[list[Suggestion]], error) {
	return answerList(s.manage(ctx).Suggest(ctx, in.ID))
}

type acceptInput struct {
	ConnectionPath
	Body AcceptRequest
}

func (s *server) acceptSuggestions(ctx context.Context, in *acceptInput) (*body[list[LinkResult]], error) {
	a := manage.AcceptSuggestions{PlatformJobs: in.Body.PlatformJobs, Backlog: in.Body.Backlog}
	for _, r := range in.Body.Reasons {
		a.Reasons = append(a.Reasons, manage.Reason(r))
	}
	results, err := s.manage(ctx).AcceptSuggestions(ctx, in.ID, a)
	return answerList(s.linkResults(ctx, results), err)
}

func as(word string) sdk.As { return sdk.As(word) }

// Suggestions proposes pairs of platform job and ATS job, the surest first.
func (c *Client) Suggestions(ctx context.Context, connection string) ([]Suggestion, error) {
	l, err := call[list[Suggestion]](ctx, c, request{path: connectionPath(connection) + "/suggestions"})
	return l.Items, err
}

// AcceptSuggestions links what Suggestions proposes, one result each.
func (c *Client) AcceptSuggestions(ctx context.Context, connection string, r AcceptRequest) ([]LinkResult, error) {
	l, err := call[list[LinkResult]](ctx, c, request{
		method: http.MethodPost, path: connectionPath(connection) + "/suggestions/accept", json: r,
	})
	return l.Items, err
}
