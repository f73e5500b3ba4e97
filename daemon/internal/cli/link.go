package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/atssync/atssync/daemon/internal/api"
)

const linkLong = `Connect jobs: say which ATS job the applications for a platform job go to.

  atssync link PLATFORM_JOB ATS_JOB --connection CONNECTION   connects one job
  atssync link --suggest CONNECTION                           proposes pairs, with a reason and a confidence
  atssync link --suggest CONNECTION --all                     connects the pairs of the same id or requisition

Pairs that only have alike titles need a yes of their own: --yes-titles connects those of the same title too; on a terminal each is asked
for. Pairs of similar titles are only ever asked for.

Where applications already wait for a job, say with --backlog which of them go out: all, none, or since:2026-01-31.`

// whichBacklog tells how the backlog question is answered on a command line.
const whichBacklog = "say which of them go out: --backlog all, --backlog since:DATE or --backlog none"

type linkFlags struct {
	connection, suggest, backlog    string
	all, yesTitles                  bool
	as, pool, poolStage, ownerEmail string
	json                            *bool
}

func (c *command) link() *cobra.Command {
	var l linkFlags
	cmd := &cobra.Command{
		Use: "link [PLATFORM_JOB ATS_JOB]", Short: "Connect platform jobs to ATS jobs", Long: linkLong, Args: cobra.MaximumNArgs(2),
		Example: `  atssync link --suggest Acme
  atssync link --suggest Acme --all --backlog all
  atssync link job-1001 4000123 --connection Acme --backlog since:2026-01-31
  atssync link job-1002 --connection Acme --as prospect --pool 77`,
	}
	f := cmd.Flags()
	c.connectionFlag(cmd, &l.connection, "the `connection` of a single link, by id or name")
	f.StringVar(&l.suggest, "suggest", "", "propose pairs for this `connection`, by id or name")
	f.BoolVar(&l.all, "all", false, "with --suggest: connect the pairs of the same id or requisition")
	f.BoolVar(&l.yesTitles, "yes-titles", false, "with --suggest: connect the pairs of the same title too")
	f.StringVar(&l.backlog, "backlog", "", "which of the waiting applications go out: all, none or since:`DATE`")
	f.StringVar(&l.as, "as", "", "send them as candidate (the default) or prospect")
	f.StringVar(&l.pool, "pool", "", "the prospect pool, by `id`")
	f.StringVar(&l.poolStage, "pool-stage", "", "the stage of the pool, by `id`")
	f.StringVar(&l.ownerEmail, "owner", "", "the ATS user who owns the prospects, by `e-mail` address")
	l.json = jsonFlag(cmd)
	cmd.MarkFlagsMutuallyExclusive("connection", "suggest")
	completeFlag(cmd, "suggest", c.connectionNames())
	completeFlag(cmd, "as", words("candidate", "prospect"))
	completeFlag(cmd, "backlog", words("all", "none", "since:"))
	cmd.RunE = c.do(func(cmd *cobra.Command, args []string) error {
		backlog, err := backlogOf(l.backlog)
		if err != nil {
			return err
		}
		if l.suggest != "" {
			if len(args) > 0 {
				return usagef("with --suggest no jobs are named")
			}
			return c.linkSuggested(cmd.Context(), l, backlog)
		}
		return c.linkOne(cmd.Context(), l, backlog, args)
	})
	return cmd
}

// backlogOf reads the answer to the backlog question, nil for none.
func backlogOf(text string) (*api.Backlog, error) {
	b := &api.Backlog{}
	mode, date, dated := strings.Cut(text, ":")
	switch {
	case text == "":
		return nil, nil
	case !dated && (mode == "all" || mode == "none"):
	case dated && mode == "since":
		for _, layout := range []string{time.DateOnly, time.RFC3339} {
			if t, err := time.Parse(layout, date); err == nil {
				b.Since = t.UTC()
			}
		}
		if b.Since.IsZero() {
			return nil, usagef("--backlog since: takes a date such as 2026-01-31, or an instant such as 2026-01-31T08:00:00Z")
		}
	default:
		return nil, usagef("--backlog is all, none or since:DATE")
	}
	b.Mode = stateOf(b.Mode, mode)
	return b, nil
}

func (c *command) linkOne(ctx context.Context, l linkFlags, backlog *api.Backlog, args []string) error {
	switch {
	case l.connection == "":
		return usagef("--connection is missing, or --suggest")
	case l.all || l.yesTitles:
		return usagef("--all and --yes-titles go with --suggest")
	case len(args) == 0 || len(args) == 1 && l.as != "prospect":
		return usagef("say which platform job and which ATS job; only prospects need no ATS job")
	}
	id, err := c.connectionID(ctx, l.connection)
	if err != nil {
		return err
	}
	r := api.LinkRequest{
		Connection: id, PlatformJob: args[0], Pool: l.pool, PoolStage: l.poolStage, OwnerEmail: l.ownerEmail, Backlog: backlog,
	}
	r.As = stateOf(r.As, l.as)
	if len(args) == 2 {
		r.ATSJob = args[1]
	}
	res, err := c.daemon().Link(ctx, r)
	if e, ok := errors.AsType[*api.Error](err); ok && e.Code == "conflict" && backlog == nil {
		res, err = c.askBacklog(ctx, r, e)
	}
	if err != nil {
		return err
	}
	if *l.json {
		return printJSON(c.Out, res)
	}
	fmt.Fprintf(c.Out, "%s %s → %s as %s\n", done(res.Created), res.Link.PlatformJob, first(res.Link.ATSJob, "no job"), res.Link.As)
	if res.Warning != "" {
		fmt.Fprintf(c.Err, "Mind: %s\n", clean(res.Warning, false))
	}
	return nil
}

func done(created bool) string {
	if created {
		return "Connected"
	}
	return "Changed"
}

// askBacklog asks which of the waiting applications go out, and links with the answer. Where nobody can be asked, or the conflict is
// another, the refusal stands.
func (c *command) askBacklog(ctx context.Context, r api.LinkRequest, refusal *api.Error) (api.LinkResult, error) {
	waiting, err := c.daemon().Backlog(ctx, r.Connection, r.PlatformJob)
	a := c.asker()
	if err == nil && waiting.Count > 0 {
		refusal.Remedy = whichBacklog
	}
	if err != nil || waiting.Count == 0 || !a.possible() {
		return api.LinkResult{}, refusal
	}
	text, err := a.line(fmt.Sprintf("%s wait for this job, the oldest since %s. Which go out: all, none or since:DATE",
		some(waiting.Count, "application"), at(waiting.Oldest)), "none")
	if err != nil {
		return api.LinkResult{}, err
	}
	if r.Backlog, err = backlogOf(text); err != nil {
		return api.LinkResult{}, err
	}
	return c.daemon().Link(ctx, r)
}
