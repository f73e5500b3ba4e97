package api

import (
	"context"
	"net/http"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/manage"
)

type (
	// Erasure is the receipt of an erasure.
	Erasure = manage.Erasure
	// Erased is one submission that was erased, and what its employer still has.
	Erased = manage.Erased
)

// EraseRequest names one person by exactly one of external_id, person and email.
type EraseRequest struct {
	ExternalID string `json:"external_id,omitempty" maxLength:"255" doc:"of one application; with connection"`
	Connection string `json:"connection,omitempty" maxLength:"255" doc:"id or name of the connection of external_id"`
	Person     string `json:"person,omitempty" maxLength:"255" doc:"the platform's id of the person"`
	Email      string `json:"email,omitempty" maxLength:"320" doc:"any e-mail address of the person"`
	Account    string `json:"account,omitempty" maxLength:"255" doc:"with person or email: only this account's applications"`
}

func (s *server) erasures() {
	register(s, post("/v1/erasures", "erase", "Remove one person everywhere, and tell where copies are left").slowly().by(admins), s.erase)
	register(s, get("/v1/erasures", "list-erasures", "List erasures, the oldest first").by(admins), s.listErasures)
	register(s, get("/v1/erasures/{erasure}", "read-erasure", "Read the receipt of one erasure").by(admins), s.readErasure)
}

func (s *server) erase(ctx context.Context, in *struct{ Body EraseRequest }) (*body[Erasure], error) {
	return answer(s.manage(ctx).Erase(ctx, manage.EraseRequest(in.Body)))
}

type erasureList struct {
	Pending bool `query:"pending" doc:"only those that wait for an outcome"`
	Paging
}

func (s *server) listErasures(ctx context.Context, in *erasureList) (*body[Page[Erasure]], error) {
	return answer(s.manage(ctx).Erasures(ctx, in.Pending, atssync.Paging(in.Paging)))
}

// ErasurePath is the path of one erasure.
type ErasurePath struct {
	ID string `path:"erasure" maxLength:"100" doc:"id of the erasure"`
}

func (s *server) readErasure(ctx context.Context, in *ErasurePath) (*body[Erasure], error) {
	return answer(s.manage(ctx).Erasure(ctx, in.ID))
}

// Erase removes one person and returns the receipt.
func (c *Client) Erase(ctx context.Context, r EraseRequest) (Erasure, error) {
	return call[Erasure](ctx, c, request{method: http.MethodPost, path: "/v1/erasures", json: r})
}

// Erasures lists erasures; pending only those that wait for an outcome.
func (c *Client) Erasures(ctx context.Context, pending bool, after string, limit int) (Page[Erasure], error) {
	return call[Page[Erasure]](ctx, c, request{
		path: "/v1/erasures", query: query{}.flag("pending", pending).page(atssync.Paging{After: after, Limit: limit}),
	})
}

// Erasure returns the receipt of one erasure.
func (c *Client) Erasure(ctx context.Context, id string) (Erasure, error) {
	return call[Erasure](ctx, c, request{path: "/v1/erasures/" + segment(id)})
}
