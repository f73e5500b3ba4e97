package atssync

import (
	"bytes"
	"fmt"
	"strings"
	"text/template"
	"unicode"
	"unicode/utf8"

	sdk "github.com/atssync/atssync/plugin-sdk"
)

// DefaultNote is the text a recruiter reads in the activity feed unless the config or the connection has
// another one. It is a text/template over NoteData.
const DefaultNote = `Applied via {{.Platform}}{{with .URL}}
Full application: {{.}}{{end}}
{{- with .Answers}}

Questions and answers
{{- range .}}

{{.Question}}
{{.Answer}}
{{- end}}{{end}}
{{- with .Media}}

Listen
{{- range .}}
{{.Title}}: {{.URL}}
{{- end}}{{end}}
{{- with .Notes}}

Notes
{{- range .}}
{{.}}
{{- end}}{{end}}`

// NoteData is what a note template sees. Private answers are not in it.
type NoteData struct {
	Platform  string
	URL       string // the application on the platform
	FirstName string
	LastName  string
	Answers   []Answer
	Media     []Media
	Notes     []string
}

// NoteTemplate is a parsed note template.
type NoteTemplate struct{ t *template.Template }

// ParseNote parses a template and tries it on a full example, so that a mistake shows at the config and not
// at the first candidate. An empty text is DefaultNote.
func ParseNote(text string) (NoteTemplate, error) {
	if strings.TrimSpace(text) == "" {
		text = DefaultNote
	}
	t, err := template.New("note").Option("missingkey=error").Parse(text)
	if err != nil {
		return NoteTemplate{}, fmt.Errorf("note template: %w", err)
	}
	n := NoteTemplate{t}
	_, err = n.Render(Document{
		Person: Person{FirstName: "Ada", LastName: "Example"}, ApplicationURL: "https://platform.example.com/a/1",
		Answers: []Answer{{Question: "Why?", Answer: "Because."}}, Media: []Media{{Title: "Intro", URL: "https://platform.example.com/m/1"}},
		Notes: []string{"A note."},
	}, "Platform", sdk.NoteRule{Format: sdk.NotePlain, Max: 10000})
	return n, err
}

// Render returns the note for one document within the adapter's rule: plain text, line ends as \n, no
// control characters, cut at a word with a pointer to the application when it is too long. It is "" where the ATS takes none.
func (n NoteTemplate) Render(d Document, platform string, rule sdk.NoteRule) (string, error) {
	if rule.Format == sdk.NoteNone || rule.Max == 0 {
		return "", nil
	}
	data := NoteData{
		Platform: lines(platform), URL: d.ApplicationURL,
		FirstName: lines(d.Person.FirstName), LastName: lines(d.Person.LastName),
	}
	for _, a := range d.Answers {
		if a.Private {
			continue
		}
		text := lines(a.Answer)
		if text == "" {
			text = "(no answer)"
		}
		data.Answers = append(data.Answers, Answer{Question: lines(a.Question), Answer: text})
	}
	for i, m := range d.Media {
		title := lines(m.Title)
		if title == "" {
			title = fmt.Sprintf("Sound bite %d", i+1)
		}
		data.Media = append(data.Media, Media{Title: title, URL: m.URL})
	}
	for _, s := range d.Notes {
		if s = lines(s); s != "" {
			data.Notes = append(data.Notes, s)
		}
	}
	var b bytes.Buffer
	if err := n.t.Execute(&b, data); err != nil {
		return "", fmt.Errorf("render note: %w", err)
	}
	text := strings.TrimSpace(b.String())
	if rule.Format == sdk.NoteHTML {
		text = cut(text, d.ApplicationURL, rule.Max, htmlWidth)
		return strings.ReplaceAll(template.HTMLEscapeString(text), "\n", "<br>\n"), nil
	}
	return cut(text, d.ApplicationURL, rule.Max, func(rune) int { return 1 }), nil
}

// htmlWidth is how many characters a character takes once it is escaped, so that a text is cut before it is
// escaped and never within a tag or an entity.
func htmlWidth(r rune) int {
	if r == '\n' {
		return len("<br>\n")
	}
	return utf8.RuneCountInString(template.HTMLEscapeString(string(r)))
}

// cut shortens text to at most limit characters, as width counts them, at a word, ending with a pointer to url.
func cut(text, url string, limit int, width func(rune) int) string {
	measure := func(s string) (n int) {
		for _, r := range s {
			n += width(r)
		}
		return n
	}
	// fit is how many bytes of the text take at most room characters.
	fit := func(room int) int {
		for i, r := range text {
			if room -= width(r); room < 0 {
				return i
			}
		}
		return len(text)
	}
	if measure(text) <= limit {
		return text
	}
	pointer := " …"
	if url != "" {
		pointer = " …\n\nThe rest is in the full application: " + url
	}
	room := limit - measure(pointer)
	if room <= 0 {
		return text[:fit(max(limit, 0))]
	}
	head := text[:fit(room)]
	if i := strings.LastIndexFunc(head, unicode.IsSpace); i > len(head)/2 && !startsWithSpace(text[len(head):]) {
		head = head[:i]
	}
	return strings.TrimRightFunc(head, unicode.IsSpace) + pointer
}

func startsWithSpace(s string) bool {
	r, _ := utf8.DecodeRuneInString(s)
	return unicode.IsSpace(r)
}
