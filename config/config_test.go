package config

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write atssync.toml.example anew from the schema")

// strictChecks stand in for what other packages judge.
func strictChecks() Checks {
	return Checks{
		Cron: func(spec, zone string) error {
			if strings.HasPrefix(spec, "every") {
				return errors.New("not a cron line")
			}
			if _, err := time.LoadLocation(zone); err != nil {
				return errors.New("no such zone")
			}
			return nil
		},
		Note: func(template string) error {
			if strings.Count(template, "{{") != strings.Count(template, "}}") {
				return errors.New("the template is not closed")
			}
			return nil
		},
		Status: func(status, _ string) error {
			if status == "binned" {
				return errors.New("there is no such status")
			}
			return nil
		},
		Connection: func(c Connection) []Finding {
			if c.ID == "acme" && c.Account == "acme" && c.Credentials["api_key"] == (Secret{}) {
				return []Finding{{Key: "credentials.api_key", Message: "is missing; the adapter needs it"}}
			}
			return nil
		},
	}
}

func environment(vars map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		v, ok := vars[name]
		return v, ok
	}
}

func TestParse_BadFilesGetEveryProblemAtOnce(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.bad.toml")
	require.NoError(t, err)
	require.Len(t, files, 9)
	dir, err := filepath.Abs("testdata")
	require.NoError(t, err)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			src, err := os.ReadFile(file)
			require.NoError(t, err)
			want, err := os.ReadFile(strings.TrimSuffix(file, ".toml") + ".txt")
			require.NoError(t, err)

			_, err = parse(file, src, strictChecks(), environment(nil))

			var problems Problems
			require.ErrorAs(t, err, &problems)
			got := strings.ReplaceAll(err.Error(), dir, "DIR")
			got = strings.ReplaceAll(got, "testdata/", "")
			require.Equal(t, strings.TrimSpace(string(want)), got)
			require.NotContains(t, err.Error(), "canary")
		})
	}
}

func TestParse_FullFileIsReadCompletely(t *testing.T) {
	t.Parallel()
	dir, err := filepath.Abs("testdata")
	require.NoError(t, err)
	src, err := os.ReadFile("testdata/full.good.toml")
	require.NoError(t, err)

	c, err := parse("testdata/full.good.toml", src, strictChecks(), environment(map[string]string{
		"ACME_KEY": "canary-env", "CREDENTIALS_DIRECTORY": filepath.Join(dir, "credentials"),
	}))
	require.NoError(t, err)

	require.Equal(t, Platform{Name: `Example "Talent"`, PartnerName: `Example "Talent"`}, c.Platform)
	require.Equal(t, dir+"/data", c.Daemon.DataDir)
	require.Equal(t, dir+"/run/atssync.sock", c.Daemon.Socket)
	require.Equal(t, dir+"/data/store", c.Store.Dir)
	require.Equal(t, 36*time.Hour, c.Submissions.ExpireAfter)
	require.Equal(t, int64(128<<10), c.Submissions.MaxDocument)
	require.Equal(t, []time.Duration{30 * time.Minute, 48 * time.Hour}, c.Status.TerminalIntervals)
	require.Equal(t, Schedule{"0 6 * * *", "Europe/Berlin"}, c.Schedules.Status)
	require.Equal(t, Schedule{"@hourly", "UTC"}, c.Schedules.Jobs)
	require.Equal(t, map[string]Adapter{
		"greenhouse": {
			Path: dir + "/bin/greenhouse", Enabled: true,
			Settings: map[string]any{"base_url": "https://ats.example.com"},
			Limits:   Limits{RequestsPerSecond: 5, Burst: 10, CallTimeout: 20 * time.Second},
		},
		"reference": {Path: "/opt/reference"},
	}, c.Adapters.Named)

	require.Len(t, c.Connections, 2)
	acme, globex := c.Connections[0], c.Connections[1]
	require.Equal(t, "acme", acme.Name)
	require.Equal(t, "hold", acme.OnUncertain)
	require.Equal(t, "answered", acme.ResumeCheck)
	require.Equal(t, "A note.\n", acme.NoteTemplate)
	require.True(t, acme.Paused)
	require.Equal(t, []StatusOverride{{Match: Match{StageName: "Silver medalist"}, Status: "rejected"}}, acme.StatusOverrides)
	require.Equal(t, "canary-file", acme.Credentials["api_key"].Reveal())
	require.Equal(t, "canary-env", acme.Credentials["other_key"].Reveal())
	require.Equal(t, "canary-credential", acme.Credentials["third_key"].Reveal())
	require.Equal(t, "recruiting@acme.example.com", acme.Credentials["on_behalf_of"].Reveal())
	require.Equal(t, `{ file = "acme.key" }`, ShowReference(acme.Credentials["api_key"]))
	require.Equal(t, `{ credential = "third" }`, ShowReference(acme.Credentials["third_key"]))
	require.Equal(t, "***", ShowReference(acme.Credentials["on_behalf_of"]))
	require.Equal(t, "resend", globex.OnUncertain)
	require.Equal(t, "off", globex.ResumeCheck)
	require.Equal(t, "Hello", globex.NoteTemplate)
	require.Len(t, globex.Settings["people"], 2)
	require.Equal(t, []JobLink{
		{Connection: "acme", PlatformJob: "j1", ATSJob: "41", As: "candidate"},
		{Connection: "globex", PlatformJob: "j1", ATSJob: "42", As: "prospect", Pool: "7"},
	}, c.JobLinks)

	for _, printed := range []string{
		fmt.Sprint(*c), fmt.Sprintf("%+v", *c), fmt.Sprintf("%#v", *c), fmt.Sprintf("%x %q", acme.Credentials, acme.Credentials),
	} {
		require.NotContains(t, printed, "canary")
		require.NotContains(t, printed, "recruiting@")
	}
}

func TestSecret_NoPrinterShowsTheValue(t *testing.T) {
	t.Parallel()
	s := NewSecret("canary")
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("saved", "secret", s, "in", map[string]Secret{"key": s})
	marshalled, err := json.Marshal(struct{ S Secret }{s})
	require.NoError(t, err)

	for _, printed := range []string{s.String(), s.GoString(), log.String(), string(marshalled), fmt.Sprintf("%d%s%v%+v%#v%x", s, s, s, s, s, s)} {
		require.NotContains(t, printed, "canary")
		require.NotContains(t, printed, fmt.Sprintf("%x", "canary"))
		require.Contains(t, printed, "***")
	}
}

func TestExample_HoldsEveryKeyWithItsDefault(t *testing.T) {
	t.Parallel()
	const file = "../atssync.toml.example"
	if *update {
		require.NoError(t, os.WriteFile(file, Example(), 0o644))
	}
	written, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(Example()), string(written), "run: go test ./config -run Example -update")

	want := Defaults()
	want.complete(source{dir: "/"})
	got, err := Parse(file, written, strictChecks())
	require.NoError(t, err)
	got.Warnings = nil // they depend on the machine
	require.Equal(t, want, *got)
}

func TestWarnings_TellWhatThisMachineDoesNotHaveAndTheFileIsStillGood(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "here"), nil, 0o700))
	name := filepath.Join(dir, "atssync.toml")
	parse := func(text string) Problems {
		c, err := Parse(name, []byte(text), Checks{})
		require.NoError(t, err, text)
		return c.Warnings
	}
	require.Empty(t, parse("[adapters]\ndir = \".\"\n[[connections]]\nid = \"a\"\naccount = \"a\"\nadapter = \"here\"\n"))
	found := parse("[adapters]\ndir = \"none\"\n[[connections]]\nid = \"a\"\naccount = \"a\"\nadapter = \"here\"\n")
	require.Len(t, found, 2)
	require.Equal(t, 2, found[0].Line)
	require.Equal(t, "connections[0].adapter", found[1].Key)
	link := "[adapters]\ndir = \".\"\n[[job_links]]\nconnection = %q\nplatform_job = \"j\"\nats_job = \"1\"\n"
	require.Len(t, parse(fmt.Sprintf(link, "con_06h0mdx451zp9ercm8wtda6jv0")), 1)
	_, err := Parse(name, fmt.Appendf(nil, link, "con_short"), Checks{})
	require.ErrorContains(t, err, "no [[connections]] has this id")
}

func TestSyntax_TheLineIsThatOfTheMistake(t *testing.T) {
	t.Parallel()
	for text, line := range map[string]int{
		"\n\n[a]\nx = \n": 4, "\n[daemon\nx=1\n": 2, "[d]\nx = \"a\ny=1\n": 2, "[a]\nx\ny=1\n": 2, "[a]\nx= info\n": 2,
		"a = [1,\n2\nb=3\n": 3, "[a]\nx=1\n[b": 3,
	} {
		_, err := Parse("x.toml", []byte(text), Checks{})
		problems, ok := errors.AsType[Problems](err)
		require.True(t, ok, text)
		require.Equal(t, line, problems[0].Line, text)
	}
}

func TestCron_AStepWiderThanItsFieldIsRefused(t *testing.T) {
	t.Parallel()
	for spec, good := range map[string]bool{
		"*/15 * * * *": true, "*/59 */23 * * *": true, "0-30/5,45 * * * 1": true, "@every 1m": true, "@hourly": true,
		"*/99 * * * *": false, "* */24 * * *": false, "1,2-50/60 * * * *": false, "* * */32 * *": false, "* * * */13 *": false,
	} {
		require.Equal(t, good, steps(spec) == nil, spec)
	}
}

func TestExample_CommentedTablesAreValidToo(t *testing.T) {
	t.Parallel()
	var lines []string
	for line := range strings.SplitSeq(string(Example()), "\n") {
		if rest, ok := strings.CutPrefix(line, "#"); ok && !strings.HasPrefix(rest, " ") {
			line = rest
		}
		lines = append(lines, line)
	}
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "acme-key"), []byte("canary"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "webhook-secret"), []byte("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "old-webhook-secret"), []byte("whsec_c2Vjb25kLXNlY3JldC1vZi10aGUtdGVzdHM="), 0o600))

	c, err := parse("a.toml", []byte(strings.Join(lines, "\n")), strictChecks(), environment(map[string]string{"CREDENTIALS_DIRECTORY": dir}))

	require.NoError(t, err)
	require.Len(t, c.Connections, 1)
	require.Len(t, c.Connections[0].StatusOverrides, 1)
	require.Len(t, c.JobLinks, 1)
	require.Len(t, c.Webhooks, 1)
	require.Contains(t, c.Adapters.Named, "greenhouse")
}

func TestSchema_EveryKeyExplainsItself(t *testing.T) {
	t.Parallel()
	for line := range strings.SplitSeq(string(Example()), "\n") {
		require.NotEqual(t, "#", strings.TrimSpace(line), "a key of the example has no comment")
	}
}

func TestLoad_UnreadableFilesAreProblems(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	large := filepath.Join(dir, "large.toml")
	require.NoError(t, os.WriteFile(large, []byte(strings.Repeat("#", maxFile+1)), 0o600))
	for path, want := range map[string]string{
		filepath.Join(dir, "none.toml"): "does not exist",
		dir:                             "is not a file",
		large:                           "is larger than 1MiB",
		"/dev/null":                     "is not a file",
	} {
		_, err := Load(path, Checks{})
		var problems Problems
		require.ErrorAs(t, err, &problems)
		require.Contains(t, err.Error(), want)
		require.Equal(t, path, problems[0].File)
	}
}

func TestUnits_ShownValuesAreReadBack(t *testing.T) {
	t.Parallel()
	for _, d := range []time.Duration{0, time.Second, 90 * time.Second, time.Minute, time.Hour, 24 * time.Hour, 36 * time.Hour, 48 * time.Hour, 60 * day, 90 * time.Minute} {
		got, err := parseDuration(showDuration(d))
		require.NoError(t, err)
		require.Equal(t, d, got)
	}
	require.Equal(t, "60d", showDuration(60*day))
	require.Equal(t, "10m", showDuration(10*time.Minute))
	require.Equal(t, "20h", showDuration(20*time.Hour))
	for _, bad := range []string{"", "d", "-1d", "1", "1d-2h", "99999d", "65535d2562047h", "1.5d", "1dd", "+1s"} {
		_, err := parseDuration(bad)
		require.Error(t, err, bad)
	}
	for _, n := range []int64{0, 1, 1000, 1 << 10, 3 << 20, 5 << 30} {
		got, err := parseSize(showSize(n))
		require.NoError(t, err)
		require.Equal(t, n, got)
	}
	for _, bad := range []string{"", "5", "5MB", "-1B", "1.5GiB", "99999999999GiB"} {
		_, err := parseSize(bad)
		require.Error(t, err, bad)
	}
}
