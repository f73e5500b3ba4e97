package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/atssync/atssync/daemon/internal/api"
)

func (c *command) health() *cobra.Command {
	var q api.HealthQuery
	cmd := &cobra.Command{
		Use: "health", Short: "List what does not work, and whose turn it is", Args: cobra.NoArgs,
		Long:    "List the operations of connections that do not work, since when, whose turn it is and what to do. With --ok what is well is listed too.",
		Example: "  atssync health\n  atssync health --ok --json",
	}
	cmd.Flags().StringVar(&q.Account, "account", "", "only this `account`'s")
	cmd.Flags().BoolVar(&q.All, "ok", false, "what is well too")
	asJSON := jsonFlag(cmd)
	cmd.RunE = c.do(func(cmd *cobra.Command, _ []string) error {
		q.Limit = maxPage
		var lines []api.HealthLine
		for l, err := range api.All("", func(after string) (api.Page[api.HealthLine], error) {
			q.After = after
			return c.daemon().Health(cmd.Context(), q)
		}) {
			if err != nil {
				return err
			}
			lines = append(lines, l)
		}
		if len(lines) == 0 && !*asJSON {
			fmt.Fprintln(c.Err, "Everything works.")
			return nil
		}
		return listAll(c, *asJSON, []column[api.HealthLine]{
			{"CONNECTION", func(l api.HealthLine) string { return l.Name }},
			{"OPERATION", func(l api.HealthLine) string { return string(l.Operation) }},
			{"STATE", func(l api.HealthLine) string { return string(l.State) }},
			{"CAUSE", func(l api.HealthLine) string { return l.Cause }},
			{"SINCE", func(l api.HealthLine) string { return at(l.Since) }},
			{"WHOSE TURN", func(l api.HealthLine) string { return string(l.WhoseTurn) }},
			{"WHAT TO DO", func(l api.HealthLine) string { return first(l.Remedy, l.Message) }},
		}, lines)
	})
	return cmd
}
