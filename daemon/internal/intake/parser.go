package intake

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// parser walks one JSON text. Its methods stand on the first byte of what they read and leave behind the last; they
// return false when the text cannot be followed any more, and then the last problem says why. Strings without
// escapes share the memory of the text.
type parser struct {
	s        string
	i        int
	depth    int
	path     path
	problems []atssync.FieldError
}

// problem notes what is wrong where the walk stands.
func (p *parser) problem(message string) {
	if len(p.problems) < maxProblems {
		p.problems = append(p.problems, atssync.FieldError{Path: p.path.String(), Message: message})
	}
}

// syntax notes where the text stops to be JSON, and returns false.
func (p *parser) syntax(message string) bool {
	p.problem(fmt.Sprintf("%s (byte %d)", message, p.i+1))
	return false
}

func (p *parser) space() {
	for p.i < len(p.s) {
		switch p.s[p.i] {
		case ' ', '\t', '\n', '\r':
			p.i++
		default:
			return
		}
	}
}

// next skips space and the byte c.
func (p *parser) next(c byte) bool {
	p.space()
	if p.i < len(p.s) && p.s[p.i] == c {
		p.i++
		return true
	}
	return false
}

func (p *parser) literal(word string) bool {
	if !strings.HasPrefix(p.s[p.i:], word) {
		return p.syntax("expected " + word)
	}
	p.i += len(word)
	return true
}

func (p *parser) enter() bool {
	if p.depth++; p.depth > maxDepth {
		return p.syntax(fmt.Sprintf("is nested more than %d deep", maxDepth))
	}
	p.i++
	return true
}

// members reads an object: fn is called with each key, standing on its value with the key on the path.
func (p *parser) members(fn func(key string) bool) bool {
	if !p.enter() {
		return false
	}
	defer func() { p.depth-- }()
	if p.next('}') {
		return true
	}
	for {
		p.space()
		if p.i >= len(p.s) || p.s[p.i] != '"' {
			return p.syntax("expected a key in quotes")
		}
		key, ok := p.text()
		if !ok {
			return false
		}
		p.path = append(p.path, step{key: key})
		if !p.next(':') {
			return p.syntax("expected : after the key")
		}
		p.space()
		if !fn(key) {
			return false
		}
		p.path = p.path[:len(p.path)-1]
		if p.next(',') {
			continue
		}
		if p.next('}') {
			return true
		}
		return p.syntax("expected , or } in the object")
	}
}

// elements reads a list: fn is called with each index, standing on the element with the index on the path.
func (p *parser) elements(fn func(i int) bool) bool {
	if !p.enter() {
		return false
	}
	defer func() { p.depth-- }()
	if p.next(']') {
		return true
	}
	for i := 0; ; i++ {
		p.path = append(p.path, step{index: i, list: true})
		p.space()
		if !fn(i) {
			return false
		}
		p.path = p.path[:len(p.path)-1]
		if p.next(',') {
			continue
		}
		if p.next(']') {
			return true
		}
		return p.syntax("expected , or ] in the list")
	}
}

// skip reads any value and drops it.
func (p *parser) skip() bool {
	if p.i >= len(p.s) {
		return p.syntax("the document ends early")
	}
	switch c := p.s[p.i]; {
	case c == '"':
		_, ok := p.text()
		return ok
	case c == '{':
		return p.members(func(string) bool { return p.skip() })
	case c == '[':
		return p.elements(func(int) bool { return p.skip() })
	case c == 't':
		return p.literal("true")
	case c == 'f':
		return p.literal("false")
	case c == 'n':
		return p.literal("null")
	case c == '-' || c >= '0' && c <= '9':
		return p.number()
	default:
		return p.syntax(fmt.Sprintf("unexpected character %q", c))
	}
}

// maxNumber bounds the digits of a number; none that is meant has as many.
const maxNumber = 64

// number reads a number and drops it, unless nothing could hold it: libraries put such a number into their errors as it is.
func (p *parser) number() bool {
	start := p.i
	for p.i < len(p.s) && strings.IndexByte("+-.eE0123456789", p.s[p.i]) >= 0 {
		p.i++
	}
	if text := p.s[start:p.i]; len(text) > maxNumber {
		p.problem(fmt.Sprintf("is a number of more than %d characters", maxNumber))
	} else if _, err := strconv.ParseFloat(text, 64); errors.Is(err, strconv.ErrRange) {
		p.problem("is a number that is too large")
	} else if err != nil {
		return p.syntax("not a JSON number")
	}
	return true
}

// text reads a string.
func (p *parser) text() (string, bool) {
	start, ascii := p.i+1, true
	for i := start; i < len(p.s); i++ {
		switch c := p.s[i]; {
		case c == '"':
			p.i = i + 1
			text := p.s[start:i]
			if !ascii && !utf8.ValidString(text) {
				p.problem("is not valid UTF-8")
				return "", true
			}
			return text, true
		case c == '\\':
			return p.escaped(start, i)
		case c < ' ':
			p.i = i
			return "", p.syntax("a control character must be escaped in a string")
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	p.i = len(p.s)
	return "", p.syntax("a string has no end")
}

// escaped reads on a string whose first escape is at i.
func (p *parser) escaped(start, i int) (string, bool) {
	var b strings.Builder
	b.Grow(len(p.s[start:i]) + 64)
	b.WriteString(p.s[start:i])
	for i < len(p.s) {
		c := p.s[i]
		switch {
		case c == '"':
			p.i = i + 1
			if text := b.String(); utf8.ValidString(text) {
				return text, true
			}
			p.problem("is not valid UTF-8")
			return "", true
		case c < ' ':
			p.i = i
			return "", p.syntax("a control character must be escaped in a string")
		case c != '\\':
			end := i + 1
			for end < len(p.s) && p.s[end] != '"' && p.s[end] != '\\' && p.s[end] >= ' ' {
				end++
			}
			b.WriteString(p.s[i:end])
			i = end
		default:
			n, ok := p.escape(&b, i)
			if !ok {
				return "", false
			}
			i += n
		}
	}
	p.i = len(p.s)
	return "", p.syntax("a string has no end")
}

// simpleEscapes are the escapes of one letter.
var simpleEscapes = [256]byte{
	'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t',
}

// escape writes the escape at i and returns its length.
func (p *parser) escape(b *strings.Builder, i int) (int, bool) {
	if i+1 < len(p.s) && simpleEscapes[p.s[i+1]] != 0 {
		b.WriteByte(simpleEscapes[p.s[i+1]])
		return 2, true
	}
	p.i = i
	r, ok := hex4(p.s, i)
	if !ok {
		return 0, p.syntax("not a JSON escape")
	}
	if !utf16.IsSurrogate(r) {
		b.WriteRune(r)
		return 6, true
	}
	low, ok := hex4(p.s, i+6)
	if full := utf16.DecodeRune(r, low); ok && full != utf8.RuneError {
		b.WriteRune(full)
		return 12, true
	}
	return 0, p.syntax("half of a surrogate pair is missing")
}

// hex4 reads \uXXXX at i.
func hex4(s string, i int) (rune, bool) {
	if i+6 > len(s) || s[i] != '\\' || s[i+1] != 'u' {
		return 0, false
	}
	var r rune
	for _, c := range []byte(s[i+2 : i+6]) {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}
