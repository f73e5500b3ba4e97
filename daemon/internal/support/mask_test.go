package support

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func testMask() *Mask {
	return NewMask([]string{"Sesam-4711", "s3c", "40012"}, map[string]string{
		"Globex": "account-1", "Globex Corporation": "file-connection-1", "Łódź Works": "account-2", "it": "nobody",
	})
}

func TestMask_Text(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ in, want string }{
		"nothing":                {"the store is ready", "the store is ready"},
		"a secret in a word":     {"xSesam-4711y", "x[secret]y"},
		"a number as a secret":   {"user 40012, 400123 bytes", "user [secret], 400123 bytes"},
		"a name":                 {"globex, Globexite, GLOBEX", "account-1, Globexite, account-1"},
		"the longer name":        {"Globex Corporation is paused", "file-connection-1 is paused"},
		"a name in an id":        {"globex-greenhouse", "account-1-greenhouse"},
		"a name of other script": {"łódź works!", "account-2!"},
		"a short word stays":     {"it is", "it is"},
		"an e-mail":              {"of ada.lovelace+x@example.com:", "of [e-mail]:"},
		"an e-mail of an URL":    {"ada%40example.com", "[e-mail]"},
		"no e-mail":              {"@every 1m", "@every 1m"},
		"an address":             {`Get "https://u:p@files.example.com/cv/ada?sig=x": EOF`, `Get "https://[host]/[path]": EOF`},
		"an address with a port": {"postgres://db.example.com:5432/x", "postgres://[host]:5432/[path]"},
		"this machine":           {"http://127.0.0.1:8091/v1?x=1", "http://127.0.0.1:8091/[path]"},
		"a query alone":          {"https://files.example.com?person=7", "https://[host]"},
		"a bearer":               {"Authorization: Bearer abc.def-ghi", "Authorization:[masked]"},
		"basic":                  {"sent Basic YWRhOnB3 to", "sent [credentials] to"},
		"a value of a key":       {`{"api_key":"abc","n":1}`, `{"api_key":[masked]","n":1}`},
		"a password":             {"password=hunter2;", "password=[masked];"},
		"a webhook secret":       {"whsec_QUJDREVGR0hJSktMTU5P", "whsec_[key]"},
		"a user":                 {"uid:1000(ada) did", "uid:[user] did"},
		"a home":                 {"/home/ada/atssync.toml: no", "/home/[user]/atssync.toml: no"},
		"a uuid":                 {"123e4567-e89b-12d3-a456-426614174000", "[uuid]"},
		"IPv4":                   {"dial tcp 203.0.113.7:443: refused", "dial tcp [ip]:443: refused"},
		"loopback":               {"dial tcp 127.0.0.1:443, [::1]:443", "dial tcp 127.0.0.1:443, [::1]:443"},
		"IPv6":                   {"[2001:db8::7]:443", "[[ip]]:443"},
		"a time is none":         {"2026-11-29T01:48:20.790723694Z 12:34:56", "2026-11-29T01:48:20.790723694Z 12:34:56"},
		"a phone":                {"call +1 555 0199 12 now", "call [phone] now"},
		"a phone in brackets":    {"(030) 555 01 99", "[phone]"},
		"a phone with dashes":    {"555-010-1234", "[phone]"},
		"a long number":          {"5550101234 and 555010123", "[number] and 555010123"},
		"a long hex":             {"key 0123456789abcdef0123456789abcdef!", "key [random]!"},
		"base64":                 {"x QUJDREVGR0hJSktMTU5PUFFSU1RVVlc9aGo= y", "x [random] y"},
		"an id of ours":          {"con_06h29z9mn9rv72zzctm97hhzec fails", "con_06h29z9mn9rv72zzctm97hhzec fails"},
		"a path":                 {"/usr/lib/atssync/adapters/greenhouse", "/usr/lib/atssync/adapters/greenhouse"},
		"what is no text":        {"a\xffb", "a\uFFFDb"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.want, testMask().Text(tt.in))
		})
	}
}

func TestMask_SecretsLeaveListedFieldsWhole(t *testing.T) {
	t.Parallel()
	require.Equal(t, `{"a":"[secret]","n":40012,"Globex":1}`, testMask().Secrets(`{"a":"Sesam-4711","n":40012,"Globex":1}`))
}

var email = regexp.MustCompile(`[a-z0-9]@[a-z0-9]+\.[a-z]`)

func FuzzMask(f *testing.F) {
	for _, s := range []string{
		"", "Sesam-4711", "https://u:p@x.example.com/a?b=c#d", "ada@example.com", "Bearer x", "::", "1.2.3.4:5", "+1 555 0199 12", "\xff@\xfe", "http://[::1", "GLOBEX",
		`"token":"\"x`, "/home//", "uid:1(", strings.Repeat("aA1", 20), "İ Globex",
	} {
		f.Add(s)
	}
	m := testMask()
	f.Fuzz(func(t *testing.T, in string) {
		out := m.Text(in)
		require.NotContains(t, out, "Sesam-4711")
		require.False(t, email.MatchString(out), "%q", out)
		for word := range strings.FieldsSeq(in) {
			if word == "Globex" || word == "+15550101234" {
				require.NotContains(t, strings.Fields(out), word)
			}
		}
		_ = m.Secrets(in)
	})
}
