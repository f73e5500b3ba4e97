package page

import (
	"html/template"
	"net/mail"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// funcs are what every template can call.
func (s *Site) funcs() template.FuncMap {
	return template.FuncMap{
		"badge":   Badge,
		"when":    When,
		"day":     day,
		"number":  number,
		"anchor":  Anchor,
		"asset":   s.asset,
		"path":    s.Path,
		"contact": contact,
	}
}

// Capital makes the first letter a capital one.
func Capital(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	if first == utf8.RuneError {
		return text // nothing, or no letter
	}
	return string(unicode.ToTitle(first)) + text[size:]
}

// Sentence begins a text with a capital and ends it with a stop.
func Sentence(text string) string {
	text = Capital(text)
	if text != "" && !strings.HasSuffix(text, ".") && !strings.HasSuffix(text, "?") && !strings.HasSuffix(text, "!") {
		text += "."
	}
	return text
}

// When shows an instant, in UTC until the script shows it in the reader's own zone; nothing for the zero time.
func When(t time.Time) template.HTML { return timeElement(t, "2 Jan 2006, 15:04 UTC") }

func day(t time.Time) template.HTML { return timeElement(t, "2 January 2006") }

func timeElement(t time.Time, layout string) template.HTML {
	if t.IsZero() {
		return `<span class="soft">–</span>`
	}
	t = t.UTC()
	return template.HTML(`<time datetime="` + t.Format(time.RFC3339) + `">` + t.Format(layout) + `</time>`) //nolint:gosec // digits and names of months.
}

// Number writes a number with commas: 1,234,567.
func Number[T int | int64](n T) string {
	s := strconv.FormatInt(int64(n), 10)
	head := len(s) % 3
	if n < 0 {
		head = (len(s)-1)%3 + 1
	}
	out := s[:head]
	for ; head < len(s); head += 3 {
		if out != "" && out != "-" {
			out += ","
		}
		out += s[head : head+3]
	}
	return out
}

// number is Number for templates, which know no type parameters.
func number(n any) string {
	switch n := n.(type) {
	case int:
		return Number(n)
	case int64:
		return Number(n)
	}
	return ""
}

// contact returns the address behind a support contact: mail, telephone or a page; "" for words.
func contact(s string) template.URL {
	switch {
	case strings.HasPrefix(s, "https://") || strings.HasPrefix(s, "http://"):
		return template.URL(s) //nolint:gosec // it comes from the configuration and leads to the web.
	case strings.HasPrefix(s, "mailto:") || strings.HasPrefix(s, "tel:"):
		return template.URL(s) //nolint:gosec // it comes from the configuration.
	}
	if a, err := mail.ParseAddress(s); err == nil && a.Address == s {
		return template.URL("mailto:" + s) //nolint:gosec // it is an address of mail.
	}
	return ""
}
