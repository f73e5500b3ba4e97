package intake

import (
	"fmt"
	"net/mail"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// Rules are what a document is judged by beside its own shape.
type Rules struct {
	Now time.Time
	// LastNameFallback is the connection's; with one, a person may have no last name.
	LastNameFallback string
}

// consentAhead is how far a consent may lie in the future: clocks and time zones are set wrongly.
const consentAhead = 24 * time.Hour

// inThePast begins what is said of an instant that is over.
const inThePast = "is in the past"

// spoilt begins what is said of a text with a character that belongs into none, unseen what is said of one that is required and
// shows nothing.
const (
	spoilt = "holds the character "
	unseen = "is required, and nothing can be seen in it"
)

// Validate returns every problem of a document, at most 50 of them, nil when it is good: missing and too long
// fields, words outside their list, addresses that are not https, e-mail addresses that are none, characters that belong
// into no text, instants that are over.
func Validate(doc atssync.Document, r Rules) []atssync.FieldError {
	v := validator{path: make(path, 0, 8)}
	v.object(documentShape(), reflect.ValueOf(&doc).Elem())
	add := func(path, message string) {
		v.problems = append(v.problems, atssync.FieldError{Path: path, Message: message})
	}
	if last := doc.Person.LastName; r.LastNameFallback == "" && atssync.Blank(last) {
		const why = ": this connection has no last_name_fallback for people with one name"
		if last == "" {
			add("person.last_name", "is required"+why)
		} else {
			add("person.last_name", unseen+why)
		}
	}
	if doc.ExpiresAt != nil && !doc.ExpiresAt.After(r.Now) {
		add("expires_at", inThePast)
	}
	if res := doc.Resume; res != nil {
		if res.URL == "" {
			add("resume.url", "is required: a resume is given by the https address where the ATS fetches it")
		}
		if res.ExpiresAt != nil && !res.ExpiresAt.After(r.Now) {
			add("resume.expires_at", inThePast+": the ATS could not fetch the resume any more")
		}
	}
	if doc.Consent != nil && doc.Consent.At.After(r.Now.Add(consentAhead)) {
		add("consent.at", "is in the future")
	}
	return v.problems
}

// validator walks a document with its shape.
type validator struct {
	path     path
	problems []atssync.FieldError
}

func (v *validator) problem(message string) {
	if len(v.problems) < maxProblems {
		v.problems = append(v.problems, atssync.FieldError{Path: v.path.String(), Message: message})
	}
}

func (v *validator) object(s *shape, val reflect.Value) {
	for i := range s.fields {
		f := &s.fields[i]
		v.path = append(v.path, step{key: f.name})
		v.field(f, val.Field(f.index))
		v.path = v.path[:len(v.path)-1]
	}
}

func (v *validator) field(f *field, val reflect.Value) {
	if f.shape.pointer {
		if val.IsNil() {
			return
		}
		val = val.Elem()
	}
	switch f.shape.kind {
	case kindString:
		v.text(f, val.String())
	case kindTime:
		if f.required && val.IsZero() {
			v.problem("is required")
		}
	case kindObject:
		v.object(f.shape, val)
	case kindList:
		v.list(f, val)
	}
}

func (v *validator) list(f *field, val reflect.Value) {
	n := val.Len()
	if f.maxItems > 0 && n > f.maxItems {
		v.problem(fmt.Sprintf("has %d entries; the limit is %d", n, f.maxItems))
		return
	}
	for i := range n {
		v.path = append(v.path, step{index: i, list: true})
		switch f.shape.elem.kind {
		case kindObject:
			v.object(f.shape.elem, val.Index(i))
		case kindString:
			v.characters(val.Index(i).String())
		}
		v.path = v.path[:len(v.path)-1]
	}
}

func (v *validator) text(f *field, s string) {
	if s == "" {
		// A question may have been left unanswered, and the note says so.
		if f.required && f.name != "answer" {
			v.problem("is required")
		}
		return
	}
	if f.maxLen > 0 && len(s) > f.maxLen {
		if n := utf8.RuneCountInString(s); n > f.maxLen {
			v.problem(fmt.Sprintf("has %d characters; the limit is %d", n, f.maxLen))
			return
		}
	}
	if f.required && f.name != "answer" && atssync.Blank(s) {
		v.problem(unseen)
		return
	}
	if f.enum != nil && !slices.Contains(f.enum, s) {
		v.problem("must be one of " + strings.Join(f.enum, ", "))
		return
	}
	if f.check != nil {
		if message := f.check(s); message != "" {
			v.problem(message)
			return
		}
	}
	v.characters(s)
}

// characters says what a text holds that belongs into none.
func (v *validator) characters(s string) {
	if r, bad := atssync.FirstSpoilt(s); bad {
		v.problem(fmt.Sprintf(spoilt+"%U, which belongs into no text: it often comes of a wrong decoding; leave it out", r))
	}
}

// notHTTPS says why s is not an https address that anyone can fetch.
func notHTTPS(s string) string {
	rest, ok := strings.CutPrefix(s, "https://")
	switch {
	case !ok:
		return "must be an https address"
	case plainAddress(rest):
		return ""
	}
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Hostname() == "" || strings.ContainsAny(s, " \t\r\n<>\"\\"):
		return "is not a valid https address"
	case u.User != nil:
		return "must not hold a user name or password"
	}
	return ""
}

// plainAddress recognises what usually follows the scheme, a host name and a path without escapes, at a fraction of the cost
// of a full parse.
func plainAddress(s string) bool {
	host, path, _ := strings.Cut(s, "/")
	for i := range len(path) {
		c := path[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("/-._~?=&+", c) >= 0) {
			return false
		}
	}
	return dotted(host, "-")
}

// notEmail says why s is not a plain e-mail address.
func notEmail(s string) string {
	if plainEmail(s) {
		return ""
	}
	a, err := mail.ParseAddress(s)
	if err != nil || a.Name != "" || a.Address != s || !strings.Contains(s[strings.LastIndexByte(s, '@'):], ".") {
		return "is not an e-mail address such as ada@example.com"
	}
	return ""
}

// plainEmail recognises the usual addresses at a fraction of the cost of a full parse.
func plainEmail(s string) bool {
	local, domain, ok := strings.Cut(s, "@")
	if !ok || !dotted(local, "+-_") || !strings.Contains(domain, ".") {
		return false
	}
	return dotted(domain, "-")
}

// dotted reports whether s is words of ASCII letters, digits and others with single dots between them.
func dotted(s, others string) bool {
	last := byte('.')
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte(others, c) >= 0:
		case c == '.' && last != '.':
		default:
			return false
		}
		last = c
	}
	return last != '.'
}

// notExternalID says why s is not fit to be given to others: it holds no personal data.
func notExternalID(s string) string {
	if strings.Contains(s, "@") && notEmail(s) == "" {
		return "looks like an e-mail address; give an id that holds no personal data"
	}
	return notPrintable(s)
}

// notPrintable says why s is not an id.
func notPrintable(s string) string {
	if strings.TrimSpace(s) != s {
		return "must not begin or end with a space"
	}
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return "must hold printable characters only"
		}
	}
	return ""
}
