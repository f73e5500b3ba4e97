package cli

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Who follows the runbook at night types what stands there: every command and flag of it exists.
func TestRunbook_NamesCommandsThatThereAre(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("../../../scripts/prometheus/RUNBOOK.md")
	require.NoError(t, err)
	commands := regexp.MustCompile("(?m)(?:^|`)atssync ([a-z][^`\n]*)").FindAllStringSubmatch(string(b), -1)
	require.Greater(t, len(commands), 50)
	for _, c := range commands {
		words := strings.Fields(strings.TrimPrefix(c[1], "help "))
		found, rest, err := (&command{}).root().Find(words)
		require.NoError(t, err, c[1])
		require.NotEqual(t, "atssync", found.CommandPath(), c[1])
		require.True(t, found.Runnable() || strings.HasPrefix(c[1], "help "), "%s needs a further word", c[1])
		if found.Runnable() && found.Name() != "help" && !strings.Contains(c[1], "…") {
			require.NoError(t, found.ParseFlags(strings.Fields(strings.ReplaceAll(strings.Join(rest, " "), "--attempt N", "--attempt 1"))), c[1])
			if len(rest) > 0 { // what is only named in a sentence has none of its words
				require.NoError(t, found.ValidateArgs(found.Flags().Args()), c[1])
			}
		}
		for i := 0; i < len(rest); i++ {
			name, isFlag := strings.CutPrefix(rest[i], "--")
			if !isFlag {
				require.Regexp(t, `^[A-Z_]+$|^(status|states|debug|greenhouse)$|^/etc/`, rest[i], "%s: %s is no word of a command", c[1], rest[i])
				continue
			}
			flag := found.Flags().Lookup(name)
			if flag == nil {
				flag = found.InheritedFlags().Lookup(name)
			}
			require.NotNil(t, flag, "%s has no --%s: %s", found.CommandPath(), name, c[1])
			if flag.NoOptDefVal == "" {
				i++
			}
		}
	}
}
