package api

import (
	"context"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

func (s *server) adapters() {
	register(s, get("/v1/adapters", "list-adapters", "List the adapters and how their processes are").by(reads), s.listAdapters)
	register(s, get("/v1/adapters/{adapter}", "read-adapter", "Read one adapter with what it says of itself").by(reads), s.readAdapter)
}

func (s *server) listAdapters(ctx context.Context, _ *struct{}) (*body[list[Adapter]], error) {
	all, err := s.manage(ctx).Adapters(ctx)
	for i := range all {
		all[i] = shownAdapter(ctx, all[i])
	}
	return answerList(all, err)
}

type adapterPath struct {
	Name string `path:"adapter" maxLength:"64"`
}

func (s *server) readAdapter(ctx context.Context, in *adapterPath) (*body[Adapter], error) {
	a, err := s.manage(ctx).Adapter(ctx, in.Name)
	return answer(shownAdapter(ctx, a), err)
}

// shownAdapter leaves out how the process runs, for callers who look after some accounts and not after the daemon.
func shownAdapter(ctx context.Context, a Adapter) Adapter {
	if t := callerOf(ctx).Token; t == nil || t.Within.Whole() && t.May(atssync.TokenAdmin) {
		return a
	}
	a.Path, a.PID, a.Restarts, a.Error, a.Stderr, a.Problems = "", 0, 0, "", nil, nil
	return a
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
