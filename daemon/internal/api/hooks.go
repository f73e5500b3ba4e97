package api

import (
	"context"
	"net/http"
	"time"

	"github.com/atssync/atssync/daemon/internal/manage"
)

// Hook is the address that a connection's ATS calls. Whoever knows it can speak in the ATS's name as far as the adapter checks
// no signature, so that only administrators are told.
type Hook struct {
	Connection string    `json:"connection"`
	URL        string    `json:"url,omitempty" doc:"what to enter in the ATS; absent while the daemon's own address is not known"`
	Path       string    `json:"path" doc:"the address without its host"`
	CreatedAt  time.Time `json:"created_at"`
	Notice     string    `json:"notice,omitempty" doc:"why the address does not work yet"`
}

func hookOf(h *manage.Hook) *Hook {
	if h == nil {
		return nil
	}
	return &Hook{Connection: h.Connection, URL: h.URL.Reveal(), Path: h.Path.Reveal(), CreatedAt: h.CreatedAt, Notice: h.Notice}
}

// Connected is a connection that was just made, with the address that its ATS calls where its adapter takes calls.
type Connected struct {
	ConnectResult
	Hook *Hook `json:"hook,omitempty" doc:"the address that the ATS calls, where its adapter takes calls"`
}

// hookAnswer must not be kept by anything between.
type hookAnswer struct {
	CacheControl string `header:"Cache-Control"`
	Body         Hook
}

func (s *server) hooks() {
	const one = "/v1/connections/{connection}/hook"
	register(s, get(one, "read-hook", "Read the address that the ATS calls").by(admins), s.readHook)
	register(s, post(one, "rotate-hook", "Make a new address for the ATS to call; the present one ends at once").by(admins), s.rotateHook)
}

func (s *server) readHook(ctx context.Context, in *ConnectionPath) (*hookAnswer, error) {
	return shownHook(s.manage(ctx).Hook(ctx, in.ID))
}

func (s *server) rotateHook(ctx context.Context, in *ConnectionPath) (*hookAnswer, error) {
	return shownHook(s.manage(ctx).RotateHook(ctx, in.ID))
}

func shownHook(h manage.Hook, err error) (*hookAnswer, error) {
	if err != nil {
		return nil, err
	}
	return &hookAnswer{"no-store", *hookOf(&h)}, nil
}

// Hook returns the address that the ATS of a connection calls.
func (c *Client) Hook(ctx context.Context, connection string) (Hook, error) {
	return call[Hook](ctx, c, request{path: connectionPath(connection) + "/hook"})
}

// RotateHook makes a new address for the ATS of a connection to call. The present one ends at once.
func (c *Client) RotateHook(ctx context.Context, connection string) (Hook, error) {
	return call[Hook](ctx, c, request{method: http.MethodPost, path: connectionPath(connection) + "/hook"})
}
