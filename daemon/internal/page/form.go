package page

import (
	"html/template"
	"strings"
)

// Field is one labelled input of a form, for the part "field".
type Field struct {
	Name, Label string
	Help        string
	Value       string // never filled in for Type password
	Type        string // text when empty; password, email, url, search, date, number
	Error       string
	Optional    bool
	Auto        string // autocomplete; off when empty
	Placeholder string
}

// Choice is one of several answers, for the part "choices".
type Choice struct {
	Value, Label string
	Help         string
	Checked      bool
}

// Choices is a group of which one is chosen.
type Choices struct {
	Name, Legend string
	Help         string
	Error        string
	Of           []Choice
}

// Pager is where the pages around a page of a list are, for the part "pager". Empty addresses are not shown.
type Pager struct {
	First, Previous, Next string
	Summary               string // such as "100 of 2,310 jobs"
}

// Anchor is the id of a field's input on its page.
func Anchor(field string) string { return "f-" + clean(field) }

// clean keeps what may stand in an id.
func clean(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return '-'
	}, name)
}

// Badge is a short state in words, with its colour and sign.
func Badge(k Kind, text string) template.HTML {
	return template.HTML(`<span class="badge ` + string(k) + `">` + template.HTMLEscapeString(text) + `</span>`) //nolint:gosec // the kind is a constant, the text is escaped.
}
