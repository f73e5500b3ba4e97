package cli

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/atssync/atssync/daemon/internal/api"
)

const day = 24 * time.Hour

func (c *command) tokens() *cobra.Command {
	return parent("tokens", "Let programs in over HTTP", `Commands about tokens: what a program sends to use the API over HTTP ([http] of the config file). A token is shown once, when it is made.`,
		c.tokensCreate(), c.tokensList(), c.tokensRevoke())
}

func (c *command) tokensCreate() *cobra.Command {
	var r api.TokenRequest
	var expires string
	cmd := &cobra.Command{
		Use: "create [NAME] --scope SCOPE", Short: "Make a token and print it", Args: cobra.MaximumNArgs(1),
		Long: `Make a token for a program and print it, this once: only a hash of it is kept. NAME is a label, of one live token at a time; its id without one.

Scopes: submit hands applications over, changes, cancels and looks at them; read looks at everything; admin may do everything. With --account or
--connection nothing else exists for the token. What the operator alone decides, such as an ATS's address, no token may set.`,
		Example: `  atssync tokens create platform --scope submit --scope read
  atssync tokens create acme-page --scope admin --account acme --expires 90d
  TOKEN=$(atssync tokens create ci --scope submit --connection Acme)`,
	}
	f := cmd.Flags()
	f.StringSliceVar(&r.Scopes, "scope", nil, "what it may do: submit, read or admin; may be repeated")
	f.StringSliceVar(&r.Accounts, "account", nil, "limit it to this `account`; may be repeated")
	f.StringSliceVar(&r.Connections, "connection", nil, "limit it to this `connection`, by id or name; may be repeated")
	f.StringVar(&expires, "expires", "", "the `time` after which it is refused: 90d, 12h, 2027-01-31 or a time in RFC 3339 (default never)")
	completeFlag(cmd, "scope", words("submit", "read", "admin"))
	completeFlag(cmd, "connection", c.connectionNames())
	asJSON := jsonFlag(cmd)
	cmd.RunE = c.do(func(cmd *cobra.Command, args []string) error {
		r.Name = strings.Join(args, "")
		if len(r.Scopes) == 0 {
			return usagef("--scope is missing: submit, read or admin")
		}
		var err error
		if r.ExpiresAt, err = expiry(expires, now()); err != nil {
			return err
		}
		t, err := c.daemon().CreateToken(cmd.Context(), r)
		if err != nil {
			return err
		}
		if *asJSON {
			return printJSON(c.Out, t)
		}
		fmt.Fprintf(c.Err, "Made %s. It is shown this once; send it as: Authorization: Bearer TOKEN\n", t.ID)
		_, err = fmt.Fprintln(c.Out, t.Secret)
		return err
	})
	return cmd
}

// expiry reads when a token ends: a time, or how long from now.
func expiry(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), nil
		}
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n > 0 && n <= 36500 {
			return now.Add(time.Duration(n) * day), nil
		}
	}
	if d, err := time.ParseDuration(text); err == nil && d > 0 {
		return now.Add(d), nil
	}
	return time.Time{}, usagef("--expires %s is neither a time nor how long from now; such as 90d, 12h or 2027-01-31", clean(text, false))
}

func (c *command) tokensList() *cobra.Command {
	cmd := &cobra.Command{
		Use: "list", Short: "List tokens and when they were last used", Args: cobra.NoArgs,
		Long:    "List tokens, the oldest first, with what each may do and when it was last used, to the minute.",
		Example: "  atssync tokens list\n  atssync tokens list --ended --json",
	}
	ended := cmd.Flags().Bool("ended", false, "revoked and expired ones too")
	p := pagingFlags(cmd)
	cmd.RunE = c.do(func(cmd *cobra.Command, _ []string) error {
		columns := []column[api.Token]{
			{"ID", func(t api.Token) string { return t.ID }},
			{"NAME", func(t api.Token) string { return t.Name }},
			{"SCOPES", func(t api.Token) string {
				var of []string
				for _, s := range t.Scopes {
					of = append(of, string(s))
				}
				return strings.Join(of, ",")
			}},
			{"LIMITED TO", func(t api.Token) string {
				if len(t.Connections) > 0 {
					return strings.Join(t.Connections, ",")
				}
				return strings.Join(t.Accounts, ",")
			}},
			{"LAST USED", func(t api.Token) string { return at(t.LastUsedAt) }},
			{"CREATED", func(t api.Token) string { return at(t.CreatedAt) }},
			{"EXPIRES", func(t api.Token) string { return at(t.ExpiresAt) }},
			{"REVOKED", func(t api.Token) string { return at(t.RevokedAt) }},
		}
		return list(c, p, columns, func(after string, limit int) (api.Page[api.Token], error) {
			return c.daemon().Tokens(cmd.Context(), *ended, after, limit)
		})
	})
	return cmd
}

func (c *command) tokensRevoke() *cobra.Command {
	cmd := &cobra.Command{
		Use: "revoke TOKEN", Short: "End a token for good", Args: cobra.ExactArgs(1),
		Long:    "End a token for good, by its id or name. What it is used for is refused from now on, and what it does at this moment ends within a second.",
		Example: "  atssync tokens revoke platform",
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = c.do(func(cmd *cobra.Command, args []string) error {
		t, err := c.daemon().RevokeToken(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		if *asJSON {
			return printJSON(c.Out, t)
		}
		fmt.Fprintf(c.Err, "Revoked %s (%s).\n", t.ID, clean(t.Name, false))
		return nil
	})
	return cmd
}
