package main

import (
	"context"
	"errors"
	"net/http"

	sdk "github.com/atssync/atssync/plugin-sdk"
	"github.com/atssync/atssync/plugin-sdk/rest"
)

// created is the answer to POST candidates: id is the candidate's, ApplicationID that of the application made
// with it.
type created struct {
	ID            rest.ID   `json:"id"`
	ApplicationID rest.ID   `json:"application_id"`
	ExternalID    rest.Text `json:"external_id"`
	ProfileURL    rest.Text `json:"profile_url"`
}

// errNoReceipt says that an answer does not prove which candidate was made.
var errNoReceipt = errors.New("no receipt of this submission")

// Submit implements sdk.Submitter, one item a call. The item is sent as a single object: what Greenhouse does
// with an array that holds one bad element is not documented.
//
// What Greenhouse says about the item is an outcome; an error is returned where any other item would have
// fared the same (credentials, a limit, no connection).
func (a *adapter) Submit(ctx context.Context, req sdk.SubmitRequest) (sdk.SubmitReply, error) {
	s, err := a.open(req.Connection)
	if err != nil {
		return sdk.SubmitReply{}, err
	}
	if len(req.Items) != 1 {
		return sdk.SubmitReply{}, &sdk.Error{
			Kind: sdk.KindUnsupported, Message: "Greenhouse takes one submission a call", Turn: sdk.TurnAdapter, NotApplied: true,
		}
	}
	outcome, err := s.submit(ctx, req.Items[0])
	if err != nil {
		return sdk.SubmitReply{}, err
	}
	if outcome.Err != nil {
		outcome.Err.Meta = sdk.Meta{} // the reply carries it
	}
	return sdk.SubmitReply{Outcomes: []sdk.SubmitOutcome{outcome}, Meta: s.meta}, nil
}

func (s *session) submit(ctx context.Context, item sdk.SubmitItem) (sdk.SubmitOutcome, error) {
	d, refused := newDocument(item)
	if refused != nil {
		return failedOutcome(refused), nil
	}
	var got created
	call := s.call(http.MethodPost, pathCandidates)
	call.Write = true
	call.Body = d
	call.Decode = func(body []byte) (err error) {
		got, err = readReceipt(body, item.ExternalID)
		return err
	}
	answer, err := s.client.Do(ctx, call, &s.meta)
	if err == nil {
		return outcomeOf(got, sdk.OutcomeCreated), nil
	}
	if e := sdk.AsError(err); e.Kind == sdk.KindDuplicate {
		// A refusal that shows where the application is settles more than it refuses.
		if known, err := readReceipt(answer.Body, item.ExternalID); err == nil && known.ExternalID != "" && known.ApplicationID != "" {
			return outcomeOf(known, sdk.OutcomeAlreadyApplied), nil
		}
	}
	e := refusedSubmission(err, d, answer)
	switch e.Kind {
	case sdk.KindAuth, sdk.KindRateLimited, sdk.KindTransient:
		return sdk.SubmitOutcome{}, e
	default:
		return failedOutcome(e), nil
	}
}

// readReceipt reads one created candidate, as an object or as the only element of a list. An answer without a
// candidate id, with several candidates or for another external id proves nothing.
func readReceipt(body []byte, externalID string) (created, error) {
	var list rest.List[created]
	if err := rest.Decode(body, &list); err != nil {
		return created{}, err
	}
	if len(list) != 1 || !list[0].ID.Numeric() {
		return created{}, errNoReceipt
	}
	got := list[0]
	if got.ExternalID != "" && string(got.ExternalID) != externalID {
		return created{}, errNoReceipt
	}
	if got.ApplicationID != "" && !got.ApplicationID.Numeric() {
		return created{}, errNoReceipt
	}
	return got, nil
}

// outcomeOf keeps the receipt. Should Greenhouse name the candidate but not yet the application, the candidate's
// id is the reference by which ReadStatuses finds it.
func outcomeOf(got created, kind sdk.OutcomeKind) sdk.SubmitOutcome {
	o := sdk.SubmitOutcome{Kind: kind, Receipt: sdk.Receipt{
		CandidateID: string(got.ID), ApplicationID: string(got.ApplicationID), ProfileURL: string(got.ProfileURL),
	}}
	if got.ApplicationID == "" {
		o.Kind, o.Receipt.Pending = sdk.OutcomePending, string(got.ID)
	}
	return o
}

func failedOutcome(e *sdk.Error) sdk.SubmitOutcome {
	return sdk.SubmitOutcome{Kind: sdk.OutcomeFailed, Err: e}
}
