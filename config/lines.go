package config

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// Bounds on what a file may hold. The TOML library is quadratic in the length of a dotted key, so that these are
// checked before it sees the file.
const (
	maxFile    = 1 << 20
	maxParts   = 12
	maxPart    = 64
	maxNesting = 12
	maxKeys    = 50_000
)

// layout knows on which line each key stands, which the TOML library does not tell. Paths are written as in Problem.
type layout map[string]int

// line returns the line of a key, or of the nearest table around it; 0 when nothing is known.
func (l layout) line(path string) int {
	for path != "" {
		if n, ok := l[path]; ok {
			return n
		}
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
	return 0
}

// scanner walks over TOML source far enough to find keys and their lines. It accepts everything that TOML is and
// more: where it understands nothing it stops, and the TOML library then says what is wrong there.
type scanner struct {
	src    []byte
	pos    int
	ln     int
	found  layout
	arrays map[string]int // path of an array of tables → index of its last element
	err    *Problem       // a bound that was broken
}

// scan returns the lines of all keys, or the problem of a file that is too deep or too large to be looked at.
func scan(src []byte) (layout, *Problem) {
	s := &scanner{src: src, ln: 1, found: layout{}, arrays: map[string]int{}}
	prefix := ""
	for s.blank(); s.pos < len(s.src); s.blank() {
		ok := false
		if s.src[s.pos] == '[' {
			prefix, ok = s.header()
		} else {
			ok = s.pair(prefix, 0)
		}
		if !ok || s.err != nil {
			break
		}
	}
	return s.found, s.err
}

func (s *scanner) fail(format string, args ...any) bool {
	if s.err == nil {
		s.err = &Problem{Line: s.ln, Message: fmt.Sprintf(format, args...)}
	}
	return false
}

// blank skips white space, line ends and comments.
func (s *scanner) blank() {
	for s.pos < len(s.src) {
		switch s.src[s.pos] {
		case ' ', '\t', '\r':
		case '\n':
			s.ln++
		case '#':
			end := bytes.IndexByte(s.src[s.pos:], '\n')
			if end < 0 {
				s.pos = len(s.src)
				return
			}
			s.pos += end - 1
		default:
			return
		}
		s.pos++
	}
}

func (s *scanner) spaces() {
	for s.pos < len(s.src) && (s.src[s.pos] == ' ' || s.src[s.pos] == '\t') {
		s.pos++
	}
}

func (s *scanner) take(token string) bool {
	if bytes.HasPrefix(s.src[s.pos:], []byte(token)) {
		s.pos += len(token)
		return true
	}
	return false
}

// header reads [a.b] or [[a.b]] and returns the path under which the keys below it stand.
func (s *scanner) header() (string, bool) {
	line := s.ln
	array := s.take("[[")
	if !array {
		s.take("[")
	}
	parts, ok := s.key()
	if !ok || !s.take("]") || (array && !s.take("]")) {
		return "", false
	}
	path := ""
	for i, part := range parts {
		path = join(path, part)
		last := i == len(parts)-1
		s.note(path, line)
		n, isArray := s.arrays[path]
		if last && array {
			if isArray {
				n++
			}
			s.arrays[path], isArray = n, true
		}
		if isArray {
			path = index(path, n)
			s.note(path, line)
		}
	}
	return path, true
}

// pair reads key = value under prefix.
func (s *scanner) pair(prefix string, depth int) bool {
	line := s.ln
	parts, ok := s.key()
	if !ok || !s.take("=") {
		return false
	}
	path := prefix
	for _, part := range parts {
		path = join(path, part)
		s.note(path, line)
	}
	return s.value(path, depth)
}

// note keeps the first line on which a path is seen.
func (s *scanner) note(path string, line int) {
	if len(s.found) >= maxKeys {
		s.fail("the file holds more than %d keys", maxKeys)
		return
	}
	if _, ok := s.found[path]; !ok {
		s.found[path] = line
	}
}

// key reads a dotted key with the blanks around it.
func (s *scanner) key() ([]string, bool) {
	var parts []string
	for {
		s.spaces()
		part, ok := s.keyPart()
		if !ok {
			return nil, false
		}
		if len(part) > maxPart {
			return nil, s.fail("a key is longer than %d bytes", maxPart)
		}
		if parts = append(parts, part); len(parts) > maxParts {
			return nil, s.fail("a key has more than %d parts", maxParts)
		}
		s.spaces()
		if !s.take(".") {
			return parts, true
		}
	}
}

func (s *scanner) keyPart() (string, bool) {
	start := s.pos
	if start < len(s.src) && (s.src[start] == '"' || s.src[start] == '\'') {
		quote := s.src[start]
		if !s.quoted(quote) {
			return "", false
		}
		if quote == '\'' {
			return string(s.src[start+1 : s.pos-1]), true
		}
		if text, err := strconv.Unquote(string(s.src[start:s.pos])); err == nil {
			return text, true
		}
		return string(s.src[start+1 : s.pos-1]), true
	}
	for s.pos < len(s.src) && bareKey(s.src[s.pos]) {
		s.pos++
	}
	return string(s.src[start:s.pos]), s.pos > start
}

// bareKey is generous about bytes outside ASCII; the TOML library judges them.
func bareKey(c byte) bool {
	return c == '_' || c == '-' || c >= 0x80 || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
}

// value reads one value and the keys inside it.
func (s *scanner) value(path string, depth int) bool {
	if depth > maxNesting {
		return s.fail("values are nested deeper than %d levels", maxNesting)
	}
	s.spaces()
	if s.pos >= len(s.src) || s.err != nil {
		return false
	}
	switch c := s.src[s.pos]; {
	case s.take(`"""`):
		return s.longString('"')
	case s.take(`'''`):
		return s.longString('\'')
	case c == '"' || c == '\'':
		return s.quoted(c)
	case s.take("["):
		for i := 0; ; i++ {
			if s.blank(); s.take("]") {
				return true
			}
			at := index(path, i)
			s.note(at, s.ln)
			if !s.value(at, depth+1) {
				return false
			}
			s.blank()
			s.take(",")
		}
	case s.take("{"):
		for {
			if s.blank(); s.take("}") {
				return true
			}
			if !s.pair(path, depth+1) {
				return false
			}
			s.blank()
			s.take(",")
		}
	}
	end := bytes.IndexAny(s.src[s.pos:], ",]}#\n")
	if end < 0 {
		end = len(s.src) - s.pos
	}
	s.pos += end
	return end > 0
}

// quoted reads a string on one line, the opening quote included.
func (s *scanner) quoted(quote byte) bool {
	for s.pos++; s.pos < len(s.src); s.pos++ {
		switch c := s.src[s.pos]; {
		case c == quote:
			s.pos++
			return true
		case c == '\n':
			return false
		case c == '\\' && quote == '"':
			s.pos++
		}
	}
	s.pos = len(s.src)
	return false
}

// longString reads the rest of a string in triple quotes. Up to two quotes may stand directly before the closing ones.
func (s *scanner) longString(quote byte) bool {
	closing := string([]byte{quote, quote, quote})
	for s.pos < len(s.src) {
		switch c := s.src[s.pos]; {
		case c == quote && s.take(closing):
			for range 2 {
				s.take(string(quote))
			}
			return true
		case c == '\n':
			s.ln++
		case c == '\\' && quote == '"':
			if s.pos+1 < len(s.src) && s.src[s.pos+1] == '\n' {
				s.ln++
			}
			s.pos++
		}
		s.pos++
	}
	s.pos = len(s.src)
	return false
}

// join adds a key to a path. A key that is not a bare one is quoted, so that a path reads as it would in the file.
func join(path, part string) string {
	for i := range len(part) {
		if !bareKey(part[i]) || part[i] >= 0x80 {
			part = strconv.Quote(part)
			break
		}
	}
	if part == "" {
		part = `""`
	}
	if path == "" {
		return part
	}
	return path + "." + part
}

func index(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }
