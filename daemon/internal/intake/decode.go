package intake

import (
	"fmt"
	"reflect"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

const (
	// maxDepth bounds nesting; a document itself is four deep.
	maxDepth = 32
	// maxProblems bounds what one document is told; the rest adds nothing.
	maxProblems = 50
)

// Decode reads one document strictly. Unknown and repeated keys, wrong types, invalid UTF-8, bad dates, too
// deep or too large input and trailing data are an *atssync.Error with CodeInvalid and one FieldError each,
// all at once where the text can still be followed. null stands for a key that is left out.
func Decode(data []byte) (atssync.Document, error) {
	doc, problems, _ := decode(data, atssync.MaxDocument)
	if len(problems) > 0 {
		return atssync.Document{}, invalid(problems)
	}
	return doc, nil
}

// invalid is the error for a document with these problems.
func invalid(problems []atssync.FieldError) *atssync.Error {
	return &atssync.Error{Code: atssync.CodeInvalid, Message: "the document is not valid", Fields: problems}
}

// decode returns what could be read, and every problem. followed is false when the text could not be
// followed to its end, so that what is missing says nothing.
func decode(data []byte, limit int) (doc atssync.Document, problems []atssync.FieldError, followed bool) {
	if len(data) > limit {
		return doc, []atssync.FieldError{{Message: fmt.Sprintf("the document has %d bytes; the limit is %d", len(data), limit)}}, false
	}
	p := parser{s: string(data), path: make(path, 0, 8)}
	p.space()
	if p.i == len(p.s) {
		return doc, []atssync.FieldError{{Message: "the document is empty"}}, false
	}
	if p.s[p.i] != '{' {
		return doc, []atssync.FieldError{{Message: "a document is one JSON object, beginning with {"}}, false
	}
	followed = p.value(documentShape(), reflect.ValueOf(&doc).Elem())
	if followed {
		if p.space(); p.i < len(p.s) {
			followed = p.syntax("there is more after the end of the document")
		}
	}
	return doc, p.problems, followed
}

// value reads one value of the shape into v. It returns false when the text cannot be followed any more.
func (p *parser) value(s *shape, v reflect.Value) bool {
	if p.i >= len(p.s) {
		return p.syntax("the document ends early")
	}
	c := p.s[p.i]
	if c == 'n' {
		return p.literal("null")
	}
	if !fits(s.kind, c) {
		got := kindName(c)
		if got == "" {
			return p.syntax(fmt.Sprintf("unexpected character %q", c))
		}
		p.problem(fmt.Sprintf("must be %s, not %s", s.describe(), got))
		return p.skip()
	}
	if s.pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	switch s.kind {
	case kindString:
		text, ok := p.text()
		v.SetString(text)
		return ok
	case kindBool:
		v.SetBool(c == 't')
		if c == 't' {
			return p.literal("true")
		}
		return p.literal("false")
	case kindTime:
		return p.time(v)
	case kindList:
		return p.list(s.elem, v)
	}
	return p.object(s, v)
}

func fits(k kind, c byte) bool {
	switch k {
	case kindBool:
		return c == 't' || c == 'f'
	case kindObject:
		return c == '{'
	case kindList:
		return c == '['
	}
	return c == '"'
}

// kindName names what begins with c, "" when nothing does.
func kindName(c byte) string {
	switch {
	case c == '"':
		return "a string"
	case c == '{':
		return "an object"
	case c == '[':
		return "a list"
	case c == 't' || c == 'f':
		return "true or false"
	case c == '-' || c >= '0' && c <= '9':
		return "a number"
	}
	return ""
}

func (p *parser) time(v reflect.Value) bool {
	text, ok := p.text()
	if !ok {
		return false
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		p.problem("must be an RFC 3339 date and time such as 2026-05-01T09:30:00Z")
		return true
	}
	if at, ok := reflect.TypeAssert[*time.Time](v.Addr()); ok {
		*at = t.UTC()
	}
	return true
}

func (p *parser) list(elem *shape, v reflect.Value) bool {
	return p.elements(func(i int) bool {
		v.Grow(1)
		v.SetLen(i + 1)
		return p.value(elem, v.Index(i))
	})
}

func (p *parser) object(s *shape, v reflect.Value) bool {
	var seen uint64
	return p.members(func(key string) bool {
		i, ok := s.byName[key]
		if !ok {
			p.problem(unknownKey(p.path, s))
			return p.skip()
		}
		if seen&(1<<i) != 0 {
			p.problem("is given twice")
			return p.skip()
		}
		seen |= 1 << i
		f := &s.fields[i]
		return p.value(f.shape, v.Field(f.index))
	})
}
