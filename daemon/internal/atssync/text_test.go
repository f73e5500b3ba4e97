package atssync

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestFirstSpoilt_FindsWhatBelongsIntoNoText(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]rune{
		"a\x00": 0, "\x1b[31m": 0x1b, "a\x7f": 0x7f, "O\u0092Brien": 0x92, "\ufffe": 0xfffe, "\uffff": 0xffff, "\U0001ffff": 0x1ffff, "\ufdd0": 0xfdd0,
	} {
		got, spoilt := FirstSpoilt(s)
		require.True(t, spoilt, "%q", s)
		require.Equal(t, want, got, "%q", s)
	}
	for _, s := range []string{"", "Ada", "a\r\n\tb\v\f\u0085", "é申请\U0001F469\u200d\U0001F4BB", "\u200c\u200f\u202a\u2068\u200b\ufeff\ufffd\ufdf0"} {
		_, spoilt := FirstSpoilt(s)
		require.False(t, spoilt, "%q", s)
	}
}

func TestBlank_NothingCanBeSeen(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "  ", "\u00a0\t\r\n", "\u200b", "\u202e\u2069", "\u200d", "\ufeff"} {
		require.True(t, Blank(s), "%q", s)
	}
	for _, s := range []string{"a", " .", "\u200fא"} {
		require.False(t, Blank(s), "%q", s)
	}
}

func TestForReading_LeavesOutWhatPeopleCannotSeeAndKeepsTheirNames(t *testing.T) {
	t.Parallel()
	given := Document{
		ExternalID: "1", ApplicationURL: "https://example.com/\u202a",
		Person: Person{
			FirstName: " \u202eadA\u202c\r", LastName: "نگین\u200cسادات\u200f", Company: "Exa\u200bmple\u2060 Inc.", Title: "Senior\tEngineer",
			Emails: []Email{{Address: "\ufeffada@example.com", Type: "work"}}, Phones: []Phone{{Number: "\u202a+1 202 555 0101\u202c"}},
			Addresses: []Address{{Text: "1 Street\r\nTown"}}, Links: []WebLink{{URL: "https://example.com/ada"}},
		},
		Resume:  &Resume{URL: "https://example.com/1", FileName: "resume\u202efdp.exe"},
		Answers: []Answer{{Question: "Why\v?", Answer: "a\fb", Private: true}}, Media: []Media{{Title: "In\ntro", URL: "https://example.com/m"}},
		Notes: []string{"a\u2066b"}, Referrer: &Referrer{FirstName: "Grace ", Email: "grace@example.com\u200b"},
	}
	want := Document{
		ExternalID: "1", ApplicationURL: "https://example.com/\u202a",
		Person: Person{
			FirstName: "adA", LastName: "نگین\u200cسادات\u200f", Company: "Example Inc.", Title: "Senior Engineer",
			Emails: []Email{{Address: "ada@example.com", Type: "work"}}, Phones: []Phone{{Number: "+1 202 555 0101"}},
			Addresses: []Address{{Text: "1 Street\nTown"}}, Links: []WebLink{{URL: "https://example.com/ada"}},
		},
		Resume:  &Resume{URL: "https://example.com/1", FileName: "resumefdp.exe"},
		Answers: []Answer{{Question: "Why\n?", Answer: "a\nb", Private: true}}, Media: []Media{{Title: "In tro", URL: "https://example.com/m"}},
		Notes: []string{"ab"}, Referrer: &Referrer{FirstName: "Grace", Email: "grace@example.com"},
	}
	require.Equal(t, want, given.ForReading())
	require.Equal(t, "\ufeffada@example.com", given.Person.Emails[0].Address, "the document that was given was changed")
	require.Equal(t, "resume\u202efdp.exe", given.Resume.FileName)
	require.Equal(t, want, want.ForReading())
	require.Equal(t, Document{}, Document{}.ForReading())
}

func FuzzOneLine(f *testing.F) {
	for _, s := range []string{"", " Ada ", "\u202eA\r\nB\x00", "\xff\u200b", "\u200b "} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := OneLine(s)
		require.True(t, utf8.ValidString(got))
		require.False(t, strings.ContainsFunc(got, func(r rune) bool { return unicode.IsControl(r) || turning(r) || shapeless(r) }), "%q", got)
		require.Equal(t, got, OneLine(got))
		if got == "" {
			require.True(t, Blank(strings.ToValidUTF8(s, "")), "%q", s)
		}
		if _, spoilt := FirstSpoilt(lines(s)); spoilt {
			_, before := FirstSpoilt(s)
			require.True(t, before)
		}
	})
}
