package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/atssync/atssync/daemon/internal/api"
)

const eraseLong = `Remove one person: document, note, answers, receipts, what was told about them, and what endpoints answered to it. Name the person by exactly one of

  --external-id X --connection C   one application
  --person ID                      every application of the platform's person, also after the document is gone
  --email ADDRESS                  every application with this address

- instead of a value reads it from standard input, so that it stands in no history and no list of processes. What waits is cancelled first. What
is being sent or is uncertain is waited for: the erasure is pending and goes on by itself once the outcome is known.

What stays is a tombstone of the external id, so that the same application is not sent a second time, and the counters of the ledger. The receipt
names every employer that still holds a copy; only the employer can delete it there. Events keep their number and type.`

func (c *command) erase() *cobra.Command {
	cmd := &cobra.Command{
		Use: "erase", Short: "Remove one person everywhere, and tell where copies are left", Long: eraseLong, Args: cobra.NoArgs,
		Example: `  atssync erase --external-id app-4711 --connection Acme
  printf %s "$ADDRESS" | atssync erase --email - --yes --json
  atssync erase --person p-815 --account acme`,
	}
	var r api.EraseRequest
	f := cmd.Flags()
	f.StringVar(&r.ExternalID, "external-id", "", "the application with this external `id`")
	c.connectionFlag(cmd, &r.Connection, "the `connection` of --external-id")
	f.StringVar(&r.Person, "person", "", "the platform's `id` of the person")
	f.StringVar(&r.Email, "email", "", "an e-mail `address` of the person")
	f.StringVar(&r.Account, "account", "", "with --person or --email: only this `account`'s applications")
	sure := f.BoolP("yes", "y", false, "do not ask")
	asJSON := jsonFlag(cmd)
	cmd.MarkFlagsMutuallyExclusive("external-id", "person", "email")
	cmd.MarkFlagsOneRequired("external-id", "person", "email")
	cmd.RunE = c.do(func(cmd *cobra.Command, _ []string) error {
		if r.ExternalID != "" && r.Connection == "" {
			return usagef("--external-id needs --connection: external ids are unique on a connection")
		}
		for _, v := range []*string{&r.ExternalID, &r.Person, &r.Email} {
			if *v == "-" {
				var err error
				if *v, err = c.whom(); err != nil {
					return err
				}
			}
		}
		if err := c.sure(*sure, "Erase this person for good?"); err != nil {
			return err
		}
		var err error
		if r.Connection, err = c.connectionID(cmd.Context(), r.Connection); err != nil {
			return err
		}
		e, err := c.daemon().Erase(cmd.Context(), r)
		if err != nil {
			return err
		}
		if *asJSON {
			return printJSON(c.Out, e)
		}
		return c.showErasure(e)
	})
	return cmd
}

// whom reads from standard input whom an erasure is about. On a terminal it asks, as nobody knows otherwise that an answer is waited for.
func (c *command) whom() (string, error) {
	if a := c.asker(); a.possible() {
		text, err := a.line("The id or address", "")
		if err == nil && text == "" {
			err = usagef("nobody was named")
		}
		return text, err
	}
	b, err := io.ReadAll(io.LimitReader(c.In, 1<<10))
	if err != nil {
		return "", fmt.Errorf("read standard input: %w", err)
	}
	text := strings.TrimSpace(string(b))
	if text == "" {
		return "", usagef("standard input is empty")
	}
	return text, nil
}

func (c *command) showErasure(e api.Erasure) error {
	err := table(c.Out, []column[api.Erased]{
		{"EMPLOYER", func(x api.Erased) string { return x.ConnectionName }},
		{"ACCOUNT", func(x api.Erased) string { return x.Account }},
		{"ATS", func(x api.Erased) string { return x.Adapter }},
		{"SUBMISSION", func(x api.Erased) string { return x.Submission }},
		{"WAS", func(x api.Erased) string { return string(x.State) }},
		{"COPY THERE", func(x api.Erased) string { return string(x.Copy) }},
		{"PROFILE", func(x api.Erased) string { return x.ProfileURL }},
	}, e.Erased, true)
	if err != nil {
		return err
	}
	said := map[string]bool{}
	for _, x := range e.Erased {
		if x.Remedy != "" && !said[x.Remedy] {
			said[x.Remedy] = true
			fmt.Fprintf(c.Out, "%s: %s\n", x.Copy, clean(x.Remedy, false))
		}
	}
	for _, w := range e.Waiting {
		fmt.Fprintf(c.Out, "%s is %s: its outcome is waited for, then it is erased by itself\n", w.Submission, w.State)
		if w.Remedy != "" {
			fmt.Fprintf(c.Out, "  %s: %s\n", w.WhoseTurn, clean(w.Remedy, false))
		}
	}
	if len(e.Erased)+len(e.Waiting) == 0 {
		fmt.Fprintln(c.Out, "Nothing is kept of this person.")
	}
	if !e.BackupsBefore.IsZero() && len(e.Erased) > 0 {
		fmt.Fprintf(c.Out, "Backups made before %s still hold it: atssync restore erases it again, or says that the journal of attempts cannot tell.\n", at(e.BackupsBefore))
	}
	if e.More {
		fmt.Fprintln(c.Out, "There are more: run the command again.")
	}
	fmt.Fprintf(c.Err, "%s is %s; the receipt: atssync erasures show %s\n", e.ID, e.State, e.ID)
	return nil
}

func (c *command) erasures() *cobra.Command {
	return parent("erasures", "List erasures and show their receipts", "Commands about erasures: what was asked to be removed, what is waited for, and where copies are left.",
		c.erasuresList(), c.erasuresShow())
}

func (c *command) erasuresList() *cobra.Command {
	cmd := &cobra.Command{
		Use: "list", Short: "List erasures", Args: cobra.NoArgs,
		Long:    "List erasures, the oldest first. They name nobody: a person is not remembered for having been forgotten.",
		Example: "  atssync erasures list\n  atssync erasures list --pending --json",
	}
	pending := cmd.Flags().Bool("pending", false, "only those that wait for an outcome")
	p := pagingFlags(cmd)
	cmd.RunE = c.do(func(cmd *cobra.Command, _ []string) error {
		columns := []column[api.Erasure]{
			{"ID", func(e api.Erasure) string { return e.ID }},
			{"STATE", func(e api.Erasure) string { return e.State }},
			{"BY", func(e api.Erasure) string { return string(e.By) }},
			{"ERASED", func(e api.Erasure) string { return count(len(e.Erased)) }},
			{"WAITING", func(e api.Erasure) string { return count(len(e.Waiting)) }},
			{"ASKED", func(e api.Erasure) string { return at(e.CreatedAt) }},
			{"FINISHED", func(e api.Erasure) string { return at(e.FinishedAt) }},
		}
		return list(c, p, columns, func(after string, limit int) (api.Page[api.Erasure], error) {
			return c.daemon().Erasures(cmd.Context(), *pending, after, limit)
		})
	})
	return cmd
}

func (c *command) erasuresShow() *cobra.Command {
	cmd := &cobra.Command{
		Use: "show ID", Short: "Show the receipt of an erasure", Args: cobra.ExactArgs(1),
		Long:    "Show the receipt of an erasure: what was erased, what is waited for, and which employers still hold a copy.",
		Example: "  atssync erasures show era_01k…",
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = c.do(func(cmd *cobra.Command, args []string) error {
		e, err := c.daemon().Erasure(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		if *asJSON {
			return printJSON(c.Out, e)
		}
		return c.showErasure(e)
	})
	return cmd
}
