package cli

import (
	"github.com/spf13/cobra"

	"github.com/atssync/atssync/daemon/internal/api"
)

func (c *command) audit() *cobra.Command {
	cmd := &cobra.Command{
		Use: "audit [ID]", Short: "List what people did, the newest first", Args: cobra.MaximumNArgs(1),
		Long:    "List the acts of people, the newest first: who, what, to which thing. With an id only those on that thing.",
		Example: "  atssync audit --limit 20\n  atssync audit con_01k…",
	}
	p := pagingFlags(cmd)
	cmd.RunE = c.do(func(cmd *cobra.Command, args []string) error {
		object := ""
		if len(args) == 1 {
			object = args[0]
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
