package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/atssync/atssync/daemon/internal/api"
)

const connectLong = `Connect an account of the platform to its ATS account. The daemon checks the credentials against the ATS first, and saves nothing that
does not work: then the cause, whose turn it is and what to do are told.

On a terminal the fields that the adapter needs are asked for, with where in the ATS they are found; what is secret is not shown. For scripts
they come from --from-file (a JSON object, or TOML when the name ends in .toml) and --set. Secrets do not belong into --set: other users of
the machine can see a command line.

Connecting the same ATS account again, after it was removed, brings the old connection back, so that nothing is sent twice.`

func (c *command) connect() *cobra.Command {
	var r api.ConnectRequest
	cmd := &cobra.Command{
		Use: "connect", Short: "Connect an account to its ATS", Args: cobra.NoArgs, Long: connectLong,
		Example: `  atssync connect --adapter greenhouse --account acme
  atssync connect --adapter greenhouse --account acme --name "Acme" --from-file acme.json
  atssync connect --adapter greenhouse --account acme --from-file acme.json --check-only`,
	}
	f := cmd.Flags()
	f.StringVar(&r.Account, "account", "", "the platform's `id` of the employer")
	f.StringVar(&r.Adapter, "adapter", "", "the `name` of the adapter")
	f.StringVar(&r.Name, "name", "", "a `label` for the connection (default: the account, or ACCOUNT-ADAPTER where that is taken)")
	from := f.String("from-file", "", "the `file` with the fields; - is stdin, as JSON")
	sets := f.StringArray("set", nil, "set one field, `name=value`; may be given many times")
	f.BoolVar(&r.DryRun, "check-only", false, "check and save nothing")
	f.StringVar(&r.OnUncertain, "on-uncertain", "", "hold or resend what nobody knows to have arrived (default: the config's)")
	f.StringVar(&r.ResumeCheck, "resume-check", "", "how resumes are looked at before they are sent: answered, strict or off (default: the config's)")
	f.StringVar(&r.LastNameFallback, "last-name-fallback", "", "the last `name` sent for a person who has none")
	asJSON := jsonFlag(cmd)
	completeFlag(cmd, "adapter", c.adapterNames())
	completeFlag(cmd, "on-uncertain", words("hold", "resend"))
	completeFlag(cmd, "resume-check", words(resumeChecks...))
	cmd.RunE = c.do(func(cmd *cobra.Command, _ []string) error {
		fields := map[string]string{}
		var err error
		if *from != "" {
			if fields, err = c.readFields(*from); err != nil {
				return err
			}
		}
		if err := setFields(fields, *sets); err != nil {
			return err
		}
		if err := c.complete(cmd.Context(), &r, fields); err != nil {
			return err
		}
		alike, err := c.named(cmd.Context(), &r)
		if err != nil {
			return err
		}
		res, err := c.daemon().Connect(cmd.Context(), r)
		if err != nil {
			return err
		}
		c.warnAlike(res.Connection, alike)
		return c.connected(res, *asJSON)
	})
	return cmd
}

// named gives the connection a name where none was given: the account, or account and adapter where another connection has that one. It
// returns the account's connections of the same name.
func (c *command) named(ctx context.Context, r *api.ConnectRequest) ([]api.Connection, error) {
	live, err := c.live(ctx, api.ConnectionQuery{})
	if err != nil {
		return nil, err
	}
	taken := func(name string) bool {
		return slices.ContainsFunc(live, func(x api.Connection) bool { return strings.EqualFold(x.Name, name) })
	}
	if r.Name == "" {
		r.Name = r.Account
		if taken(r.Name) {
			r.Name += "-" + r.Adapter
		}
	}
	return alike(live, r.Account, r.Name), nil
}

// alike returns the connections of an account that have a name, whatever its case.
func alike(live []api.Connection, account, name string) []api.Connection {
	return slices.DeleteFunc(slices.Clone(live), func(x api.Connection) bool {
		return x.Account != account || !strings.EqualFold(x.Name, name)
	})
}

// warnAlike says that a name alone does not tell two connections apart.
func (c *command) warnAlike(con api.Connection, others []api.Connection) {
	for _, x := range others {
		if x.ID != con.ID {
			fmt.Fprintf(c.Err, "Mind: connection %s of this account has the name %s too. Give one another name: atssync connections set ID --name NAME\n",
				x.ID, quoted(clean(x.Name, false)))
		}
	}
}

// complete asks for what is missing, where somebody is there to answer.
func (c *command) complete(ctx context.Context, r *api.ConnectRequest, fields map[string]string) error {
	a := c.asker()
	ask := func(flag, question string, into *string) error {
		if *into != "" {
			return nil
		}
		if !a.possible() {
			return usagef("--%s is missing", flag)
		}
		var err error
		*into, err = a.line(question, "")
		return err
	}
	if err := ask("adapter", "Adapter", &r.Adapter); err != nil {
		return err
	}
	if err := ask("account", "The platform's id of the employer", &r.Account); err != nil {
		return err
	}
	adapter, err := c.daemon().Adapter(ctx, r.Adapter)
	if err != nil {
		return err
	}
	if adapter.Manifest == nil {
		return errors.New("the adapter " + r.Adapter + " does not run, so that nobody knows what it needs: " + first(adapter.Error, adapter.State) +
			"; see: atssync adapters show " + r.Adapter)
	}
	if a.possible() {
		explainSteps(a.out, adapter)
		if err := askFields(a, adapter.Manifest.Fields, fields); err != nil {
			return err
		}
	}
	r.Fields = secretFields(fields)
	return nil
}

func explainSteps(w io.Writer, adapter api.Adapter) {
	if len(adapter.Manifest.Steps) == 0 {
		return
	}
	fmt.Fprintf(w, "How to make the credentials in %s:\n", clean(adapter.Manifest.Label, false))
	for i, step := range adapter.Manifest.Steps {
		fmt.Fprintf(w, "  %d. %s\n", i+1, clean(step, false))
	}
	fmt.Fprintln(w)
}

// askFields asks for every field that was not given. What the operator's config has already is not asked for.
func askFields(a *asker, fields []api.Field, values map[string]string) error {
	for _, f := range fields {
		if _, ok := values[f.Name]; ok || f.Given || f.Who == "operator" && !f.Required {
			continue
		}
		for _, help := range []string{f.Help, f.Where} {
			if help != "" {
				fmt.Fprintf(a.out, "  %s\n", clean(help, false))
			}
		}
		question := first(f.Label, f.Name)
		for {
			var text string
			var err error
			if f.Secret {
				text, err = a.secret(question)
			} else {
				text, err = a.line(question, f.Default)
			}
			if err != nil {
				return err
			}
			if text != "" {
				values[f.Name] = text
			}
			if text != "" || !f.Required {
				break
			}
		}
	}
	return nil
}

func secretFields(in map[string]string) map[string]api.Secret {
	out := make(map[string]api.Secret, len(in))
	for k, v := range in {
		out[k] = api.Secret(v)
	}
	return out
}

// connected shows what was found and saved.
func (c *command) connected(res api.Connected, asJSON bool) error {
	if asJSON {
		return printJSON(c.Out, res)
	}
	tellChecks(c.Out, res.Checks)
	con := res.Connection
	var s sheet
	s.add("connection", con.ID)
	s.add("name", con.Name)
	s.add("account", con.Account)
	s.add("ATS account", con.AccountName)
	s.add("host", con.Host)
	s.add("acts for", user(con.ActingUser.Name, con.ActingUser.Email))
	if con.JobsVisible >= 0 {
		s.add("may see", some(con.JobsVisible, "job"))
	}
	addHook(&s, res.Hook)
	if err := s.write(c.Out); err != nil {
		return err
	}
	for _, n := range res.Notices {
		fmt.Fprintf(c.Err, "Mind: %s\n", clean(n, false))
	}
	switch {
	case res.DryRun:
		fmt.Fprintln(c.Err, "It works. Nothing was saved.")
	case res.Revived:
		fmt.Fprintln(c.Err, "The connection that this ATS account had before is back, with everything that was sent through it.")
	default:
		fmt.Fprintf(c.Err, "Connected. Next, connect its jobs: atssync link --suggest %s\n", quoted(con.Name))
	}
	return nil
}

func user(name, email string) string {
	return strings.TrimSpace(strings.Join(slices.DeleteFunc([]string{name, bracketed(email)}, func(s string) bool { return s == "" }), " "))
}

func bracketed(s string) string {
	if s == "" {
		return ""
	}
	return "<" + s + ">"
}

// quoted makes a word that a shell takes as one.
func quoted(s string) string {
	safe := func(r rune) bool {
		return r == '-' || r == '_' || r == '.' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z'
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !safe(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
