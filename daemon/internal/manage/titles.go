package manage

import (
	"regexp"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Titles of one job are written in many ways: with the genders that law or custom asks for, with the place, with
// short words. title brings them to words that can be compared.

var (
	// genders are "(m/f/d)", "w|m|x", "(m/w/divers)", "(all genders)", "(gn)" and their like.
	genders = regexp.MustCompile(`[(\[{]?\s*\b(?:[mfwdxhivn]|div|divers|diverse|gn)\b\.?(?:\s*[/|,*]\s*(?:[mfwdxhivn]|div|divers|diverse)\b\.?)+\s*[)\]}]?` +
		`|[(\[{]\s*(?:gn|all genders?|any gender|alle geschlechter|tous genres?)\s*[)\]}]`)
	// genderEndings are the ":in", "*innen", "/in" and "(in)" of a German noun.
	genderEndings = regexp.MustCompile(`(\pL)(?:[:*/_]-?|\()in(?:nen)?\)?(\PL|$)`)
	// trailing is a part at the end of a title that may name the place: in brackets, or behind a dash, a bar or a comma.
	trailing = regexp.MustCompile(`^(.*?\S)\s*(?:\(([^()]*)\)|\[([^\[\]]*)\]|(?:\s[-–—|@·]\s?|[,|]\s*)([^-–—|@·,()\[\]]*))\s*$`)
)

// foldings are letters that lose their marks in no other way.
var foldings = strings.NewReplacer(
	"ß", "ss", "ø", "o", "ł", "l", "æ", "ae", "œ", "oe", "đ", "d", "ð", "d", "þ", "th", "ı", "i",
)

// synonyms are words that are written short or in numbers.
var synonyms = map[string]string{
	"sr": "senior", "snr": "senior", "jr": "junior", "jnr": "junior", "mgr": "manager", "mngr": "manager",
	"eng": "engineer", "engr": "engineer", "dev": "developer", "devs": "developer", "asst": "assistant", "exec": "executive",
	"acct": "account", "admin": "administrator", "ops": "operations", "rep": "representative", "vp": "vice president",
	"hr": "human resources", "qa": "quality assurance", "fe": "frontend", "be": "backend", "i": "1", "ii": "2", "iii": "3", "iv": "4",
}

// anywhere are words at the end of a title that say how the work is done, not which.
var anywhere = map[string]bool{
	"remote": true, "hybrid": true, "onsite": true, "on site": true, "home office": true, "homeoffice": true,
	"full time": true, "part time": true, "fulltime": true, "parttime": true, "vollzeit": true, "teilzeit": true,
	"remote friendly": true, "100 remote": true, "contract": true, "permanent": true,
}

// fold returns text in lower case, without marks on its letters.
func fold(text string) string {
	var b strings.Builder
	for _, r := range norm.NFKD.String(strings.ToLower(text)) {
		if !unicode.Is(unicode.Mn, r) {
			b.WriteRune(r)
		}
	}
	return foldings.Replace(b.String())
}

// words splits folded text at everything that is no letter or digit; C++ and C# stay what they are.
func words(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '+' && r != '#'
	})
}

func plain(text string) string { return strings.Join(words(fold(text)), " ") }

// places are the places that jobs are at, as the ends of titles name them.
type places map[string]bool

// add takes a location such as "Zürich, Switzerland" as a whole and in its parts.
func (p places) add(location string) {
	for _, part := range append(strings.FieldsFunc(location, func(r rune) bool {
		return r == ',' || r == ';' || r == '/' || r == '|' || r == '(' || r == ')'
	}), location) {
		if name := plain(part); name != "" {
			p[name] = true
		}
	}
}

func (p places) names(text string) bool {
	name := plain(text)
	return name == "" || anywhere[name] || p[name]
}

// title returns the words of a title that say which job it is.
func (p places) title(text string) []string {
	text = genderEndings.ReplaceAllString(genders.ReplaceAllString(fold(text), " "), "$1$2")
	text = strings.TrimSpace(text)
	for {
		m := trailing.FindStringSubmatch(text)
		if m == nil || !p.names(m[2]+m[3]+m[4]) || len(words(m[1])) == 0 {
			break
		}
		text = m[1]
	}
	out := words(strings.ReplaceAll(text, "&", " and "))
	kept := out[:0]
	for _, w := range out {
		w = strings.TrimFunc(w, func(r rune) bool { return r == '#' && len(w) == 1 })
		if s, ok := synonyms[w]; ok {
			kept = append(kept, strings.Fields(s)...)
			continue
		}
		if w != "" && w != "and" && w != "und" && w != "the" && w != "of" && w != "for" {
			kept = append(kept, w)
		}
	}
	return kept
}
