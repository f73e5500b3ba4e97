package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"
)

func (c *command) logLevel() *cobra.Command {
	cmd := &cobra.Command{
		Use: "log-level [debug|info|warn|error]", Short: "Show or change from which level on the daemon logs", Args: cobra.MaximumNArgs(1),
		ValidArgs: []string{"debug", "info", "warn", "error"},
		Long: `Show from which level on the running daemon logs, or have it log from another one on, at once: for a while with --for, else until it ends. What holds
after the next start is [daemon] log_level in the config file. Nothing personal or secret is logged at any level.`,
		Example: "  atssync log-level\n  atssync log-level debug --for 10m\n  atssync log-level info",
	}
	during := cmd.Flags().Duration("for", 0, "go back to the configured level after this `duration`, a week at most")
	asJSON := jsonFlag(cmd)
	cmd.RunE = c.do(func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 && cmd.Flags().Changed("for") {
			return usagef("--for needs a level; see: atssync log-level --help")
		}
		if cmd.Flags().Changed("for") && *during < time.Second {
			return usagef("--for is at least a second")
		}
		v, err := c.daemon().LogLevel(cmd.Context())
		if len(args) == 1 && err == nil {
			v, err = c.daemon().SetLogLevel(cmd.Context(), args[0], *during)
		}
		if err != nil {
			return err
		}
		if *asJSON {
			return printJSON(c.Out, v)
		}
		fmt.Fprintln(c.Out, v.Level)
		switch {
		case !v.Until.IsZero():
			fmt.Fprintf(c.Err, "Until %s; the configured level is %s.\n", at(v.Until), v.Configured)
		case v.Level != v.Configured:
			fmt.Fprintf(c.Err, "Until the daemon ends; the configured level is %s.\n", v.Configured)
		}
		return nil
	})
	return cmd
}
