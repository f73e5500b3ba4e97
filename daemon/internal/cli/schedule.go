package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/atssync/atssync/daemon/internal/api"
)

func (c *command) schedule() *cobra.Command {
	return parent("schedule", "List the passes and run one now", "Commands about the passes that run by a schedule: submit, status, jobs, check and maintenance.",
		c.scheduleList(), c.scheduleRun())
}

func (c *command) scheduleList() *cobra.Command {
	cmd := &cobra.Command{
		Use: "list", Short: "List the passes with their last and next runs", Args: cobra.NoArgs,
		Long:    "List the passes with their schedule, their last run and the next one.",
		Example: "  atssync schedule list",
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = c.do(func(cmd *cobra.Command, _ []string) error {
		passes, err := c.daemon().Schedule(cmd.Context())
		if err != nil {
			return err
		}
		return listAll(c, *asJSON, []column[api.Pass]{
			{"PASS", func(p api.Pass) string { return p.Name }},
			{"SCHEDULE", func(p api.Pass) string { return p.Spec }},
			{"ZONE", func(p api.Pass) string { return p.Zone }},
			{"RUNNING", func(p api.Pass) string { return yes(p.Running) }},
			{"LAST", func(p api.Pass) string {
				if p.Last == nil {
					return ""
				}
				return at(p.Last.StartedAt)
			}},
			{"NEXT", func(p api.Pass) string {
				if len(p.Next) == 0 {
					return ""
				}
				return at(p.Next[0])
			}},
			{"WHAT IT SAID", func(p api.Pass) string {
				if p.Last == nil {
					return ""
				}
				return shorten(first(p.Last.Error, p.Last.Summary), 60)
			}},
		}, passes)
	})
	return cmd
}

func (c *command) scheduleRun() *cobra.Command {
	cmd := &cobra.Command{
		Use: "run PASS", Short: "Run a pass now", Args: cobra.ExactArgs(1), ValidArgsFunction: c.passNames(),
		Long:    "Start a pass now, beside its schedule, and print the id of its run; atssync runs tells how it went. A pass that runs already is a conflict.",
		Example: "  atssync schedule run status",
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = c.do(func(cmd *cobra.Command, args []string) error {
		id, err := c.daemon().RunNow(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		if *asJSON {
			return printJSON(c.Out, map[string]string{"run": id})
		}
		fmt.Fprintln(c.Out, id)
		return nil
	})
	return cmd
}

func (c *command) runs() *cobra.Command {
	cmd := &cobra.Command{
		Use: "runs", Short: "List runs of passes, the newest first", Args: cobra.NoArgs,
		Long:    "List the runs of passes and of backups (--pass backup), the newest first, with what each said.",
		Example: "  atssync runs --pass status --limit 10",
	}
	pass := cmd.Flags().String("pass", "", "only those of this `pass`")
	failed := cmd.Flags().Bool("failed", false, "only those that ended with an error")
	times := spanFlags(cmd, "started")
	p := pagingFlags(cmd)
	completeFlag(cmd, "pass", c.passNames())
	cmd.RunE = c.do(func(cmd *cobra.Command, _ []string) error {
		since, until, err := times.times()
		if err != nil {
			return err
		}
		if err := c.knownPass(cmd, *pass); err != nil {
			return err
		}
		columns := []column[api.Run]{
			{"ID", func(r api.Run) string { return r.ID }},
			{"PASS", func(r api.Run) string { return r.Pass }},
			{"WHY", func(r api.Run) string { return r.Trigger }},
			{"STARTED", func(r api.Run) string { return at(r.StartedAt) }},
			{"FINISHED", func(r api.Run) string { return at(r.FinishedAt) }},
			{"WHAT IT SAID", func(r api.Run) string { return first(r.Error, r.Summary) }},
		}
		return list(c, p, columns, func(after string, limit int) (api.Page[api.Run], error) {
			q := api.RunQuery{Pass: *pass, Failed: *failed, Since: since, Until: until}
			q.After, q.Limit = after, limit
			return c.daemon().Runs(cmd.Context(), q)
		})
	})
	return cmd
}

func (c *command) knownPass(cmd *cobra.Command, pass string) error {
	if pass == "" {
		return nil
	}
	passes, err := c.daemon().Schedule(cmd.Context())
	if err != nil {
		return err
	}
	names := make([]string, len(passes))
	for i, p := range passes {
		names[i] = p.Name
	}
	return oneOf("pass", pass, append(names, api.PassBackup))
}
