package readme_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// held is a command that another part of the gate runs: the script has this text. What a reader fills in may stand there otherwise.
type held struct{ line, script, text string }

const (
	gate    = "scripts/test"
	inRoot  = "scripts/lib/package/inside" // in a clean Debian, by scripts/package-test
	booted  = "scripts/systemd/inside"     // under a real systemd, by scripts/systemd/try
	manuals = "scripts/package-test"
)

var elsewhere = []held{
	{"scripts/test", gate, "go test -race -shuffle=on -timeout 20m ./..."}, // which runs this
	{"scripts/check", gate, "\nscripts/check\n"},
	{"scripts/build", "scripts/demo", "\nscripts/build\n"},
	{"scripts/package", gate, "\nscripts/package\n"},
	{"scripts/package --check", gate, "\nscripts/package --check --arch amd64 "},
	{"scripts/torture", gate, "\nscripts/torture --seed \"$seed\"\n"},
	{"scripts/torture --bite all", gate, "\nscripts/torture --seed \"$seed\" --bite all\n"},
	{"--bite all", gate, "--bite all"},
	{"--seed 20261128", gate, "\nseed=20261128\n"},
	{"go test ./daemon/internal/app -run '^$' -bench Console", "daemon/internal/app/console_bench_test.go", "\nfunc BenchmarkConsole"},

	{"apt install ./atssync_*_amd64.deb", inRoot, "apt install ./atssync_*_amd64.deb"},
	{"editor /etc/atssync/atssync.toml", inRoot, "' /etc/atssync/atssync.toml\n"}, // sed is the editor
	{"adduser NAME atssync", inRoot, "\nadduser ops atssync "},
	{"atssync config check /etc/atssync/atssync.toml", inRoot, "$(atssync config check /etc/atssync/atssync.toml"},
	{"CREDENTIALS_DIRECTORY=/etc/atssync atssync config check", inRoot, "$(CREDENTIALS_DIRECTORY=/etc/atssync atssync config check"},
	{"install -d -o atssync -g atssync -m 700 /var/backups/atssync", inRoot, "\ninstall -d -o atssync -g atssync -m 700 /var/backups/atssync\n"},
	{"runuser -u atssync -- atssync backup /var/backups/atssync", inRoot, "\nrunuser -u atssync -- atssync backup /var/backups/atssync "},
	{"runuser -u atssync -- atssync backup verify FILE", inRoot, "\nrunuser -u atssync -- atssync backup verify \"$FILE\" "},
	{"runuser -u atssync -- atssync restore FILE", inRoot, "\nrunuser -u atssync -- atssync restore \"$FILE\" "},
	{"runuser -u atssync -- atssync …", inRoot, "\nrunuser -u atssync -- atssync "},
	{"apt purge atssync", inRoot, "apt purge atssync"},
	{"man atssync", manuals, "for page in atssync "},
	{"man atssync-submissions-list", manuals, " atssync-submissions-list "},
	{"man atssync.toml", manuals, " atssync.toml; do"},

	{"systemctl restart atssync", booted, "\nsystemctl restart atssync "},
	{"systemctl reload atssync", booted, " systemctl reload atssync "},
	{"systemd-analyze security", "scripts/check", "systemd-analyze security"},
	{"scripts/systemd/try", "scripts/systemd/inside", "that scripts/systemd/try boots"}, // minutes of emulation, by hand
}

func TestReadme_OtherPartsOfTheGateRunWhatItSays(t *testing.T) {
	t.Parallel()
	for _, h := range elsewhere {
		require.Contains(t, read(t, h.script), h.text, "%s is to run %q", h.script, h.line)
	}
	require.Contains(t, read(t, gate), "\nscripts/package-test\n")
	require.Contains(t, read(t, manuals), inRoot)
	require.Contains(t, read(t, manuals), `man --warnings -M`)
	require.Contains(t, read(t, "scripts/systemd/try"), booted)
}

// dry is a command that takes too long to be run, or a machine of its own: its arguments are given to the program, with --help behind them,
// and what they name is there.
type dry struct{ line, program, arguments, names string }

var parsed = []dry{
	{"scripts/torture --long --json > report.json", "torture", "--long --json", "the long form"},
	{"scripts/torture --run kill --seed 4711 --n 50", "torture", "--run kill --seed 4711 --n 50", ": kill, "},
	{"scripts/torture --run kill --n 10000 --seed 862009", "torture", "--run kill --n 10000 --seed 862009", ": kill, "},
	{"scripts/bench", "bench", "", "-seconds int"},
	{"--quick", "bench", "--quick", "in about a minute"},
	{"--full", "bench", "--full", "15 GB of disk"},
	{"--only ROW,...", "bench", "--only accept,idle", ": accept, "},
	{"--profile", "bench", "--profile profiles", "CPU profile"},
	{"scripts/demo --keep", "demo", "--keep", "leave the demo running"},
}

func TestReadme_LongProgrammesTakeTheArgumentsItShows(t *testing.T) {
	t.Parallel()
	bin := t.TempDir()
	for _, program := range []string{"bench", "demo", "torture"} {
		require.Contains(t, read(t, "scripts/"+program), `/`+program+`" -bin bin "$@"`, "scripts/%s hands its arguments on", program)
		out, err := exec.CommandContext(t.Context(), "go", "build", "-o", bin, root+"/scripts/lib/"+program).CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	for _, d := range parsed {
		args := append(strings.Fields("-bin bin "+d.arguments), "--help")
		out, err := exec.CommandContext(t.Context(), filepath.Join(bin, d.program), args...).CombinedOutput()
		require.NoError(t, err, "%s: %s", d.line, out)
		require.Contains(t, string(out), d.names, d.line)
		for word := range strings.FieldsSeq(d.line) {
			if strings.HasPrefix(word, "--") {
				require.Contains(t, d.arguments, word, "what is parsed is what the README shows")
			}
		}
	}
}
