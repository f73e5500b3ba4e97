package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/atssync/atssync/daemon/internal/api"
)

func (c *command) health() *cobra.Command {
	var q api.HealthQuery
	cmd := &cobra.Command{
		Use: "health", Short: "List what does not work, and whose turn it is", Args: cobra.NoArgs,
		Long: `List the operations of connections that do not work, since when, whose turn it is and what to do; then webhooks that are disabled, failing or
paused, or whose deliveries were given up; then what waits: submissions that are held or uncertain, and paused connections. The last backup is named beside it. With --ok what is well is listed too. What the words mean: atssync help states`,
		Example: "  atssync health\n  atssync health --ok --json",
	}
	cmd.Flags().StringVar(&q.Account, "account", "", "only this `account`'s")
	cmd.Flags().BoolVar(&q.All, "ok", false, "what is well too")
	asJSON := jsonFlag(cmd)
	cmd.RunE = c.do(func(cmd *cobra.Command, _ []string) error {
		q.Limit = maxPage
		var lines []api.HealthLine
		webhooks := []api.WebhookHealth{}
		var backup *api.BackupHealth
		for l, err := range api.All("", func(after string) (api.Page[api.HealthLine], error) {
			q.After = after
			page, err := c.daemon().Health(cmd.Context(), q)
			webhooks = append(webhooks, page.Webhooks...)
			if page.Backup != nil {
				backup = page.Backup
			}
			return api.Page[api.HealthLine]{Items: page.Items, Next: page.Next}, err
		}) {
			if err != nil {
				return err
			}
			lines = append(lines, l)
		}
		w, err := c.waiting(cmd.Context(), q.Account)
		if err != nil {
			return err
		}
		if *asJSON {
			if lines == nil {
				lines = []api.HealthLine{}
			}
			return printJSON(c.Out, map[string]any{"items": lines, "webhooks": webhooks, "waiting": w, "backup": backup})
		}
		if err := c.showHealth(lines, webhooks, w); err != nil || backup == nil {
			return err
		}
		fmt.Fprintln(c.Err, backupText(backup))
		return nil
	})
	return cmd
}

// waiting is what is in nobody's way and still not done.
type waiting struct {
	Held      int64     `json:"held"`
	HeldFor   []heldFor `json:"held_for"`
	Uncertain int64     `json:"uncertain"`
	Paused    []string  `json:"paused"` // names of connections
	// Adapters are those whose process does not run.
	Adapters []stopped `json:"adapters"`
}

// stopped is an adapter that does not run, and why.
type stopped struct {
	Name  string `json:"name"`
	State string `json:"state"`
	Error string `json:"error,omitempty"`
}

// heldFor is what submissions are held for, how many of them, and whose turn that is.
type heldFor struct {
	Reason    string `json:"reason"`
	Count     int    `json:"count"`
	More      bool   `json:"more,omitempty"` // than were counted
	WhoseTurn string `json:"whose_turn"`
	Remedy    string `json:"remedy"`
}

// heldFor counts what is held, reason by reason.
func (c *command) heldFor(ctx context.Context, account string) ([]heldFor, error) {
	out := []heldFor{}
	for _, reason := range api.HeldReasons() {
		q := api.SubmissionQuery{Account: account, State: "held", HeldReason: reason, Limit: maxPage}
		page, err := c.daemon().Submissions(ctx, q)
		if err != nil {
			return nil, err
		}
		if n := len(page.Items); n > 0 {
			var r api.SubmitResult
			r.HeldReason = stateOf(r.HeldReason, reason)
			turn, remedy := r.HeldReason.Remedy()
			out = append(out, heldFor{Reason: reason, Count: n, More: page.Next != "", WhoseTurn: string(turn), Remedy: remedy})
		}
	}
	return out, nil
}

// waiting counts what waits, of all accounts with "". An account without a connection is not found.
func (c *command) waiting(ctx context.Context, account string) (waiting, error) {
	w := waiting{HeldFor: []heldFor{}, Paused: []string{}, Adapters: []stopped{}}
	adapters, err := c.daemon().Adapters(ctx)
	if err != nil {
		return w, err
	}
	for _, a := range adapters {
		if a.State != "running" {
			w.Adapters = append(w.Adapters, stopped{a.Name, a.State, a.Error})
		}
	}
	live, err := c.live(ctx, api.ConnectionQuery{Account: account})
	if err != nil {
		return w, err
	}
	if account != "" && len(live) == 0 {
		return w, &api.Error{
			Code: "not_found", Message: fmt.Sprintf("the account %q has no connection", account), Remedy: "see: atssync connections list",
		}
	}
	mine := map[string]bool{}
	for _, x := range live {
		mine[x.ID] = true
		if x.State == "paused" {
			w.Paused = append(w.Paused, x.Name)
		}
	}
	for after := ""; ; {
		page, err := c.daemon().Ledger(ctx, "", false, after, maxPage)
		if err != nil {
			return w, err
		}
		for _, l := range page.Connections {
			if account == "" || mine[l.Connection] {
				w.Held += l.States["held"]
				w.Uncertain += l.States["uncertain"]
			}
		}
		if after = page.Next; after == "" {
			break
		}
	}
	if w.Held > 0 {
		w.HeldFor, err = c.heldFor(ctx, account)
	}
	return w, err
}

// backupText tells of the last backup. It is no trouble: how old one may be is the operator's to say.
func backupText(b *api.BackupHealth) string {
	if r := b.Restored; r != nil {
		return fmt.Sprintf("No backup was made since this store was restored, %s, from the backup of %s: atssync backup --help", at(r.At), at(r.MadeAt))
	}
	if b.LastSuccess.IsZero() {
		return "No backup was made yet: atssync backup --help"
	}
	return fmt.Sprintf("The last backup is of %s, %s.", at(b.LastSuccess), bytesOf(b.Bytes))
}

func (c *command) showHealth(lines []api.HealthLine, webhooks []api.WebhookHealth, w waiting) error {
	err := table(c.Out, []column[api.HealthLine]{
		{"CONNECTION", func(l api.HealthLine) string { return shorten(l.Name, 30) }},
		{"OPERATION", func(l api.HealthLine) string { return string(l.Operation) }},
		{"STATE", func(l api.HealthLine) string { return string(l.State) }},
		{"CAUSE", func(l api.HealthLine) string { return l.Cause }},
		{"SINCE", func(l api.HealthLine) string { return at(l.Since) }},
		{"WHOSE TURN", func(l api.HealthLine) string { return string(l.WhoseTurn) }},
	}, lines, true)
	if err != nil {
		return err
	}
	trouble, parts := false, len(lines)
	part := func() { // an empty line between the parts, and none before the first
		if parts++; parts > 1 {
			fmt.Fprintln(c.Out)
		}
	}
	for _, l := range lines {
		trouble = trouble || l.State != "ok"
		if l.Message == "" && l.Remedy == "" {
			continue
		}
		part()
		fmt.Fprintf(c.Out, "%s, %s: %s\n", clean(l.Name, false), l.Operation, clean(first(l.Message, l.Cause), false))
		if l.Remedy != "" {
			fmt.Fprintf(c.Out, "  what to do: %s\n", clean(l.Remedy, false))
		}
	}
	for _, h := range webhooks {
		trouble = true
		part()
		fmt.Fprintf(c.Out, "webhook %s (%s), %s", h.Webhook, clean(h.URL, false), h.Cause)
		if !h.Since.IsZero() {
			fmt.Fprintf(c.Out, " since %s", at(h.Since))
		}
		fmt.Fprintf(c.Out, ", the turn of the %s: %s\n  what to do: %s\n", h.WhoseTurn, clean(h.Message, false), clean(h.Remedy, false))
	}
	waits := w.text()
	switch {
	case waits != "":
		fmt.Fprintf(c.Out, "%s\n", waits)
	case !trouble:
		fmt.Fprintln(c.Err, "Everything works.")
	}
	return nil
}

// text tells what waits and where it is listed, "" for nothing.
func (w waiting) text() string {
	var lines []string
	for _, a := range w.Adapters {
		lines = append(lines, fmt.Sprintf("adapter %s is %s: %s", clean(a.Name, false), a.State, clean(first(a.Error, "see atssync adapters list"), false)))
	}
	if w.Held > 0 {
		lines = append(lines, fmt.Sprintf("%d held: atssync submissions list --state held", w.Held))
	}
	for _, h := range w.HeldFor {
		more := ""
		if h.More {
			more = " at least"
		}
		lines = append(lines, fmt.Sprintf("  %s:%s %d; whose turn: %s; what to do: %s", h.Reason, more, h.Count, h.WhoseTurn, h.Remedy))
	}
	if w.Uncertain > 0 {
		lines = append(lines, fmt.Sprintf("%d uncertain: atssync submissions list --state uncertain", w.Uncertain))
	}
	for _, name := range w.Paused {
		lines = append(lines, fmt.Sprintf("%s is paused: atssync connections resume %s", clean(name, false), quoted(clean(name, false))))
	}
	return strings.Join(lines, "\n")
}
