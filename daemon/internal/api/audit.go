package api

import (
	"context"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// VersionView is what runs.
type VersionView struct {
	Version string `json:"version"`
}

func (s *server) records() {
	register(s, get("/v1/audit", "list-audit", "List what people did, the newest first").by(adminsAll), s.audit)
	register(s, get("/v1/version", "read-version", "Read the daemon's version").by(known),
		func(context.Context, *struct{}) (*body[VersionView], error) {
			return answer(VersionView{s.Version}, nil)
		})
}

type auditList struct {
	Object string `query:"object" doc:"the id of what was acted on"`
	Paging
}

func (s *server) audit(ctx context.Context, in *auditList) (*body[Page[Audit]], error) {
	return answer(s.manage(ctx).Audit(ctx, in.Object, atssync.Paging(in.Paging)))
}

// Audit lists what people did, newest first; to every object with "".
func (c *Client) Audit(ctx context.Context, object, after string, limit int) (Page[Audit], error) {
	return call[Page[Audit]](ctx, c, request{
		path: "/v1/audit", query: query{}.set("object", object).page(atssync.Paging{After: after, Limit: limit}),
	})
}
