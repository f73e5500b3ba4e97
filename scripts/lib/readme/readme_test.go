// Package readme_test holds README.md to what the programs do: every command of it is run as it is written, or by the part of the gate that
// it is held to here, and every piece of configuration is read by the daemon.
package readme_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// root is the module, seen from this test.
const root = "../../.."

// command is one that the README shows: in a block of its own, or between back quotes.
type command struct{ line, comment string }

// programs are what a command begins with, beside scripts of ours; flags between back quotes belong to a command, too.
var programs = []string{
	"adduser", "apt", "editor", "export", "go", "install", "man", "mkdir", "runuser", "systemctl", "systemd-analyze",
}

var (
	fenced     = regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)^```")
	quotedSpan = regexp.MustCompile("`([^`]+)`")
	assignment = regexp.MustCompile(`^[A-Z_]+=`)
)

// blocks are the README's fenced blocks in a language.
func blocks(text, language string) (out []string) {
	for _, m := range fenced.FindAllStringSubmatch(text, -1) {
		if m[1] == language {
			out = append(out, m[2])
		}
	}
	return out
}

// commands are all that the README shows, each once.
func commands(t *testing.T, text string) (out []command) {
	t.Helper()
	add := func(line, comment string) {
		if !slices.ContainsFunc(out, func(c command) bool { return c.line == line }) {
			out = append(out, command{line, comment})
		}
	}
	for _, b := range blocks(text, "sh") {
		for line := range strings.Lines(b) {
			line, comment, _ := strings.Cut(line, "  #")
			if line = strings.TrimSpace(line); line != "" {
				add(line, strings.TrimSpace(comment))
			}
		}
	}
	for _, m := range quotedSpan.FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
		words := strings.Fields(m[1])
		if isCommand(t, words) {
			add(strings.Join(words, " "), "")
		}
	}
	return out
}

// isCommand tells a command from a name of something.
func isCommand(t *testing.T, words []string) bool {
	t.Helper()
	for len(words) > 0 && assignment.MatchString(words[0]) {
		words = words[1:]
	}
	switch {
	case len(words) == 0:
		return false
	case strings.HasPrefix(words[0], "--"):
		return true
	case strings.HasPrefix(words[0], "scripts/"):
		info, err := os.Stat(filepath.Join(root, words[0]))
		require.NoError(t, err, "the README speaks of it")
		return info.Mode().IsRegular() && info.Mode()&0o111 != 0
	}
	return len(words) > 1 && (words[0] == "atssync" || slices.Contains(programs, words[0]))
}

func readme(t *testing.T) string {
	t.Helper()
	return read(t, "README.md")
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, path))
	require.NoError(t, err)
	return string(b)
}

func TestReadme_EveryCommandIsRunSomewhere(t *testing.T) {
	t.Parallel()
	var proved []string
	for _, list := range [][]step{quickStart(), mainJob(), authors(), lookUps(), uncertainties(), operations()} {
		for _, s := range list {
			proved = append(proved, s.line)
		}
	}
	for _, e := range elsewhere {
		proved = append(proved, e.line)
	}
	for _, d := range parsed {
		proved = append(proved, d.line)
	}
	var shown []string
	for _, c := range commands(t, readme(t)) {
		shown = append(shown, c.line)
		if !slices.Contains(proved, c.line) {
			t.Errorf("the README shows %q, which nothing runs: give it a step", c.line)
		}
	}
	require.Greater(t, len(shown), 60)
	for i, line := range proved {
		if !slices.Contains(shown, line) {
			t.Errorf("%q is run and the README does not show it any more", line)
		}
		if slices.Index(proved, line) != i {
			t.Errorf("%q is run twice", line)
		}
	}
}

func TestReadme_CommandsAreToldFromNames(t *testing.T) {
	t.Parallel()
	text := "Say `atssync\nhealth` or `A=b atssync config check` to `atssync` and `scripts/`, `[ops] listen`, `--all`, `scripts/test`.\n" +
		"```sh\natssync run &   # runs\n\nscripts/demo    # `shows`\n```\n```toml\nx = \"`atssync y`\"\n```\n"
	require.Equal(t, []command{
		{"atssync run &", "runs"}, {"scripts/demo", "`shows`"}, {"atssync health", ""}, {"A=b atssync config check", ""}, {"--all", ""}, {"scripts/test", ""},
	}, commands(t, text))
	require.Equal(t, []string{"x = \"`atssync y`\"\n"}, blocks(text, "toml"))
}

// The whole of it, in the order in which a reader comes to it.
func TestReadme_TheMainJobTheOpsAndTheAuthors(t *testing.T) {
	t.Parallel()
	w := setup(t)
	for _, steps := range [][]step{mainJob(), uncertainties(), lookUps(), operations(), authors()} {
		w.run(steps)
	}
}

func TestReadme_TheQuickStart(t *testing.T) {
	t.Parallel()
	w := setup(t)
	var err error
	w.dir, err = filepath.Abs(root)
	require.NoError(t, err)
	w.run(quickStart())
}
