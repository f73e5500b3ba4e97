package daemon_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/atssync/atssync"

// room is a row of the import table: a package, or with /... the packages below it, and what of ours it may import.
type room struct {
	path  string
	may   []string // packages or, with /..., what is below them; "own" is the room's own folder
	tests []string // more of them in test files
	std   bool     // outside tests nothing but the standard library and may
}

const internal = "daemon/internal/"

// Tests that need a store take the one in memory, which passes the suite that every store passes; those that need an
// adapter take the fake one.
var memory = []string{internal + "store/memory", internal + "store/kv", "plugin-sdk/adaptertest"}

// table is the wall plan of the house. A new package gets a row or falls under one; a new import gets thought about.
var table = []room{
	{path: "plugin-sdk", std: true},
	{path: "plugin-sdk/...", may: []string{"plugin-sdk", "plugin-sdk/..."}},
	{path: "adapters/...", may: []string{"plugin-sdk", "plugin-sdk/...", "own"}},
	{path: "config"},
	{path: internal + "seal"},
	{path: internal + "egress"},
	// The list of what is measured: whoever measures takes its metrics from it.
	{path: internal + "metric"},
	{path: internal + "backup"},
	{path: internal + "journal", may: []string{internal + "atssync", "plugin-sdk"}, tests: memory},
	{path: internal + "web"},
	{path: internal + "page", may: []string{internal + "web"}},
	{path: internal + "systemd"},
	{path: internal + "atssync", may: []string{"plugin-sdk"}, std: true},
	{path: internal + "retry", may: []string{"plugin-sdk"}, std: true},
	{path: internal + "schedule", may: []string{internal + "atssync"}},
	{path: internal + "store/...", may: []string{internal + "atssync", "plugin-sdk", internal + "store/..."}},
	{path: internal + "submit", may: []string{internal + "metric", internal + "atssync", "plugin-sdk", internal + "retry"}, tests: memory},
	{path: internal + "collect", may: []string{internal + "metric", internal + "atssync", "plugin-sdk", internal + "retry"}, tests: memory},
	{path: internal + "deliver", may: []string{internal + "metric", internal + "atssync", "plugin-sdk", internal + "retry", internal + "egress"}, tests: memory},
	{path: internal + "egress", std: true},
	{path: internal + "hook", may: []string{internal + "metric", internal + "atssync", "plugin-sdk", internal + "web"}, tests: memory},
	{path: internal + "intake", may: []string{internal + "metric", internal + "atssync", "plugin-sdk"}, tests: memory},
	{path: internal + "manage", may: []string{internal + "atssync", "plugin-sdk"}, tests: memory},
	{path: internal + "fleet", may: []string{internal + "metric", "plugin-sdk", "plugin-sdk/host"}, tests: []string{"plugin-sdk/adaptertest"}},
	{
		path:  internal + "api",
		may:   []string{internal + "atssync", "plugin-sdk", internal + "intake", internal + "manage", internal + "web"},
		tests: memory,
	},
	{
		path:  internal + "console",
		may:   []string{internal + "atssync", "plugin-sdk", internal + "intake", internal + "manage", internal + "page", internal + "web"},
		tests: slices.Concat(memory, []string{internal + "browser"}),
	},
	{
		path:  internal + "connectpage",
		may:   []string{internal + "atssync", "plugin-sdk", internal + "intake", internal + "manage", internal + "page", internal + "web"},
		tests: slices.Concat(memory, []string{internal + "browser"}),
	},
	// The browser of tests: no program has it.
	{path: internal + "browser"},
	{path: internal + "torture", tests: []string{internal + "...", "plugin-sdk", "plugin-sdk/adaptertest"}},
	{
		path: internal + "doctor",
		may:  []string{"config", internal + "api", internal + "app", internal + "seal", internal + "store/badger", "plugin-sdk", "plugin-sdk/host"},
	},
	{
		path:  internal + "support",
		may:   []string{"config", internal + "api", internal + "app", internal + "doctor", internal + "store/badger", "plugin-sdk"},
		tests: []string{internal + "metric"},
	},
	{path: internal + "cli", may: []string{internal + "app", "config", internal + "api", internal + "doctor", internal + "support"}},
	{path: internal + "app", may: []string{"config", internal + "...", "plugin-sdk", "plugin-sdk/..."}},
	{path: "daemon/cmd/atssync", may: []string{internal + "cli"}},
	// The man pages are written when packages are built.
	{path: internal + "manual", tests: []string{internal + "cli", "config"}},
	{path: "daemon/cmd/manual", may: []string{internal + "cli", internal + "manual", "config"}},
	// Tests of the whole: they run programs and speak to them from outside.
	{path: "daemon", may: []string{internal + "...", "config"}},
	{path: "scripts/...", may: []string{"scripts/...", "config", "plugin-sdk", "plugin-sdk/...", "adapters/..."}},
}

// unbuilt are rows whose packages do not exist yet.
var unbuilt []string

// listed is what go list tells about a package.
type listed struct {
	ImportPath                         string
	Imports, TestImports, XTestImports []string
}

func packages(t *testing.T) []listed {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-e", "-json=ImportPath,Imports,TestImports,XTestImports", module+"/...")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, stderr.String())
	var all []listed
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		err := decoder.Decode(&p)
		if errors.Is(err, io.EOF) {
			return all
		}
		require.NoError(t, err)
		all = append(all, p)
	}
}

// matches says whether a pattern of the table names a package. Both are relative to the module.
func matches(pattern, path string) bool {
	if below, ok := strings.CutSuffix(pattern, "..."); ok {
		return strings.HasPrefix(path, below)
	}
	return pattern == path
}

// roomOf returns the row of a package: the exact one, else the longest that it is below.
func roomOf(path string) (room, bool) {
	var best room
	for _, r := range table {
		if r.path == path {
			return r, true
		}
		if matches(r.path, path) && len(r.path) > len(best.path) {
			best = r
		}
	}
	return best, best.path != ""
}

// allowed says whether a package of a room may import another one of ours.
func allowed(may []string, from, to string) bool {
	if from == to {
		return true
	}
	return slices.ContainsFunc(may, func(pattern string) bool {
		if pattern != "own" {
			return matches(pattern, to)
		}
		parts := strings.SplitN(from, "/", 3)
		own := strings.Join(parts[:2], "/")
		return to == own || strings.HasPrefix(to, own+"/")
	})
}

// ours cuts the module off an import path.
func ours(path string) (string, bool) {
	if path == module {
		return ".", true
	}
	return strings.CutPrefix(path, module+"/")
}

func TestDeps_EveryPackageKeepsToItsRoom(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		from, _ := ours(p.ImportPath)
		r, ok := roomOf(from)
		if !ok {
			t.Errorf("%s: no row of the import table is about this package", from)
			continue
		}
		for _, path := range p.Imports {
			to, our := ours(path)
			switch {
			case our && !allowed(r.may, from, to):
				t.Errorf("%s imports %s, which the import table does not allow", from, to)
			case !our && r.std && strings.Contains(strings.Split(path, "/")[0], "."):
				t.Errorf("%s imports %s: this package keeps to the standard library", from, path)
			}
		}
		for _, path := range slices.Concat(p.TestImports, p.XTestImports) {
			if to, our := ours(path); our && !allowed(slices.Concat(r.may, r.tests), from, to) {
				t.Errorf("a test of %s imports %s, which the import table does not allow", from, to)
			}
		}
	}
}

func TestDeps_EveryRowIsAboutSomething(t *testing.T) {
	t.Parallel()
	var paths []string
	for _, p := range packages(t) {
		path, _ := ours(p.ImportPath)
		paths = append(paths, path)
	}
	for _, r := range table {
		exists := slices.ContainsFunc(paths, func(p string) bool { return matches(r.path, p) })
		pending := slices.Contains(unbuilt, r.path)
		if !exists && !pending {
			t.Errorf("the row %s is about no package", r.path)
		}
		if exists && pending {
			t.Errorf("%s is built: take it off the list of unbuilt ones", r.path)
		}
		for _, pattern := range slices.Concat(r.may, r.tests) {
			known := pattern == "own" || slices.ContainsFunc(table, func(other room) bool {
				return matches(pattern, other.path) || matches(other.path, pattern)
			})
			if !known {
				t.Errorf("the row %s allows %s, which is no room", r.path, pattern)
			}
		}
	}
}

func TestDeps_TheWallsWouldBeNoticed(t *testing.T) {
	t.Parallel()
	for _, breach := range [][2]string{
		{"plugin-sdk", "daemon/internal/atssync"},
		{"plugin-sdk/host", "daemon/internal/fleet"},
		{"adapters/greenhouse", "adapters/reference"},
		{"adapters/greenhouse/simulator", "adapters/greenhouses"},
		{"adapters/greenhouse", "config"},
		{"config", "plugin-sdk"},
		{"daemon/internal/atssync", "daemon/internal/store/memory"},
		{"daemon/internal/submit", "daemon/internal/store/badger"},
		{"daemon/internal/submit", "daemon/internal/collect"},
		{"daemon/internal/store/badger", "daemon/internal/seal"},
		{"daemon/internal/cli", "daemon/internal/store/badger"},
		{"daemon/internal/app", "adapters/greenhouse"},
		{"daemon", "adapters/reference"},
	} {
		r, ok := roomOf(breach[0])
		require.True(t, ok, breach[0])
		require.False(t, allowed(slices.Concat(r.may, r.tests), breach[0], breach[1]), "%s may import %s", breach[0], breach[1])
	}
	r, _ := roomOf("adapters/greenhouse")
	require.True(t, allowed(r.may, "adapters/greenhouse", "adapters/greenhouse/simulator"))
	require.True(t, allowed(r.may, "adapters/greenhouse", "plugin-sdk/serve"))
}
