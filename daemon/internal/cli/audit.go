package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/atssync/atssync/daemon/internal/api"
)

func (c *command) audit() *cobra.Command {
	cmd := &cobra.Command{
		Use: "audit [ID|CONNECTION]", Short: "List what people did, the newest first", Args: cobra.MaximumNArgs(1),
		Long:    "List the acts of people, the newest first: who, what, to which thing. With an id, or the name of a connection, only those on that thing.",
		Example: "  atssync audit --limit 20\n  atssync audit con_01k…",
	}
	p := pagingFlags(cmd)
	cmd.RunE = c.do(func(cmd *cobra.Command, args []string) error {
		object := ""
		if len(args) == 1 {
			var err error
			if object, err = c.object(cmd.Context(), args[0]); err != nil {
				return err
			}
		}
		columns := []column[api.Audit]{
			{"AT", func(a api.Audit) string { return at(a.At) }},
			{"WHO", func(a api.Audit) string { return a.Actor.Name }},
			{"VIA", func(a api.Audit) string { return a.Actor.Via }},
			{"WHAT", func(a api.Audit) string { return a.Action }},
			{"OBJECT", func(a api.Audit) string { return a.Object }},
			{"DETAIL", func(a api.Audit) string { return a.Detail }},
		}
		return list(c, p, columns, func(after string, limit int) (api.Page[api.Audit], error) {
			return c.daemon().Audit(cmd.Context(), object, after, limit)
		})
	})
	return cmd
}

// object is the id of what a word names: a connection where there is one, else the word, since much else has ids too.
func (c *command) object(ctx context.Context, word string) (string, error) {
	id, err := c.connectionID(ctx, word)
	if e, ok := errors.AsType[*api.Error](err); ok && e.Code == "not_found" {
		return word, nil
	}
	return id, err
}
