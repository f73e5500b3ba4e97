package cli

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/atssync/atssync/daemon/internal/app"
	"github.com/atssync/atssync/daemon/internal/doctor"
)

const doctorLong = `Look at everything that the daemon needs and has, and tell of each trouble whose turn it is and what to do: the config, permissions, the disks and how
fast they sync, the clock, the keys, the store, the adapters, proxy and certificates, the way to each ATS, connections and webhooks. The worst
comes first. It works with a daemon and without one, changes nothing, and starts each adapter for a moment.

What this user may not look at is named as not run: run it as root or as the daemon's user. For monitoring: the exit code is 1 when there is
trouble, and 0 when there is none or there are only warnings; with --strict a warning counts too.`

func (c *command) doctor() *cobra.Command {
	o := doctor.Options{}
	var all, strict, ballast bool
	cmd := &cobra.Command{
		Use: "doctor", Short: "Examine the daemon and everything that it needs", Long: doctorLong, Args: cobra.NoArgs,
		Example: "  atssync doctor\n  atssync doctor --only disk,adapters --all\n  atssync doctor --json --strict",
	}
	f := cmd.Flags()
	f.DurationVar(&o.Timeout, "timeout", doctor.DefaultTimeout, "how long the whole may take")
	f.StringSliceVar(&o.Only, "only", nil, "only these `checks`: "+strings.Join(doctor.Checks(), ", "))
	f.BoolVar(&all, "all", false, "show what is well too")
	f.BoolVar(&strict, "strict", false, "end with 1 for warnings too")
	f.BoolVar(&ballast, "free-ballast", false, "give the disk back what was set aside for a full one, and look at nothing")
	asJSON := jsonFlag(cmd)
	_ = cmd.RegisterFlagCompletionFunc("only", cobra.FixedCompletions(doctor.Checks(), cobra.ShellCompDirectiveNoFileComp))
	cmd.RunE = c.do(func(cmd *cobra.Command, _ []string) error {
		if ballast {
			return c.freeBallast(*asJSON)
		}
		if o.Timeout <= 0 {
			return usagef("--timeout has to be more than nothing")
		}
		report, err := c.examine(cmd, o)
		if err != nil {
			return usagef("%v", err)
		}
		if err := cmd.Context().Err(); err != nil {
			return err
		}
		if *asJSON {
			err = printJSON(c.Out, report)
		} else {
			err = c.showReport(report, all)
		}
		if err != nil {
			return err
		}
		if report.Counts[doctor.Trouble] > 0 || strict && report.Counts[doctor.Warning] > 0 {
			return &told{exitFailed}
		}
		return nil
	})
	return cmd
}

// examine makes an examination and shows how far it is.
func (c *command) examine(cmd *cobra.Command, o doctor.Options) (doctor.Report, error) {
	o.ConfigPath, o.Daemon, o.Version = c.configPath(), c.daemon(), buildOf().Version
	p := c.progress()
	defer p.done()
	o.Tell = func(check string, done, all int) { p.show("%d of %d checks: %s", done, all, check) }
	return doctor.Examine(cmd.Context(), o)
}

func (c *command) freeBallast(asJSON bool) error {
	freed, err := app.FreeBallast(c.configPath())
	if err != nil {
		return err
	}
	if asJSON {
		return printJSON(c.Out, map[string]int64{"freed_bytes": freed})
	}
	fmt.Fprintf(c.Out, "%s given back; the daemon sets it aside again at a start with room.\n", bytesOf(freed))
	return nil
}

// shownAs are the words for statuses in tables, and their order.
var shownAs = []struct {
	status doctor.Status
	word   string
}{
	{doctor.Trouble, "trouble"}, {doctor.Warning, "warning"}, {doctor.NotRun, "not run"}, {doctor.OK, "ok"},
}

func (c *command) showReport(r doctor.Report, all bool) error {
	group := 0
	for _, s := range shownAs {
		var of []doctor.Finding
		for _, f := range r.Findings {
			if f.Status == s.status {
				of = append(of, f)
			}
		}
		if len(of) == 0 || s.status == doctor.OK && !all {
			continue
		}
		if group++; group > 1 {
			fmt.Fprintln(c.Out)
		}
		if s.status == doctor.OK {
			if err := table(c.Out, findingColumns, of, true); err != nil {
				return err
			}
			continue
		}
		for _, f := range of {
			showFinding(c.Out, s.word, f)
		}
	}
	fmt.Fprintf(c.Err, "%s, %s, %d not run, %d well; %s.\n", some(r.Counts[doctor.Trouble], "trouble"), some(r.Counts[doctor.Warning], "warning"),
		r.Counts[doctor.NotRun], r.Counts[doctor.OK], (time.Duration(r.DurationMS) * time.Millisecond).Round(100*time.Millisecond))
	return nil
}

var findingColumns = []column[doctor.Finding]{
	{"OK", func(f doctor.Finding) string { return f.Check }},
	{"SUBJECT", func(f doctor.Finding) string { return f.Subject }},
	{"FOUND", func(f doctor.Finding) string { return f.Message }},
	{"MS", func(f doctor.Finding) string { return fmt.Sprint(f.DurationMS) }},
}

// showFinding shows what is not well on lines of its own: the sentences are too long for columns.
func showFinding(w io.Writer, word string, f doctor.Finding) {
	fmt.Fprintf(w, "%-8s %-12s %s: %s\n", word, f.Check, clean(f.Subject, false), clean(f.Message, false))
	if f.WhoseTurn != "" {
		fmt.Fprintf(w, "         whose turn: %s\n", f.WhoseTurn)
	}
	if f.Remedy != "" {
		fmt.Fprintf(w, "         what to do: %s\n", clean(f.Remedy, false))
	}
}
