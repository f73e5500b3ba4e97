package cli

import (
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/atssync/atssync/daemon/internal/api"
)

func (c *command) applications() *cobra.Command {
	var q api.ApplicationQuery
	cmd := &cobra.Command{
		Use: "applications", Short: "List applications with their statuses", Args: cobra.NoArgs,
		Long:    "List the submissions that are in an ATS, with the status that was last read there, in the same words whichever ATS it is.",
		Example: "  atssync applications --connection Acme --all --json\n  atssync applications --visibility not_visible\n  atssync applications --question",
	}
	f := cmd.Flags()
	c.connectionFlag(cmd, &q.Connection, "only those of this `connection`, by id or name")
	f.StringVar(&q.Account, "account", "", "only this `account`'s")
	f.StringVar(&q.Job, "job", "", "only those for this platform job, by `id`")
	f.StringVar(&q.Status, "status", "", "only those with this `status`: "+strings.Join(api.Statuses(), ", "))
	f.StringVar(&q.ExternalID, "external-id", "", "only the one that the platform calls by this `id`; needs --connection")
	f.StringVar(&q.Visibility, "visibility", "", "only those that are visible, not_visible, deleted or merged")
	f.BoolVar(&q.Question, "question", false, "only those of which it is asked which one of their candidate's they are now; see atssync applications answer")
	times := spanFlags(cmd, "that something was told of")
	p := pagingFlags(cmd)
	completeFlag(cmd, "status", words(api.Statuses()...))
	completeFlag(cmd, "visibility", words("visible", "not_visible", "deleted", "merged"))
	cmd.RunE = c.do(func(cmd *cobra.Command, _ []string) error {
		if err := oneOf("visibility", q.Visibility, []string{"visible", "not_visible", "deleted", "merged"}); err != nil {
			return err
		}
		if err := oneOf("status", q.Status, api.Statuses()); err != nil {
			return err
		}
		var err error
		if q.Since, q.Until, err = times.times(); err != nil {
			return err
		}
		if q.Connection, err = c.connectionID(cmd.Context(), q.Connection); err != nil {
			return err
		}
		names := c.namer(cmd.Context())
		columns := []column[api.Application]{
			{"SUBMISSION", func(a api.Application) string { return a.ID }},
			{"CONNECTION", func(a api.Application) string { return names.connection(a.Connection) }},
			{"EXTERNAL ID", func(a api.Application) string { return shorten(a.ExternalID, 40) }},
			{"JOB", func(a api.Application) string { return shorten(a.PlatformJob, 30) }},
			{"STATUS", func(a api.Application) string {
				if a.SeenAt.IsZero() {
					return "not read yet"
				}
				return string(a.Status)
			}},
			{"PHASE", func(a api.Application) string { return string(a.Phase) }},
			{"STAGE", func(a api.Application) string { return shorten(first(a.Raw.StageName, a.Raw.Status), 30) }},
			{"VISIBILITY", func(a api.Application) string { return string(a.Visibility) }},
			{"CHANGED", func(a api.Application) string { return first(at(a.ChangedAt), at(a.ObservedAt)) }},
		}
		return list(c, p, columns, func(after string, limit int) (api.Page[api.Application], error) {
			q := q
			q.After, q.Limit = after, limit
			return c.daemon().Applications(cmd.Context(), q)
		})
	})
	cmd.AddCommand(c.applicationsImport(), c.applicationsAnswer())
	return cmd
}

func (c *command) applicationsImport() *cobra.Command {
	cmd := &cobra.Command{
		Use: "import FILE --connection CONNECTION", Short: "Follow applications that are in the ATS already", Args: cobra.ExactArgs(1),
		Long: `Follow applications that an earlier integration put into the ATS, so that their statuses come back and sending them again doubles nobody. FILE is a JSON array,
NDJSON, or CSV with a header line, of external_id, job, ats_job, candidate_id, application_id and profile_url.`,
		Example: "  atssync applications import earlier.csv --connection Acme",
	}
	var connection string
	c.connectionFlag(cmd, &connection, "the `connection`, by id or name")
	format := formatFlag(cmd)
	asJSON := jsonFlag(cmd)
	cmd.RunE = c.do(func(cmd *cobra.Command, args []string) error {
		if connection == "" {
			return usagef("--connection is missing")
		}
		id, err := c.connectionID(cmd.Context(), connection)
		if err != nil {
			return err
		}
		return c.importFile(args[0], *asJSON, "followed", func(in io.Reader) (api.ImportReport, error) {
			return c.daemon().ImportApplications(cmd.Context(), id, in, *format)
		})
	})
	return cmd
}
