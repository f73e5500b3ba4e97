package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/atssync/atssync/daemon/internal/api"
)

func (c *command) links() *cobra.Command {
	var q api.LinkQuery
	cmd := &cobra.Command{
		Use: "links", Short: "List the jobs that are connected", Args: cobra.NoArgs,
		Long:    "List job links: which platform job goes to which ATS job, on which connection.",
		Example: "  atssync links --connection Acme",
	}
	f := cmd.Flags()
	c.connectionFlag(cmd, &q.Connection, "only those of this `connection`, by id or name")
	f.StringVar(&q.Account, "account", "", "only this `account`'s")
	f.StringVar(&q.PlatformJob, "job", "", "only those of this platform job, by `id`")
	f.StringVar(&q.ATSJob, "ats-job", "", "only those to this ATS job, by `id`")
	p := pagingFlags(cmd)
	cmd.RunE = c.do(func(cmd *cobra.Command, _ []string) error {
		var err error
		if q.Connection, err = c.connectionID(cmd.Context(), q.Connection); err != nil {
			return err
		}
		names, titles := c.namer(cmd.Context()), c.titles(cmd.Context())
		columns := []column[api.JobLink]{
			{"CONNECTION", func(l api.JobLink) string { return names.connection(l.Connection) }},
			{"PLATFORM JOB", func(l api.JobLink) string { return l.PlatformJob }},
			{"TITLE", titles.platform},
			{"ATS JOB", func(l api.JobLink) string { return l.ATSJob }},
			{"NAME", titles.ats},
			{"AS", func(l api.JobLink) string { return string(l.As) }},
			{"POOL", func(l api.JobLink) string { return l.PoolID }},
			{"EDITED IN", func(l api.JobLink) string { return string(l.ManagedBy) }},
			{"SINCE", func(l api.JobLink) string { return at(l.CreatedAt) }},
		}
		return list(c, p, columns, func(after string, limit int) (api.Page[api.JobLink], error) {
			q := q
			q.After, q.Limit = after, limit
			return c.daemon().JobLinks(cmd.Context(), q)
		})
	})
	return cmd
}

func (c *command) unlink() *cobra.Command {
	cmd := &cobra.Command{
		Use: "unlink PLATFORM_JOB --connection CONNECTION", Short: "Disconnect a job", Args: cobra.ExactArgs(1),
		Long:    "Remove the link of a platform job on a connection. What is queued for it is held; what was sent is followed on.",
		Example: "  atssync unlink job-1001 --connection Acme",
	}
	var connection string
	c.connectionFlag(cmd, &connection, "the `connection`, by id or name")
	asJSON := jsonFlag(cmd)
	cmd.RunE = c.do(func(cmd *cobra.Command, args []string) error {
		if connection == "" {
			return usagef("--connection is missing")
		}
		id, err := c.connectionID(cmd.Context(), connection)
		if err != nil {
			return err
		}
		if err := c.daemon().Unlink(cmd.Context(), id, args[0], 0); err != nil {
			return err
		}
		if *asJSON {
			return printJSON(c.Out, map[string]string{"connection": id, "platform_job": args[0], "result": "unlinked"})
		}
		fmt.Fprintf(c.Err, "Disconnected %s. What is queued for it is held.\n", clean(args[0], false))
		return nil
	})
	return cmd
}

// titles shows what jobs are called, each list asked for once and only when it is shown.
type titles struct {
	c             *command
	ctx           context.Context //nolint:containedctx // It lives as long as the list that it serves.
	platforms     map[string]string
	accounts, ofs map[string]bool
	atsJobs       map[string]string
}

func (c *command) titles(ctx context.Context) *titles {
	return &titles{
		c: c, ctx: ctx, platforms: map[string]string{}, atsJobs: map[string]string{}, accounts: map[string]bool{}, ofs: map[string]bool{},
	}
}

func (t *titles) platform(l api.JobLink) string {
	if !t.accounts[l.Account] {
		t.accounts[l.Account] = true
		for j, err := range api.All("", func(after string) (api.Page[api.PlatformJob], error) {
			q := api.JobQuery{Account: l.Account}
			q.After, q.Limit = after, maxPage
			return t.c.daemon().PlatformJobs(t.ctx, q)
		}) {
			if err != nil {
				break // the ids say enough
			}
			t.platforms[j.Account+"\x00"+j.ID] = j.Title
		}
	}
	return shorten(t.platforms[l.Account+"\x00"+l.PlatformJob], 30)
}

func (t *titles) ats(l api.JobLink) string {
	if !t.ofs[l.Connection] {
		t.ofs[l.Connection] = true
		for j, err := range api.All("", func(after string) (api.Page[api.ATSJob], error) {
			q := api.JobQuery{Connection: l.Connection}
			q.After, q.Limit = after, maxPage
			return t.c.daemon().ATSJobs(t.ctx, q)
		}) {
			if err != nil {
				break
			}
			t.atsJobs[l.Connection+"\x00"+j.ID] = j.Name
		}
	}
	return shorten(t.atsJobs[l.Connection+"\x00"+l.ATSJob], 30)
}
