// Package manual writes the man pages: one for each command, made of its help, and one for the config file, made of its example.
// It runs when the packages are built; no program of a user has it.
//
// The pages are written here and not by the generator of the library that the commands come from: that one takes help for
// Markdown, which ours is not, and loses words in <angles> and the form of tables.
package manual

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Options are what stands in the head of every page.
type Options struct {
	Version string
	Date    time.Time
}

// Pages returns the pages of a tree of commands by their file names, such as atssync-link.1.
func Pages(root *cobra.Command, o Options) map[string]string {
	out := map[string]string{}
	visit(root, func(cmd *cobra.Command) { out[name(cmd)+".1"] = command(cmd, o) })
	return out
}

func visit(cmd *cobra.Command, f func(*cobra.Command)) {
	f(cmd)
	for _, child := range cmd.Commands() {
		if told(child) {
			visit(child, f)
		}
	}
}

// told says whether a command has a page: the library's own help command only repeats them.
func told(cmd *cobra.Command) bool { return !cmd.Hidden && cmd.Name() != "help" }

func name(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

func command(cmd *cobra.Command, o Options) string {
	var p page
	p.heading(name(cmd), 1, o)
	p.section("NAME")
	fmt.Fprintf(&p, "%s \\- %s\n", escape(name(cmd)), escape(cmd.Short))
	p.section("SYNOPSIS")
	use := cmd.UseLine()
	if cmd.HasAvailableSubCommands() {
		use += " [COMMAND]"
	}
	p.prose(use)
	p.section("DESCRIPTION")
	p.prose(cmd.Long)
	p.commands(cmd)
	p.flags("OPTIONS", cmd.NonInheritedFlags())
	p.flags("OPTIONS OF EVERY COMMAND", cmd.InheritedFlags())
	if cmd.Example != "" {
		p.section("EXAMPLES")
		p.prose(cmd.Example)
	}
	if !cmd.HasParent() {
		p.files()
	}
	p.related(cmd)
	return p.String()
}

// commands lists the commands below one, in the order of the help.
func (p *page) commands(cmd *cobra.Command) {
	children := slices.DeleteFunc(slices.Clone(cmd.Commands()), func(c *cobra.Command) bool { return !told(c) })
	if len(children) == 0 {
		return
	}
	p.section("COMMANDS")
	for _, group := range append(cmd.Groups(), &cobra.Group{}) {
		first := true
		for _, child := range children {
			if child.GroupID != group.ID {
				continue
			}
			if first && len(cmd.Groups()) > 0 {
				title := strings.TrimSuffix(group.Title, ":")
				if title == "" {
					title = "Help and more"
				}
				p.subsection(title)
			}
			first = false
			p.tagged(strings.TrimPrefix(child.CommandPath(), cmd.Root().Name()+" "), child.Short+".")
		}
	}
}

func (p *page) flags(title string, set *pflag.FlagSet) {
	if !set.HasAvailableFlags() {
		return
	}
	p.section(title)
	set.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		value, usage := pflag.UnquoteUsage(f)
		term := "--" + f.Name
		if f.Shorthand != "" {
			term = "-" + f.Shorthand + ", " + term
		}
		if value != "" {
			term += " " + value
		}
		switch f.DefValue {
		case "", "false", "0", "[]", "0s":
		default:
			usage += " (default " + f.DefValue + ")"
		}
		p.tagged(term, usage)
	})
}

// files is what the page of the whole tells of the machine.
func (p *page) files() {
	p.section("ENVIRONMENT")
	p.tagged("ATSSYNC_CONFIG", "The config file, where --config is not given.")
	p.tagged("ATSSYNC_SOCKET", "The daemon's socket, where --socket is not given.")
	p.section("FILES")
	p.tagged("/etc/atssync/atssync.toml", "The config file, atssync.toml(5).")
	p.tagged("/run/atssync/atssync.sock", "The daemon's socket.")
	p.section("EXIT STATUS")
	p.prose("See atssync-exit-codes(1).")
}

func (p *page) related(cmd *cobra.Command) {
	var pages []string
	if cmd.HasParent() {
		pages = append(pages, name(cmd.Parent())+"(1)")
	}
	for _, child := range cmd.Commands() {
		if told(child) {
			pages = append(pages, name(child)+"(1)")
		}
	}
	p.section("SEE ALSO")
	p.prose(strings.Join(append(pages, "atssync.toml(5)"), ", "))
}
