package intake

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

var testNow = time.Date(2026, 5, 1, 9, 0, 0, 0, time.UTC)

func exampleJSON(t testing.TB) []byte {
	t.Helper()
	b, err := json.Marshal(Example(testNow))
	require.NoError(t, err)
	return b
}

func TestDecode_ReadsEveryFieldOfTheExample(t *testing.T) {
	t.Parallel()
	doc, err := Decode(exampleJSON(t))
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(Example(testNow), doc))
}

func TestExample_LeavesNoFieldEmpty(t *testing.T) {
	t.Parallel()
	require.Empty(t, Validate(Example(testNow), Rules{Now: testNow}))
	var tree map[string]any
	require.NoError(t, json.Unmarshal(exampleJSON(t), &tree))
	var walk func(at string, s *shape, v any)
	walk = func(at string, s *shape, v any) {
		switch v := v.(type) {
		case map[string]any:
			for _, f := range s.fields {
				if f.name == "private" {
					continue // true for one answer and left out of the other
				}
				require.Contains(t, v, f.name, "%s lacks %s", at, f.name)
				walk(at+"."+f.name, f.shape, v[f.name])
			}
		case []any:
			require.NotEmpty(t, v, at)
			walk(at+"[0]", s.elem, v[0])
		}
	}
	walk("document", documentShape(), tree)
}

func TestDecode_RefusesEachKindOfBadInputWithItsPath(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ in, path, message string }{
		"empty":                     {"", "", "is empty"},
		"only space":                {" \n", "", "is empty"},
		"a list":                    {"[]", "", "beginning with {"},
		"a word":                    {"null", "", "beginning with {"},
		"early end":                 {`{"job":"j"`, "", "expected , or }"},
		"early end in a string":     {`{"job":"j`, "job", "has no end"},
		"early end before a value":  {`{"job":`, "job", "ends early"},
		"no quotes":                 {`{job:"j"}`, "", "key in quotes"},
		"no colon":                  {`{"job" "j"}`, "job", "expected :"},
		"trailing comma":            {`{"job":"j",}`, "", "key in quotes"},
		"trailing data":             {`{} {}`, "", "more after the end of the document (byte 4)"},
		"bad literal":               {`{"job":nil}`, "job", "expected null"},
		"bad character":             {`{"job":+1}`, "job", "unexpected character"},
		"unknown key":               {`{"extra":1}`, "extra", "no such key"},
		"unknown key with a typo":   {`{"person":{"frist_name":"A"}}`, "person.frist_name", "is first_name meant?"},
		"unknown key in camel case": {`{"externalId":"x"}`, "externalId", "is external_id meant?"},
		"key given twice":           {`{"job":"a","job":"b"}`, "job", "given twice"},
		"object given twice":        {`{"person":{},"person":{}}`, "person", "given twice"},
		"number for a string":       {`{"job":12}`, "job", "must be a string, not a number"},
		"string for an object":      {`{"person":"Ada"}`, "person", "must be an object, not a string"},
		"object for a list":         {`{"person":{"emails":{}}}`, "person.emails", "must be a list, not an object"},
		"string in a list":          {`{"person":{"emails":[{"address":"a@example.com"},"b@example.com"]}}`, "person.emails[1]", "must be an object, not a string"},
		"number in a list":          {`{"notes":["a",2]}`, "notes[1]", "must be a string, not a number"},
		"string for a bool":         {`{"answers":[{"private":"yes"}]}`, "answers[0].private", "must be true or false, not a string"},
		"bad date":                  {`{"expires_at":"tomorrow"}`, "expires_at", "RFC 3339"},
		"date without a zone":       {`{"expires_at":"2026-05-01T09:00:00"}`, "expires_at", "RFC 3339"},
		"impossible date":           {`{"consent":{"at":"2026-02-30T09:00:00Z"}}`, "consent.at", "RFC 3339"},
		"number for a date":         {`{"expires_at":1777626000}`, "expires_at", "not a number"},
		"bytes of a resume":         {`{"resume":{"content":"JVBERi0="}}`, "resume.content", "resume.url"},
		"bytes of a resume, base64": {`{"resume":{"Base64":"JVBERi0="}}`, "resume.Base64", "resume.url"},
		"invalid UTF-8":             {"{\"job\":\"a\xff\"}", "job", "not valid UTF-8"},
		"invalid UTF-8, escaped":    {"{\"job\":\"\\n\xff\"}", "job", "not valid UTF-8"},
		"half a surrogate":          {`{"job":"\ud83d"}`, "job", "surrogate"},
		"wrong surrogate":           {`{"job":"\ud83dA"}`, "job", "surrogate"},
		"bad escape":                {`{"job":"\x"}`, "job", "not a JSON escape"},
		"short escape":              {`{"job":"\u12"}`, "job", "not a JSON escape"},
		"raw control character":     {"{\"job\":\"a\nb\"}", "job", "control character"},
		"control after an escape":   {"{\"job\":\"\\t\nb\"}", "job", "control character"},
		"too deep":                  {`{"extra":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`, "", "nested more than 32"},
		"too large":                 {`{"job":"` + strings.Repeat("a", atssync.MaxDocument) + `"}`, "", "the limit is 262144"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Decode([]byte(c.in))
			var e *atssync.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, atssync.CodeInvalid, e.Code)
			var told bool
			for _, f := range e.Fields {
				told = told || (c.path == "" || f.Path == c.path) && strings.Contains(f.Message, c.message)
			}
			require.True(t, told, "%v", e.Fields)
		})
	}
}

func TestDecode_TellsAllProblemsAtOnce(t *testing.T) {
	t.Parallel()
	_, err := Decode([]byte(`{"job":1,"extra":{"a":[1,2.5e3,true,null,"x"]},"person":{"emails":[{"address":2}],"phones":7},"resume":{"data":"x"}}`))
	var e *atssync.Error
	require.ErrorAs(t, err, &e)
	var paths []string
	for _, f := range e.Fields {
		paths = append(paths, f.Path)
	}
	require.Equal(t, []string{"job", "extra", "person.emails[0].address", "person.phones", "resume.data"}, paths)
}

func TestDecode_ProblemsAreBoundedHoweverManyThereAre(t *testing.T) {
	t.Parallel()
	_, err := Decode([]byte(`{"notes":[` + strings.Repeat("1,", 10000) + `1]}`))
	var e *atssync.Error
	require.ErrorAs(t, err, &e)
	require.Len(t, e.Fields, maxProblems)
}

func TestDecode_StringsMeanWhatEncodingJSONSays(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "plain", `back\slash "quoted"`, "tab\tline\nend\r", "\u0000\b\f", "José Ñandú", "李小龍", "مرحبا", "🙂 family 👨‍👩‍👧", "/", "\u2028<&>",
	} {
		for _, ascii := range []bool{false, true} {
			b, err := json.Marshal(map[string]any{"notes": []string{text}})
			require.NoError(t, err)
			if ascii {
				b = toASCII(b)
			}
			doc, err := Decode(b)
			require.NoError(t, err, string(b))
			require.Equal(t, []string{text}, doc.Notes)
		}
	}
}

// toASCII writes every other character as \u escapes, surrogate pairs among them.
func toASCII(b []byte) []byte {
	var out strings.Builder
	for _, r := range string(b) {
		switch {
		case r < 0x80:
			out.WriteRune(r)
		case r < 0x10000:
			out.WriteString(`\u` + hexOf(r))
		default:
			r -= 0x10000
			out.WriteString(`\u` + hexOf(0xD800+r>>10) + `\u` + hexOf(0xDC00+r&0x3ff))
		}
	}
	return []byte(out.String())
}

func hexOf(r rune) string {
	const digits = "0123456789ABCDEF"
	return string([]byte{digits[r>>12&15], digits[r>>8&15], digits[r>>4&15], digits[r&15]})
}

func TestDecode_NullAndSpaceAreNoContent(t *testing.T) {
	t.Parallel()
	doc, err := Decode([]byte(" {\r\n\t\"job\" : \"j\" , \"resume\" : null , \"notes\":[ ] ,\"person\":{ \"emails\":null } } \n"))
	require.NoError(t, err)
	require.Nil(t, doc.Resume)
	require.Equal(t, "j", doc.Job)
}

func FuzzDecode(f *testing.F) {
	f.Add(exampleJSON(f))
	for _, s := range []string{`{}`, `{"person":{"emails":[{"address":"a@example.com"}]}}`, `{"expires_at":"2026-05-01T09:00:00+02:00"}`, `{"a":[[[{}]]]}`, `{"job":"😀"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		doc, err := Decode(data)
		if err != nil {
			require.Equal(t, atssync.CodeInvalid, atssync.CodeOf(err))
			return
		}
		// What is accepted is what encoding/json reads, and it survives a round trip.
		var want atssync.Document
		require.NoError(t, json.Unmarshal(data, &want), "accepted what is no JSON")
		require.Equal(t, string(canonical(nil, want)), string(canonical(nil, doc)))
		b, err := json.Marshal(doc)
		require.NoError(t, err)
		again, err := Decode(b)
		require.NoError(t, err)
		require.Equal(t, string(canonical(nil, doc)), string(canonical(nil, again)))
	})
}

// document1500 is a usual document of about 1.5 KB.
func document1500(tb testing.TB, now time.Time) []byte {
	doc := Example(now)
	doc.Answers[0].Answer = strings.Repeat("I like to work with people. ", 10)
	b, err := json.Marshal(doc)
	require.NoError(tb, err)
	return b
}

func BenchmarkDecode(b *testing.B) {
	data := document1500(b, testNow)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decode(data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkValidate(b *testing.B) {
	doc, err := Decode(document1500(b, testNow))
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		if Validate(doc, Rules{Now: testNow}) != nil {
			b.Fatal("not valid")
		}
	}
}

func BenchmarkCanonical(b *testing.B) {
	doc, err := Decode(document1500(b, testNow))
	require.NoError(b, err)
	buf := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		buf = canonical(buf[:0], doc)
	}
}
