package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/atssync/atssync/daemon/internal/api"
)

func (c *command) reload() *cobra.Command {
	cmd := &cobra.Command{
		Use: "reload", Short: "Have the daemon read its config file again", Args: cobra.NoArgs,
		Long: `Have the daemon read its config file again, with adapters, connections, job links and webhooks. First everything is done that can fail, then all of
it comes into force at once: calls that are under way end as they began. A bad file changes nothing, and every problem is told; the exit code is 1 then.

An adapter whose program was replaced goes on in a new process, and one that was given up is tried again. What needs a restart (listeners, folders,
the store, pages) is named. SIGHUP does the same and tells the log; systemctl reload atssync is this command.`,
		Example: "  atssync reload\n  atssync reload --json",
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = c.do(func(cmd *cobra.Command, _ []string) error {
		r, err := c.daemon().Reload(cmd.Context())
		if err != nil {
			return err
		}
		if *asJSON {
			if err := printJSON(c.Out, r); err != nil {
				return err
			}
		} else {
			showReloaded(c.Out, r)
		}
		for _, w := range r.Warnings {
			fmt.Fprintf(c.Err, "warning: %s\n", clean(w, false))
		}
		problems := r.Problems()
		for _, p := range problems {
			fmt.Fprintf(c.Err, "atssync: not applied: %s\n", clean(p, false))
		}
		if len(problems) > 0 {
			return &told{exitFailed}
		}
		return nil
	})
	return cmd
}

func showReloaded(out io.Writer, r api.Reloaded) {
	say := func(what string, names []string) {
		if len(names) > 0 {
			fmt.Fprintf(out, "%s: %s\n", what, clean(strings.Join(names, ", "), false))
		}
	}
	if len(r.Changed)+len(r.Restart)+len(r.Added)+len(r.Replaced)+len(r.Removed) == 0 {
		fmt.Fprintln(out, "The config file was read again: it says what it said before.")
		return
	}
	say("In force now", r.Changed)
	say("Adapters added", r.Added)
	say("Adapters in a new process", r.Replaced)
	say("Adapters removed", r.Removed)
	for _, part := range []struct {
		name string
		of   api.FileReport
	}{{"Connections", r.Connections}, {"Webhooks", r.Webhooks}} {
		say(part.name+" made", part.of.Created)
		say(part.name+" changed", part.of.Updated)
		say(part.name+" paused", part.of.Paused)
	}
	if r.Connections.Linked+r.Connections.Unlinked > 0 {
		fmt.Fprintf(out, "Job links: %d made or changed, %d removed\n", r.Connections.Linked, r.Connections.Unlinked)
	}
	say("In force with the next start of the daemon", r.Restart)
}
