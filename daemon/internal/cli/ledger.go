package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/atssync/atssync/daemon/internal/api"
)

func (c *command) ledger() *cobra.Command {
	var connection string
	cmd := &cobra.Command{
		Use: "ledger", Short: "Account for every submission that was ever accepted", Args: cobra.NoArgs,
		Long: `Print the ledger: for each connection how many submissions were accepted, and in which state each of them is now. The two always add up; where they do not,
OK says so and the exit code is 1. With --recount the records are counted too, and compared.`,
		Example: "  atssync ledger\n  atssync ledger --recount --json",
	}
	c.connectionFlag(cmd, &connection, "only this `connection`'s, by id or name")
	recount := cmd.Flags().Bool("recount", false, "count the records too, and compare")
	asJSON := jsonFlag(cmd)
	cmd.RunE = c.do(func(cmd *cobra.Command, _ []string) error {
		id, err := c.connectionID(cmd.Context(), connection)
		if err != nil {
			return err
		}
		view, err := c.wholeLedger(cmd, id, *recount)
		if err != nil {
			return err
		}
		if *asJSON {
			err = printJSON(c.Out, view)
		} else {
			err = c.showLedger(view, c.namer(cmd.Context()))
		}
		if err == nil && !view.Total.OK {
			return &told{exitFailed}
		}
		return err
	})
	return cmd
}

// wholeLedger reads every page and adds them up.
func (c *command) wholeLedger(cmd *cobra.Command, connection string, recount bool) (api.LedgerView, error) {
	whole := api.LedgerView{}
	whole.Total.OK = true
	for after := ""; ; {
		page, err := c.daemon().Ledger(cmd.Context(), connection, recount, after, maxPage)
		if err != nil {
			return whole, err
		}
		whole.Connections = append(whole.Connections, page.Connections...)
		for _, l := range page.Connections {
			whole.Total.Add(l.Ledger)
			whole.Total.OK = whole.Total.OK && l.OK
			for state, n := range l.Counted {
				if whole.Total.Counted == nil {
					whole.Total.Counted = map[api.State]int64{}
				}
				whole.Total.Counted[state] += n
			}
		}
		if after = page.Next; after == "" {
			return whole, nil
		}
	}
}

func (c *command) showLedger(v api.LedgerView, names *namer) error {
	lines := v.Connections
	if len(lines) != 1 {
		total := v.Total
		total.Connection = ""
		lines = append(lines, total)
	}
	type line = struct {
		name string
		l    int
	}
	columns := []column[line]{{"CONNECTION", func(x line) string { return x.name }}, {"ACCEPTED", func(x line) string {
		return fmt.Sprint(lines[x.l].Accepted)
	}}}
	for _, state := range api.States() {
		title := strings.ToUpper(strings.ReplaceAll(state, "_", " "))
		columns = append(columns, column[line]{title, func(x line) string {
			l := lines[x.l]
			n := l.States[api.State(state)]
			if counted, ok := l.Counted[api.State(state)]; ok && counted != n {
				return fmt.Sprintf("%d (counted %d)", n, counted)
			}
			return fmt.Sprint(n)
		}})
	}
	columns = append(columns, column[line]{"OK", func(x line) string {
		if lines[x.l].OK {
			return "yes"
		}
		return "NO"
	}})
	rows := make([]line, len(lines))
	for i := range lines {
		rows[i] = line{names.connection(lines[i].Connection), i}
	}
	if len(lines) != 1 {
		rows[len(rows)-1].name = "all"
	}
	return table(c.Out, columns, rows, true)
}
