package rest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	sdk "github.com/atssync/atssync/plugin-sdk"
)

// maxExcerpt bounds Exchange.Excerpt, in bytes.
const maxExcerpt = 512

const gone = "[…]"

// What is taken out of an ATS's own words wherever it stands.
var (
	urlQuery = regexp.MustCompile(`((?i:https?)://[^\s"'<>?#]*)[?#][^\s"'<>]*`)
	eMail    = regexp.MustCompile(`[^\s"'<>(),;:=]+@[^\s"'<>(),;:]+`)
	digits   = regexp.MustCompile(`\+?[0-9][0-9\s().\-/]{4,}[0-9]`)
	token    = regexp.MustCompile(`[A-Za-z0-9_\-+/=]{24,}`)
	safeKey  = regexp.MustCompile(`^[A-Za-z\[][A-Za-z0-9_.\-\[\]]{0,63}$`)
)

// scrubber takes secrets and people out of what one ATS answer says. It knows what was sent, so that a name
// or a note that the ATS repeats is recognised without guessing what a name looks like.
type scrubber struct {
	secrets []string
	sent    []byte
	// leaves are the texts of the request, longest first, and words the single words of the short ones.
	// Both are built when first needed: most calls succeed and show nothing.
	built  bool
	leaves []string
	words  map[string]bool
	// keys are the member names of the request: words of the API, never of a person.
	keys map[string]bool
}

func newScrubber(auth Auth, sent []byte) *scrubber {
	s := &scrubber{sent: sent}
	for _, part := range auth.parts {
		if p := part.Reveal(); p != "" {
			s.secrets = append(s.secrets, p)
		}
	}
	slices.SortFunc(s.secrets, func(a, b string) int { return len(b) - len(a) })
	return s
}

func (s *scrubber) secretsOut(text string) string {
	for _, secret := range s.secrets {
		text = strings.ReplaceAll(text, secret, gone)
	}
	return text
}

// text returns words of an ATS on one line, without secrets, addresses, numbers that could be telephones,
// anything that was sent, and no longer than limit bytes.
func (s *scrubber) text(text string, limit int) string {
	s.build()
	text = strings.ToValidUTF8(text[:min(len(text), 64<<10)], "")
	text = s.secretsOut(text)
	for _, leaf := range s.leaves {
		text = replaceFold(text, leaf)
	}
	text = urlQuery.ReplaceAllString(text, "$1?"+gone)
	text = eMail.ReplaceAllString(text, gone)
	text = digits.ReplaceAllString(text, gone)
	text = token.ReplaceAllString(text, gone)
	text = s.wordsOut(text)
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool {
		return unicode.IsSpace(r) || !unicode.IsPrint(r)
	}), " ")
	return cut(text, limit)
}

// build collects the texts of the request body.
func (s *scrubber) build() {
	if s.built {
		return
	}
	s.built, s.words, s.keys = true, map[string]bool{}, map[string]bool{}
	if len(s.sent) == 0 {
		return
	}
	var v any
	dec := json.NewDecoder(bytes.NewReader(s.sent))
	dec.UseNumber()
	if dec.Decode(&v) != nil {
		return
	}
	s.collect(v)
	slices.SortFunc(s.leaves, func(a, b string) int { return len(b) - len(a) })
}

func (s *scrubber) collect(v any) {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			s.keys[k] = true
			s.collect(e)
		}
	case []any:
		for _, e := range v {
			s.collect(e)
		}
	case string:
		v = strings.TrimSpace(v)
		runes := utf8.RuneCountInString(v)
		if runes >= 4 || runes >= 2 && len(v) > runes {
			s.leaves = append(s.leaves, v)
		}
		if runes <= 64 {
			for _, word := range strings.FieldsFunc(v, notWord) {
				s.words[strings.ToLower(word)] = true
			}
		}
	}
}

// wordsOut replaces every word that was sent as, or within, a short text.
func (s *scrubber) wordsOut(text string) string {
	if len(s.words) == 0 {
		return text
	}
	var b strings.Builder
	for len(text) > 0 {
		i := strings.IndexFunc(text, func(r rune) bool { return !notWord(r) })
		if i < 0 {
			b.WriteString(text)
			break
		}
		b.WriteString(text[:i])
		text = text[i:]
		end := strings.IndexFunc(text, notWord)
		if end < 0 {
			end = len(text)
		}
		if word := text[:end]; s.words[strings.ToLower(word)] {
			b.WriteString(gone)
		} else {
			b.WriteString(word)
		}
		text = text[end:]
	}
	return b.String()
}

func notWord(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) }

// replaceFold replaces a text whatever its case.
func replaceFold(text, old string) string {
	if len(old) > 256 {
		return strings.ReplaceAll(text, old, gone)
	}
	re, err := regexp.Compile(`(?i)` + regexp.QuoteMeta(old))
	if err != nil {
		return strings.ReplaceAll(text, old, gone)
	}
	return re.ReplaceAllString(text, gone)
}

// excerpt says what an answer looked like: the messages of a refusal, or else the shape of the body.
func (s *scrubber) excerpt(contentType string, body []byte, problems []Problem) string {
	if len(problems) == 0 {
		return s.text(shape(contentType, body), maxExcerpt)
	}
	lines := make([]string, 0, len(problems))
	for _, p := range problems {
		if p.Field != "" {
			lines = append(lines, p.Field+": "+p.Message)
		} else {
			lines = append(lines, p.Message)
		}
	}
	return cut(strings.Join(lines, "; "), maxExcerpt)
}

// shape describes a body without any of its values.
func shape(contentType string, body []byte) string {
	var v any
	if len(bytes.TrimSpace(body)) == 0 {
		return "empty body"
	}
	if json.Unmarshal(body, &v) == nil {
		return shapeOf(v)
	}
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		kind = "no content type"
	}
	return fmt.Sprintf("%s, %d bytes, not JSON", kind, len(body))
}

func shapeOf(v any) string {
	switch v := v.(type) {
	case map[string]any:
		keys := make([]string, 0, len(v))
		for k := range v {
			if !safeKey.MatchString(k) {
				k = "…"
			}
			keys = append(keys, k)
		}
		slices.Sort(keys)
		return "{" + strings.Join(slices.Compact(keys), ", ") + "}"
	case []any:
		if len(v) == 0 {
			return "[]"
		}
		return fmt.Sprintf("[%d of %s]", len(v), shapeOf(v[0]))
	case string:
		return "a text"
	case nil:
		return "null"
	default:
		return "a value"
	}
}

// cut shortens a text to at most limit bytes, between characters.
func cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	limit -= len("…")
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit] + "…"
}

// fields turns the problems that name a field into field errors, whose paths are the ATS's; the adapter puts
// the paths of the submission document in their place.
func fields(problems []Problem) []sdk.FieldError {
	var out []sdk.FieldError
	for _, p := range problems {
		if p.Field != "" {
			out = append(out, sdk.FieldError{Path: p.Field, Code: p.Code, Message: p.Message})
		}
	}
	return out
}
