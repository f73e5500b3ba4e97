package rest

import (
	"encoding/json"
	"fmt"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestID_KeepsEveryWayOfWritingOne(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]ID{
		`1`: "1", `6409476002`: "6409476002", `9223372036854775807`: "9223372036854775807",
		`123456789012345678901234567890`: "123456789012345678901234567890",
		`"17"`:                           "17", `"a-b"`: "a-b", `null`: "", `-3`: "-3",
	} {
		var id ID
		require.NoError(t, json.Unmarshal([]byte(in), &id), in)
		require.Equal(t, want, id)
	}
	for _, bad := range []string{`1.5`, `1e3`, `true`, `{}`, `[]`} {
		var id ID
		require.Error(t, json.Unmarshal([]byte(bad), &id), bad)
	}
}

func TestID_MarshalsDigitsAsNumber(t *testing.T) {
	t.Parallel()
	for id, want := range map[ID]string{"6409476002": "6409476002", "a1": `"a1"`, "": `""`, "007": `"007"`, "-1": `"-1"`} {
		b, err := json.Marshal(id)
		require.NoError(t, err)
		require.Equal(t, want, string(b))
	}
}

func TestText_TakesScalars(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]Text{`"a"`: "a", `null`: "", `1.5`: "1.5", `true`: "true"} {
		var text Text
		require.NoError(t, json.Unmarshal([]byte(in), &text))
		require.Equal(t, want, text)
	}
	for _, bad := range []string{`{}`, `[]`} {
		var text Text
		require.Error(t, json.Unmarshal([]byte(bad), &text))
	}
}

func FuzzLenient(f *testing.F) {
	for _, seed := range []string{`[{"id":1,"s":null}]`, `{"id":"x","s":2}`, `null`, `{"id":1e5}`, "\xef\xbb\xbf{}", `[{"id":1,"s":{"secret":1}},{"s":"x"},3]`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		type record struct {
			ID ID
			S  Text
			L  List[Text]
		}
		var l List[record]
		if Decode(b, &l) == nil {
			out, err := json.Marshal(l)
			require.NoError(t, err)
			require.True(t, json.Valid(out))
		}
		var each Elements[record]
		if DecodeList(b, &each) == nil {
			require.NoError(t, DecodeList(b, &each), "it reads the same twice")
			for _, e := range each {
				require.True(t, e.ID != "" || e.Err != nil, "an element without an id is no good one")
				require.NotContains(t, fmt.Sprint(e.Err), "secret")
			}
		}
	})
}

func FuzzScrubber(f *testing.F) {
	f.Add([]byte(`{"name":"Ada Byron","n":1}`), []byte(`{"errors":[{"message":"Ada Byron is there","field":"name"}]}`))
	f.Add([]byte(`[]`), []byte("<html>\xff"))
	f.Add([]byte(`{"a":"王伟"}`), []byte(`{"errors":{"x":["王伟"]}}`))
	f.Fuzz(func(t *testing.T, sent, body []byte) {
		s := newScrubber(Basic("the-secret-key", ""), sent)
		problems := s.problems(body)
		require.LessOrEqual(t, len(problems), maxProblems)
		for _, p := range problems {
			require.LessOrEqual(t, len(p.Message), 200)
			require.NotContains(t, p.Message, "the-secret-key")
		}
		excerpt := s.excerpt("text/plain", body, problems)
		require.LessOrEqual(t, len(excerpt), maxExcerpt)
		require.True(t, utf8.ValidString(excerpt))
		require.NotContains(t, excerpt, "the-secret-key")
	})
}
