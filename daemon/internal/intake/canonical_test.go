package intake

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

func form(doc atssync.Document) string { return string(canonical(nil, doc)) }

func TestCanonical_SameContentInAnotherFormIsTheSame(t *testing.T) {
	t.Parallel()
	later := testNow.Add(90 * 24 * time.Hour)
	for name, change := range map[string]func(d *atssync.Document){
		"a new signature of the resume":  func(d *atssync.Document) { d.Resume.URL = "https://files.example.com/resumes/24680.pdf?signature=xyz" },
		"a signature of the application": func(d *atssync.Document) { d.ApplicationURL += "?t=1#top" },
		"a signature of a sound bite":    func(d *atssync.Document) { d.Media[0].URL += "?t=1" },
		"another expiry":                 func(d *atssync.Document) { d.ExpiresAt = &later },
		"no expiry":                      func(d *atssync.Document) { d.ExpiresAt, d.Resume.ExpiresAt = nil, nil },
		"default types left out":         func(d *atssync.Document) { d.Person.Emails[0].Type, d.Person.Phones[0].Type = "", "" },
		"another zone":                   func(d *atssync.Document) { d.Consent.At = d.Consent.At.In(time.FixedZone("", 7200)) },
		"an empty list":                  func(d *atssync.Document) { d.Person.Links = []atssync.WebLink{} },
		"an empty object":                func(d *atssync.Document) { d.Referrer = &atssync.Referrer{} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want, doc := Example(testNow), Example(testNow)
			want.Person.Links, want.Referrer = nil, nil
			doc.Person.Links, doc.Referrer = nil, nil
			change(&doc)
			require.Equal(t, form(want), form(doc))
		})
	}
}

func TestCanonical_KeyOrderAndSpaceAreNoContent(t *testing.T) {
	t.Parallel()
	a, err := Decode([]byte(`{"job":"j","person":{"first_name":"A","last_name":"B","emails":[]},"notes":null}`))
	require.NoError(t, err)
	b, err := Decode([]byte(" {\n \"person\" : {\"last_name\":\"\\u0042\", \"first_name\":\"A\"}, \"job\":\"j\"}"))
	require.NoError(t, err)
	require.Equal(t, form(a), form(b))
}

// Every single field must reach the form, or a correction of it would be taken for a repetition.
func TestCanonical_EveryFieldIsContentButExpiries(t *testing.T) {
	t.Parallel()
	var leaves int
	var walk func(v reflect.Value, at string, whole *atssync.Document)
	walk = func(v reflect.Value, at string, whole *atssync.Document) {
		switch v.Interface().(type) {
		case time.Time:
			before := form(*whole)
			v.Set(reflect.ValueOf(v.Interface().(time.Time).Add(time.Second)))
			leaves++
			if at == ".expires_at" || at == ".resume.expires_at" {
				require.Equal(t, before, form(*whole), at)
			} else {
				require.NotEqual(t, before, form(*whole), at)
			}
			return
		}
		switch v.Kind() {
		case reflect.Pointer:
			walk(v.Elem(), at, whole)
		case reflect.Struct:
			for i := range v.NumField() {
				f := documentName(v.Type().Field(i))
				walk(v.Field(i), at+"."+f, whole)
			}
		case reflect.Slice:
			for i := range v.Len() {
				walk(v.Index(i), at+"[]", whole)
			}
		case reflect.String:
			before := form(*whole)
			v.SetString("x" + v.String())
			leaves++
			require.NotEqual(t, before, form(*whole), at)
		case reflect.Bool:
			before := form(*whole)
			v.SetBool(!v.Bool())
			leaves++
			require.NotEqual(t, before, form(*whole), at)
		default:
			require.Fail(t, "a kind of field that the walk does not know", at)
		}
	}
	doc := Example(testNow)
	walk(reflect.ValueOf(&doc).Elem(), "", &doc)
	require.Equal(t, 35, leaves, "the example has another number of fields")
}

func documentName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

func TestCanonical_ContentCannotMoveFromOneFieldToAnother(t *testing.T) {
	t.Parallel()
	a := atssync.Document{Notes: []string{"ab", "c"}}
	b := atssync.Document{Notes: []string{"a", "bc"}}
	require.NotEqual(t, form(a), form(b))
	c := atssync.Document{Person: atssync.Person{FirstName: "ab", LastName: "c"}}
	d := atssync.Document{Person: atssync.Person{FirstName: "a", LastName: "bc"}}
	require.NotEqual(t, form(c), form(d))
}

// The form is kept as an HMAC in every store: it may never change for a document that there is.
func TestCanonical_FormIsKeptForEver(t *testing.T) {
	t.Parallel()
	var doc atssync.Document
	require.NoError(t, json.Unmarshal([]byte(`{"connection":"c","external_id":"e","job":"j","person":{"first_name":"A","emails":[{"address":"a@example.com"}]},"answers":[{"question":"q","answer":"a","private":true}],"consent":{"at":"2026-05-01T09:00:00Z"}}`), &doc))
	require.Equal(t, "document/1{\aanswers[\x01{\x06answer\x01a\aprivatet\bquestion\x01q}\nconnection\x01c\aconsent{\x02at\x142026-05-01T09:00:00Z}\vexternal_id\x01e\x03job\x01j\x06person{\x06emails[\x01{\aaddress\ra@example.com\x04type\bpersonal}\nfirst_name\x01A}}", form(doc))
}
