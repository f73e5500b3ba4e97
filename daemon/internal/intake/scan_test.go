package intake

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestScan_TellsWhatALibraryLetsPass(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ text, path, message string }{
		"a key twice":        {`{"a":{"b":1,"c":2,"b":3}}`, "a.b", "is given twice"},
		"twice by an escape": {`{"a":1,"\u0061":2}`, "a", "is given twice"},
		"invalid UTF-8":      {"{\"a\":[\"x\",\"\xff\"]}", "a[1]", "not valid UTF-8"},
		"half a pair":        {`{"a":"\ud800"}`, "a", "surrogate"},
		"too deep":           {strings.Repeat("[", 40) + strings.Repeat("]", 40), strings.Repeat("[0]", 32), "nested more than 32 deep"},
		"very deep":          {strings.Repeat(`{"a":`, 100_000), strings.Repeat("a.", 31) + "a", "nested more than 32 deep"},
		"more behind":        {`{} {}`, "", "more after the end"},
		"nothing":            {" ", "", "no JSON"},
		"no end":             {`{"a":`, "a", "ends early"},
		"a number too large": {`{"a":{"b":1e999}}`, "a.b", "too large"},
		"a number too long":  {`{"a":[0,` + strings.Repeat("9", 65) + `]}`, "a[1]", "more than 64"},
		"no number":          {`{"a":1-2}`, "a", "not a JSON number"},
		"a key too long":     {`{"` + strings.Repeat("ä", 1000) + `":"` + "\xff" + `"}`, strings.Repeat("ä", 50) + "…", "not valid UTF-8"},
		"no JSON":            {`{"a":b}`, "a", "unexpected character"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := Scan([]byte(tt.text))
			require.NotEmpty(t, got)
			require.Equal(t, tt.path, got[0].Path)
			require.Contains(t, got[0].Message, tt.message)
		})
	}
	require.Empty(t, Scan([]byte(` {"a":[{"b":null},{"b":-1.5e3}],"c":"\u00e4\n\ud83d\ude00"} `)))
}

func FuzzScan(f *testing.F) {
	for _, s := range []string{`{}`, `{"a":[1,{"a":"x"}],"b":true}`, `{"a":1,"a":2}`, "\"\xff\"", `[[[[]]]]`, `{"a":`, `"\ud83d\ude00"`, `-0.1e+5`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		problems := Scan(data)
		require.LessOrEqual(t, len(problems), maxProblems)
		if len(problems) > 0 {
			return
		}
		require.True(t, utf8.Valid(data), "what is not UTF-8 passed")
		if json.Valid(data) { // numbers are left to whoever reads them
			var v any
			require.NoError(t, json.Unmarshal(data, &v))
		}
	})
}
