package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/atssync/atssync/daemon/internal/api"
	"github.com/atssync/atssync/daemon/internal/app"
)

func (c *command) adapters() *cobra.Command {
	return parent("adapters", "List, call and test adapters",
		"Commands about adapters, the programs that speak to applicant tracking systems.",
		c.adaptersList(), c.adaptersShow(), c.adaptersCall(), c.adaptersConform())
}

func (c *command) adaptersList() *cobra.Command {
	cmd := &cobra.Command{
		Use: "list", Short: "List the adapters", Args: cobra.NoArgs,
		Long: `List the adapters. Where the daemon answers, it tells how their processes are; else, and with --offline, the adapters of the config file
and its adapters folder are started for a moment and asked what they are.`,
		Example: "  atssync adapters list\n  atssync adapters list --offline --config ./atssync.toml",
	}
	asJSON := jsonFlag(cmd)
	offline := cmd.Flags().Bool("offline", false, "do not ask the daemon")
	cmd.RunE = c.do(func(cmd *cobra.Command, _ []string) error {
		if !*offline {
			list, err := c.daemon().Adapters(cmd.Context())
			if err == nil {
				return listAll(c, *asJSON, adapterColumns, list)
			}
			if !errors.Is(err, api.ErrUnreachable) {
				return err
			}
			fmt.Fprintln(c.Err, "No daemon answers; the programs were asked themselves.")
		}
		conf, err := app.LoadConfig(c.configPath())
		if err != nil {
			return err
		}
		return listAll(c, *asJSON, adapterFileColumns, app.AdapterFiles(cmd.Context(), conf))
	})
	return cmd
}

var adapterColumns = []column[api.Adapter]{
	{"NAME", func(a api.Adapter) string { return a.Name }},
	{"STATE", func(a api.Adapter) string { return a.State }},
	{"VERSION", func(a api.Adapter) string {
		if a.Manifest == nil {
			return ""
		}
		return a.Manifest.Version
	}},
	{"PID", func(a api.Adapter) string {
		if a.PID == 0 {
			return ""
		}
		return count(a.PID)
	}},
	{"SINCE", func(a api.Adapter) string { return at(a.Since) }},
	{"RESTARTS", func(a api.Adapter) string { return count(a.Restarts) }},
	{"PATH", func(a api.Adapter) string { return a.Path }},
	{"TROUBLE", func(a api.Adapter) string { return a.Error }},
}

var adapterFileColumns = []column[app.AdapterFile]{
	{"NAME", func(a app.AdapterFile) string { return a.Name }},
	{"LABEL", func(a app.AdapterFile) string { return a.Label }},
	{"VERSION", func(a app.AdapterFile) string { return a.Version }},
	{"CONTRACT", func(a app.AdapterFile) string { return a.Contract }},
	{"PATH", func(a app.AdapterFile) string { return a.Path }},
	{"TROUBLE", func(a app.AdapterFile) string { return a.Error }},
}

func (c *command) adaptersShow() *cobra.Command {
	cmd := &cobra.Command{
		Use: "show NAME", Short: "Show an adapter, what it can do and what a connection needs", Args: cobra.ExactArgs(1),
		Long:              "Show one adapter: how its process is, what it can do, and the fields that a connection needs, with where they are found.",
		Example:           "  atssync adapters show greenhouse",
		ValidArgsFunction: c.adapterNames(),
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = c.do(func(cmd *cobra.Command, args []string) error {
		a, err := c.daemon().Adapter(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		if *asJSON {
			return printJSON(c.Out, a)
		}
		return adapterSheet(a).write(c.Out)
	})
	return cmd
}

func adapterSheet(a api.Adapter) *sheet {
	s := &sheet{}
	s.add("name", a.Name)
	s.add("state", a.State)
	s.add("path", a.Path)
	s.add("since", at(a.Since))
	s.add("restarts", count(a.Restarts))
	s.add("trouble", a.Error)
	s.add("it printed", strings.Join(a.Stderr, "\n"))
	m := a.Manifest
	if m == nil {
		return s
	}
	s.add("label", m.Label)
	s.add("version", m.Version)
	s.add("contract", fmt.Sprintf("%d to %d", m.ContractMin, m.ContractMax))
	s.add("powers", strings.Trim(fmt.Sprint(m.Powers), "[]"))
	s.add("find", string(m.Find))
	s.add("dedupe", string(m.Dedupe))
	for _, f := range m.Fields {
		about := []string{f.Label}
		if f.Secret {
			about = append(about, "secret")
		}
		if f.Required {
			about = append(about, "required")
		}
		about = append(about, string(f.Who))
		lines := []string{strings.Join(about, ", "), f.Help, f.Where}
		s.add("field "+f.Name, strings.Join(slices.DeleteFunc(lines, func(l string) bool { return l == "" }), "\n"))
	}
	s.add("steps", strings.Join(m.Steps, "\n"))
	return s
}
