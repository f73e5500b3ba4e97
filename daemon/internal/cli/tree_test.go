package cli

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/api"
)

func walk(cmd *cobra.Command, visit func(*cobra.Command)) {
	visit(cmd)
	for _, sub := range cmd.Commands() {
		walk(sub, visit)
	}
}

func TestTree_EveryCommandExplainsItself(t *testing.T) {
	t.Parallel()
	n := 0
	walk((&command{}).root(), func(cmd *cobra.Command) {
		n++
		name := cmd.CommandPath()
		require.NotEmpty(t, cmd.Short, name)
		require.NotEmpty(t, cmd.Long, name)
		require.False(t, strings.HasSuffix(cmd.Short, "."), "%s: a short text is no sentence", name)
		if cmd.HasSubCommands() || !cmd.Runnable() {
			return
		}
		require.NotEmpty(t, cmd.Example, name)
		for line := range strings.SplitSeq(cmd.Example, "\n") {
			require.True(t, strings.HasPrefix(line, "  "), "%s: an example is indented: %q", name, line)
		}
		require.NotNil(t, cmd.Args, "%s takes any arguments", name)
	})
	require.Greater(t, n, 45)
}

func TestTree_EveryListAndShowSpeaksToPrograms(t *testing.T) {
	t.Parallel()
	walk((&command{}).root(), func(cmd *cobra.Command) {
		if cmd.HasSubCommands() && cmd.Name() != "applications" || !cmd.Runnable() {
			return
		}
		switch cmd.CommandPath() {
		case "atssync", "atssync run", "atssync config example", "atssync openapi", "atssync adapters call", "atssync simulate":
			return // nothing to show, or JSON anyway
		}
		require.NotNil(t, cmd.Flags().Lookup("json"), cmd.CommandPath())
	})
}

func TestHelp_ExamplesAreCommandsThatThereAre(t *testing.T) {
	t.Parallel()
	walk((&command{}).root(), func(cmd *cobra.Command) {
		for line := range strings.SplitSeq(cmd.Example, "\n") {
			_, line, ok := strings.Cut(line, "atssync ")
			if !ok {
				continue
			}
			words := strings.Fields(line)
			for len(words) > 1 && strings.HasPrefix(words[0], "--") {
				words = words[2:] // a flag of the root and its value
			}
			found, _, err := (&command{}).root().Find(words)
			require.NoError(t, err, line)
			require.NotEqual(t, "atssync", found.CommandPath(), line)
			for _, w := range words {
				if name, ok := strings.CutPrefix(w, "--"); ok && found.Name() != "simulate" {
					name, _, _ = strings.Cut(name, "=")
					known := found.Flags().Lookup(name) != nil || found.InheritedFlags().Lookup(name) != nil
					require.True(t, known, "%s has no --%s: %s", found.CommandPath(), name, line)
				}
			}
		}
	})
}

func TestExit_EachKindOfTroubleHasItsCode(t *testing.T) {
	t.Parallel()
	for code, want := range map[api.Code]int{
		"not_found": 4, "conflict": 5, "already_exists": 5, "changed_meanwhile": 5, "invalid": 7, "account_mismatch": 7,
		"forbidden": 7, "check_failed": 8, "adapter_unavailable": 9, "ats_unavailable": 9, "no_space": 9, "unavailable": 9,
		"internal": 1, "new": 1,
	} {
		c := &command{Streams: Streams{Err: io.Discard}, ran: true}
		require.Equal(t, want, c.exit(t.Context(), &api.Error{Code: code, Message: "no"}), code)
	}
	c := &command{Streams: Streams{Err: io.Discard}, ran: true}
	require.Equal(t, 0, c.exit(t.Context(), nil))
	require.Equal(t, 1, c.exit(t.Context(), errors.New("no")))
	require.Equal(t, 2, c.exit(t.Context(), usagef("no")))
	require.Equal(t, 3, c.exit(t.Context(), &someRefused{1, 2}))
	require.Equal(t, 1, c.exit(t.Context(), context.Canceled), "somebody else's end is a failure")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	require.Equal(t, 130, c.exit(ended, context.Canceled))
	c.ran = false
	require.Equal(t, 2, c.exit(t.Context(), errors.New("unknown flag")))
}

func TestTell_ShowsEverythingAndNoControlCharacters(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	tell(&out, &api.Error{
		Code: "check_failed", Message: "it is \x1b[31mnot\x1b[0m good", Remedy: "do\nthis",
		Fields: []api.FieldError{{Path: "a.b", Message: "bad\u202E"}, {Message: "all of it"}},
		Checks: []api.CheckResult{{ID: "x", OK: true}, {ID: "y", Cause: "why", WhoseTurn: "ats", Remedy: "wait"}, {ID: "z", Warning: true, Cause: "hm"}},
	})
	require.Equal(t, `atssync: it is [31mnot[0m good
  a.b: bad
  all of it
  ok       x
  failed   y: why
           whose turn: ats
           what to do: wait
  warning  z: hm
  what to do: do this
`, out.String())
}

func TestTable_AlignsAndCleans(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	columns := []column[string]{{"A", func(s string) string { return s }}, {"B", func(string) string { return "" }}}
	require.NoError(t, table(&out, columns, []string{"x", "long\ttab\x07"}, true))
	require.Equal(t, "A         B\nx         -\nlong tab  -\n", out.String())
}

func TestList_GoesOnUntilThereAreEnough(t *testing.T) {
	t.Parallel()
	pages := func(after string, limit int) (api.Page[int], error) {
		start := 0
		if after != "" {
			start = len(after)
		}
		p := api.Page[int]{}
		for i := start; i < min(start+min(limit, 400), 1000); i++ {
			p.Items = append(p.Items, i)
		}
		if end := start + len(p.Items); end < 1000 {
			p.Next = strings.Repeat("x", end)
		}
		return p, nil
	}
	for name, tt := range map[string]struct {
		p    paging
		rows int
		more bool
	}{
		"some":          {paging{limit: 10}, 10, true},
		"several pages": {paging{limit: 750}, 750, true},
		"all":           {paging{limit: 100, all: true}, 1000, false},
		"the rest":      {paging{limit: 100, after: strings.Repeat("x", 950)}, 50, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, asJSON := range []bool{false, true} {
				var out, errs bytes.Buffer
				p := tt.p
				p.json = &asJSON
				c := &command{Streams: Streams{Out: &out, Err: &errs}}
				require.NoError(t, list(c, &p, []column[int]{{"N", count}}, pages))
				rows := strings.Count(out.String(), "\n") - 1
				require.Equal(t, tt.rows, rows)
				if asJSON {
					require.Equal(t, tt.more, strings.Contains(out.String(), `"next"`))
					require.Empty(t, errs.String())
				} else {
					require.Equal(t, tt.more, strings.Contains(errs.String(), "--after"))
				}
			}
		})
	}
}

func TestDocuments_EachFormBecomesLines(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ in, want, err string }{
		"one line":                         {in: `{"a":1}`, want: `{"a":1}`},
		"lines stay lines":                 {in: "{\"a\":1}\n\n{broken\n{\"b\":2}\n", want: "{\"a\":1}\n\n{broken\n{\"b\":2}\n"},
		"a broken first line":              {in: "{\"a\":1}}\n{\"b\":2}\n", want: "{\"a\":1}}\n{\"b\":2}\n"},
		"one on several lines":             {in: "\n{\n  \"a\": [\n1,2]\n}\n", want: "{\"a\":[1,2]}\n"},
		"an array":                         {in: "[ {\"a\":1},\n {\"b\":\n2} ]", want: "{\"a\":1}\n{\"b\":2}\n"},
		"an empty array":                   {in: "[]", want: ""},
		"nothing":                          {in: " \n\t", want: ""},
		"a broken array":                   {in: `[{"a":1},{]`, want: "{\"a\":1}\n", err: "line 1: this is not JSON: invalid character"},
		"half a document":                  {in: "{\n\"a\":", err: "line 2: the file ends too early"},
		"an array cut in a document":       {in: "\n[\n{\"a\":1},\n{\"b\":", want: "{\"a\":1}\n", err: "line 4: the file ends too early"},
		"an array cut after a document":    {in: "[\n{\"a\":1}\n", want: "{\"a\":1}\n", err: "line 3: the file ends too early"},
		"something after the array":        {in: "[{\"a\":1}]\n{}", want: "{\"a\":1}\n", err: "line 2: something stands after"},
		"nothing but the start of one":     {in: "{\n", err: "line 2: the file ends too early"},
		"nothing but the start of an list": {in: "[", err: "line 1: the file ends too early"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := documents(bufio.NewReader(strings.NewReader(tt.in)))
			require.NoError(t, err)
			got, err := io.ReadAll(r)
			require.Equal(t, tt.want, string(got))
			if tt.err == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tt.err)
		})
	}
}

func FuzzDocuments(f *testing.F) {
	for _, s := range []string{"", "[", "[{}]", "{\n}", "{}\n{}", "[1,2", "{\"a\":\"\\u0000\"}", "\xff"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(_ *testing.T, in []byte) {
		r, err := documents(bufio.NewReader(bytes.NewReader(in)))
		if err == nil {
			_, _ = io.Copy(io.Discard, r)
		}
	})
}

func TestReadFields_TakesJSONAndTOMLAndEchoesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, tt := range map[string]struct {
		file, text string
		want       map[string]string
	}{
		"JSON":        {"a.json", `{"key":"k","n":12345678901234567890,"on":true}`, map[string]string{"key": "k", "n": "12345678901234567890", "on": "true"}},
		"TOML":        {"a.toml", "key = \"k\"\nn = 3\n", map[string]string{"key": "k", "n": "3"}},
		"no JSON":     {"b.json", `{"key": canary`, nil},
		"no TOML":     {"b.toml", "key = canary", nil},
		"nested":      {"c.json", `{"key": {"canary": 1}}`, nil},
		"an array":    {"d.json", `["canary"]`, nil},
		"nothing":     {"e.json", "", nil},
		"nested TOML": {"f.toml", "[canary]\nx = 1", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(dir, tt.file)
			require.NoError(t, os.WriteFile(path, []byte(tt.text), 0o600))
			got, err := (&command{}).readFields(path)
			if tt.want == nil {
				require.Error(t, err)
				if name != "nested TOML" { // a key is no secret
					require.NotContains(t, err.Error(), "canary")
				}
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
		})
	}
	c := &command{Streams: Streams{In: strings.NewReader(`{"key":"k"}`)}}
	got, err := c.readFields("-")
	require.NoError(t, err)
	require.Equal(t, map[string]string{"key": "k"}, got)
	require.Error(t, setFields(got, []string{"canary"}))
	require.NoError(t, setFields(got, []string{"a=b=c", "empty="}))
	require.Equal(t, "b=c", got["a"])
}

func TestInstant_TakesDatesInstantsAndAges(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"":                          {},
		"2026-01-31":                time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC),
		"2026-01-31T08:00:00+01:00": time.Date(2026, 1, 31, 7, 0, 0, 0, time.UTC),
		"36h":                       now.Add(-36 * time.Hour),
	} {
		got, err := instant("since", text, now)
		require.NoError(t, err)
		require.True(t, want.Equal(got), text)
	}
	for _, text := range []string{"yesterday", "-3h", "2026-13-01", "0s"} {
		_, err := instant("since", text, now)
		require.Error(t, err, text)
	}
}

func TestQuoted_IsOneWordOfAShell(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"acme": "acme", "Acme Inc": "'Acme Inc'", "it's": `'it'\''s'`, "": "''", "$x": "'$x'"} {
		require.Equal(t, want, quoted(in))
	}
}
