package submit

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	sdk "github.com/atssync/atssync/plugin-sdk"
)

// What an adapter says about a submission goes into troubles, and from there into events, lists and logs, where nobody's
// name belongs; an ATS likes to repeat what it was sent. Adapters take care of that themselves; this is the second
// line behind them, for it is the host that knows whom a call was about.

const left = "[…]"

// discretion takes the people of one call out of texts.
type discretion struct {
	texts []*regexp.Regexp // whatever their case
	words map[string]bool  // as they are written, so that a name that is a word of the language spares the word
}

// about returns the discretion for the people of a call.
func about(items []ready) *discretion {
	d := &discretion{words: make(map[string]bool)}
	var texts []string
	for i := range items {
		p := items[i].item.Person
		texts = append(texts, p.FirstName+" "+p.LastName, p.LastName+" "+p.FirstName, p.LastName+", "+p.FirstName)
		for _, e := range p.Emails {
			texts = append(texts, e.Address)
		}
		for _, n := range p.Phones {
			texts = append(texts, n.Number)
		}
		for _, a := range p.Addresses {
			texts = append(texts, a.Text)
		}
		for _, word := range strings.FieldsFunc(p.FirstName+" "+p.LastName, notOfAWord) {
			if utf8.RuneCountInString(word) > 1 {
				d.words[word] = true
			}
		}
	}
	slices.SortFunc(texts, func(a, b string) int { return len(b) - len(a) })
	for _, t := range slices.Compact(texts) {
		if t = strings.TrimSpace(strings.ToValidUTF8(t, "")); utf8.RuneCountInString(t) > 3 {
			d.texts = append(d.texts, regexp.MustCompile(`(?i)`+regexp.QuoteMeta(t)))
		}
	}
	return d
}

// text returns a text without them.
func (d *discretion) text(s string) string {
	for _, t := range d.texts {
		s = t.ReplaceAllLiteralString(s, left)
	}
	var b strings.Builder
	for len(s) > 0 {
		i := strings.IndexFunc(s, func(r rune) bool { return !notOfAWord(r) })
		if i < 0 {
			i = len(s)
		}
		b.WriteString(s[:i])
		s = s[i:]
		end := strings.IndexFunc(s, notOfAWord)
		if end < 0 {
			end = len(s)
		}
		if d.words[s[:end]] {
			b.WriteString(left)
		} else {
			b.WriteString(s[:end])
		}
		s = s[end:]
	}
	return b.String()
}

func notOfAWord(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsMark(r) && !unicode.IsDigit(r)
}

// discreet returns the outcomes and exchanges of a call without its people. The usual call says nothing.
func discreet(items []ready, outcomes []sdk.SubmitOutcome, exchanges []sdk.Exchange) ([]sdk.SubmitOutcome, []sdk.Exchange) {
	says := slices.ContainsFunc(outcomes, func(o sdk.SubmitOutcome) bool { return o.Message != "" || o.Err != nil }) ||
		slices.ContainsFunc(exchanges, func(x sdk.Exchange) bool { return x.Excerpt != "" })
	if !says {
		return outcomes, exchanges
	}
	d := about(items)
	outcomes, exchanges = slices.Clone(outcomes), slices.Clone(exchanges)
	for i := range outcomes {
		o := &outcomes[i]
		o.Message = d.text(o.Message)
		if o.Err == nil {
			continue
		}
		e := *o.Err
		e.Message, e.Remedy, e.Fields = d.text(e.Message), d.text(e.Remedy), slices.Clone(e.Fields)
		for j := range e.Fields {
			e.Fields[j].Message = d.text(e.Fields[j].Message)
		}
		o.Err = &e
	}
	for i := range exchanges {
		exchanges[i].Excerpt = d.text(exchanges[i].Excerpt)
	}
	return outcomes, exchanges
}
