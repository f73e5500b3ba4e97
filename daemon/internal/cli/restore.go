package cli

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/atssync/atssync/daemon/internal/api"
	"github.com/atssync/atssync/daemon/internal/app"
)

const restoreLong = `Make the data folder of the config from a backup, without a daemon. The folder must be empty or missing: nothing is ever replaced. The backup is
verified as a whole first, and needs its key file at [store] key_file.

A backup does not know what was sent after it. So a restored store sends nothing: what was queued or held, and everything that comes in, is "held: restored",
and what was being sent is uncertain, until somebody says what happened since:

  the journal of attempts   is read here, from the config or --journal. What it knows to be sent is submitted and followed; where it is whole, everything else
                            was never sent, and goes on by itself. Who was erased since the backup is erased again.
  the platform's events     atssync reconcile --from FILE, with the daemon
  a person                  atssync connections release, after looking into the ATS

Then the platform sends again everything that it submitted since the backup: what went in is recognised, and not sent a second time. Event numbers go on far
above those of before, so that no number is ever used twice; the event connection.restored tells it.`

func (c *command) restore() *cobra.Command {
	cmd := &cobra.Command{
		Use: "restore FILE", Short: "Make the data folder from a backup", Long: restoreLong, Args: cobra.ExactArgs(1),
		Example: "  atssync restore /var/backups/atssync/atssync-20261128T031700Z.backup --config /etc/atssync/atssync.toml\n" +
			"  atssync restore last.backup --journal /mnt/other/attempts.log",
	}
	f := cmd.Flags()
	var o app.RestoreOptions
	f.StringVar(&o.Journal, "journal", "", "the journal of attempts, a `file` (default what the config says, if it is there)")
	f.BoolVar(&o.NoJournal, "no-journal", false, "do not ask the journal: everything stays held")
	asJSON := jsonFlag(cmd)
	cmd.MarkFlagsMutuallyExclusive("journal", "no-journal")
	cmd.RunE = c.do(func(cmd *cobra.Command, args []string) error {
		conf, err := app.LoadConfig(c.configPath())
		if err != nil {
			return err
		}
		p := c.progress()
		o.Path = args[0]
		o.Tell = func(doing string, n int64) { p.show("%s %s", doing, share(n, args[0])) }
		report, err := app.RestoreBackup(cmd.Context(), conf, o)
		p.done()
		if err != nil {
			return err
		}
		if *asJSON {
			return printJSON(c.Out, report)
		}
		return c.tellRestore(report)
	})
	return cmd
}

func (c *command) tellRestore(r app.RestoreReport) error {
	s := &sheet{}
	s.add("restored into", r.Dir)
	s.add("backup", r.Backup.ID)
	s.add("made", at(r.Backup.MadeAt))
	s.add("records", fmt.Sprint(r.Records))
	for _, state := range states(r.After) {
		s.add(state.name, fmt.Sprint(state.n))
	}
	switch j := r.Journal; {
	case j.Covers:
		s.add("journal", fmt.Sprintf("%s tells of everything since the backup: %d settled, %d to be sent again by the platform", j.Path, j.Settled, j.Remembered))
	case j.Settled+j.Remembered > 0:
		s.add("journal", fmt.Sprintf("%d settled, %d to be sent again by the platform; it may not tell everything: %s", j.Settled, j.Remembered, j.Why))
	default:
		s.add("journal", j.Why)
	}
	if n := r.Journal.ErasedAgain + r.Journal.ErasedUnknown; n > 0 {
		s.add("erased again", fmt.Sprintf("%d of the backup, and %d that were accepted after it", r.Journal.ErasedAgain, r.Journal.ErasedUnknown))
	}
	s.add("held", some(len(r.Held), "connection"))
	if err := s.write(c.Out); err != nil {
		return err
	}
	fmt.Fprintln(c.Err, "\nWhat to do now:")
	for i, a := range r.Advice {
		fmt.Fprintf(c.Err, "%d. %s.\n", i+1, a)
	}
	return nil
}

// stateCount is a line of a ledger.
type stateCount struct {
	name string
	n    int64
}

// states lists the counters that are not zero, in the order of a ledger.
func states(counts map[api.State]int64) []stateCount {
	var out []stateCount
	for _, state := range api.States() {
		if n := counts[api.State(state)]; n != 0 {
			out = append(out, stateCount{strings.ReplaceAll(state, "_", " "), n})
		}
	}
	return out
}

const reconcileLong = `Settle after a restore what the platform was told after the backup. FILE holds the events that the platform received, one JSON object a line, from its
webhooks or from the feed, in whatever order: what they name as submitted is submitted and followed, what they name as refused is refused, and what the store
does not know is recognised when the platform sends it again. Events of before the backup say nothing new. It can be run again.

It releases nothing by itself: what happened just before the data was lost may be in no event. Release with --release, or atssync connections release, once you
looked into the ATS for that.`

func (c *command) reconcile() *cobra.Command {
	cmd := &cobra.Command{
		Use: "reconcile --from FILE", Short: "Settle after a restore what the platform was told", Long: reconcileLong, Args: cobra.NoArgs,
		Example: "  atssync reconcile --from events.ndjson\n  atssync reconcile --from - --release",
	}
	f := cmd.Flags()
	from := f.String("from", "", "the events, a `file`; - is stdin")
	release := f.Bool("release", false, "release every connection that is held for the restore afterwards")
	asJSON := jsonFlag(cmd)
	_ = cmd.MarkFlagRequired("from") // the flag was defined above
	cmd.RunE = c.do(func(cmd *cobra.Command, _ []string) error {
		in := io.NopCloser(c.In)
		if *from != "-" {
			f, err := os.Open(*from)
			if err != nil {
				return fmt.Errorf("open the events: %w", err)
			}
			in = f
		}
		defer func() { _ = in.Close() }()
		report, err := c.daemon().Reconcile(cmd.Context(), in)
		if err != nil {
			return err
		}
		if *asJSON {
			err = printJSON(c.Out, report)
		} else {
			c.tellReconciled(report)
		}
		if err != nil {
			return err
		}
		if report.Refused > 0 {
			return &someRefused{report.Refused, report.Read}
		}
		if *release {
			return c.releaseRestored(cmd, api.ReleaseRestoredRequest{All: true}, false)
		}
		return nil
	})
	return cmd
}

func (c *command) tellReconciled(r api.ReconcileReport) {
	fmt.Fprintf(c.Out, "%d read, %d settled, %d to be sent again by the platform, %d known, %d older than the backup, %d about something else, %d refused\n",
		r.Read, r.Settled, r.Remembered, r.Known, r.Older, r.Other, r.Refused)
	for _, e := range r.Errors {
		fmt.Fprintf(c.Err, "line %d: %s\n", e.Line, clean(e.Message, false))
	}
	if len(r.Lost) > 0 {
		fmt.Fprintf(c.Err, "Connections that were made after the backup and are not known any more: %s. Connect the employers again, and run this once more.\n",
			clean(strings.Join(r.Lost, ", "), false))
	}
}

func (c *command) connectionsRelease() *cobra.Command {
	cmd := &cobra.Command{
		Use: "release [CONNECTION…]", Short: "Let connections send again that are held for a restore", Args: cobra.ArbitraryArgs,
		Long: `End the hold of connections after the data was restored from a backup: what they hold for that is judged again and sent at the configured pace, and what comes
in is no longer held. What was sent after the backup and is not known to be sent would be sent a second time: give the daemon the platform's events first
(atssync reconcile), and look into the ATS. Without a name and without --all the connections that are held are listed.`,
		Example: "  atssync connections release\n  atssync connections release Acme\n  atssync connections release --all", ValidArgsFunction: c.connectionNames(),
	}
	var r api.ReleaseRestoredRequest
	f := cmd.Flags()
	f.BoolVar(&r.All, "all", false, "every connection that is held")
	f.IntVar(&r.PerMinute, "per-minute", 0, "how many a minute; 0 is the configured pace, -1 at once")
	asJSON := jsonFlag(cmd)
	cmd.RunE = c.do(func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 && r.All {
			return usagef("name connections, or say --all")
		}
		if len(args) == 0 && !r.All {
			return c.listRestored(cmd, *asJSON)
		}
		r.Connections = args
		return c.releaseRestored(cmd, r, *asJSON)
	})
	return cmd
}

func (c *command) listRestored(cmd *cobra.Command, asJSON bool) error {
	v, err := c.daemon().Restoration(cmd.Context())
	if err != nil {
		return err
	}
	if asJSON {
		return printJSON(c.Out, v)
	}
	columns := []column[api.HeldConnection]{
		{"CONNECTION", func(h api.HeldConnection) string { return h.ID }},
		{"NAME", func(h api.HeldConnection) string { return h.Name }},
		{"ACCOUNT", func(h api.HeldConnection) string { return h.Account }},
	}
	if err := table(c.Out, columns, v.Held, true); err != nil {
		return err
	}
	switch n := len(v.Restores); {
	case n == 0:
		fmt.Fprintln(c.Err, "The data was never restored from a backup.")
	case len(v.Held) == 0 && !v.NewHeld:
		fmt.Fprintln(c.Err, "Nothing is held for a restore.")
	default:
		fmt.Fprintf(c.Err, "Held since the restore of %s from the backup of %s. Before you release: atssync reconcile --help\n",
			at(v.Restores[n-1].At), at(v.Restores[n-1].MadeAt))
	}
	if v.Remembered > 0 {
		fmt.Fprintf(c.Err, "%s that the platform has to send again will be recognised.\n", some(v.Remembered, "submission"))
	}
	return nil
}

func (c *command) releaseRestored(cmd *cobra.Command, r api.ReleaseRestoredRequest, asJSON bool) error {
	out, err := c.daemon().ReleaseRestored(cmd.Context(), r)
	if err != nil {
		return err
	}
	if asJSON {
		return printJSON(c.Out, out)
	}
	fmt.Fprintf(c.Out, "%s released\n", some(len(out.Released), "connection"))
	return nil
}
