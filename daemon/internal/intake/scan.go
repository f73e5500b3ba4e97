package intake

import "github.com/atssync/atssync/daemon/internal/atssync"

// Scan returns what no JSON text may hold, whatever it is about: broken syntax, invalid UTF-8, a key given twice, nesting that is
// too deep, more after its end. Other packages have the rest of a text judged by a library that lets these pass.
func Scan(data []byte) []atssync.FieldError {
	p := parser{s: string(data), path: make(path, 0, 8)}
	p.space()
	if p.i == len(p.s) {
		return []atssync.FieldError{{Message: "there is no JSON in it"}}
	}
	if p.scan() {
		if p.space(); p.i < len(p.s) {
			p.syntax("there is more after the end of the JSON")
		}
	}
	return p.problems
}

// scan reads one value of any kind.
func (p *parser) scan() bool {
	if p.i >= len(p.s) {
		return p.syntax("the JSON ends early")
	}
	switch p.s[p.i] {
	case '{':
		var seen map[string]bool
		return p.members(func(key string) bool {
			if seen[key] {
				p.problem("is given twice")
			}
			if seen == nil {
				seen = make(map[string]bool, 8)
			}
			seen[key] = true
			return p.scan()
		})
	case '[':
		return p.elements(func(int) bool { return p.scan() })
	}
	return p.skip()
}
