package main

import (
	"net/url"
	"slices"
	"strings"

	sdk "github.com/atssync/atssync/plugin-sdk"
	"github.com/atssync/atssync/plugin-sdk/rest"
)

// document is the body of POST candidates, with every field that Greenhouse documents. Prospect has no
// omitempty: left out it would mean true.
type document struct {
	Prospect            bool          `json:"prospect"`
	JobID               rest.ID       `json:"job_id,omitempty"`
	FirstName           string        `json:"first_name"`
	LastName            string        `json:"last_name"`
	ExternalID          string        `json:"external_id"`
	Company             string        `json:"company,omitempty"`
	Title               string        `json:"title,omitempty"`
	Resume              string        `json:"resume,omitempty"`
	PhoneNumbers        []phoneNumber `json:"phone_numbers,omitempty"`
	Emails              []email       `json:"emails,omitempty"`
	Addresses           []address     `json:"addresses,omitempty"`
	SocialMedia         []socialMedia `json:"social_media,omitempty"`
	Websites            []website     `json:"websites,omitempty"`
	Referrer            *referrer     `json:"referrer,omitempty"`
	Notes               string        `json:"notes,omitempty"`
	ProspectPoolID      rest.ID       `json:"prospect_pool_id,omitempty"`
	ProspectPoolStageID rest.ID       `json:"prospect_pool_stage_id,omitempty"`
	ProspectOwnerEmail  string        `json:"prospect_owner_email,omitempty"`

	// origin tells for each list of the document at which index of the submission its elements stood, so that
	// a refusal of "websites[0]" can be told as one of "person.links[2]".
	origin map[string][]int
}

type phoneNumber struct {
	PhoneNumber string `json:"phone_number"`
	Type        string `json:"type"`
}

type email struct {
	Email string `json:"email"`
	Type  string `json:"type"`
}

type address struct {
	Address string `json:"address"`
	Type    string `json:"type"`
}

type socialMedia struct {
	URL string `json:"url"`
}

type website struct {
	URL  string `json:"url"`
	Type string `json:"type"`
}

type referrer struct {
	Email     string `json:"email,omitempty"`
	FirstName string `json:"first_name,omitempty"`
	LastName  string `json:"last_name,omitempty"`
}

// The type words that Greenhouse takes. A type is required wherever its element is given, so one that is
// missing becomes what an applicant most likely gave, and one that Greenhouse does not know becomes other.
var (
	emailTypes   = typeWords{missing: "personal", known: []string{"personal", "work", "other"}}
	phoneTypes   = typeWords{missing: "mobile", known: []string{"mobile", "home", "work", "other"}}
	addressTypes = typeWords{missing: "home", known: []string{"home", "work", "other"}}
	websiteTypes = typeWords{missing: "other", known: []string{"personal", "company", "portfolio", "blog", "other"}}
)

type typeWords struct {
	missing string
	known   []string
}

func (w typeWords) of(given string) string {
	given = strings.ToLower(strings.TrimSpace(given))
	switch {
	case given == "":
		return w.missing
	case slices.Contains(w.known, given):
		return given
	default:
		return "other"
	}
}

// newDocument turns a submission into Greenhouse's document, or says what makes that impossible; nothing has
// been sent then. The note is finished text of the host's, with the answers, the link back and the media in
// it: Greenhouse has no field of its own for those, nor for the consent.
func newDocument(item sdk.SubmitItem) (*document, *sdk.Error) {
	if e := impossible(item); e != nil {
		return nil, e
	}
	p := item.Person
	d := &document{
		Prospect: item.As == sdk.AsProspect, JobID: rest.ID(item.JobID),
		FirstName: p.FirstName, LastName: p.LastName, ExternalID: item.ExternalID,
		Company: p.Company, Title: p.Title, Notes: item.Note,
		origin: map[string][]int{},
	}
	if item.Resume != nil {
		d.Resume = item.Resume.URL
	}
	for i, v := range p.Phones {
		if d.keep("phone_numbers", i, v.Number) {
			d.PhoneNumbers = append(d.PhoneNumbers, phoneNumber{v.Number, phoneTypes.of(v.Type)})
		}
	}
	for i, v := range p.Emails {
		if d.keep("emails", i, v.Address) {
			d.Emails = append(d.Emails, email{v.Address, emailTypes.of(v.Type)})
		}
	}
	for i, v := range p.Addresses {
		if d.keep("addresses", i, v.Text) {
			d.Addresses = append(d.Addresses, address{v.Text, addressTypes.of(v.Type)})
		}
	}
	d.addLinks(p.Links)
	if r := item.Referrer; r != nil && *r != (sdk.Referrer{}) {
		d.Referrer = &referrer{Email: r.Email, FirstName: r.FirstName, LastName: r.LastName}
	}
	// Greenhouse takes these for prospects only. On a candidate they would have no meaning, and the host leaves
	// them on an item whose link was switched from prospect to candidate.
	if d.Prospect {
		d.ProspectPoolID, d.ProspectPoolStageID = rest.ID(item.PoolID), rest.ID(item.PoolStageID)
		d.ProspectOwnerEmail = item.OwnerEmail
	}
	return d, nil
}

// keep notes where an element came from, and leaves out one that is blank.
func (d *document) keep(list string, index int, value string) bool {
	if strings.TrimSpace(value) == "" {
		return false
	}
	d.origin[list] = append(d.origin[list], index)
	return true
}

// addLinks sorts the person's pages into Greenhouse's two lists.
func (d *document) addLinks(links []sdk.TypedLink) {
	for i, l := range links {
		social := strings.EqualFold(strings.TrimSpace(l.Type), "social") || strings.TrimSpace(l.Type) == "" && onSocialSite(l.URL)
		switch {
		case social && d.keep("social_media", i, l.URL):
			d.SocialMedia = append(d.SocialMedia, socialMedia{l.URL})
		case !social && d.keep("websites", i, l.URL):
			d.Websites = append(d.Websites, website{l.URL, websiteTypes.of(l.Type)})
		}
	}
}

// onSocialSite recognises the common networks, for links that come without a type.
func onSocialSite(link string) bool {
	u, err := url.Parse(strings.TrimSpace(link))
	if err != nil {
		return false
	}
	host := strings.ToLower(u.Hostname())
	for _, site := range []string{
		"linkedin.com", "xing.com", "twitter.com", "x.com", "facebook.com", "instagram.com", "bsky.app", "threads.net", "tiktok.com",
	} {
		if host == site || strings.HasSuffix(host, "."+site) {
			return true
		}
	}
	return false
}

// impossible names everything that Greenhouse could only refuse.
func impossible(item sdk.SubmitItem) *sdk.Error {
	e := &sdk.Error{
		Kind: sdk.KindInvalid, Turn: sdk.TurnPlatform, NotApplied: true,
		Message: "Greenhouse requires fields that this submission does not have",
		Remedy:  "Complete the submission and send it again.",
	}
	for _, f := range []struct{ path, value string }{
		{"external_id", item.ExternalID},
		{"person.first_name", item.Person.FirstName},
		{"person.last_name", item.Person.LastName},
	} {
		if strings.TrimSpace(f.value) == "" {
			e.Fields = append(e.Fields, sdk.FieldError{Path: f.path, Code: "required", Message: "Greenhouse requires it."})
		}
	}
	if item.As != sdk.AsCandidate && item.As != sdk.AsProspect {
		e.Fields = append(e.Fields, sdk.FieldError{Path: "as", Code: "unknown", Message: "It is neither candidate nor prospect."})
	}
	if item.As == sdk.AsCandidate && item.JobID == "" {
		e.Fields = append(e.Fields, sdk.FieldError{Path: "job", Code: "required", Message: "A candidate needs a job; only a prospect may have none."})
	}
	switch {
	case len(e.Fields) > 0:
		return e
	case item.JobID != "" && !rest.ID(item.JobID).Numeric():
		return notAJob()
	case item.As == sdk.AsProspect && !validPool(item):
		return notAPool()
	default:
		return nil
	}
}

func validPool(item sdk.SubmitItem) bool {
	if item.PoolID == "" {
		return item.PoolStageID == ""
	}
	return rest.ID(item.PoolID).Numeric() && (item.PoolStageID == "" || rest.ID(item.PoolStageID).Numeric())
}

func notAJob() *sdk.Error {
	return &sdk.Error{
		Kind: sdk.KindNotFound, Subject: sdk.SubjectJob, Turn: sdk.TurnEmployer, NotApplied: true,
		Message: "the linked job cannot be one of Greenhouse's, whose job ids are numbers",
		Remedy:  "Connect the job again to one of the jobs that Greenhouse lists.",
	}
}

func notAPool() *sdk.Error {
	return &sdk.Error{
		Kind: sdk.KindNotFound, Subject: sdk.SubjectPool, Turn: sdk.TurnEmployer, NotApplied: true,
		Message: "Greenhouse does not have the prospect pool or the pool stage that the job link names",
		Remedy:  "Choose a pool, and a stage of that pool, from those that Greenhouse lists.",
	}
}
