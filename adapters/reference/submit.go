package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	sdk "github.com/atssync/atssync/plugin-sdk"
	"github.com/atssync/atssync/plugin-sdk/rest"
)

// Submit implements sdk.Submitter. Each item is written once and never again by this program: when an
// answer is lost, the host decides.
func (a *adapter) Submit(ctx context.Context, req sdk.SubmitRequest) (sdk.SubmitReply, error) {
	s, err := a.open(req.Connection)
	if err != nil {
		return sdk.SubmitReply{}, err
	}
	if s.twoStep {
		return s.submitInSteps(ctx, req.Items)
	}
	outcomes, err := s.apply(ctx, req.Items)
	if err != nil {
		return sdk.SubmitReply{}, err // holds for all items: they were one request
	}
	return sdk.SubmitReply{Outcomes: outcomes, Meta: s.meta}, nil
}

// person and application are what the ATS takes.
type person struct {
	ExternalID string `json:"external_id"`
	FirstName  string `json:"first_name"`
	LastName   string `json:"last_name"`
	Email      string `json:"email"`
	Phone      string `json:"phone,omitempty"`
}

type application struct {
	ExternalID string  `json:"external_id"`
	JobID      string  `json:"job_id"`
	PersonID   string  `json:"person_id,omitempty"`
	Person     *person `json:"person,omitempty"`
	Prospect   bool    `json:"prospect"`
	PoolID     string  `json:"pool_id,omitempty"`
	ResumeURL  string  `json:"resume_url,omitempty"`
	Note       string  `json:"note,omitempty"`
}

func newPerson(item sdk.SubmitItem) *person {
	p := &person{ExternalID: item.ExternalID, FirstName: item.Person.FirstName, LastName: item.Person.LastName}
	if len(item.Person.Emails) > 0 {
		p.Email = item.Person.Emails[0].Address
	}
	if len(item.Person.Phones) > 0 {
		p.Phone = item.Person.Phones[0].Number
	}
	return p
}

func newApplication(item sdk.SubmitItem) application {
	out := application{
		ExternalID: item.ExternalID, JobID: item.JobID, Prospect: item.As == sdk.AsProspect,
		PoolID: item.PoolID, Note: item.Note,
	}
	if item.Resume != nil {
		out.ResumeURL = item.Resume.URL
	}
	return out
}

// result is the ATS's answer for one application.
type result struct {
	Status        string    `json:"status"`
	PersonID      string    `json:"person_id"`
	ApplicationID string    `json:"application_id"`
	URL           string    `json:"url"`
	Pending       string    `json:"pending"`
	NotBefore     time.Time `json:"not_before"`
	Code          string    `json:"code"`
	Field         string    `json:"field"`
}

// apply writes the applications of items in one request and answers each.
func (s *session) apply(ctx context.Context, items []sdk.SubmitItem) ([]sdk.SubmitOutcome, error) {
	body := struct {
		Applications []application `json:"applications"`
	}{make([]application, len(items))}
	for i, item := range items {
		one := newApplication(item)
		var err error
		if one.PersonID, err = readContinuation(item.Continuation); err != nil {
			return nil, err
		}
		if one.PersonID == "" {
			one.Person = newPerson(item)
		}
		body.Applications[i] = one
	}
	var got struct {
		Results []result `json:"results"`
	}
	err := s.post(ctx, "/v1/applications", body, func(b []byte) error {
		if err := rest.Decode(b, &got); err != nil {
			return err
		}
		if len(got.Results) != len(items) {
			return fmt.Errorf("%d results for %d applications", len(got.Results), len(items))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	outcomes := make([]sdk.SubmitOutcome, len(items))
	for i, r := range got.Results {
		outcomes[i] = r.outcome()
	}
	return outcomes, nil
}

// continuation is what an item remembers between its two writes. The host keeps it durably before it calls
// again, so that a crash between the writes makes no second person.
type continuation struct {
	PersonID string `json:"person_id"`
}

func readContinuation(b []byte) (personID string, err error) {
	if len(b) == 0 {
		return "", nil
	}
	var c continuation
	if err := json.Unmarshal(b, &c); err != nil || c.PersonID == "" {
		return "", &sdk.Error{
			Kind: sdk.KindInternal, Message: "the continuation of a submission cannot be read", Turn: sdk.TurnAdapter, NotApplied: true,
		}
	}
	return c.PersonID, nil
}

// submitInSteps makes one write an item: the person first, then, when the host calls again, the
// application. After the first failure nothing more is sent.
func (s *session) submitInSteps(ctx context.Context, items []sdk.SubmitItem) (sdk.SubmitReply, error) {
	outcomes := make([]sdk.SubmitOutcome, len(items))
	var stopped error
	for i, item := range items {
		if stopped != nil {
			outcomes[i] = failed(&sdk.Error{
				Kind: sdk.KindTransient, Message: "not sent, because an earlier item of the call failed", Turn: sdk.TurnATS, NotApplied: true,
			})
			continue
		}
		outcomes[i], stopped = s.step(ctx, item)
		if stopped != nil {
			e := *sdk.AsError(stopped)
			e.Meta = sdk.Meta{} // the reply carries it
			outcomes[i] = failed(&e)
		}
	}
	return sdk.SubmitReply{Outcomes: outcomes, Meta: s.meta}, nil
}

func (s *session) step(ctx context.Context, item sdk.SubmitItem) (sdk.SubmitOutcome, error) {
	if len(item.Continuation) > 0 {
		outcomes, err := s.apply(ctx, []sdk.SubmitItem{item})
		if err != nil {
			return sdk.SubmitOutcome{}, err
		}
		return outcomes[0], nil
	}
	var made struct {
		ID string `json:"id"`
	}
	err := s.post(ctx, "/v1/people", newPerson(item), func(b []byte) error {
		if err := rest.Decode(b, &made); err != nil {
			return err
		}
		if made.ID == "" {
			return errors.New("a person without an id")
		}
		return nil
	})
	if err != nil {
		return sdk.SubmitOutcome{}, err
	}
	b, err := json.Marshal(continuation{PersonID: made.ID})
	if err != nil {
		return sdk.SubmitOutcome{}, err
	}
	return sdk.SubmitOutcome{Kind: sdk.OutcomeContinue, Receipt: sdk.Receipt{CandidateID: made.ID}, Continuation: b}, nil
}

func failed(e *sdk.Error) sdk.SubmitOutcome {
	return sdk.SubmitOutcome{Kind: sdk.OutcomeFailed, Err: e}
}

// outcome judges one result. A status that is not documented proves nothing: the write happened somehow,
// and KindRemoteChanged leaves it to a person.
func (r result) outcome() sdk.SubmitOutcome {
	out := sdk.SubmitOutcome{
		Receipt: sdk.Receipt{CandidateID: r.PersonID, ApplicationID: r.ApplicationID, ProfileURL: r.URL, Pending: r.Pending},
	}
	switch r.Status {
	case "created":
		out.Kind = sdk.OutcomeCreated
	case "existing":
		out.Kind = sdk.OutcomeCreatedOnExisting
	case "known":
		out.Kind = sdk.OutcomeAlreadyApplied
	case "pending":
		out.Kind = sdk.OutcomePending
	case "blocked":
		out.Kind, out.NotBefore = sdk.OutcomeBlocked, r.NotBefore
		out.Message = "the Reference ATS takes one application of a person for a while"
	case "refused":
		return failed(r.refusal())
	default:
		return failed(&sdk.Error{
			Kind: sdk.KindRemoteChanged, Turn: sdk.TurnAdapter,
			Message: "the Reference ATS answered with an unknown result for an application",
			Remedy:  "Look whether the application is there, and report this to the adapter's author.",
		})
	}
	return out
}

// refusal translates what the ATS refuses. Messages are the adapter's own: those of an ATS may repeat
// personal data.
func (r result) refusal() *sdk.Error {
	e := &sdk.Error{Kind: sdk.KindInvalid, Turn: sdk.TurnPlatform, Message: "the Reference ATS refuses the application"}
	switch r.Code {
	case "no_job":
		e.Kind, e.Subject, e.Turn = sdk.KindNotFound, sdk.SubjectJob, sdk.TurnEmployer
		e.Message, e.Remedy = "the Reference ATS has no such job", "Connect the job to another one."
		return e
	case "job_closed":
		e.Kind, e.Turn = sdk.KindJobClosed, sdk.TurnEmployer
		e.Message, e.Remedy = "the job takes no applications", "Open the job again, or connect the job to another one."
		return e
	case "no_person":
		e.Kind, e.Subject = sdk.KindNotFound, sdk.SubjectCandidate
		e.Message = "the person of the first step is not there any more"
	case "file_type":
		e.Kind, e.Message = sdk.KindAttachment, "the Reference ATS does not take this kind of resume"
	}
	e.Remedy = "Correct the application and submit it again."
	e.Fields = []sdk.FieldError{{Path: documentPath(r.Field), Code: r.Code, Message: "is refused by the Reference ATS"}}
	return e
}

// documentPath translates the ATS's name of a field into a path of the submission document.
func documentPath(field string) string {
	switch field {
	case "person.email":
		return "person.emails[0].address"
	case "job_id":
		return "job"
	case "resume_url":
		return "resume.url"
	}
	return field
}
