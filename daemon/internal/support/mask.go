package support

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Mask takes out of a text what must not leave the machine. It is for texts that nobody has listed the fields of; whatever has
// fields is taken field by field instead.
//
// It knows two kinds of words. Secrets are taken out wherever they stand; names only as whole words, in any case of letters, and a
// name has another word put in its place, the same each time.
type Mask struct {
	secrets []string
	names   map[string][]name // by the first two bytes in lower case, the longest first
}

// name is a word that names somebody, and what stands for it.
type name struct{ word, stands string }

// Words shorter than these are too common to be looked for; a secret that is shorter than the last is not taken out of listed
// fields, where it would tear up what is no secret.
const (
	shortestName   = 3
	shortestSecret = 4
	longSecret     = 8
)

// NewMask returns a mask that knows these secrets, and these names with what stands for each.
func NewMask(secrets []string, names map[string]string) *Mask {
	m := &Mask{names: map[string][]name{}}
	add := func(word, stands string) { m.names[key(word)] = append(m.names[key(word)], name{word, stands}) }
	for _, s := range secrets {
		switch {
		case len(s) < shortestSecret:
		case strings.Trim(s, "0123456789") == "": // the id of a user, as a credential beside the key: a part of any other number
			add(s, "[secret]")
		default:
			m.secrets = append(m.secrets, s)
		}
	}
	byLength := func(a, b string) int { return len(b) - len(a) }
	slices.SortFunc(m.secrets, byLength)
	for word, stands := range names {
		if len(word) >= shortestName {
			add(word, stands)
		}
	}
	for _, list := range m.names {
		slices.SortFunc(list, func(a, b name) int { return byLength(a.word, b.word) })
	}
	return m
}

// key is what names are found by; it is of bytes, so that no letter is cut for it.
func key(s string) string { return strings.ToLower(s[:min(len(s), 2)]) }

// rule replaces what a pattern finds.
type rule struct {
	pattern *regexp.Regexp
	with    func(found string) string
}

func always(text string) func(string) string { return func(string) string { return text } }

// rules are applied in this order: an address hides what would look like something else.
var rules = []rule{
	{regexp.MustCompile(`[A-Za-z][A-Za-z0-9+.-]*://[^\s"'<>\\]+`), maskURL},
	{regexp.MustCompile(`[\p{L}\p{N}._%+'-]+(?:@|%40)[\p{L}\p{N}][\p{L}\p{N}.-]*`), always("[e-mail]")},
	{regexp.MustCompile(`(?i)\b(?:bearer|basic)\s+[A-Za-z0-9._~+/=-]+`), always("[credentials]")},
	{regexp.MustCompile(`(?i)[\w-]*(?:token|secret|password|passwd|passphrase|api[_-]?key|authorization|cookie|signature|credential)[\w-]*\\?"?\s*[=:]\s*\\?"?[^\s",;&\\]+`), maskPair},
	{regexp.MustCompile(`\bwhsec_[A-Za-z0-9+/=_-]{8,}|\b(?:ats|sk|pk|rk|ghp|gho|ghs|glpat)_[A-Za-z0-9_-]{16,}|\b(?:AKIA|AIza|xox[a-z]-|sk-)[A-Za-z0-9_-]{16,}`), maskKey},
	{regexp.MustCompile(`uid:(\d+)\([^)]*\)`), always("uid:[user]")},
	{regexp.MustCompile(`/(?:home|Users)/[^/\s"':,]+`), maskHome},
	{regexp.MustCompile(`[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}`), always("[uuid]")},
	{regexp.MustCompile(`[0-9a-fA-F:.%]*[0-9a-fA-F]*:[0-9a-fA-F:.]*:[0-9a-fA-F:.]*|\b\d{1,3}(?:\.\d{1,3}){3}\b`), maskIP},
	{regexp.MustCompile(`\+\d[\d ()./-]{5,}\d|\(\d{2,5}\)[ ]?\d[\d ./-]{4,}\d|\b\d{3}[-. ]\d{3}[-. ]\d{4}\b|\b0\d{2,5}[ /-]\d[\d ]{3,}\d\b`), always("[phone]")},
	{regexp.MustCompile(`[A-Za-z0-9+_-]{20,}={0,2}`), maskRandom},
	{regexp.MustCompile(`\d{10,}`), always("[number]")},
}

// Text masks a text.
func (m *Mask) Text(s string) string {
	s = m.Words(strings.ToValidUTF8(s, "\uFFFD"))
	for _, r := range rules {
		s = r.pattern.ReplaceAllStringFunc(s, r.with)
	}
	return s
}

// Secrets takes out the long secrets that are known, and nothing else.
func (m *Mask) Secrets(s string) string { return m.without(s, longSecret) }

func (m *Mask) without(s string, shortest int) string {
	for _, secret := range m.secrets {
		if len(secret) >= shortest {
			s = strings.ReplaceAll(s, secret, "[secret]")
		}
	}
	return s
}

// Words takes out secrets and names alone.
func (m *Mask) Words(s string) string {
	s = m.without(s, shortestSecret)
	if len(m.names) == 0 {
		return s
	}
	var out strings.Builder
	for i := 0; i < len(s); {
		if n, ok := m.nameAt(s, i); ok {
			out.WriteString(n.stands)
			i += len(n.word)
			continue
		}
		_, size := utf8.DecodeRuneInString(s[i:])
		out.WriteString(s[i : i+size])
		i += size
	}
	return out.String()
}

// nameAt finds the name that begins there and is a whole word.
func (m *Mask) nameAt(s string, i int) (name, bool) {
	if i+1 >= len(s) {
		return name{}, false
	}
	list := m.names[key(s[i:])]
	if len(list) == 0 {
		return name{}, false
	}
	if before, _ := utf8.DecodeLastRuneInString(s[:i]); i > 0 && isWord(before) {
		return name{}, false
	}
	for _, n := range list {
		end := i + len(n.word)
		if end > len(s) || !strings.EqualFold(s[i:end], n.word) {
			continue
		}
		if after, _ := utf8.DecodeRuneInString(s[end:]); end == len(s) || !isWord(after) {
			return n, true
		}
	}
	return name{}, false
}

func isWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// maskURL leaves of an address how it is reached, and the host only where that is this machine.
func maskURL(s string) string {
	scheme, rest, _ := strings.Cut(s, "://")
	authority, path, _ := strings.Cut(rest, "/")
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		authority = authority[at+1:]
	}
	authority, _, _ = strings.Cut(authority, "?")
	authority, _, _ = strings.Cut(authority, "#")
	host, port := splitPort(authority)
	if !ownHost(host) {
		host = "[host]"
	}
	if path != "" {
		path = "/[path]"
	}
	return scheme + "://" + host + port + path
}

// splitPort returns the port with its colon, "" for none.
func splitPort(authority string) (host, port string) {
	at := strings.LastIndexByte(authority, ':')
	if at < 0 || strings.HasSuffix(authority, "]") {
		return authority, ""
	}
	for _, c := range authority[at+1:] {
		if c < '0' || c > '9' {
			return authority[:at], ""
		}
	}
	return authority[:at], authority[at:]
}

// ownHost reports whether a host is this machine or every address of it, and so nobody's.
func ownHost(host string) bool {
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return host == "localhost" || err == nil && (ip.IsLoopback() || ip.IsUnspecified())
}

func maskIP(s string) string {
	core := strings.Trim(s, ".:%")
	if strings.HasPrefix(s, "::") {
		core = "::" + core
	}
	host, port := core, ""
	if strings.Count(core, ":") == 1 {
		host, port = splitPort(core)
	}
	ip, err := netip.ParseAddr(host)
	if err != nil || ip.IsLoopback() || ip.IsUnspecified() {
		return s
	}
	if strings.HasSuffix(s, ":") {
		port += ":"
	}
	return "[ip]" + port
}

// maskPair leaves the name of what has a value.
func maskPair(s string) string {
	at := strings.IndexAny(s, "=:")
	return s[:at+1] + "[masked]"
}

// maskKey leaves what kind of a key it is.
func maskKey(s string) string {
	kind, _, ok := strings.Cut(s, "_")
	if !ok {
		return "[key]"
	}
	return kind + "_[key]"
}

func maskHome(s string) string {
	return s[:strings.LastIndexByte(s, '/')] + "/[user]"
}

// ownID is an id that the daemon made, which tells nothing of anybody.
var ownID = regexp.MustCompile(`^(?:[a-z]{3}_[0-9a-hjkmnp-tv-z]{26})$`)

// maskRandom takes out what looks like chance: letters and digits mixed, long or in both cases.
func maskRandom(s string) string {
	if ownID.MatchString(s) {
		return s
	}
	var upper, lower, digit bool
	run, longest := 0, 0
	for _, c := range s {
		switch {
		case c >= '0' && c <= '9':
			digit = true
		case c >= 'A' && c <= 'Z':
			upper = true
		case c >= 'a' && c <= 'z':
			lower = true
		default:
			run = -1
		}
		run++
		longest = max(longest, run)
	}
	if digit && upper && lower || longest >= 32 && digit && (upper || lower) {
		return "[random]"
	}
	return s
}
