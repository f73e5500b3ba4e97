package cli

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/config"
	"github.com/atssync/atssync/daemon/internal/api"
)

// canaries are what must be nowhere, by what it is.
type canaries map[string]string

// found lists what of them is in a text, as it is, as base64 or hexadecimal digits, and as an address writes it.
func (c canaries) found(text string) []string {
	var out []string
	for what, v := range c {
		forms := []string{v, url.QueryEscape(v), url.PathEscape(v)}
		if len(v) > 8 {
			forms = append(forms, base64.StdEncoding.EncodeToString([]byte(v))[:len(v)/3*4], hex.EncodeToString([]byte(v)))
		}
		for _, f := range forms {
			if strings.Contains(text, f) {
				at := strings.Index(text, f)
				out = append(out, fmt.Sprintf("%s in %q", what, text[max(at-120, 0):min(at+len(f)+40, len(text))]))
				break
			}
		}
	}
	slices.Sort(out)
	return out
}

// seeds are what each text of a document is seeded with; %s is what makes it one document's. A page's canary is its path
// and what it is signed with.
var seeds = map[string]string{
	"person.id": "person-kanari-%s", "person.first_name": "Vornkanari%s", "person.last_name": "Nachkanari%s",
	"person.emails.address": "mail.kanari.%s@example.com", "person.phones.number": "+1 555 0199 %s",
	"person.addresses.text": "Kanarienweg %s, Anytown", "person.links.url": "profileKanari%s",
	"person.company": "Kanari Works %s", "person.title": "Chief of Kanari %s",
	"resume.url": "resumeKanari%s", "resume.file_name": "kanari-resume-%s.pdf",
	"answers.question": "Why the kanari %s?", "answers.answer": "Because of kanari reasons %s",
	"application_url": "applicationKanari%s", "media.title": "Kanari hello %s", "media.url": "mediaKanari%s",
	"notes": "A kanari note %s", "referrer.first_name": "Refvorn%s", "referrer.last_name": "Refkanari%s",
	"referrer.email": "ref.kanari.%s@example.com", "consent.policy_url": "policyKanari%s",
}

// harmless are the texts of a document that are nobody's secret: ids that the platform keeps free of personal data, and words
// of a closed set.
var harmless = []string{
	"connection", "external_id", "job", "person.emails.type", "person.phones.type", "person.addresses.type", "person.links.type",
}

// seeder fills a document field by field, so that a field that is added is seeded or named as harmless, or the test fails.
type seeder struct {
	t     *testing.T
	n     string
	found canaries
	met   map[string]bool
}

func (s *seeder) fill(v reflect.Value, at string) {
	s.t.Helper()
	switch v.Kind() {
	case reflect.Struct:
		if _, ok := reflect.TypeAssert[*time.Time](v.Addr()); ok {
			v.Set(reflect.ValueOf(time.Now().Add(30 * 24 * time.Hour).UTC()))
			return
		}
		for i := range v.NumField() {
			name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
			require.NotEmpty(s.t, name)
			s.fill(v.Field(i), strings.TrimPrefix(at+"."+name, "."))
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		s.fill(v.Elem(), at)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		s.fill(v.Index(0), at)
	case reflect.String:
		v.SetString(s.seed(at))
	case reflect.Bool: // private is set below
	default:
		require.Fail(s.t, "nobody knows how to seed "+at, v.Kind().String())
	}
}

func (s *seeder) seed(at string) string {
	s.t.Helper()
	s.met[at] = true
	if slices.Contains(harmless, at) {
		return ""
	}
	format, ok := seeds[at]
	require.True(s.t, ok, "the text %s of a document has no canary: seed it, or say that it is harmless", at)
	text := fmt.Sprintf(format, s.n)
	s.found[at] = text
	if strings.HasSuffix(at, "url") {
		s.found[at+" (signature)"] = "Kanarisig" + text
		return "https://p.example.com/" + text + "?sig=Kanarisig" + text
	}
	return text
}

// personal returns a document in which every personal field holds a canary, and the canaries.
func personal(t *testing.T, connection, external string, n int) ([]byte, canaries) {
	t.Helper()
	var d api.Document
	s := &seeder{t: t, n: strconv.Itoa(n) + "q7", found: canaries{}, met: map[string]bool{}}
	s.fill(reflect.ValueOf(&d).Elem(), "")
	for at := range seeds {
		require.True(t, s.met[at], "a document has no %s any more", at)
	}
	for _, at := range harmless {
		require.True(t, s.met[at], "a document has no %s any more", at)
	}
	d.Connection, d.ExternalID, d.Job = connection, external, "job-1"
	private := fmt.Sprintf("Private kanari matter %s", s.n)
	s.found["private answer"] = private
	d.Answers = append(d.Answers, d.Answers[0])
	d.Answers[1].Question, d.Answers[1].Answer, d.Answers[1].Private = "Disability?", private, true
	d.Consent.At = time.Now().Add(-time.Hour)
	d.Person.Emails[0].Type = "personal"
	b, err := json.Marshal(d)
	require.NoError(t, err)
	return b, s.found
}

// TestCanary_EverySecretOfTheConfigIsSeeded fails when the config gets a secret that the canary test does not seed.
func TestCanary_EverySecretOfTheConfigIsSeeded(t *testing.T) {
	t.Parallel()
	secret := reflect.TypeFor[config.Secret]()
	var found []string
	var walk func(typ reflect.Type, at string)
	walk = func(typ reflect.Type, at string) {
		switch {
		case typ == secret:
			found = append(found, at)
		case typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice || typ.Kind() == reflect.Map:
			walk(typ.Elem(), at)
		case typ.Kind() == reflect.Struct && strings.Contains(typ.PkgPath(), "atssync"):
			for f := range typ.Fields() {
				walk(f.Type, strings.TrimPrefix(at+"."+f.Name, "."))
			}
		}
	}
	walk(reflect.TypeFor[config.Config](), "")
	slices.Sort(found)
	require.Equal(t, []string{"Connections.Credentials", "Webhooks.OldSecret", "Webhooks.Secret"}, found, "seed it in newRig")
}

// A canary is found however it is written.
func TestCanary_IsFoundInEachForm(t *testing.T) {
	t.Parallel()
	c := canaries{"an address": "Kanarienweg 7, Anytown"}
	for _, text := range []string{
		"x Kanarienweg 7, Anytown x", url.QueryEscape(c["an address"]), base64.StdEncoding.EncodeToString([]byte(c["an address"] + "!")),
		hex.EncodeToString([]byte(c["an address"])),
	} {
		require.Len(t, c.found(text), 1, text)
	}
	require.Empty(t, c.found("Kanarienweg"))
	require.Regexp(t, regexp.MustCompile(`^an address in `), c.found("Kanarienweg 7, Anytown")[0])
}
