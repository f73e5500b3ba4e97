package submit

import (
	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// itemOf turns a document and its link into what an adapter gets.
func itemOf(d atssync.Due, doc atssync.Document, note string) sdk.SubmitItem {
	it := sdk.SubmitItem{
		SubmissionID: d.Submission.ID, ExternalID: d.Submission.ExternalID, JobID: d.Link.ATSJob, As: d.Link.As,
		Person: personOf(doc.Person), Note: note, ApplicationURL: doc.ApplicationURL,
	}
	if it.As == "" {
		it.As = sdk.AsCandidate
	}
	if it.As == sdk.AsProspect {
		it.PoolID, it.PoolStageID, it.OwnerEmail = d.Link.PoolID, d.Link.PoolStageID, d.Link.OwnerEmail
	}
	if doc.Resume != nil {
		it.Resume = &sdk.Resume{URL: doc.Resume.URL, FileName: doc.Resume.FileName}
	}
	for _, a := range doc.Answers {
		it.Answers = append(it.Answers, sdk.Answer{Question: a.Question, Answer: a.Answer, Private: a.Private})
	}
	for _, m := range doc.Media {
		it.Media = append(it.Media, sdk.Link{Title: m.Title, URL: m.URL})
	}
	if doc.Referrer != nil {
		it.Referrer = &sdk.Referrer{FirstName: doc.Referrer.FirstName, LastName: doc.Referrer.LastName, Email: doc.Referrer.Email}
	}
	if doc.Consent != nil {
		it.Consent = &sdk.Consent{At: doc.Consent.At, PolicyURL: doc.Consent.PolicyURL}
	}
	return it
}

func personOf(p atssync.Person) sdk.Person {
	out := sdk.Person{ID: p.ID, FirstName: p.FirstName, LastName: p.LastName, Company: p.Company, Title: p.Title}
	for _, e := range p.Emails {
		out.Emails = append(out.Emails, sdk.Email{Address: e.Address, Type: e.Type})
	}
	for _, ph := range p.Phones {
		out.Phones = append(out.Phones, sdk.Phone{Number: ph.Number, Type: ph.Type})
	}
	for _, a := range p.Addresses {
		out.Addresses = append(out.Addresses, sdk.Address{Text: a.Text, Type: a.Type})
	}
	for _, l := range p.Links {
		out.Links = append(out.Links, sdk.TypedLink{URL: l.URL, Type: l.Type})
	}
	return out
}
