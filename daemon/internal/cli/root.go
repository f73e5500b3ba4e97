package cli

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"
)

const rootLong = `atssync puts job applications into the applicant tracking systems (ATS) of employers, once, and brings their statuses back.

The daemon does the work (atssync run, or its systemd unit). Most other commands speak to it over its unix socket; run, config,
adapters, simulate, verify, restore, doctor, support-bundle and version need none.

Tables are for people; with --json a command prints what the API answers. What a command says beside its result goes to stderr.`

const rootExample = `  atssync run --config /etc/atssync/atssync.toml
  atssync connect --adapter greenhouse --account acme
  atssync link --suggest "Acme on Greenhouse"
  atssync submit applications.ndjson
  atssync events --follow`

// root returns the whole tree of commands.
func (c *command) root() *cobra.Command {
	root := &cobra.Command{
		Use: "atssync", Short: "Put job applications into applicant tracking systems and bring their statuses back",
		Long: rootLong, Example: rootExample, SuggestionsMinimumDistance: 2, SilenceErrors: true, SilenceUsage: true, Args: commandNeeded,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	f := root.PersistentFlags()
	f.StringVar(&c.config, "config", "", "the daemon's config `file` (default $ATSSYNC_CONFIG or "+defaultConfig+")")
	f.StringVar(&c.socket, "socket", "", "the daemon's socket, a `path` (default $ATSSYNC_SOCKET or what the config says)")
	_ = root.MarkPersistentFlagFilename("config", "toml") // the flag was defined above
	_ = root.MarkPersistentFlagFilename("socket")
	root.AddGroup(&cobra.Group{ID: groupDaemon, Title: "The daemon:"}, &cobra.Group{ID: groupConnect, Title: "Connections and jobs:"},
		&cobra.Group{ID: groupWork, Title: "Applications:"}, &cobra.Group{ID: groupWatch, Title: "What goes on:"},
		&cobra.Group{ID: groupAdapter, Title: "Adapters:"})
	in := func(group string, cmds ...*cobra.Command) {
		for _, cmd := range cmds {
			cmd.GroupID = group
			root.AddCommand(cmd)
		}
	}
	in(groupDaemon, c.run(), c.configs(), c.version(), c.openapi())
	in(groupConnect, c.connect(), c.connectLink(), c.connectLinks(), c.connections(), c.platformJobs(), c.jobs(), c.pools(), c.link(), c.unlink(), c.links())
	in(groupWork, c.submit(), c.submissions(), c.resolve(), c.applications(), c.events(), c.webhooks(), c.erase(), c.erasures())
	in(groupDaemon, c.reload(), c.tokens(), c.console(), c.keys(), c.logLevel(), c.backup(), c.verify(), c.restore(), c.reconcile())
	in(groupWatch, c.doctor(), c.supportBundle(), c.health(), c.ledger(), c.schedule(), c.runs(), c.checkpoints(), c.tasks(), c.audit())
	in(groupAdapter, c.adapters(), c.simulate())
	root.AddCommand(exitCodes(), helpStates(), helpProblems())
	root.Version = buildOf().Version
	root.SetVersionTemplate("atssync {{.Version}}\n")
	tellUsage(root)
	return root
}

// tellUsage has every command say what it takes when it was given too few words or too many: the library only counts them.
func tellUsage(cmd *cobra.Command) {
	if count := cmd.Args; count != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			err := count(cmd, args)
			if _, told := errors.AsType[*usageError](err); err == nil || told {
				return err
			}
			if len(args) == 1 && args[0] == "list" {
				return usagef("%s is the list by itself: leave out the word list", cmd.CommandPath())
			}
			return usagef("wrong number of arguments (%d); usage: %s", len(args), cmd.UseLine())
		}
	}
	for _, child := range cmd.Commands() {
		tellUsage(child)
	}
}

// Groups of commands in the help.
const (
	groupDaemon  = "daemon"
	groupConnect = "connect"
	groupWork    = "work"
	groupWatch   = "watch"
	groupAdapter = "adapter"
)

// parent makes a command that only holds others; by itself it is its list, where it has one.
func parent(use, short, long string, children ...*cobra.Command) *cobra.Command {
	p := &cobra.Command{
		Use: use, Short: short, Long: long, Args: commandNeeded, SuggestionsMinimumDistance: 2,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if list, _, err := cmd.Find([]string{"list"}); err == nil && list != cmd {
				list.SetContext(cmd.Context())
				return list.RunE(list, nil)
			}
			return usagef("%s needs one of its commands; see: %s --help", cmd.CommandPath(), cmd.CommandPath())
		},
	}
	p.AddCommand(children...)
	return p
}

// commandNeeded refuses a word that is no command, and tells which ones are near.
func commandNeeded(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := "see: " + cmd.CommandPath() + " --help"
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		hint = "did you mean " + strings.Join(near, " or ") + "?"
	}
	return usagef("%s has no command %q; %s", cmd.CommandPath(), clean(args[0], false), hint)
}
