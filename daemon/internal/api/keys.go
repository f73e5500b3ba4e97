package api

import (
	"context"
	"net/http"

	"github.com/atssync/atssync/daemon/internal/manage"
)

type (
	// KeysView is the keys that seal what is personal or secret.
	KeysView = manage.KeysView
	// SealingKey is what is told of one of them.
	SealingKey = manage.SealingKey
)

func (s *server) keys() {
	register(s, get("/v1/keys", "list-keys", "List the sealing keys and count what is sealed with each").slowly().by(adminsAll), s.listKeys)
	register(s, post("/v1/keys/rotate", "rotate-keys", "Seal with a new key, and everything there is anew").
		answers(http.StatusAccepted).slowly().by(adminsAll), s.rotateKeys)
}

func (s *server) listKeys(ctx context.Context, _ *struct{}) (*body[KeysView], error) {
	return answer(s.manage(ctx).SealingKeys(ctx))
}

func (s *server) rotateKeys(ctx context.Context, _ *struct{}) (*body[KeysView], error) {
	return answer(s.manage(ctx).RotateKeys(ctx))
}

// Keys lists the sealing keys.
func (c *Client) Keys(ctx context.Context) (KeysView, error) {
	return call[KeysView](ctx, c, request{path: "/v1/keys"})
}

// RotateKeys makes a new sealing key.
func (c *Client) RotateKeys(ctx context.Context) (KeysView, error) {
	return call[KeysView](ctx, c, request{method: http.MethodPost, path: "/v1/keys/rotate"})
}
