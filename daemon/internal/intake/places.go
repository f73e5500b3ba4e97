package intake

import (
	"context"
	"slices"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// places looks up the connections of one request, each once. What it remembers lives as long as the share
// of a batch, so that a connection paused meanwhile is seen soon; the store judges again in its commit anyway.
type places struct {
	s           *Service
	connections map[string]found
}

type found struct {
	c   atssync.Connection
	err error
}

func (s *Service) places() *places { return &places{s: s} }

// connection finds a connection by id, or by its name when exactly one live connection within the scope has it.
func (p *places) connection(ctx context.Context, name string) (atssync.Connection, error) {
	if f, ok := p.connections[name]; ok {
		return f.c, f.err
	}
	c, err := p.find(ctx, name)
	if p.connections == nil {
		p.connections = make(map[string]found)
	}
	p.connections[name] = found{c, err}
	return c, err
}

func (p *places) find(ctx context.Context, name string) (atssync.Connection, error) {
	if name == "" {
		return atssync.Connection{}, noConnection(name)
	}
	c, err := p.s.o.Connections.Connection(ctx, name)
	if atssync.CodeOf(err) == atssync.CodeNotFound {
		c, err = p.named(ctx, name)
	}
	switch {
	case err != nil:
		return atssync.Connection{}, err
	case !p.s.scope.Covers(c.Account, c.ID):
		return atssync.Connection{}, noConnection(name)
	case c.State == atssync.ConnectionRemoved:
		return atssync.Connection{}, atssync.Errorf(atssync.CodeNotFound, "connection %s was removed", c.ID).
			WithRemedy("connect the account again; it gets the same id back")
	}
	return c, nil
}

func noConnection(name string) error {
	return atssync.Errorf(atssync.CodeNotFound, "there is no connection %q", name).
		WithRemedy("give the id of a connection; see: atssync connections list")
}

func (p *places) named(ctx context.Context, name string) (atssync.Connection, error) {
	page, err := p.s.o.Connections.Connections(ctx, atssync.ConnectionQuery{Name: name, Within: p.s.scope})
	if err != nil {
		return atssync.Connection{}, err
	}
	live := slices.DeleteFunc(page.Items, func(c atssync.Connection) bool {
		return c.State == atssync.ConnectionRemoved || !p.s.scope.Covers(c.Account, c.ID)
	})
	switch {
	case len(live) == 0:
		return atssync.Connection{}, noConnection(name)
	case len(live) > 1 || page.Next != "":
		return atssync.Connection{}, atssync.Errorf(atssync.CodeConflict, "more than one connection has the name %q", name).
			WithRemedy("give the id of the one that is meant")
	}
	return live[0], nil
}
