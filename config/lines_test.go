package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/stretchr/testify/require"
)

func TestScan_EveryKeyOfEveryFileHasItsLine(t *testing.T) {
	t.Parallel()
	lines, bound := scan([]byte(strings.Join([]string{
		`top = 1 # [not.a.table]`,
		`text = """`,
		`[inside] = "a string"`,
		`\"""still"""`,
		`raw = '''`,
		`x = 1''''`,
		`[a."b.c".d]`,
		`  e . f = [ # comment`,
		`    { g = 1, h = { i = "}" } },`,
		`    2, ']',`,
		`  ]`,
		`[[list]]`,
		`k = {`,
		`  m = 1, # TOML 1.1`,
		`}`,
		`[list.sub]`,
		`n = 1`,
		`[[list]]`,
		`k = 2`,
		`[[list.inner]]`,
		`[[list.inner]]`,
		`o = 1979-05-27T07:32:00Z`,
		`q = "\\"`,
		`r = 1`,
	}, "\r\n")))
	require.Nil(t, bound)
	for path, line := range map[string]int{
		"top": 1, "text": 2, "raw": 5, `a."b.c".d`: 7, `a."b.c".d.e.f`: 8, `a."b.c".d.e.f[0].g`: 9, `a."b.c".d.e.f[0].h.i`: 9,
		`a."b.c".d.e.f[2]`: 10, "list[0]": 12, "list[0].k.m": 14, "list[0].sub.n": 17, "list[1]": 18, "list[1].k": 19,
		"list[1].inner[1].o": 22, "list[1].inner[1].q": 23, "list[1].inner[1].r": 24,
		// What is not there has the line of what is around it.
		"list[1].inner[1].none": 21, "list[0].sub.none.more": 16, "nowhere": 0,
	} {
		require.Equal(t, line, lines.line(path), path)
	}
	require.NotContains(t, lines, "inside")
	require.NotContains(t, lines, "list[1].inner[1].o.x")
}

// hostile are files whose size alone must not make the daemon hang.
func hostile() map[string]string {
	fill := func(s string) string { return strings.Repeat(s, maxFile/len(s)) }
	return map[string]string{
		"dots":           fill("a.") + "b = 1",
		"brackets":       "a = " + fill("["),
		"braces":         "a = " + fill("{a="),
		"header dots":    "[" + fill("a.") + "a]",
		"many headers":   fill("[[a.b.c.d.e.f.g.h.i.j]]\n"),
		"many commas":    "a = [" + fill("1,") + "]",
		"open string":    `a = "` + fill("x"),
		"open long":      `a = """` + fill("x"),
		"long key":       fill("k") + " = 1",
		"quoted dots":    fill(`"".`) + "x=1",
		"comments":       fill("#\n"),
		"same key":       fill("a=1\n"),
		"nested inline":  "a = " + fill("[{a=") + "1",
		"carriage":       fill("\r"),
		"long prefix":    "[" + strings.Repeat(strings.Repeat("p", maxPart)+".", maxParts-1) + "p]\n" + numbered(maxKeys/2),
		"connections":    strings.Repeat("[[connections]]\nid = \"acme\"\n", maxKeys/4),
		"dots in string": `[daemon]` + "\n" + `socket_group = "` + strings.Repeat("a.", 200_000) + `"`,
	}
}

func numbered(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "k%d = %d\n", i, i)
	}
	return b.String()
}

func TestParse_HostileFilesAreAnswered(t *testing.T) {
	t.Parallel()
	for name, src := range hostile() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			done := make(chan struct{})
			go func() {
				defer close(done)
				_, _ = parse("hostile.toml", []byte(src[:min(len(src), maxFile)]), Checks{}, environment(nil))
			}()
			select {
			case <-done:
			case <-time.After(2 * time.Minute): // milliseconds on an idle machine; quadratic ones took hours
				require.Fail(t, "a file of 1 MiB takes longer than two minutes")
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/*.toml")
	require.NoError(f, err)
	for _, file := range files {
		src, err := os.ReadFile(file)
		require.NoError(f, err)
		f.Add(src)
	}
	f.Add(Example())
	f.Add([]byte("a={b='''\n'''\n}\n[[c]]\n[c.d]\n"))
	f.Fuzz(func(t *testing.T, src []byte) {
		config, err := parse("fuzz.toml", src, Checks{}, environment(nil))
		require.Equal(t, err == nil, config != nil)
		tree := map[string]any{}
		lines, bound := scan(src)
		if bound != nil {
			require.Error(t, err)
			return
		}
		if meta, err := toml.Decode(string(src), &tree); err == nil {
			// The scanner must have understood whatever is TOML: each key that the library saw has a line.
			for _, key := range meta.Keys() {
				requireLine(t, lines, key)
			}
		}
	})
}

// requireLine asserts that the key has a line, in the first element of whatever lists are on the way.
func requireLine(t *testing.T, lines layout, key toml.Key) {
	t.Helper()
	reach := []string{""}
	for _, part := range key {
		var next []string
		for path := range lines {
			for _, from := range reach {
				if path == join(from, part) || strings.HasPrefix(path, join(from, part)+"[") && strings.HasSuffix(path, "]") {
					next = append(next, path)
				}
			}
		}
		reach = next
	}
	require.NotEmpty(t, reach, "no line for %q", key)
}
