package cli

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/atssync/atssync/daemon/internal/app"
)

const backupLong = `Make a backup of everything while the daemon runs, into a new file; in a folder it gets a name of its own. The file is encrypted and
authenticated under the daemon's key file ([store] key_file), which is NOT in it: keep a copy of that file apart from the backups, since without it a
backup is worth nothing. The file is put in place once it is whole and on disk; it replaces none.

What came after a backup is not in it. After a restore the journal of attempts ([store] journal, best on another disk) says what was sent since.`

func (c *command) backup() *cobra.Command {
	cmd := &cobra.Command{
		Use: "backup FILE|FOLDER", Short: "Make a backup while the daemon runs", Long: backupLong, Args: cobra.ExactArgs(1),
		Example: "  atssync backup /var/backups/atssync\n  atssync backup verify /var/backups/atssync/atssync-20261128T031700Z.backup",
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = c.do(func(cmd *cobra.Command, args []string) error {
		p := c.progress()
		file, err := app.SaveBackup(args[0], func(w io.Writer) error {
			return c.daemon().Backup(cmd.Context(), &counting{w, func(n int64) { p.show("%d MiB written", n>>20) }, 0})
		})
		p.done()
		if err != nil {
			return err
		}
		if *asJSON {
			return printJSON(c.Out, file)
		}
		fmt.Fprintf(c.Out, "%s, %s\n", file.Path, bytesOf(file.Size))
		fmt.Fprintf(c.Err, "It needs the key file with the fingerprint %s, which is not in it: keep a copy of that apart from it.\n", file.Backup.Key)
		return nil
	})
	cmd.AddCommand(c.verifyBackup())
	return cmd
}

// counting tells how much was written.
type counting struct {
	w    io.Writer
	tell func(written int64)
	n    int64
}

// Write writes on.
func (c *counting) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	c.tell(c.n)
	return n, err
}

func bytesOf(n int64) string {
	if n < 10<<20 {
		return fmt.Sprintf("%d KiB", (n+1023)>>10)
	}
	return fmt.Sprintf("%d MiB", n>>20)
}

func (c *command) verifyBackup() *cobra.Command {
	cmd := &cobra.Command{
		Use: "verify FILE", Short: "Check a backup as a whole", Args: cobra.ExactArgs(1),
		Long: `Read a whole backup: every part is what was written, every record can be read, and the ledger adds up. It needs the key file of the config, and
no daemon. A backup that was never verified is a hope.`,
		Example: "  atssync backup verify /var/backups/atssync/atssync-20261128T031700Z.backup",
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = c.do(func(cmd *cobra.Command, args []string) error { return c.verifyOne(cmd, args[0], *asJSON) })
	return cmd
}

func (c *command) verify() *cobra.Command {
	cmd := &cobra.Command{
		Use: "verify [FILE]", Short: "Check a backup, or the data folder of a daemon that does not run", Args: cobra.MaximumNArgs(1),
		Long: `Check a backup as atssync backup verify does, or without one the data folder of the config, which no daemon may have open: every file and record is
what was written, nothing that was acknowledged is missing, and the ledger adds up.`,
		Example: "  atssync verify\n  atssync verify /var/backups/atssync/atssync-20261128T031700Z.backup",
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = c.do(func(cmd *cobra.Command, args []string) error {
		file := ""
		if len(args) > 0 {
			file = args[0]
		}
		return c.verifyOne(cmd, file, *asJSON)
	})
	return cmd
}

// verifyOne verifies a backup, or the data folder with "".
func (c *command) verifyOne(cmd *cobra.Command, file string, asJSON bool) error {
	conf, err := app.LoadConfig(c.configPath())
	if err != nil {
		return err
	}
	p := c.progress()
	var report app.VerifyReport
	if file == "" {
		report, err = app.VerifyStore(cmd.Context(), conf, func(n int64) { p.show("%d records", n) })
	} else {
		report, err = app.VerifyBackup(cmd.Context(), conf, file, func(n int64) { p.show("%s", share(n, file)) })
	}
	p.done()
	if err != nil {
		return err
	}
	if asJSON {
		return printJSON(c.Out, report)
	}
	if err := verifySheet(report).write(c.Out); err != nil {
		return err
	}
	fmt.Fprintln(c.Err, "All of it is what was written, and the ledger adds up.")
	return nil
}

// share is how much of a file was read.
func share(n int64, file string) string {
	info, err := os.Stat(file)
	if err != nil || info.Size() == 0 {
		return bytesOf(n)
	}
	return fmt.Sprintf("%d %%", min(100*n/info.Size(), 100))
}

func verifySheet(r app.VerifyReport) *sheet {
	s := &sheet{}
	s.add("path", r.Path)
	if b := r.Backup; b != nil {
		s.add("backup", b.ID)
		s.add("made", at(b.MadeAt)+" by "+b.Version)
		s.add("journal", strings.TrimSpace(fmt.Sprintf("%s at line %d", first(b.Journal, "none"), b.JournalAt)))
	}
	s.add("key", r.Key)
	s.add("records", fmt.Sprint(r.Records))
	s.add("connections", fmt.Sprint(r.Connections))
	s.add("submissions", fmt.Sprint(r.Submissions))
	s.add("applications", fmt.Sprint(r.Applications))
	s.add("events", fmt.Sprint(r.Events))
	s.add("accepted", fmt.Sprint(r.Ledger.Accepted))
	for _, state := range states(r.Ledger.States) {
		s.add(state.name, fmt.Sprint(state.n))
	}
	return s
}
