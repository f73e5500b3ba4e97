package api

import (
	"embed"
	"strings"
)

// What the description says in words, one section or line a thing. A test holds that nothing is without and that no words
// are left over.
//
//go:embed words
var wordFiles embed.FS

var (
	operationWords = sections("words/operations.md") // by operation id
	tagWords       = sections("words/tags.md")
	eventWords     = sections("words/events.md") // by event type
	// fieldWords are by property, Schema.property, ?query-parameter or {path-parameter}. What stands beside a field in Go goes
	// before them.
	fieldWords = lines("words/fields.md")
)

// problemWords tell what a problem is, in the description.
const problemWords = "What every refusal looks like (RFC 9457). `type` is the address of the code's row in the docs, `code` is what a program switches on."

func wordFile(name string) string {
	b, err := wordFiles.ReadFile(name)
	if err != nil {
		panic(err) // it is embedded
	}
	return string(b)
}

// sections reads texts that stand below headings of one level.
func sections(name string) map[string]string {
	out := make(map[string]string)
	for part := range strings.SplitSeq("\n"+wordFile(name), "\n# ") {
		if heading, text, ok := strings.Cut(part, "\n"); ok && heading != "" {
			out[heading] = strings.TrimSpace(text)
		}
	}
	return out
}

// lines reads texts that stand behind a key and a colon.
func lines(name string) map[string]string {
	out := make(map[string]string)
	for line := range strings.Lines(wordFile(name)) {
		if key, text, ok := strings.Cut(strings.TrimSpace(line), ": "); ok {
			out[key] = text
		}
	}
	return out
}
