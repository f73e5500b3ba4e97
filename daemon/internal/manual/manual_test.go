package manual_test

import (
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/config"
	"github.com/atssync/atssync/daemon/internal/cli"
	"github.com/atssync/atssync/daemon/internal/manual"
)

var options = manual.Options{Version: "1.2.3", Date: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)}

func TestPages_EveryCommandHasOneAndSaysWhatItsHelpSays(t *testing.T) {
	t.Parallel()
	pages := manual.Pages(cli.Tree(), options)
	require.Greater(t, len(pages), 80)
	for name, page := range pages {
		require.True(t, strings.HasPrefix(page, ".TH "), name)
		require.Contains(t, page, "\n.SH NAME\n", name)
		require.Contains(t, page, "2026-03-04", name)
	}
	require.NotContains(t, pages, "atssync-help.1")
	require.Contains(t, pages["atssync.1"], ".SS Connections and jobs\n.TP\n\\fBconnect\\fR\n")
	require.Contains(t, pages["atssync-submissions-list.1"], `\fB\-\-json\fR`)
	require.Contains(t, pages["atssync-submissions-list.1"], `atssync\-submissions(1), atssync.toml(5)`)
	require.Contains(t, pages["atssync-exit-codes.1"], ".nf\n    0  it is done\n    1  it failed\n")
}

func TestPages_WhatIsTypedStaysAsItIs(t *testing.T) {
	t.Parallel()
	root := &cobra.Command{
		Use: "x", Short: "A <thing>", Run: func(*cobra.Command, []string) {},
		Long: "'Quoted' at first.\n.dotted at first, a \\ and <angles>…\n\nA second one:\n\n  kept   as it is\n\n  and so\n\nLast.", Example: "  x --dry-run 'a b'",
	}
	root.Flags().String("since", "1h", "from `AGE` on")
	page := manual.Pages(root, options)["x.1"]
	require.Contains(t, page, ".PP\n\\(aqQuoted\\(aq at first.\n\\&.dotted at first, a \\e and <angles>\\[u2026]\n.PP\nA second one:\n.PP\n.nf\n  kept   as it is\n\n  and so\n\n.fi\n.PP\nLast.\n")
	require.Contains(t, page, ".TP\n\\fB\\-\\-since AGE\\fR\nfrom AGE on (default 1h)\n")
	require.Contains(t, page, "  x \\-\\-dry\\-run \\(aqa b\\(aq\n")
}

func TestConfig_TellsOfEveryTableAndKey(t *testing.T) {
	t.Parallel()
	example := string(config.Example())
	page := manual.Config(example, options)
	keys := 0
	for l := range strings.Lines(example) {
		l = strings.TrimSpace(l)
		if l == "" || strings.HasPrefix(l, "# ") {
			continue
		}
		keys++
		name, _, _ := strings.Cut(strings.TrimPrefix(l, "#"), " ")
		if strings.HasPrefix(name, "[") {
			name = strings.ToUpper(name)
		}
		require.Contains(t, page, name)
	}
	require.Greater(t, keys, 80)
	require.Contains(t, page, ".SH [STORE]\n.PP\nWhere everything is kept. Every answer is synced to disk before it is given.\n.TP\n\\fBengine = \\(dqbadger\\(dq\\fR\n")
	require.NotContains(t, page, "Configuration of atssync. Every key is here")
}

func TestPages_TroffHasNothingToSay(t *testing.T) {
	t.Parallel()
	pages := manual.Pages(cli.Tree(), options)
	pages["atssync.toml.5"] = manual.Config(string(config.Example()), options)
	var all strings.Builder
	for _, page := range pages {
		all.WriteString(page)
	}
	groff := exec.CommandContext(t.Context(), "groff", "-man", "-ww", "-z", "-Tutf8")
	groff.Stdin = strings.NewReader(all.String())
	out, err := groff.CombinedOutput()
	require.NoError(t, err, string(out))
	require.Empty(t, string(out))
}
