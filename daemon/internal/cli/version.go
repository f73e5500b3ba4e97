package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

// version is set by the linker (scripts/build): a tag, or a commit after one.
var version string

// build is what the binary was made of.
type build struct {
	Version  string            `json:"version"`
	Commit   string            `json:"commit,omitempty"`
	Time     string            `json:"commit_time,omitempty"`
	Modified bool              `json:"modified,omitempty"` // the tree had changes beyond the commit
	Go       string            `json:"go"`
	Platform string            `json:"platform"`
	Modules  map[string]string `json:"modules,omitempty"`
}

// buildOf reads what the linker left in this binary.
func buildOf() build {
	b := build{Version: "unknown", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH, Modules: map[string]string{}}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	switch {
	case version != "":
		b.Version = version
	case info.Main.Version != "":
		b.Version = strings.Trim(info.Main.Version, "()") // (devel) where the tree has no version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.time":
			b.Time = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		b.Modules[m.Path] = m.Version
	}
	return b
}

func (c *command) version() *cobra.Command {
	cmd := &cobra.Command{
		Use: "version", Short: "Print the version", Args: cobra.NoArgs,
		Long:    "Print the version of this program, the commit and the Go release it was built with; with --json the modules in it too.",
		Example: "  atssync version\n  atssync version --json",
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = c.do(func(*cobra.Command, []string) error {
		b := buildOf()
		if *asJSON {
			return printJSON(c.Out, b)
		}
		commit := b.Commit
		if b.Modified {
			commit += " (modified)"
		}
		var s sheet
		s.add("atssync", b.Version)
		s.add("commit", commit)
		s.add("commit time", b.Time)
		s.add("go", fmt.Sprintf("%s %s", b.Go, b.Platform))
		return s.write(c.Out)
	})
	return cmd
}
