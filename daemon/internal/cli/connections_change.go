package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/atssync/atssync/daemon/internal/api"
)

func (c *command) connectionsCheck() *cobra.Command {
	cmd := c.oneConnection("check CONNECTION", "Check a connection against its ATS now",
		"Ask the ATS whether the connection's credentials still work and what they may do. The exit code is 8 when something that is needed does not.",
		"  atssync connections check Acme")
	asJSON := jsonFlag(cmd)
	cmd.RunE = c.do(func(cmd *cobra.Command, args []string) error {
		id, err := c.connectionID(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		v, err := c.daemon().CheckConnection(cmd.Context(), id)
		if err != nil {
			return err
		}
		if *asJSON {
			err = printJSON(c.Out, v)
		} else {
			tellChecks(c.Out, v.Checks)
		}
		if err == nil && !v.OK {
			return &told{exitCheck}
		}
		return err
	})
	return cmd
}

func (c *command) connectionsRepair() *cobra.Command {
	cmd := c.oneConnection("repair CONNECTION", "Give a connection new credentials",
		`Give a connection new credentials, which are checked first. Fields that are not given are kept. On a terminal, without --from-file and --set, the secret
fields are asked for; an empty answer keeps what there is.`,
		"  atssync connections repair Acme\n  atssync connections repair Acme --from-file acme.json")
	f := cmd.Flags()
	from := f.String("from-file", "", "the `file` with the fields; - is stdin, as JSON")
	sets := f.StringArray("set", nil, "set one field, `name=value`; may be given many times")
	other := f.String("other-account", "", "the `identity` that a refusal named: that other user or ATS account is meant")
	asJSON := jsonFlag(cmd)
	cmd.RunE = c.do(func(cmd *cobra.Command, args []string) error {
		con, err := c.meant(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		fields := map[string]string{}
		if *from != "" {
			if fields, err = c.readFields(*from); err != nil {
				return err
			}
		}
		if err := setFields(fields, *sets); err != nil {
			return err
		}
		if len(fields) == 0 {
			if err := c.askSecrets(cmd.Context(), con.Adapter, fields); err != nil {
				return err
			}
		}
		res, err := c.daemon().RepairConnection(cmd.Context(), con.ID, api.RepairRequest{
			Version: con.Version, Fields: secretFields(fields), OtherAccount: *other,
		})
		if err != nil {
			return err
		}
		if *asJSON {
			return printJSON(c.Out, res)
		}
		tellChecks(c.Out, res.Checks)
		fmt.Fprintf(c.Err, "The new credentials of %s are in use.\n", clean(res.Connection.Name, false))
		for _, n := range res.Notices {
			fmt.Fprintf(c.Err, "Mind: %s\n", clean(n, false))
		}
		return nil
	})
	return cmd
}

// askSecrets asks for the secret fields of an adapter; an empty answer leaves one out.
func (c *command) askSecrets(ctx context.Context, adapter string, fields map[string]string) error {
	a := c.asker()
	if !a.possible() {
		return usagef("say what changes, with --from-file or --set")
	}
	ad, err := c.daemon().Adapter(ctx, adapter)
	if err != nil {
		return err
	}
	if ad.Manifest == nil {
		return fmt.Errorf("the adapter %s does not run, so that nobody knows what it needs; see: atssync adapters show %s", adapter, adapter)
	}
	for _, f := range ad.Manifest.Fields {
		if !f.Secret {
			continue
		}
		text, err := a.secret(first(f.Label, f.Name) + ", empty to keep it")
		if err != nil {
			return err
		}
		if text != "" {
			fields[f.Name] = text
		}
	}
	return nil
}

// resumeChecks are the ways to look at resumes.
var resumeChecks = []string{"answered", "strict", "off"}

func (c *command) connectionsSet() *cobra.Command {
	cmd := c.oneConnection("set CONNECTION", "Change a connection's name or settings",
		"Change what is given of a connection. Settings that decide which ATS account is reached are checked first. Credentials are changed with repair.",
		"  atssync connections set Acme --name 'Acme Ltd'\n  atssync connections set Acme --on-uncertain hold")
	f := cmd.Flags()
	name := f.String("name", "", "its `label`")
	onUncertain := f.String("on-uncertain", "", "hold or resend what nobody knows to have arrived")
	resumes := f.String("resume-check", "", "how resumes are looked at before they are sent: answered, strict or off")
	lastName := f.String("last-name-fallback", "", "the last `name` sent for a person who has none")
	sets := f.StringArray("set", nil, "change a setting, `name=value`; an empty value returns to the default")
	asJSON := jsonFlag(cmd)
	completeFlag(cmd, "on-uncertain", words("hold", "resend"))
	completeFlag(cmd, "resume-check", words(resumeChecks...))
	cmd.RunE = c.do(func(cmd *cobra.Command, args []string) error {
		con, err := c.meant(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		r := api.UpdateRequest{Version: con.Version, Fields: map[string]string{}}
		given := func(flag string, value *string) *string {
			if !cmd.Flags().Changed(flag) {
				return nil
			}
			return value
		}
		r.Name, r.OnUncertain, r.LastNameFallback = given("name", name), given("on-uncertain", onUncertain), given("last-name-fallback", lastName)
		r.ResumeCheck = given("resume-check", resumes)
		if err := setFields(r.Fields, *sets); err != nil {
			return err
		}
		if r.Name == nil && r.OnUncertain == nil && r.ResumeCheck == nil && r.LastNameFallback == nil && len(r.Fields) == 0 {
			return usagef("say what changes; see: atssync connections set --help")
		}
		if con, err = c.daemon().UpdateConnection(cmd.Context(), con.ID, r); err != nil {
			return err
		}
		if r.Name != nil {
			live, err := c.live(cmd.Context(), api.ConnectionQuery{Account: con.Account})
			if err != nil {
				return err
			}
			c.warnAlike(con, alike(live, con.Account, con.Name))
		}
		if *asJSON {
			return printJSON(c.Out, con)
		}
		return connectionSheet(con).write(c.Out)
	})
	return cmd
}

func (c *command) connectionsPause() *cobra.Command {
	cmd := c.oneConnection("pause CONNECTION", "Hold a connection's applications and read nothing",
		"Pause a connection: what is queued is held, what comes in is accepted and held, and nothing is read, until it is resumed.",
		"  atssync connections pause Acme --reason 'they change their careers page'")
	reason := cmd.Flags().String("reason", "", "why, for whoever looks at it later; a `text`")
	asJSON := jsonFlag(cmd)
	cmd.RunE = c.do(func(cmd *cobra.Command, args []string) error {
		return c.change(cmd.Context(), args[0], *asJSON, "Paused %s.", func(ctx context.Context, id string) (api.Connection, error) {
			return c.daemon().PauseConnection(ctx, id, *reason, 0)
		})
	})
	return cmd
}

func (c *command) connectionsResume() *cobra.Command {
	cmd := c.oneConnection("resume CONNECTION", "End a pause",
		"Resume a paused connection: what was held for the pause is judged again, at the configured pace.",
		"  atssync connections resume Acme")
	asJSON := jsonFlag(cmd)
	cmd.RunE = c.do(func(cmd *cobra.Command, args []string) error {
		return c.change(cmd.Context(), args[0], *asJSON, "Resumed %s.", func(ctx context.Context, id string) (api.Connection, error) {
			return c.daemon().ResumeConnection(ctx, id, 0)
		})
	})
	return cmd
}

func (c *command) connectionsRemove() *cobra.Command {
	cmd := c.oneConnection("remove CONNECTION", "Destroy a connection's credentials and cancel what waits",
		`Remove a connection: its credentials are destroyed, what waits is cancelled, nothing is read any more. What was sent stays known, so that connecting
the same ATS account again sends nothing twice.`,
		"  atssync connections remove Acme --yes")
	sure := cmd.Flags().BoolP("yes", "y", false, "do not ask")
	asJSON := jsonFlag(cmd)
	cmd.RunE = c.do(func(cmd *cobra.Command, args []string) error {
		return c.change(cmd.Context(), args[0], *asJSON, "Removed %s.", func(ctx context.Context, id string) (api.Connection, error) {
			question := fmt.Sprintf("Remove %s (%s), destroy its credentials and cancel what waits?", quoted(args[0]), id)
			if err := c.sure(*sure, question); err != nil {
				return api.Connection{}, err
			}
			return c.daemon().RemoveConnection(ctx, id)
		})
	})
	return cmd
}

// change finds a connection, does something to it and says so.
func (c *command) change(
	ctx context.Context, idOrName string, asJSON bool, done string, do func(ctx context.Context, id string) (api.Connection, error),
) error {
	id, err := c.connectionID(ctx, idOrName)
	if err != nil {
		return err
	}
	con, err := do(ctx, id)
	if err != nil {
		return err
	}
	if asJSON {
		return printJSON(c.Out, con)
	}
	fmt.Fprintf(c.Err, done+"\n", clean(con.Name, false))
	return nil
}
