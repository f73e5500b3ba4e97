package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/atssync/atssync/daemon/internal/api"
)

func (c *command) webhooks() *cobra.Command {
	return parent("webhooks", "Send events to the platform's own programs", `Commands about webhooks: where events are sent to, signed as Standard Webhooks says. Within one application events arrive in their order; one that is
not taken is sent again for more than eight days and holds up nothing but its own application. Private and local addresses are refused unless they
are in allow_networks of [delivery] in the config file.`,
		c.webhooksList(), c.webhooksCreate(), c.webhooksShow(), c.webhooksUpdate(), c.webhooksPause(), c.webhooksResume(), c.webhooksRotate(),
		c.webhooksTest(), c.webhooksDeliveries(), c.webhooksReplay(), c.webhooksDelete())
}

// oneWebhook makes a command whose first argument is a webhook.
func (c *command) oneWebhook(use, short, long, example string) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Long: long, Example: example, Args: cobra.ExactArgs(1),
		ValidArgsFunction: c.suggest(func(ctx context.Context, d *api.Client) ([]cobra.Completion, error) {
			page, err := d.Webhooks(ctx, api.EndpointQuery{})
			var out []cobra.Completion
			for _, w := range page.Items {
				out = append(out, cobra.CompletionWithDesc(w.ID, w.URL))
			}
			return out, err
		}),
	}
}

func (c *command) webhooksList() *cobra.Command {
	var q api.EndpointQuery
	var state string
	cmd := &cobra.Command{
		Use: "list", Short: "List webhooks with what they have not got yet", Args: cobra.NoArgs,
		Long: "List webhooks. WAITING counts deliveries under way or waiting for their next attempt, UNREAD events that were not looked at yet because the webhook is\n" +
			"paused, disabled or takes nothing; DEAD those that were given up.",
		Example: "  atssync webhooks list\n  atssync webhooks list --state disabled --json",
	}
	cmd.Flags().StringVar(&state, "state", "", "only active, paused or disabled ones")
	p := pagingFlags(cmd)
	completeFlag(cmd, "state", words("active", "paused", "disabled"))
	cmd.RunE = c.do(func(cmd *cobra.Command, _ []string) error {
		if err := oneOf("state", state, []string{"active", "paused", "disabled"}); err != nil {
			return err
		}
		columns := []column[api.Webhook]{
			{"ID", func(w api.Webhook) string { return w.ID }},
			{"URL", func(w api.Webhook) string { return shorten(w.URL, 60) }},
			{"STATE", webhookState},
			{"WAITING", func(w api.Webhook) string { return fmt.Sprint(w.Pending) }},
			{"UNREAD", func(w api.Webhook) string { return fmt.Sprint(w.Behind) }},
			{"DEAD", func(w api.Webhook) string { return fmt.Sprint(w.Dead) }},
			{"LAST TAKEN", func(w api.Webhook) string { return at(w.LastSuccessAt) }},
		}
		return list(c, p, columns, func(after string, limit int) (api.Page[api.Webhook], error) {
			q := q
			q.After, q.Limit = after, limit
			q.State = stateOf(q.State, state)
			return c.daemon().Webhooks(cmd.Context(), q)
		})
	})
	return cmd
}

// webhookState is the state as a person needs it: an active one that takes nothing is failing.
func webhookState(w api.Webhook) string {
	if w.State == "active" && !w.FailingAt.IsZero() {
		return "failing"
	}
	return string(w.State)
}

// webhookFilters are the flags that say what a webhook wants.
type webhookFilters struct {
	types, accounts, connections []string
}

func (c *command) webhookFilters(cmd *cobra.Command) *webhookFilters {
	w := &webhookFilters{}
	f := cmd.Flags()
	f.StringSliceVar(&w.types, "types", nil, "only these `types` of events, separated by commas")
	f.StringSliceVar(&w.accounts, "account", nil, "only events of this `account`; may be given many times")
	f.StringSliceVar(&w.connections, "connection", nil, "events of this `connection` besides, by id or name; may be given many times")
	completeFlag(cmd, "types", words(api.EventTypes()...))
	completeFlag(cmd, "connection", c.connectionNames())
	return w
}

func (w *webhookFilters) eventTypes() []api.EventType {
	out := make([]api.EventType, len(w.types))
	for i, t := range w.types {
		out[i] = api.EventType(t)
	}
	return out
}

func (c *command) webhooksCreate() *cobra.Command {
	cmd := &cobra.Command{
		Use: "create URL", Short: "Make a webhook and show its secret, once", Args: cobra.ExactArgs(1),
		Long: `Make a webhook: events that come from now on are sent to the URL. Its signing secret goes to stdout, this once; give it to the receiver, which
verifies with it that requests are ours. It cannot be read again, only exchanged: atssync webhooks rotate.`,
		Example: `  atssync webhooks create https://hooks.example.com/atssync
  atssync webhooks create https://hooks.example.com/acme --account acme --types application.status_changed,application.reopened`,
	}
	filters := c.webhookFilters(cmd)
	beginning := cmd.Flags().Bool("from-beginning", false, "send everything that was ever told and is still kept, too")
	asJSON := jsonFlag(cmd)
	cmd.RunE = c.do(func(cmd *cobra.Command, args []string) error {
		w, err := c.daemon().CreateWebhook(cmd.Context(), api.WebhookRequest{
			URL: args[0], Types: filters.eventTypes(), Accounts: filters.accounts, Connections: filters.connections, FromBeginning: *beginning,
		})
		if err != nil {
			return err
		}
		return c.showSecret(w, *asJSON, "Made webhook %s. Its secret is shown this once:\n")
	})
	return cmd
}

// showSecret prints a secret alone on stdout, so that a script can catch it.
func (c *command) showSecret(w api.WebhookShown, asJSON bool, said string) error {
	if asJSON {
		return printJSON(c.Out, w)
	}
	fmt.Fprintf(c.Err, said, w.ID)
	_, err := fmt.Fprintln(c.Out, w.Secret)
	return err
}

func (c *command) webhooksShow() *cobra.Command {
	cmd := c.oneWebhook("show WEBHOOK", "Show one webhook and what it has not got yet",
		"Show one webhook: where it is, what it wants, how it does, and what waits for it.", "  atssync webhooks show platform")
	asJSON := jsonFlag(cmd)
	cmd.RunE = c.do(func(cmd *cobra.Command, args []string) error {
		w, err := c.daemon().Webhook(cmd.Context(), args[0])
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

func webhookSheet(w api.Webhook) *sheet {
	s := &sheet{}
	s.add("id", w.ID)
	s.add("url", w.URL)
	state := string(w.State)
	if w.Reason != "" {
		state += ": " + w.Reason
	}
	s.add("state", state)
	if !w.FailingAt.IsZero() {
		s.add("takes nothing since", at(w.FailingAt)+", next probe "+at(w.ProbeAt))
	}
	s.add("edited in", string(w.ManagedBy))
	var types []string
	for _, t := range w.Types {
		types = append(types, string(t))
	}
	s.add("types", first(strings.Join(types, ", "), "all"))
	s.add("accounts", strings.Join(w.Accounts, ", "))
	s.add("connections", strings.Join(w.Connections, ", "))
	for _, k := range w.Secrets {
		text := "made " + at(k.CreatedAt)
		if !k.NotAfter.IsZero() {
			text += ", signs until " + at(k.NotAfter)
		}
		s.add("secret", text)
	}
	s.add("last number", fmt.Sprint(w.Sequence))
	s.add("waiting", fmt.Sprint(w.Pending))
	s.add("unread", fmt.Sprint(w.Behind))
	s.add("dead", fmt.Sprint(w.Dead))
	s.add("oldest not delivered", at(w.OldestAt))
	s.add("last taken", at(w.LastSuccessAt))
	s.add("last failure", at(w.LastFailureAt))
	s.add("last error", w.LastError)
	s.add("version", fmt.Sprint(w.Version))
	s.add("created", at(w.CreatedAt))
	return s
}
