package atssync_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

func noteDocument() atssync.Document {
	return atssync.Document{
		Person:         atssync.Person{FirstName: "Ada", LastName: "Example"},
		ApplicationURL: "https://platform.example.com/a/1",
		Answers: []atssync.Answer{
			{Question: "Why us?", Answer: "Because."},
			{Question: "Salary?", Answer: "secret figure", Private: true},
			{Question: "Notice?", Answer: "  "},
		},
		Media: []atssync.Media{{Title: "Introduction", URL: "https://platform.example.com/m/1"}, {URL: "https://platform.example.com/m/2"}},
		Notes: []string{"Speaks Breton.", " \n "},
	}
}

func render(t *testing.T, d atssync.Document, rule sdk.NoteRule) string {
	t.Helper()
	n, err := atssync.ParseNote("")
	require.NoError(t, err)
	got, err := n.Render(d, "Talents", rule)
	require.NoError(t, err)
	return got
}

func TestNote_ReadsWellAndHoldsNoPrivateAnswer(t *testing.T) {
	t.Parallel()
	got := render(t, noteDocument(), sdk.NoteRule{Format: sdk.NotePlain, Max: 10_000})
	require.Equal(t, `Applied via Talents
Full application: https://platform.example.com/a/1

Questions and answers

Why us?
Because.

Notice?
(no answer)

Listen
Introduction: https://platform.example.com/m/1
Sound bite 2: https://platform.example.com/m/2

Notes
Speaks Breton.`, got)
}

func TestNote_AnEmptyDocumentIsOneLine(t *testing.T) {
	t.Parallel()
	require.Equal(t, "Applied via Talents", render(t, atssync.Document{}, sdk.NoteRule{Format: sdk.NotePlain, Max: 100}))
	require.Empty(t, render(t, noteDocument(), sdk.NoteRule{Format: sdk.NoteNone, Max: 100}))
	require.Empty(t, render(t, noteDocument(), sdk.NoteRule{Format: sdk.NotePlain}))
}

func TestNote_IsCutAtAWordWithAPointer(t *testing.T) {
	t.Parallel()
	d := noteDocument()
	d.Answers = []atssync.Answer{{Question: "Tell us", Answer: strings.Repeat("wörter ", 2000)}}
	for _, limit := range []int{250, 500, 5000} {
		got := render(t, d, sdk.NoteRule{Format: sdk.NotePlain, Max: limit})
		require.LessOrEqual(t, utf8.RuneCountInString(got), limit)
		text, pointer, ok := strings.Cut(got, " …")
		require.True(t, ok)
		require.Equal(t, "\n\nThe rest is in the full application: "+d.ApplicationURL, pointer)
		require.Regexp(t, `wörter$`, text)
	}
	d.ApplicationURL = ""
	require.Regexp(t, `wörter …$`, render(t, d, sdk.NoteRule{Format: sdk.NotePlain, Max: 250}))
	require.Equal(t, 5, utf8.RuneCountInString(render(t, noteDocument(), sdk.NoteRule{Format: sdk.NotePlain, Max: 5})), "a bound is a bound")
}

func TestNote_ControlAndDirectionCharactersGoOut(t *testing.T) {
	t.Parallel()
	d := atssync.Document{Answers: []atssync.Answer{{
		Question: "A\x00B\x1b[31m\u202EC", Answer: "line\r\nbreak\rand\ttab \u2066x\u2069 \xff عربى 你好 🎉",
	}}}
	got := render(t, d, sdk.NoteRule{Format: sdk.NotePlain, Max: 1000})
	require.Contains(t, got, "AB[31mC\nline\nbreak\nand\ttab x \uFFFD عربى 你好 🎉")
}

func TestNote_HTMLIsEscapedAndNeverCutInATagOrEntity(t *testing.T) {
	t.Parallel()
	d := atssync.Document{
		ApplicationURL: "https://platform.example.com/a?x=1&y=2",
		Answers:        []atssync.Answer{{Question: "<script>alert(1)</script>", Answer: strings.Repeat("a & b < c\n", 200)}},
	}
	got := render(t, d, sdk.NoteRule{Format: sdk.NoteHTML, Max: 10_000})
	require.NotContains(t, got, "<script")
	require.Contains(t, got, "&lt;script&gt;alert(1)&lt;/script&gt;<br>\n")
	for limit := 100; limit < 400; limit++ {
		got := render(t, d, sdk.NoteRule{Format: sdk.NoteHTML, Max: limit})
		require.LessOrEqual(t, utf8.RuneCountInString(got), limit)
		plain := strings.NewReplacer("<br>", "", "&lt;", "", "&gt;", "", "&amp;", "", "&#34;", "", "&#39;", "").Replace(got)
		require.NotContains(t, plain, "<", "limit %d: %q", limit, got)
		require.NotContains(t, plain, "&", "limit %d: %q", limit, got)
	}
}

func TestParseNote_AMistakeShowsAtTheConfig(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"{{", "{{.Nobody}}", "{{range .Answers}}", "{{.Platform.X}}"} {
		_, err := atssync.ParseNote(text)
		require.Error(t, err, text)
	}
	n, err := atssync.ParseNote("{{.FirstName}} {{.LastName}} of {{.Platform}}")
	require.NoError(t, err)
	got, err := n.Render(noteDocument(), "Talents", sdk.NoteRule{Format: sdk.NotePlain, Max: 100})
	require.NoError(t, err)
	require.Equal(t, "Ada Example of Talents", got)
}

func FuzzNote(f *testing.F) {
	f.Add("Why?", "Because.", "https://platform.example.com/a", 100, false)
	f.Add("\xff\x00", "\u202E<b>&", "", 7, true)
	f.Fuzz(func(t *testing.T, question, answer, url string, limit int, html bool) {
		n, err := atssync.ParseNote("")
		require.NoError(t, err)
		rule := sdk.NoteRule{Format: sdk.NotePlain, Max: limit}
		if html {
			rule.Format = sdk.NoteHTML
		}
		got, err := n.Render(atssync.Document{Answers: []atssync.Answer{{Question: question, Answer: answer}}, ApplicationURL: url}, "Talents", rule)
		require.NoError(t, err)
		require.LessOrEqual(t, utf8.RuneCountInString(got), max(limit, 0))
		if utf8.ValidString(url) {
			require.True(t, utf8.ValidString(got))
		}
		if url == "" {
			for _, r := range got {
				require.False(t, unicode.IsControl(r) && r != '\n' && r != '\t')
			}
		}
	})
}
