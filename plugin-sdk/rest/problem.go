package rest

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// maxProblems bounds what is kept of one refusal.
const maxProblems = 20

// Problem is one complaint of an ATS. Field and Code are identifiers, "" when the ATS gave none or something
// that is not an identifier; Message is redacted and at most 200 bytes.
type Problem struct{ Field, Code, Message string }

// problems reads the complaints out of the error bodies that ATSes write: an object or a list of objects with
// "errors" (a text, texts, objects, or texts by field), "error", "message" or "error_description". Whatever
// is no JSON has none.
func (s *scrubber) problems(body []byte) []Problem {
	var v any
	if json.Unmarshal(trimBOM(body), &v) != nil {
		return nil
	}
	var out []Problem
	s.walk(v, "", &out, 0)
	return out
}

// walk collects problems. field is the member under which v stood when the ATS groups texts by field.
func (s *scrubber) walk(v any, field string, out *[]Problem, depth int) {
	if depth > 4 || len(*out) >= maxProblems {
		return
	}
	switch v := v.(type) {
	case string:
		s.add(out, Problem{Field: field, Message: v})
	case []any:
		for _, e := range v {
			s.walk(e, field, out, depth+1)
		}
	case map[string]any:
		s.object(v, field, out, depth)
	}
}

// object reads one error object. What it nests under "errors" or "error" says more than its own message.
func (s *scrubber) object(v map[string]any, field string, out *[]Problem, depth int) {
	own, named := first(v, "field", "attribute", "path", "param", "parameter")
	if named {
		field = own
	}
	before := len(*out)
	for _, name := range []string{"errors", "error"} {
		switch nested := v[name].(type) {
		case map[string]any:
			if describesItself(nested) {
				s.walk(nested, field, out, depth+1)
				continue
			}
			for _, k := range sortedKeys(nested) {
				s.walk(nested[k], k, out, depth+1)
			}
		case nil:
		default:
			s.walk(nested, field, out, depth+1)
		}
	}
	if len(*out) > before {
		return
	}
	code, _ := first(v, "code", "type")
	message, ok := first(v, "message", "error_description", "detail", "title", "description")
	if ok || named || code != "" {
		s.add(out, Problem{Field: field, Code: code, Message: message})
	}
}

// describesItself tells {"message": …} from {"email": ["is taken"]}.
func describesItself(v map[string]any) bool {
	_, message := first(v, "message", "error_description", "detail", "code")
	return message
}

func (s *scrubber) add(out *[]Problem, p Problem) {
	if len(*out) >= maxProblems {
		return
	}
	p.Field, p.Code = s.identifier(p.Field), s.identifier(p.Code)
	p.Message = s.text(p.Message, 200)
	if p.Field != "" || p.Message != "" || p.Code != "" {
		*out = append(*out, p)
	}
}

// identifier keeps what looks like a name of the API's own, and drops what was sent to it.
func (s *scrubber) identifier(v string) string {
	s.build()
	if s.keys[v] {
		return v
	}
	if !safeKey.MatchString(v) || s.words[strings.ToLower(v)] || s.secretsOut(v) != v {
		return ""
	}
	for _, leaf := range s.leaves {
		if strings.EqualFold(leaf, v) {
			return ""
		}
	}
	return v
}

func first(v map[string]any, names ...string) (string, bool) {
	for _, name := range names {
		if text, ok := v[name].(string); ok && text != "" {
			return text, true
		}
	}
	return "", false
}

func sortedKeys(v map[string]any) []string {
	keys := make([]string, 0, len(v))
	for k := range v {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func trimBOM(body []byte) []byte { return bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")) }
