package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/atssync/atssync/daemon/internal/api"
)

func (c *command) platformJobs() *cobra.Command {
	return parent("platform-jobs", "List and import the platform's jobs", "Commands about the platform's own jobs.",
		c.platformJobsList(), c.platformJobsImport())
}

func (c *command) platformJobsList() *cobra.Command {
	var q api.JobQuery
	cmd := &cobra.Command{
		Use: "list", Short: "List the platform's jobs", Args: cobra.NoArgs,
		Long:    "List the platform's own jobs as they were imported.",
		Example: "  atssync platform-jobs list --account acme --open",
	}
	cmd.Flags().StringVar(&q.Account, "account", "", "only this `account`'s")
	cmd.Flags().StringVar(&q.ID, "job", "", "only the one with this `id`")
	cmd.Flags().BoolVar(&q.OpenOnly, "open", false, "only open ones")
	p := pagingFlags(cmd)
	cmd.RunE = c.do(func(cmd *cobra.Command, _ []string) error {
		columns := []column[api.PlatformJob]{
			{"ID", func(j api.PlatformJob) string { return j.ID }},
			{"ACCOUNT", func(j api.PlatformJob) string { return j.Account }},
			{"TITLE", func(j api.PlatformJob) string { return shorten(j.Title, 50) }},
			{"LOCATION", func(j api.PlatformJob) string { return shorten(j.Location, 30) }},
			{"REQUISITION", func(j api.PlatformJob) string { return j.RequisitionID }},
			{"OPEN", func(j api.PlatformJob) string { return yesNo(j.Open) }},
		}
		return list(c, p, columns, func(after string, limit int) (api.Page[api.PlatformJob], error) {
			q := q
			q.After, q.Limit = after, limit
			return c.daemon().PlatformJobs(cmd.Context(), q)
		})
	})
	return cmd
}

func (c *command) platformJobsImport() *cobra.Command {
	cmd := &cobra.Command{
		Use: "import FILE", Short: "Store the platform's jobs of a file", Args: cobra.ExactArgs(1),
		Long: `Store or replace the platform's jobs of a file: a JSON array, NDJSON, or CSV with a header line. - is stdin. The fields are id, account, title, location,
requisition_id, url and open (true when left out). A record that is refused leaves the others; the exit code is 3 then.`,
		Example: "  atssync platform-jobs import jobs.ndjson\n  atssync platform-jobs import jobs.csv --account acme",
	}
	account := cmd.Flags().String("account", "", "the `account` of records that have none")
	format := formatFlag(cmd)
	asJSON := jsonFlag(cmd)
	cmd.RunE = c.do(func(cmd *cobra.Command, args []string) error {
		return c.importFile(args[0], *asJSON, "stored", func(in io.Reader) (api.ImportReport, error) {
			return c.daemon().ImportPlatformJobs(cmd.Context(), in, *format, *account)
		})
	})
	return cmd
}

func formatFlag(cmd *cobra.Command) *string {
	format := cmd.Flags().String("format", "", "how the file is written: json, ndjson or csv (default: told by how it begins)")
	completeFlag(cmd, "format", words("json", "ndjson", "csv"))
	return format
}

// importFile sends a file of records and tells what became of them.
func (c *command) importFile(path string, asJSON bool, verb string, send func(io.Reader) (api.ImportReport, error)) error {
	in, err := c.open(path)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	report, err := send(in)
	if err != nil {
		return err
	}
	if asJSON {
		shown := map[string]any{"read": report.Read, verb: report.Stored, "unchanged": report.Same, "refused": report.Refused}
		if len(report.Errors) > 0 {
			shown["errors"] = report.Errors
		}
		if err := printJSON(c.Out, shown); err != nil {
			return err
		}
	} else {
		for _, e := range report.Errors {
			at := fmt.Sprintf("line %d", e.Line)
			if e.Path != "" {
				at += ", " + e.Path
			}
			fmt.Fprintf(c.Err, "%s: %s\n", clean(at, false), clean(e.Message, false))
		}
		fmt.Fprintf(c.Out, "%d read, %d %s, %d unchanged, %d refused\n", report.Read, report.Stored, verb, report.Same, report.Refused)
	}
	if report.Refused > 0 {
		return &someRefused{report.Refused, report.Read}
	}
	return nil
}
