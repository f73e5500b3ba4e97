package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/atssync/atssync/daemon/internal/api"
)

func (c *command) connections() *cobra.Command {
	return parent("connections", "List, look at and change connections", "Commands about connections: one account's access to one ATS account.",
		c.connectionsList(), c.connectionsShow(), c.connectionsCheck(), c.connectionsRepair(), c.connectionsSet(),
		c.connectionsPause(), c.connectionsResume(), c.connectionsHook(), c.connectionsRemove(), c.connectionsRelease())
}

func (c *command) connectionsList() *cobra.Command {
	var q api.ConnectionQuery
	var state string
	cmd := &cobra.Command{
		Use: "list", Short: "List connections with their health", Args: cobra.NoArgs,
		Long:    "List connections. HEALTH is the worst of what the connection does; atssync health tells more of what does not work.",
		Example: "  atssync connections list\n  atssync connections list --account acme --json",
	}
	f := cmd.Flags()
	f.StringVar(&q.Account, "account", "", "only this `account`'s")
	f.StringVar(&q.Adapter, "adapter", "", "only those of this adapter, by `name`")
	f.StringVar(&q.Name, "name", "", "only the one of this `name`")
	f.StringVar(&state, "state", "", "only active, paused or removed ones; removed ones are left out otherwise")
	p := pagingFlags(cmd)
	completeFlag(cmd, "adapter", c.adapterNames())
	completeFlag(cmd, "state", words("active", "paused", "removed"))
	cmd.RunE = c.do(func(cmd *cobra.Command, _ []string) error {
		if err := oneOf("state", state, []string{"active", "paused", "removed"}); err != nil {
			return err
		}
		columns := []column[api.Connection]{
			{"ID", func(x api.Connection) string { return x.ID }},
			{"NAME", func(x api.Connection) string { return x.Name }},
			{"ACCOUNT", func(x api.Connection) string { return x.Account }},
			{"ADAPTER", func(x api.Connection) string { return x.Adapter }},
			{"STATE", func(x api.Connection) string { return string(x.State) }},
			{"HEALTH", func(x api.Connection) string { return string(x.Health) }},
			{"ACTS FOR", func(x api.Connection) string { return first(x.ActingUser.Email, x.ActingUser.Name) }},
			{"CHECKED", func(x api.Connection) string { return at(x.CheckedAt) }},
		}
		return list(c, p, columns, func(after string, limit int) (api.Page[api.Connection], error) {
			q := q
			q.After, q.Limit = after, limit
			q.State = stateOf(q.State, state)
			return c.daemon().Connections(cmd.Context(), q)
		})
	})
	return cmd
}

// stateOf gives a flag's text the type of a query's field, which has its name in another package.
func stateOf[T ~string](_ T, text string) T { return T(text) }

func (c *command) connectionsShow() *cobra.Command {
	cmd := c.oneConnection("show CONNECTION", "Show one connection, what works and what does not",
		"Show one connection, by its id or name: its account, acting user and settings, and for each operation how it is, whose turn it is and what to do.",
		"  atssync connections show Acme")
	asJSON := jsonFlag(cmd)
	cmd.RunE = c.do(func(cmd *cobra.Command, args []string) error {
		con, err := c.meant(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		hook, err := c.hookOf(cmd.Context(), con)
		if err != nil {
			return err
		}
		if *asJSON {
			return printJSON(c.Out, struct {
				api.Connection
				Hook *api.Hook `json:"hook,omitempty"`
			}{con, hook})
		}
		ledger, err := c.daemon().Ledger(cmd.Context(), con.ID, false, "", 1)
		if err != nil {
			return err
		}
		s := connectionSheet(con)
		addHook(s, hook)
		s.add("submissions", inStates(ledger))
		return s.write(c.Out)
	})
	return cmd
}

// inStates tells how many submissions are in each state, "none" without any.
func inStates(v api.LedgerView) string {
	parts := []string{}
	for _, state := range api.States() {
		if n := v.Total.States[api.State(state)]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, state))
		}
	}
	return first(strings.Join(parts, ", "), "none")
}

// oneConnection makes a command whose argument is a connection.
func (c *command) oneConnection(use, short, long, example string) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Long: long, Example: example, Args: cobra.ExactArgs(1), ValidArgsFunction: c.connectionNames(),
	}
}

// orByFlag lets a list of one connection take it as --connection too, as the other lists do. The function returns the one
// that was named.
func (c *command) orByFlag(cmd *cobra.Command) func(args []string) (string, error) {
	flag := cmd.Flags().String("connection", "", "the same as CONNECTION")
	completeFlag(cmd, "connection", c.connectionNames())
	cmd.Args = cobra.MaximumNArgs(1)
	return func(args []string) (string, error) {
		named := slices.DeleteFunc(append(args, *flag), func(s string) bool { return s == "" })
		if len(named) != 1 {
			return "", usagef("name one connection; usage: %s", cmd.UseLine())
		}
		return named[0], nil
	}
}

func connectionSheet(con api.Connection) *sheet {
	s := &sheet{}
	s.add("id", con.ID)
	s.add("name", con.Name)
	s.add("account", con.Account)
	s.add("adapter", con.Adapter)
	state := string(con.State)
	if con.PausedReason != "" {
		state += ": " + con.PausedReason
	}
	s.add("state", state)
	s.add("health", string(con.Health))
	s.add("holds everything", string(con.HoldReason))
	s.add("edited in", string(con.ManagedBy))
	s.add("ATS account", con.AccountName)
	s.add("host", con.Host)
	s.add("acts for", user(con.ActingUser.Name, con.ActingUser.Email))
	if con.JobsVisible >= 0 {
		s.add("may see", some(con.JobsVisible, "job"))
	}
	s.add("on uncertain", string(con.OnUncertain))
	s.add("resumes are looked at", string(con.ResumeCheck))
	s.add("last name fallback", con.LastNameFallback)
	for _, k := range slices.Sorted(maps.Keys(con.Settings)) {
		s.add("setting "+k, con.Settings[k])
	}
	for _, op := range slices.Sorted(maps.Keys(con.Operations)) {
		h := con.Operations[op]
		text := string(h.State)
		if h.Cause != "" {
			text += " (" + h.Cause + ")"
		}
		if !h.Since.IsZero() {
			text += " since " + at(h.Since)
		}
		if t := h.Trouble; t != nil {
			text += "\n" + clean(t.Message, false)
			if t.Turn != "" {
				text += "\nwhose turn: " + string(t.Turn)
			}
			if t.Remedy != "" {
				text += "\nwhat to do: " + clean(t.Remedy, false)
			}
		}
		s.add(string(op), text)
	}
	for _, job := range slices.Sorted(maps.Keys(con.Jobs)) {
		t := con.Jobs[job]
		text := string(t.Reason)
		if t.Trouble != nil {
			text += ": " + t.Trouble.Message
		}
		s.add("job "+job, text)
	}
	s.add("version", fmt.Sprint(con.Version))
	s.add("created", at(con.CreatedAt))
	s.add("checked", at(con.CheckedAt))
	s.add("removed", at(con.RemovedAt))
	return s
}
