package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/atssync/atssync/daemon/internal/api"
)

func (c *command) connectLink() *cobra.Command {
	var r api.ConnectLinkRequest
	var expires string
	cmd := &cobra.Command{
		Use: "connect-link --account ACCOUNT --adapter ADAPTER", Short: "Make a link to an employer's connect page and print it", Args: cobra.NoArgs,
		Long: `Make a link to the page on which an employer connects its ATS, links jobs, sends a test candidate and sees how things stand, and print it, this once: only
a hash of its secret is kept. It leads to one account's page and can be opened again, also to repair what does not work, until it expires or is withdrawn.
Looking at the page uses nothing up. It needs listen and public_url of [http]; the platform's name, logo and support contact come from [platform].`,
		Example: `  atssync connect-link --account acme --adapter greenhouse --return-url https://app.example.com/settings
  atssync connect-link --connection Acme --expires 2d`,
	}
	f := cmd.Flags()
	f.StringVar(&r.Account, "account", "", "the platform's id of the employer")
	f.StringVar(&r.Adapter, "adapter", "", "the adapter that speaks to the employer's ATS")
	f.StringVar(&r.Name, "name", "", "the `name` of the connection that is made (default the ATS account's)")
	f.StringVar(&r.Connection, "connection", "", "the `connection` that the page is about, to repair it")
	f.StringVar(&r.ReturnURL, "return-url", "", "the `address` that the page leads back to")
	f.StringVar(&expires, "expires", "7d", "the `time` after which it leads nowhere: 7d, 12h, 2027-01-31 or a time in RFC 3339")
	completeFlag(cmd, "connection", c.connectionNames())
	asJSON := jsonFlag(cmd)
	cmd.RunE = c.do(func(cmd *cobra.Command, _ []string) error {
		if r.Connection == "" && (r.Account == "" || r.Adapter == "") {
			return usagef("--account and --adapter are needed, or --connection")
		}
		var err error
		if r.ExpiresAt, err = expiry(expires, now()); err != nil {
			return err
		}
		l, err := c.daemon().CreateConnectLink(cmd.Context(), r)
		if err != nil {
			return err
		}
		if *asJSON {
			return printJSON(c.Out, l)
		}
		fmt.Fprintf(c.Err, "Made %s, until %s. It is shown this once; whoever has it can connect %s and link its jobs:\n", l.ID, at(l.ExpiresAt), clean(l.Account, false))
		_, err = fmt.Fprintln(c.Out, l.URL)
		return err
	})
	return cmd
}

func (c *command) connectLinks() *cobra.Command {
	return parent("connect-links", "Look at and withdraw connect links", `Commands about the links to employers' connect pages that atssync connect-link made.`,
		c.connectLinksList(), c.connectLinksRevoke())
}

func (c *command) connectLinksList() *cobra.Command {
	cmd := &cobra.Command{
		Use: "list", Short: "List connect links", Args: cobra.NoArgs,
		Long:    "List connect links, the oldest first. Their addresses are not kept and cannot be shown again.",
		Example: "  atssync connect-links list\n  atssync connect-links list --account acme --ended --json",
	}
	account := cmd.Flags().String("account", "", "of this `account` only")
	ended := cmd.Flags().Bool("ended", false, "withdrawn and expired ones too")
	p := pagingFlags(cmd)
	cmd.RunE = c.do(func(cmd *cobra.Command, _ []string) error {
		columns := []column[api.ConnectLink]{
			{"ID", func(l api.ConnectLink) string { return l.ID }},
			{"ACCOUNT", func(l api.ConnectLink) string { return l.Account }},
			{"ADAPTER", func(l api.ConnectLink) string { return l.Adapter }},
			{"CONNECTION", func(l api.ConnectLink) string { return l.Connection }},
			{"CREATED", func(l api.ConnectLink) string { return at(l.CreatedAt) }},
			{"EXPIRES", func(l api.ConnectLink) string { return at(l.ExpiresAt) }},
			{"WITHDRAWN", func(l api.ConnectLink) string { return at(l.RevokedAt) }},
		}
		return list(c, p, columns, func(after string, limit int) (api.Page[api.ConnectLink], error) {
			return c.daemon().ConnectLinks(cmd.Context(), *account, *ended, after, limit)
		})
	})
	return cmd
}

func (c *command) connectLinksRevoke() *cobra.Command {
	cmd := &cobra.Command{
		Use: "revoke LINK", Short: "Withdraw a connect link", Args: cobra.ExactArgs(1),
		Long:    "Withdraw a connect link, by its id. Its page says whom to ask from now on; what was connected by it stays connected.",
		Example: "  atssync connect-links revoke cln_06f1cxg3d1tzaf6nv92pye3yj8",
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = c.do(func(cmd *cobra.Command, args []string) error {
		l, err := c.daemon().RevokeConnectLink(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		if *asJSON {
			return printJSON(c.Out, l)
		}
		fmt.Fprintf(c.Err, "Withdrew %s.\n", l.ID)
		return nil
	})
	return cmd
}
