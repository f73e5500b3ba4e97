package api

import "context"

func (s *server) adapters() {
	register(s, get("/v1/adapters", "list-adapters", "List the adapters and how their processes are"), s.listAdapters)
	register(s, get("/v1/adapters/{adapter}", "read-adapter", "Read one adapter with what it says of itself"), s.readAdapter)
}

func (s *server) listAdapters(ctx context.Context, _ *struct{}) (*body[list[Adapter]], error) {
	return answerList(s.Manage.Adapters(ctx))
}

type adapterPath struct {
	Name string `path:"adapter" maxLength:"64"`
}

func (s *server) readAdapter(ctx context.Context, in *adapterPath) (*body[Adapter], error) {
	return answer(s.Manage.Adapter(ctx, in.Name))
}

// Adapters lists the adapters.
func (c *Client) Adapters(ctx context.Context) ([]Adapter, error) {
	l, err := call[list[Adapter]](ctx, c, request{path: "/v1/adapters"})
	return l.Items, err
}

// Adapter returns one adapter with its manifest.
func (c *Client) Adapter(ctx context.Context, name string) (Adapter, error) {
	return call[Adapter](ctx, c, request{path: "/v1/adapters/" + segment(name)})
}
