package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/atssync/atssync/daemon/internal/api"
)

const resolveLong = `Settle a submission that is uncertain: it was sent, and its answer was lost. Look for the candidate in the ATS, then say what is so:

  --submitted URL  it is there; URL is the address of the candidate's page. The candidate is read back, and refused when it is not this submission.
  --send-again     it is not there; it is sent again, marked as a possible duplicate. --attempt N says which attempt was looked for, as
                   atssync submissions show tells it: when another one was made since, nothing is sent. On a terminal it is asked for.
  --give-up        leave it; the platform is told that it was cancelled.

After a restore, --submitted also settles one that is held for it (held: restored) and stands in the ATS.

Many are settled by --file: a JSON array, NDJSON, or CSV with a header line, of submission (or connection and external_id), action (submitted, send_again
or give_up), profile_url, and with send_again attempt.`

func (c *command) resolve() *cobra.Command {
	cmd := &cobra.Command{
		Use: "resolve [ID]", Short: "Settle a submission whose outcome nobody knows", Long: resolveLong, Args: cobra.MaximumNArgs(1),
		Example: `  atssync submissions list --state uncertain
  atssync resolve sub_01k… --submitted https://app.greenhouse.io/people/17681532
  atssync resolve sub_01k… --send-again --attempt 1
  atssync resolve --file resolved.csv`,
		ValidArgsFunction: c.submissionIDs("uncertain"),
	}
	f := cmd.Flags()
	submitted := f.String("submitted", "", "it is in the ATS, at this `address`")
	again := f.Bool("send-again", false, "it is not in the ATS: send it again")
	attempt := f.Int("attempt", 0, "with --send-again or --give-up: the `number` of the attempt that was looked for")
	giveUp := f.Bool("give-up", false, "leave it and tell the platform")
	file := f.String("file", "", "settle those of this `file`; - is stdin")
	var connection string
	c.connectionFlag(cmd, &connection, "with --file: the `connection` of records that name none")
	format := formatFlag(cmd)
	asJSON := jsonFlag(cmd)
	cmd.MarkFlagsMutuallyExclusive("submitted", "send-again", "give-up", "file")
	cmd.MarkFlagsMutuallyExclusive("attempt", "submitted")
	cmd.MarkFlagsMutuallyExclusive("attempt", "file")
	cmd.RunE = c.do(func(cmd *cobra.Command, args []string) error {
		if (*file == "") != (len(args) == 1) {
			return usagef("name one submission, or a --file")
		}
		if *file == "" && *submitted == "" && !*again && !*giveUp {
			return usagef("say what became of it: --submitted PROFILE_URL, --send-again or --give-up")
		}
		if *file != "" {
			id, err := c.connectionID(cmd.Context(), connection)
			if err != nil {
				return err
			}
			return c.importFile(*file, *asJSON, "settled", func(in io.Reader) (api.ImportReport, error) {
				return c.daemon().ResolveFile(cmd.Context(), in, *format, id)
			})
		}
		if cmd.Flags().Changed("attempt") && *attempt < 1 {
			return usagef("--attempt is the number of an attempt, from 1")
		}
		how := api.ResolveBody{Action: api.Submitted, ProfileURL: *submitted, Attempt: *attempt}
		switch {
		case *again:
			how.Action = api.SendAgain
		case *giveUp:
			how.Action = api.GiveUp
		}
		if *again && *attempt == 0 {
			var err error
			if how.Attempt, err = c.lookedFor(cmd.Context(), args[0]); err != nil {
				return err
			}
		}
		s, err := c.daemon().Resolve(cmd.Context(), args[0], how)
		if err != nil {
			return err
		}
		if *asJSON {
			return printJSON(c.Out, s)
		}
		fmt.Fprintf(c.Out, "%s is %s\n", s.ID, s.State)
		return nil
	})
	return cmd
}

// lookedFor has a person say that the last attempt was looked for and is not there. A script has to name the attempt: what it
// would read here may be another one than it looked for.
func (c *command) lookedFor(ctx context.Context, id string) (int, error) {
	if !c.asker().possible() {
		return 0, usagef("say which attempt you looked for: --attempt N, the last attempt of atssync submissions show %s", id)
	}
	d, err := c.daemon().Submission(ctx, id, false)
	if err != nil {
		return 0, hintOfID(err, id)
	}
	if d.State != "uncertain" {
		return 0, nil // the daemon says that it is not to be settled
	}
	when := ""
	if n := len(d.Attempts); n > 0 {
		when = ", sent " + at(d.Attempts[n-1].StartedAt) + ","
	}
	return d.Attempt, c.sure(false, fmt.Sprintf("Attempt %d of %s (external id %s)%s would be repeated. Did you look into the ATS since, and it is not there?",
		d.Attempt, d.ID, d.ExternalID, when))
}
