package wire

import (
	sdk "github.com/atssync/atssync/plugin-sdk"
)

func submitRequestToWire(r *sdk.SubmitRequest) *SubmitRequest {
	return &SubmitRequest{Connection: connectionToWire(&r.Connection), Items: listToWire(r.Items, submitItemToWire)}
}

func submitRequestFromWire(w *SubmitRequest) sdk.SubmitRequest {
	return sdk.SubmitRequest{
		Connection: connectionFromWire(w.Connection), Items: listFromWire(w.Items, submitItemFromWire),
	}
}

func submitItemToWire(w *SubmitItem, i *sdk.SubmitItem) {
	w.SubmissionId, w.ExternalId, w.JobId = textToWire(i.SubmissionID), textToWire(i.ExternalID), textToWire(i.JobID)
	w.As, w.PoolId, w.PoolStageId = textToWire(string(i.As)), textToWire(i.PoolID), textToWire(i.PoolStageID)
	w.OwnerEmail, w.Person = textToWire(i.OwnerEmail), personToWire(&i.Person)
	if r := i.Resume; r != nil {
		w.Resume = &Resume{Url: textToWire(r.URL), FileName: textToWire(r.FileName)}
	}
	w.Note, w.ApplicationUrl = textToWire(i.Note), textToWire(i.ApplicationURL)
	w.Answers = listToWire(i.Answers, answerToWire)
	w.Media = listToWire(i.Media, linkToWire)
	if r := i.Referrer; r != nil {
		w.Referrer = &Referrer{
			FirstName: textToWire(r.FirstName), LastName: textToWire(r.LastName), Email: textToWire(r.Email),
		}
	}
	if c := i.Consent; c != nil {
		w.Consent = &Consent{At: timeToWire(c.At), PolicyUrl: textToWire(c.PolicyURL)}
	}
	w.Continuation = i.Continuation
}

func submitItemFromWire(i *sdk.SubmitItem, w *SubmitItem) {
	i.SubmissionID, i.ExternalID, i.JobID = w.SubmissionId, w.ExternalId, w.JobId
	i.As, i.PoolID, i.PoolStageID = sdk.As(w.As), w.PoolId, w.PoolStageId
	i.OwnerEmail, i.Person = w.OwnerEmail, personFromWire(w.Person)
	if r := w.Resume; r != nil {
		i.Resume = &sdk.Resume{URL: r.Url, FileName: r.FileName}
	}
	i.Note, i.ApplicationURL = w.Note, w.ApplicationUrl
	i.Answers = listFromWire(w.Answers, answerFromWire)
	i.Media = listFromWire(w.Media, linkFromWire)
	if r := w.Referrer; r != nil {
		i.Referrer = &sdk.Referrer{FirstName: r.FirstName, LastName: r.LastName, Email: r.Email}
	}
	if c := w.Consent; c != nil {
		i.Consent = &sdk.Consent{At: timeFromWire(c.At), PolicyURL: c.PolicyUrl}
	}
	i.Continuation = bytesFromWire(w.Continuation)
}

// bytesFromWire makes empty and absent the same.
func bytesFromWire(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return b
}

func personToWire(p *sdk.Person) *Person {
	return &Person{
		Id: textToWire(p.ID), FirstName: textToWire(p.FirstName), LastName: textToWire(p.LastName),
		Company: textToWire(p.Company), Title: textToWire(p.Title),
		Emails:    listToWire(p.Emails, emailToWire),
		Phones:    listToWire(p.Phones, phoneToWire),
		Addresses: listToWire(p.Addresses, addressToWire),
		Links:     listToWire(p.Links, typedLinkToWire),
	}
}

func personFromWire(w *Person) sdk.Person {
	if w == nil {
		return sdk.Person{}
	}
	return sdk.Person{
		ID: w.Id, FirstName: w.FirstName, LastName: w.LastName, Company: w.Company, Title: w.Title,
		Emails:    listFromWire(w.Emails, emailFromWire),
		Phones:    listFromWire(w.Phones, phoneFromWire),
		Addresses: listFromWire(w.Addresses, addressFromWire),
		Links:     listFromWire(w.Links, typedLinkFromWire),
	}
}

func emailToWire(w *Email, e *sdk.Email) {
	w.Address, w.Type = textToWire(e.Address), textToWire(e.Type)
}

func emailFromWire(e *sdk.Email, w *Email) { e.Address, e.Type = w.Address, w.Type }

func phoneToWire(w *Phone, p *sdk.Phone) { w.Number, w.Type = textToWire(p.Number), textToWire(p.Type) }

func phoneFromWire(p *sdk.Phone, w *Phone) { p.Number, p.Type = w.Number, w.Type }

func addressToWire(w *Address, a *sdk.Address) {
	w.Text, w.Type = textToWire(a.Text), textToWire(a.Type)
}

func addressFromWire(a *sdk.Address, w *Address) { a.Text, a.Type = w.Text, w.Type }

func typedLinkToWire(w *TypedLink, l *sdk.TypedLink) {
	w.Url, w.Type = textToWire(l.URL), textToWire(l.Type)
}

func typedLinkFromWire(l *sdk.TypedLink, w *TypedLink) { l.URL, l.Type = w.Url, w.Type }

func answerToWire(w *Answer, a *sdk.Answer) {
	w.Question, w.Answer, w.Private = textToWire(a.Question), textToWire(a.Answer), a.Private
}

func answerFromWire(a *sdk.Answer, w *Answer) {
	a.Question, a.Answer, a.Private = w.Question, w.Answer, w.Private
}

func linkToWire(w *Link, l *sdk.Link) { w.Title, w.Url = textToWire(l.Title), textToWire(l.URL) }

func linkFromWire(l *sdk.Link, w *Link) { l.Title, l.URL = w.Title, w.Url }
