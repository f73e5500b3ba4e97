package cli

import (
	"github.com/spf13/cobra"

	"github.com/atssync/atssync/daemon/internal/app"
)

func (c *command) run() *cobra.Command {
	cmd := &cobra.Command{
		Use: "run", Short: "Run the daemon", Args: cobra.NoArgs,
		Long: `Run the daemon in the foreground until SIGTERM or SIGINT. It then takes nothing new, lets the calls in flight end and
stops the adapters; a second signal ends it at once, and what was in flight is uncertain at the next start.
SIGHUP has the config file read again, as atssync reload does.

The log goes to stderr. Every problem of the config file is told before anything starts; atssync config check tells them
without starting.`,
		Example: "  atssync run --config /etc/atssync/atssync.toml",
	}
	cmd.RunE = c.do(func(cmd *cobra.Command, _ []string) error {
		return app.Run(cmd.Context(), app.Options{ConfigPath: c.configPath(), Log: c.Err, Version: buildOf().Version})
	})
	return cmd
}
