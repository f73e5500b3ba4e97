package cli

import (
	"fmt"

	"github.com/spf13/cobra"
)

func (c *command) console() *cobra.Command {
	cmd := &cobra.Command{
		Use: "console", Short: "Print a link that lets you into the console, once", Args: cobra.NoArgs,
		Long: `Print a link to the console, the pages for those who run the daemon. Whoever opens it first is let in with everything that the socket's users may
do; it is good for five minutes and for one log-in, and the audit record says who made it. Others log in at /console with a token of
"atssync tokens create".

The console is served on the platform's listener ([http] listen of the config); the link begins with public_url, where that is set.`,
		Example: "  atssync console\n  atssync console --json",
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = c.do(func(cmd *cobra.Command, _ []string) error {
		link, err := c.daemon().ConsoleLink(cmd.Context())
		if err != nil {
			return err
		}
		if *asJSON {
			return printJSON(c.Out, link)
		}
		fmt.Fprintf(c.Err, "Open it once, before %s:\n", at(link.ExpiresAt))
		_, err = fmt.Fprintln(c.Out, link.URL)
		return err
	})
	return cmd
}
