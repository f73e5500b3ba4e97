package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/atssync/atssync/daemon/internal/api"
)

func (c *command) webhooksUpdate() *cobra.Command {
	cmd := c.oneWebhook("update WEBHOOK", "Change where a webhook is or what it wants",
		`Change what is given of a webhook; an empty value takes a filter away. Its numbers go on, and events that were looked at already are not looked at
again. What waits goes to the new URL.`,
		"  atssync webhooks update whk_06h0mdx451zp9ercm8wtda6jv0 --url https://hooks.example.com/new\n  atssync webhooks update platform --types ''")
	filters := c.webhookFilters(cmd)
	url := cmd.Flags().String("url", "", "its new `URL`")
	asJSON := jsonFlag(cmd)
	cmd.RunE = c.do(func(cmd *cobra.Command, args []string) error {
		var u api.WebhookUpdate
		changed := cmd.Flags().Changed
		if changed("url") {
			u.URL = url
		}
		if changed("types") {
			types := filters.eventTypes()
			u.Types = &types
		}
		if changed("account") {
			u.Accounts = &filters.accounts
		}
		if changed("connection") {
			u.Connections = &filters.connections
		}
		if u.URL == nil && u.Types == nil && u.Accounts == nil && u.Connections == nil {
			return usagef("say what changes; see: atssync webhooks update --help")
		}
		w, err := c.daemon().UpdateWebhook(cmd.Context(), args[0], u)
		if err != nil {
			return err
		}
		if *asJSON {
			return printJSON(c.Out, w)
		}
		return webhookSheet(w).write(c.Out)
	})
	return cmd
}

// changeWebhook does something to a webhook and says so.
func (c *command) changeWebhook(ctx context.Context, id string, asJSON bool, done string, do func(ctx context.Context, id string) (api.Webhook, error)) error {
	w, err := do(ctx, id)
	if err != nil {
		return err
	}
	if asJSON {
		return printJSON(c.Out, w)
	}
	fmt.Fprintf(c.Err, done+"\n", clean(w.ID, false), w.Pending+w.Behind)
	return nil
}

func (c *command) webhooksPause() *cobra.Command {
	cmd := c.oneWebhook("pause WEBHOOK", "Send nothing to a webhook until it is resumed",
		"Pause a webhook. Its place is kept: what comes meanwhile is sent when it is resumed.", "  atssync webhooks pause platform --reason 'they move'")
	reason := cmd.Flags().String("reason", "", "why, for whoever looks at it later; a `text`")
	asJSON := jsonFlag(cmd)
	cmd.RunE = c.do(func(cmd *cobra.Command, args []string) error {
		return c.changeWebhook(cmd.Context(), args[0], *asJSON, "Paused %s; %d events wait at most.", func(ctx context.Context, id string) (api.Webhook, error) {
			return c.daemon().PauseWebhook(ctx, id, *reason)
		})
	})
	return cmd
}

func (c *command) webhooksResume() *cobra.Command {
	cmd := c.oneWebhook("resume WEBHOOK", "Send to a paused or disabled webhook again",
		"Resume a webhook that was paused, or that is disabled because it answered 410. It goes on where it stopped.", "  atssync webhooks resume platform")
	asJSON := jsonFlag(cmd)
	cmd.RunE = c.do(func(cmd *cobra.Command, args []string) error {
		return c.changeWebhook(cmd.Context(), args[0], *asJSON, "Resumed %s; %d events go out at most.", func(ctx context.Context, id string) (api.Webhook, error) {
			return c.daemon().ResumeWebhook(ctx, id)
		})
	})
	return cmd
}

func (c *command) webhooksRotate() *cobra.Command {
	cmd := c.oneWebhook("rotate WEBHOOK", "Give a webhook a new secret and show it, once",
		`Give a webhook a new signing secret, which goes to stdout this once. The present one signs besides for as long as --overlap says, so that receivers can
change over; one that was being exchanged already ends now.`,
		"  atssync webhooks rotate platform\n  atssync webhooks rotate platform --overlap 0s")
	overlap := cmd.Flags().Duration("overlap", 24*time.Hour, "how long the present secret still signs, at most 720h")
	asJSON := jsonFlag(cmd)
	cmd.RunE = c.do(func(cmd *cobra.Command, args []string) error {
		if *overlap < 0 {
			return usagef("--overlap is not negative")
		}
		w, err := c.daemon().RotateWebhook(cmd.Context(), args[0], *overlap)
		if err != nil {
			return err
		}
		return c.showSecret(w, *asJSON, "The new secret of %s is shown this once:\n")
	})
	return cmd
}

func (c *command) webhooksDelete() *cobra.Command {
	cmd := c.oneWebhook("delete WEBHOOK", "Forget a webhook and everything that waits for it",
		"Delete a webhook: its secrets are destroyed and what it did not get yet is never sent to it. The events stand in the feed all the same.",
		"  atssync webhooks delete whk_06h0mdx451zp9ercm8wtda6jv0 --yes")
	sure := cmd.Flags().BoolP("yes", "y", false, "do not ask")
	asJSON := jsonFlag(cmd)
	cmd.RunE = c.do(func(cmd *cobra.Command, args []string) error {
		w, err := c.daemon().Webhook(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		if err := c.sure(*sure, fmt.Sprintf("Delete %s (%s)? %d events that it did not get are never sent to it.", w.ID, w.URL, w.Pending+w.Behind)); err != nil {
			return err
		}
		if err := c.daemon().DeleteWebhook(cmd.Context(), args[0]); err != nil {
			return err
		}
		if *asJSON {
			return printJSON(c.Out, map[string]string{"deleted": w.ID})
		}
		fmt.Fprintf(c.Err, "Deleted %s.\n", clean(w.ID, false))
		return nil
	})
	return cmd
}

func (c *command) webhooksTest() *cobra.Command {
	cmd := c.oneWebhook("test WEBHOOK", "Send a test event now and tell how it ended",
		`Send a signed event of type webhook.test now, whatever the webhook's state, and tell how it ended. It has no number and is not sent again. The exit
code is 8 when it was not taken.`,
		"  atssync webhooks test platform")
	asJSON := jsonFlag(cmd)
	cmd.RunE = c.do(func(cmd *cobra.Command, args []string) error {
		a, err := c.daemon().TestWebhook(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		if *asJSON {
			err = printJSON(c.Out, a)
		} else {
			s := &sheet{}
			s.add("result", first(a.Error, "taken"))
			if a.Status != 0 {
				s.add("status", fmt.Sprint(a.Status))
			}
			s.add("took", (time.Duration(a.DurationMS) * time.Millisecond).String())
			s.add("answer", a.Answer)
			err = s.write(c.Out)
		}
		if err == nil && a.Error != "" {
			return &told{exitCheck}
		}
		return err
	})
	return cmd
}
