package atssync

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// FirstSpoilt returns the first character of a text that no text for people holds: one that controls a device, or one that
// Unicode keeps free of any meaning. They come of a wrong decoding or are meant to do harm. White space is none of them, as
// line ends and tabs come along wherever texts are pasted or exported.
func FirstSpoilt(s string) (r rune, spoilt bool) {
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c < 0x7F { // most of any text
			i++
			continue
		}
		var size int
		r, size = utf8.DecodeRuneInString(s[i:])
		if unicode.IsControl(r) && !unicode.IsSpace(r) || r&0xFFFE == 0xFFFE || r >= 0xFDD0 && r <= 0xFDEF {
			return r, true
		}
		i += size
	}
	return 0, false
}

// Blank reports whether there is nothing to be seen in a text: it is empty but for white space and marks without a shape.
func Blank(s string) bool {
	for _, r := range s {
		if !unicode.IsSpace(r) && !unicode.Is(unicode.Cf, r) && !unicode.IsControl(r) {
			return false
		}
	}
	return true
}

// turning reports whether a character changes the direction of the text after it, so that people read something else than
// is written. Phones and desktops put pairs of them around names and numbers that are copied. The marks U+200E and U+200F, which
// turn nothing but a neighbour, belong to names.
func turning(r rune) bool {
	return r >= 0x202A && r <= 0x202E || r >= 0x2066 && r <= 0x2069
}

// shapeless reports whether a character stands for nothing: a space without width, or the mark at the beginning of a
// file. The joiners U+200C and U+200D are not among them: names of many scripts are written with them.
func shapeless(r rune) bool {
	return r == 0x200B || r == 0x2060 || r == 0xFEFF
}

// lines makes one value safe for a plain text: valid UTF-8, \n line ends, no control or direction-override characters.
func lines(s string) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\r\n", "\n")
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case r == '\r' || r == '\v' || r == '\f' || r == 0x85:
			return '\n'
		case unicode.IsControl(r), turning(r):
			return -1
		}
		return r
	}, s)
	return strings.TrimSpace(s)
}

// OneLine makes a value of one line of it: a name, a number, a title. What has no shape is left out too, for it keeps people from
// being found again.
func OneLine(s string) string {
	if plain(s) {
		return s
	}
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r) && unicode.IsControl(r):
			return ' '
		case unicode.IsControl(r), turning(r), shapeless(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	return strings.TrimSpace(s)
}

// plain recognises what OneLine would leave as it is, at a fraction of the cost.
func plain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] >= 0x7F {
			return false
		}
	}
	return s == "" || s[0] != ' ' && s[len(s)-1] != ' '
}

// ForReading returns the document as an ATS and its recruiters get it: without what turns the direction of a text, has no
// shape or controls a device, each name, number and title on one line. Ids and addresses are what they are.
func (d Document) ForReading() Document {
	p := &d.Person
	for _, s := range []*string{&p.FirstName, &p.LastName, &p.Company, &p.Title} {
		*s = OneLine(*s)
	}
	p.Emails = each(p.Emails, func(e *Email) { e.Address = OneLine(e.Address) })
	p.Phones = each(p.Phones, func(n *Phone) { n.Number = OneLine(n.Number) })
	p.Addresses = each(p.Addresses, func(a *Address) { a.Text = lines(a.Text) })
	d.Answers = each(d.Answers, func(a *Answer) { a.Question, a.Answer = lines(a.Question), lines(a.Answer) })
	d.Media = each(d.Media, func(m *Media) { m.Title = OneLine(m.Title) })
	d.Notes = each(d.Notes, func(n *string) { *n = lines(*n) })
	if d.Resume != nil {
		r := *d.Resume
		r.FileName = OneLine(r.FileName)
		d.Resume = &r
	}
	if d.Referrer != nil {
		r := *d.Referrer
		r.FirstName, r.LastName, r.Email = OneLine(r.FirstName), OneLine(r.LastName), OneLine(r.Email)
		d.Referrer = &r
	}
	return d
}

// each returns a copy of a list with each entry changed.
func each[T any](list []T, change func(*T)) []T {
	if list == nil {
		return nil
	}
	out := append([]T(nil), list...)
	for i := range out {
		change(&out[i])
	}
	return out
}
