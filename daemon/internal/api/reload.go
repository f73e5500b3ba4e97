package api

import (
	"context"
	"net/http"

	"github.com/atssync/atssync/daemon/internal/manage"
)

type (
	// Reloaded tells what reading the config file again has changed.
	Reloaded = manage.Reloaded
	// FileReport tells what was made of connections, links or webhooks that stand in the config file.
	FileReport = manage.FileReport
)

func (s *server) reloads() {
	register(s, post("/v1/reload", "reload-config", "Read the config file again").slowly().by(adminsAll), s.reload)
}

func (s *server) reload(ctx context.Context, _ *struct{}) (*body[Reloaded], error) {
	return answer(s.manage(ctx).Reload(ctx))
}

// Reload has the config file read again.
func (c *Client) Reload(ctx context.Context) (Reloaded, error) {
	return call[Reloaded](ctx, c, request{method: http.MethodPost, path: "/v1/reload"})
}
