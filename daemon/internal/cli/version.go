package cli

import (
	"fmt"
	"maps"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// These are set by the linker (scripts/lib/build.sh), as Go itself tells nothing of a commit in a linked work tree: a tag or a commit
// after one; the commit, its time, and whether the tree had changes beyond it ("true").
var version, commit, commitTime, modified string

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
	b := build{
		Version: "unknown", Commit: commit, Time: commitTime, Modified: modified == "true",
		Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH, Modules: map[string]string{},
	}
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
	if commit == "" {
		b.stamps(info.Settings)
	}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		b.Modules[m.Path] = m.Version
	}
	return b
}

// stamps takes what Go itself wrote of the commit, as go install does.
func (b *build) stamps(settings []debug.BuildSetting) {
	for _, s := range settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.time":
			b.Time = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
}

func (c *command) version() *cobra.Command {
	cmd := &cobra.Command{
		Use: "version", Short: "Print the version", Args: cobra.NoArgs,
		Long: `Print the version of this program, the commit that it was built from and when that was made, and the Go release; with --modules or --json
also every module in it with its version.`,
		Example: "  atssync version\n  atssync version --modules\n  atssync version --json",
	}
	asJSON := jsonFlag(cmd)
	modules := cmd.Flags().Bool("modules", false, "tell the modules in it too")
	cmd.RunE = c.do(func(*cobra.Command, []string) error {
		b := buildOf()
		if *asJSON {
			return printJSON(c.Out, b)
		}
		from := b.Commit
		if b.Modified {
			from += " (modified)"
		}
		var s sheet
		s.add("atssync", b.Version)
		s.add("commit", from)
		s.add("commit time", b.Time)
		s.add("go", fmt.Sprintf("%s %s", b.Go, b.Platform))
		if *modules {
			for _, path := range slices.Sorted(maps.Keys(b.Modules)) {
				s.add(path, b.Modules[path])
			}
		}
		return s.write(c.Out)
	})
	return cmd
}
