package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/atssync/atssync/daemon/internal/api"
)

// meant finds the connection that a word means: by id, by exact name, by name whatever its case, and last the one live connection of
// an account. Where several are meant, the error tells their ids.
func (c *command) meant(ctx context.Context, word string) (api.Connection, error) {
	con, refusal := c.daemon().Connection(ctx, word)
	e, ok := errors.AsType[*api.Error](refusal)
	if refusal == nil || !ok || errors.Is(refusal, api.ErrUnreachable) || e.Code != "not_found" && e.Code != "conflict" {
		return con, refusal
	}
	live, err := c.live(ctx, api.ConnectionQuery{})
	if err != nil {
		return con, err
	}
	for _, means := range []func(api.Connection) bool{
		func(x api.Connection) bool { return x.Name == word },
		func(x api.Connection) bool { return strings.EqualFold(x.Name, word) },
		func(x api.Connection) bool { return x.Account == word },
	} {
		var found []api.Connection
		for _, x := range live {
			if means(x) {
				found = append(found, x)
			}
		}
		switch len(found) {
		case 0:
		case 1:
			return found[0], nil
		default:
			return con, ambiguous(word, found)
		}
	}
	return con, refusal
}

func ambiguous(word string, found []api.Connection) error {
	e := &api.Error{
		Code: "conflict", Message: fmt.Sprintf("%q may be any of %s", word, some(len(found), "connection")), Remedy: "give the id of the one that is meant",
	}
	for _, x := range found {
		e.Fields = append(e.Fields, api.FieldError{Path: x.ID, Message: x.Name + " of " + x.Account})
	}
	return e
}

// live lists the connections that were not removed.
func (c *command) live(ctx context.Context, q api.ConnectionQuery) ([]api.Connection, error) {
	var out []api.Connection
	q.Limit = maxPage
	for x, err := range api.All("", func(after string) (api.Page[api.Connection], error) {
		q.After = after
		return c.daemon().Connections(ctx, q)
	}) {
		if err != nil {
			return nil, err
		}
		out = append(out, x)
	}
	return out, nil
}

// namer shows connections and platform jobs by what people call them, each asked for once.
type namer struct {
	c    *command
	ctx  context.Context //nolint:containedctx // It lives as long as the list that it names things for.
	cons map[string]string
}

func (c *command) namer(ctx context.Context) *namer {
	return &namer{c: c, ctx: ctx, cons: map[string]string{}}
}

// connection returns a connection's name, marked when it was removed; what cannot be asked for stays the id.
func (n *namer) connection(id string) string {
	if name, ok := n.cons[id]; ok || id == "" {
		return name
	}
	name := id
	if con, err := n.c.daemon().Connection(n.ctx, id); err == nil {
		name = shorten(con.Name, 30)
		if con.State == "removed" {
			name += " (removed)"
		}
	}
	n.cons[id] = name
	return name
}

// oneOf refuses a word that is none of the known ones; "" is no filter.
func oneOf(flag, word string, known []string) error {
	if word == "" || slices.Contains(known, word) {
		return nil
	}
	return usagef("--%s knows no %q; there are: %s", flag, clean(word, false), strings.Join(known, ", "))
}
