package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/atssync/atssync/config"
	"github.com/atssync/atssync/daemon/internal/app"
)

func (c *command) configs() *cobra.Command {
	return parent("config", "Check the config file", "Commands about the daemon's config file.", c.configCheck(), c.configExample())
}

func (c *command) configCheck() *cobra.Command {
	cmd := &cobra.Command{
		Use: "check [FILE]", Short: "Report every problem of a config file", Args: cobra.MaximumNArgs(1),
		Long: `Read a config file as the daemon would, and report every problem at once: one line each, with file, line, key and what to write
instead. Nothing is started and no ATS is asked. The exit code is 1 when there is a problem. What may be right elsewhere or later, such as
a folder that is not there, is a warning on stderr.`,
		Example: "  atssync config check\n  atssync config check ./atssync.toml --json",
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = c.do(func(_ *cobra.Command, args []string) error {
		path := c.configPath()
		if len(args) == 1 {
			path = args[0]
		}
		conf, err := app.LoadConfig(path)
		problems, ok := errors.AsType[config.Problems](err)
		if err != nil && !ok {
			return err
		}
		var warnings config.Problems
		if conf != nil {
			warnings = conf.Warnings
		}
		if *asJSON {
			all := map[string]any{"file": path, "ok": err == nil, "problems": shown(problems), "warnings": shown(warnings)}
			if err := printJSON(c.Out, all); err != nil {
				return err
			}
		} else {
			for _, p := range problems {
				fmt.Fprintln(c.Out, clean(p.String(), false))
			}
		}
		if err != nil {
			fmt.Fprintf(c.Err, "atssync: %s in %s\n", some(len(problems), "problem"), path)
			return &told{exitFailed}
		}
		if !*asJSON {
			for _, w := range warnings {
				fmt.Fprintf(c.Err, "warning: %s\n", clean(w.String(), false))
			}
			fmt.Fprintf(c.Out, "%s is good.\n", path)
		}
		return nil
	})
	return cmd
}

// problem is a config problem as programs read it.
type problem struct {
	File    string `json:"file"`
	Line    int    `json:"line,omitempty"`
	Key     string `json:"key,omitempty"`
	Message string `json:"message"`
	Nearest string `json:"nearest,omitempty"`
}

func shown(in config.Problems) []problem {
	out := make([]problem, len(in))
	for i, p := range in {
		out[i] = problem{File: p.File, Line: p.Line, Key: p.Key, Message: p.Message, Nearest: p.Nearest}
	}
	return out
}

func (c *command) configExample() *cobra.Command {
	return &cobra.Command{
		Use: "example", Short: "Print a config file with every key and its default", Args: cobra.NoArgs,
		Long:    "Print a config file that holds every key with its default and one line on what it means.",
		Example: "  atssync config example > atssync.toml",
		RunE: c.do(func(*cobra.Command, []string) error {
			_, err := c.Out.Write(config.Example())
			return err
		}),
	}
}
