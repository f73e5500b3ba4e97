package cli

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/atssync/atssync/daemon/internal/support"
)

const supportLong = `Pack what a maintainer needs to understand a trouble into one archive: what the doctor finds, the configuration, health, ledger, connections, what
waits, passes, webhooks, adapters, metrics, the journal, goroutines and the machine, each as a file, with a README and a manifest that say what each
is and what could not be had. It works with a daemon and without one, and changes nothing.

It holds no credential, no document and nothing of any candidate. Accounts and what the config file names have numbers in place of their names;
what a machine wrote in sentences goes through a mask, which can miss what nobody told it of: look into the files before you send them.
The file is readable by its owner alone and replaces none. Run it as root or as the daemon's user, or less can be had.`

// supported is what --json tells.
type supported struct {
	Path  string `json:"path,omitempty"`
	Bytes int    `json:"bytes"`
	support.Manifest
}

func (c *command) supportBundle() *cobra.Command {
	o := support.Options{}
	var to string
	var force, list bool
	cmd := &cobra.Command{
		Use: "support-bundle", Short: "Pack what a maintainer needs, without names and secrets", Long: supportLong, Args: cobra.NoArgs,
		Example: "  atssync support-bundle\n  atssync support-bundle --to /root/trouble.tar.gz\n  atssync support-bundle --list\n  atssync support-bundle --to - | ssh desk.example.com 'cat > trouble.tar.gz'",
	}
	f := cmd.Flags()
	f.StringVar(&to, "to", ".", "the new `file`, a folder where it gets a name of its own, or - for standard output")
	f.BoolVar(&force, "force", false, "replace a file that is there")
	f.BoolVar(&list, "list", false, "tell what it would hold, and make none")
	f.IntVar(&o.Lines, "lines", support.DefaultLines, "how many of the last lines of the journal it has; 0 is none")
	f.StringVar(&o.Ops, "ops", "", "where the daemon serves its metrics, as `host:port` (default what the daemon or the config says)")
	f.DurationVar(&o.Timeout, "timeout", support.DefaultTimeout, "how long the whole may take; what is not there by then is left out")
	asJSON := jsonFlag(cmd)
	cmd.RunE = c.do(func(cmd *cobra.Command, _ []string) error {
		switch {
		case list:
			return c.listBundle(*asJSON)
		case o.Timeout <= 0:
			return usagef("--timeout has to be more than nothing")
		case o.Lines < 0 || o.Lines > 100_000:
			return usagef("--lines has to be from 0 to 100000")
		case to == "-" && *asJSON:
			return usagef("--json and --to - both want standard output")
		case to == "-" && terminal(c.Out):
			return usagef("an archive is nothing for a terminal: send standard output somewhere, or name a file")
		}
		return c.makeBundle(cmd, o, bundleTo{to, force, *asJSON})
	})
	return cmd
}

// bundleTo is where a bundle goes and how that is told.
type bundleTo struct {
	path        string
	force, json bool
}

func (c *command) makeBundle(cmd *cobra.Command, o support.Options, to bundleTo) error {
	b := buildOf()
	o.ConfigPath, o.Daemon, o.Version, o.Build = c.configPath(), c.daemon(), b.Version, b
	if to.path != "-" && !to.force {
		if info, err := os.Lstat(to.path); err == nil && !info.IsDir() {
			return fmt.Errorf("%s is there already, and a bundle replaces none: name another file, or say --force", to.path)
		}
	}
	p := c.progress()
	o.Tell = func(name string, done, all int) { p.show("%d of %d: %s", done, all, name) }
	archive, m, err := support.Make(cmd.Context(), o)
	p.done()
	if err != nil {
		return err
	}
	if to.path == "-" {
		if _, err = c.Out.Write(archive); err != nil {
			return fmt.Errorf("write the bundle: %w", err)
		}
		c.tellBundle(m)
		return nil
	}
	path, err := support.Save(archive, to.path, m.MadeAt, to.force)
	if err != nil {
		return err
	}
	if to.json {
		return printJSON(c.Out, supported{Path: path, Bytes: len(archive), Manifest: m})
	}
	fmt.Fprintf(c.Out, "%s, %s\n", path, bytesOf(int64(len(archive))))
	c.tellBundle(m)
	return nil
}

// tellBundle says what a bundle holds and what it does not.
func (c *command) tellBundle(m support.Manifest) {
	size := 0
	for _, f := range m.Files {
		size += f.Bytes
	}
	fmt.Fprintf(c.Err, "It holds %s, %s unpacked, made in %s:\n", some(len(m.Files), "file"), bytesOf(int64(size)), (time.Duration(m.DurationMS) * time.Millisecond).Round(100*time.Millisecond))
	for _, f := range m.Files {
		fmt.Fprintf(c.Err, "  %-16s  %s\n", f.Name, f.About)
	}
	var reasons []string
	without := map[string][]string{}
	for _, f := range m.LeftOut {
		if without[f.LeftOut] == nil {
			reasons = append(reasons, f.LeftOut)
		}
		without[f.LeftOut] = append(without[f.LeftOut], f.Name)
	}
	for _, why := range reasons {
		fmt.Fprintf(c.Err, "Left out, as %s: %s\n", clean(why, false), strings.Join(without[why], ", "))
	}
	fmt.Fprintln(c.Err, "Names and secrets were taken out. Look into it before you send it: a mask can miss what nobody told it of.")
}

func (c *command) listBundle(asJSON bool) error {
	files := support.List()
	if asJSON {
		return printJSON(c.Out, map[string]any{"items": files})
	}
	return table(c.Out, []column[support.File]{
		{"FILE", func(f support.File) string { return f.Name }},
		{"WHAT IT IS", func(f support.File) string { return f.About }},
		{"MASKED", func(f support.File) string { return f.Masked }},
	}, files, true)
}
