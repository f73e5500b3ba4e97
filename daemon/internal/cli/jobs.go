package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/atssync/atssync/daemon/internal/api"
)

// What a job of an ATS can be, and how it can be seen.
var (
	jobStates       = []string{"open", "unlisted", "closed", "unknown"}
	jobVisibilities = []string{"visible", "not_visible"}
)

func (c *command) jobs() *cobra.Command {
	var q api.JobQuery
	cmd := c.oneConnection("jobs CONNECTION", "List the jobs of an ATS account",
		"List the jobs that a connection's acting user sees, as they were last listed. With --refresh the ATS is asked first.",
		"  atssync jobs Acme --open\n  atssync jobs Acme --refresh")
	refresh := cmd.Flags().Bool("refresh", false, "ask the ATS first")
	cmd.Flags().BoolVar(&q.OpenOnly, "open", false, "only those that take applications")
	cmd.Flags().StringVar(&q.ID, "job", "", "only the one with this `id` of the ATS")
	cmd.Flags().StringVar(&q.State, "state", "", "only those in this `state`: open, unlisted, closed or unknown")
	visibility := cmd.Flags().String("visibility", "", "only those that are visible or not_visible")
	completeFlag(cmd, "state", words(jobStates...))
	completeFlag(cmd, "visibility", words(jobVisibilities...))
	p := pagingFlags(cmd)
	named := c.orByFlag(cmd)
	cmd.RunE = c.do(func(cmd *cobra.Command, args []string) error {
		if err := oneOf("state", q.State, jobStates); err != nil {
			return err
		}
		if err := oneOf("visibility", *visibility, jobVisibilities); err != nil {
			return err
		}
		name, err := named(args)
		if err != nil {
			return err
		}
		id, err := c.connectionID(cmd.Context(), name)
		if err != nil {
			return err
		}
		q.Connection, q.Visibility = id, api.Visibility(*visibility)
		if *refresh {
			r, err := c.daemon().RefreshJobs(cmd.Context(), id)
			if err != nil {
				return err
			}
			c.refreshed(r)
		}
		columns := []column[api.ATSJob]{
			{"ID", func(j api.ATSJob) string { return j.ID }},
			{"NAME", func(j api.ATSJob) string { return shorten(j.Name, 50) }},
			{"REQUISITION", func(j api.ATSJob) string { return j.RequisitionID }},
			{"LOCATION", func(j api.ATSJob) string { return shorten(j.Location, 30) }},
			{"STATE", func(j api.ATSJob) string { return string(j.State) }},
			{"VISIBILITY", func(j api.ATSJob) string { return string(j.Visibility) }},
			{"SEEN", func(j api.ATSJob) string { return at(j.SeenAt) }},
		}
		return list(c, p, columns, func(after string, limit int) (api.Page[api.ATSJob], error) {
			q := q
			q.After, q.Limit = after, limit
			return c.daemon().ATSJobs(cmd.Context(), q)
		})
	})
	return cmd
}

func (c *command) refreshed(r api.JobsRefresh) {
	fmt.Fprintf(c.Err, "The ATS lists %s: %d new, %d missing, %d closed, %d reopened.\n", some(r.Listed, "job"), r.New, r.Missing, r.Closed, r.Reopened)
	if r.Vanished {
		fmt.Fprintln(c.Err, "So many are missing at once that this looks like a lost permission, not like closed jobs. See: atssync health")
	}
}
