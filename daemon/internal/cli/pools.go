package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/atssync/atssync/daemon/internal/api"
)

func (c *command) pools() *cobra.Command {
	cmd := c.oneConnection("pools CONNECTION", "List the prospect pools of an ATS account",
		"Ask the ATS for its prospect pools and their stages. Their ids are what atssync link takes for --pool and --pool-stage.",
		"  atssync pools Acme")
	asJSON := jsonFlag(cmd)
	named := c.orByFlag(cmd)
	cmd.RunE = c.do(func(cmd *cobra.Command, args []string) error {
		name, err := named(args)
		if err != nil {
			return err
		}
		id, err := c.connectionID(cmd.Context(), name)
		if err != nil {
			return err
		}
		pools, err := c.daemon().Pools(cmd.Context(), id)
		if err != nil {
			return err
		}
		return listAll(c, *asJSON, []column[api.Pool]{
			{"ID", func(p api.Pool) string { return p.ID }},
			{"NAME", func(p api.Pool) string { return shorten(p.Name, 50) }},
			{"STAGES", func(p api.Pool) string {
				stages := make([]string, len(p.Stages))
				for i, s := range p.Stages {
					stages[i] = s.ID + " " + s.Name
				}
				return strings.Join(stages, ", ")
			}},
		}, pools)
	})
	return cmd
}
