package simulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"
)

// Document is one element of POST candidates, as the partner sent it.
type Document struct {
	Prospect            ProspectFlag  `json:"prospect"`
	FirstName           string        `json:"first_name"`
	LastName            string        `json:"last_name"`
	ExternalID          string        `json:"external_id"`
	Company             string        `json:"company"`
	Title               string        `json:"title"`
	Resume              string        `json:"resume"`
	PhoneNumbers        []PhoneNumber `json:"phone_numbers"`
	Emails              []Email       `json:"emails"`
	Addresses           []Address     `json:"addresses"`
	SocialMedia         []SocialMedia `json:"social_media"`
	Websites            []Website     `json:"websites"`
	JobID               int64         `json:"job_id"`
	Notes               string        `json:"notes"`
	Referrer            *Referrer     `json:"referrer"`
	ProspectPoolID      int64         `json:"prospect_pool_id"`
	ProspectPoolStageID int64         `json:"prospect_pool_stage_id"`
	ProspectOwnerEmail  string        `json:"prospect_owner_email"`
}

// PhoneNumber has a type of mobile, home, work or other.
type PhoneNumber struct {
	PhoneNumber string `json:"phone_number"`
	Type        string `json:"type"`
}

// Email has a type of personal, work or other.
type Email struct {
	Email string `json:"email"`
	Type  string `json:"type"`
}

// Address has a type of home, work or other; the text may have several lines.
type Address struct {
	Address string `json:"address"`
	Type    string `json:"type"`
}

// SocialMedia is a link without a type.
type SocialMedia struct {
	URL string `json:"url"`
}

// Website has a type of personal, company, portfolio, blog or other.
type Website struct {
	URL  string `json:"url"`
	Type string `json:"type"`
}

// Referrer is who gets the credit.
type Referrer struct {
	Email     string `json:"email"`
	FirstName string `json:"first_name"`
	LastName  string `json:"last_name"`
}

// ProspectFlag is the field prospect: true, false, a text of either, or left out (which means true).
type ProspectFlag struct {
	Given  bool
	AsText bool
	Value  bool
}

// On gives the meaning; a document that says nothing is a prospect.
func (p ProspectFlag) On() bool { return !p.Given || p.Value }

// UnmarshalJSON reads a boolean, or a text that spells one.
func (p *ProspectFlag) UnmarshalJSON(data []byte) error {
	var text string
	switch {
	case string(data) == "null":
		*p = ProspectFlag{}
	case string(data) == "true" || string(data) == "false":
		*p = ProspectFlag{Given: true, Value: string(data) == "true"}
	case json.Unmarshal(data, &text) == nil && (text == "true" || text == "false"):
		*p = ProspectFlag{Given: true, AsText: true, Value: text == "true"}
	default:
		return &json.UnmarshalTypeError{Value: clip(string(data), 40), Type: reflect.TypeFor[bool]()}
	}
	return nil
}

// MarshalJSON writes the meaning.
func (p ProspectFlag) MarshalJSON() ([]byte, error) { return json.Marshal(p.On()) }

// FieldError is one finding about one field of a document.
type FieldError struct {
	Message string `json:"message"`
	Field   string `json:"field,omitempty"`
}

// decodeDocuments reads a POST body: one object, or an array of them. ok is false when it is no JSON of that kind.
func decodeDocuments(body []byte) (elements []json.RawMessage, array, ok bool) {
	trimmed := bytes.TrimLeft(body, " \t\r\n")
	switch {
	case len(trimmed) == 0 || !json.Valid(body):
		return nil, false, false
	case trimmed[0] == '{':
		return []json.RawMessage{trimmed}, false, true
	case trimmed[0] == '[':
		if err := json.Unmarshal(trimmed, &elements); err != nil {
			return nil, true, false
		}
		return elements, true, true
	default:
		return nil, false, false
	}
}

// decodeDocument reads one element and checks everything that needs no look at the organisation.
func decodeDocument(raw json.RawMessage, sw *Switches) (*Document, []FieldError) {
	d := new(Document)
	if err := json.Unmarshal(raw, d); err != nil {
		var typ *json.UnmarshalTypeError
		if errors.As(err, &typ) && typ.Field != "" {
			return nil, []FieldError{{Message: "Invalid value for " + typ.Field, Field: typ.Field}}
		}
		return nil, []FieldError{{Message: "Each candidate must be an object"}}
	}
	if string(bytes.TrimSpace(raw)) == "null" {
		return nil, []FieldError{{Message: "Each candidate must be an object"}}
	}
	c := &documentCheck{d: d}
	if sw.UnknownKey == Refuse {
		c.unknownKeys(raw)
	}
	c.required()
	c.typed()
	c.prospect(sw)
	c.resume()
	if sw.NotesOver == NotesRefuse && sw.NotesMax > 0 && utf8.RuneCountInString(d.Notes) > sw.NotesMax {
		c.add("notes", "is too long (maximum is %d characters)", sw.NotesMax)
	}
	return d, c.found
}

type documentCheck struct {
	d     *Document
	found []FieldError
}

func (c *documentCheck) add(field, format string, args ...any) {
	c.found = append(c.found, FieldError{Message: field + " " + fmt.Sprintf(format, args...), Field: field})
}

func (c *documentCheck) unknownKeys(raw json.RawMessage) {
	tree, err := decodeTree(raw)
	if err != nil {
		return
	}
	var in *InputError
	if errors.As(checkShape(tree, reflect.TypeFor[Document](), "$"), &in) && strings.HasPrefix(in.Message, "unknown key") {
		c.add(strings.TrimPrefix(in.Path, "$."), "is not a known parameter")
	}
}

func (c *documentCheck) required() {
	for _, f := range []struct{ name, value string }{
		{"first_name", c.d.FirstName}, {"last_name", c.d.LastName}, {"external_id", c.d.ExternalID},
	} {
		if strings.TrimSpace(f.value) == "" {
			c.found = append(c.found, FieldError{Message: "Missing required field: " + f.name, Field: f.name})
		}
	}
	if !c.d.Prospect.On() && c.d.JobID == 0 {
		c.found = append(c.found, FieldError{Message: "Missing required field: job_id", Field: "job_id"})
	}
}

func (c *documentCheck) typed() {
	for i, p := range c.d.PhoneNumbers {
		c.item(fmt.Sprintf("phone_numbers[%d]", i), "phone_number", p.PhoneNumber)
		c.kind(fmt.Sprintf("phone_numbers[%d].type", i), p.Type, "mobile", "home", "work", "other")
	}
	for i, m := range c.d.Emails {
		at := fmt.Sprintf("emails[%d]", i)
		if before, after, ok := strings.Cut(m.Email, "@"); !ok || before == "" || after == "" || strings.ContainsAny(m.Email, " \n") {
			c.add(at+".email", "is not an e-mail address")
		}
		c.kind(at+".type", m.Type, "personal", "work", "other")
	}
	for i, a := range c.d.Addresses {
		c.item(fmt.Sprintf("addresses[%d]", i), "address", a.Address)
		c.kind(fmt.Sprintf("addresses[%d].type", i), a.Type, "home", "work", "other")
	}
	for i, s := range c.d.SocialMedia {
		c.item(fmt.Sprintf("social_media[%d]", i), "url", s.URL)
	}
	for i, w := range c.d.Websites {
		c.item(fmt.Sprintf("websites[%d]", i), "url", w.URL)
		c.kind(fmt.Sprintf("websites[%d].type", i), w.Type, "personal", "company", "portfolio", "blog", "other")
	}
}

func (c *documentCheck) item(at, field, value string) {
	if strings.TrimSpace(value) == "" {
		c.add(at+"."+field, "is missing")
	}
}

func (c *documentCheck) kind(at, value string, allowed ...string) {
	if !slices.Contains(allowed, value) {
		c.add(at, "must be one of: %s", strings.Join(allowed, ", "))
	}
}

func (c *documentCheck) prospect(sw *Switches) {
	if c.d.Prospect.AsText && sw.ProspectAsText == Refuse {
		c.add("prospect", "must be true or false")
	}
	if c.d.ProspectPoolStageID != 0 && c.d.ProspectPoolID == 0 {
		c.add("prospect_pool_id", "is required with prospect_pool_stage_id")
	}
	if c.d.Prospect.On() {
		return
	}
	if c.d.ProspectPoolID != 0 {
		c.add("prospect_pool_id", "is for prospects only")
	}
	if c.d.ProspectPoolStageID != 0 {
		c.add("prospect_pool_stage_id", "is for prospects only")
	}
	if c.d.ProspectOwnerEmail != "" {
		c.add("prospect_owner_email", "is for prospects only")
	}
}

func (c *documentCheck) resume() {
	if c.d.Resume == "" {
		return
	}
	u, err := url.Parse(c.d.Resume)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		c.add("resume", "is not a URL")
	}
}
