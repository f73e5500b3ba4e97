package wire

import (
	"fmt"

	sdk "github.com/atssync/atssync/plugin-sdk"
)

func submitReplyToWire(r *sdk.SubmitReply) *SubmitReply {
	return &SubmitReply{Meta: metaToWire(&r.Meta), Outcomes: listToWire(r.Outcomes, submitOutcomeToWire)}
}

// submitReplyFromWire judges each outcome by itself, so that one broken outcome makes one submission
// uncertain and not its neighbours. A wrong number of outcomes cannot be told apart and fails them all.
func submitReplyFromWire(w *SubmitReply, items int) (sdk.SubmitReply, error) {
	if len(w.Outcomes) != items {
		return sdk.SubmitReply{}, breach("%d outcomes for %d items", len(w.Outcomes), items)
	}
	return sdk.SubmitReply{
		Meta: metaFromWire(w.Meta), Outcomes: listFromWire(w.Outcomes, submitOutcomeFromWire),
	}, nil
}

func submitOutcomeToWire(w *SubmitOutcome, o *sdk.SubmitOutcome) {
	w.Kind, w.Receipt, w.Message = textToWire(string(o.Kind)), receiptToWire(&o.Receipt), textToWire(o.Message)
	w.NotBefore, w.Continuation = timeToWire(o.NotBefore), o.Continuation
	if o.Err != nil {
		w.Error = errorToWire(o.Err)
	}
}

func submitOutcomeFromWire(o *sdk.SubmitOutcome, w *SubmitOutcome) {
	if err := judgeOutcome(w); err != nil {
		*o = sdk.SubmitOutcome{Kind: sdk.OutcomeFailed, Err: err}
		return
	}
	o.Kind, o.Message = sdk.OutcomeKind(w.Kind), cut(w.Message, maxText)
	receiptFromWire(&o.Receipt, w.Receipt)
	o.NotBefore, o.Continuation = timeFromWire(w.NotBefore), bytesFromWire(w.Continuation)
	o.Err = errorFromWire(w.Error)
}

// judgeOutcome returns nil for an outcome that can be believed. One that cannot is a fault of the adapter
// after a write may have happened: KindInternal, never NotApplied.
func judgeOutcome(w *SubmitOutcome) *sdk.Error {
	var b bounds
	b.receipt("outcomes[].receipt", w.Receipt)
	if b.err != nil {
		return sdk.AsError(b.err)
	}
	r := w.Receipt
	switch kind := sdk.OutcomeKind(w.Kind); kind {
	case sdk.OutcomeCreated, sdk.OutcomeCreatedOnExisting, sdk.OutcomeAlreadyApplied:
		if r.GetCandidateId() == "" && r.GetApplicationId() == "" {
			return breach("an outcome %q without a candidate id or an application id", kind)
		}
	case sdk.OutcomePending:
		if r.GetPending() == "" && r.GetCandidateId() == "" {
			return breach("an outcome %q without a reference to look it up by", kind)
		}
	case sdk.OutcomeContinue:
		if n := len(w.Continuation); n == 0 || n > sdk.MaxContinuation {
			return breach("an outcome %q with %d bytes of continuation, 1 to %d are allowed", kind, n, sdk.MaxContinuation)
		}
	case sdk.OutcomeFailed:
		if w.Error == nil {
			return breach("an outcome %q without an error", kind)
		}
	case sdk.OutcomeBlocked:
	default:
		return breach("the unknown outcome %q", cut(w.Kind, 64))
	}
	return nil
}

// breach is the error for a reply that does not keep to the contract.
func breach(format string, args ...any) *sdk.Error {
	return &sdk.Error{
		Kind:    sdk.KindInternal,
		Message: "the adapter's reply breaks the contract: " + fmt.Sprintf(format, args...),
		Turn:    sdk.TurnAdapter,
		Remedy:  "Report this to the adapter's author.",
	}
}

func receiptToWire(r *sdk.Receipt) *Receipt {
	if *r == (sdk.Receipt{}) {
		return nil
	}
	return &Receipt{
		CandidateId: textToWire(r.CandidateID), ApplicationId: textToWire(r.ApplicationID),
		ProfileUrl: textToWire(r.ProfileURL), Pending: textToWire(r.Pending),
	}
}

func receiptFromWire(r *sdk.Receipt, w *Receipt) {
	r.CandidateID, r.ApplicationID = w.GetCandidateId(), w.GetApplicationId()
	r.ProfileURL, r.Pending = w.GetProfileUrl(), w.GetPending()
}

func findRequestToWire(r *sdk.FindRequest) *FindRequest {
	return &FindRequest{
		Connection: connectionToWire(&r.Connection), ExternalId: textToWire(r.ExternalID), JobId: textToWire(r.JobID),
		Emails: textsToWire(r.Emails), SentAfter: timeToWire(r.SentAfter),
	}
}

func findRequestFromWire(w *FindRequest) sdk.FindRequest {
	return sdk.FindRequest{
		Connection: connectionFromWire(w.Connection), ExternalID: w.ExternalId, JobID: w.JobId,
		Emails: w.Emails, SentAfter: timeFromWire(w.SentAfter),
	}
}

func findReplyToWire(r *sdk.FindReply) *FindReply {
	return &FindReply{Meta: metaToWire(&r.Meta), Matches: listToWire(r.Matches, matchToWire)}
}

func findReplyFromWire(w *FindReply) (sdk.FindReply, error) {
	var b bounds
	b.count("matches", len(w.Matches), maxItems)
	for _, m := range w.Matches {
		b.id("matches[].external_id", m.ExternalId)
		b.receipt("matches[].receipt", m.Receipt)
	}
	if b.err != nil {
		return sdk.FindReply{}, b.err
	}
	return sdk.FindReply{Meta: metaFromWire(w.Meta), Matches: listFromWire(w.Matches, matchFromWire)}, nil
}

func matchToWire(w *Match, m *sdk.Match) {
	w.By, w.ExternalId, w.Receipt = textToWire(string(m.By)), textToWire(m.ExternalID), receiptToWire(&m.Receipt)
}

// matchFromWire lets nothing but the exact word settle: any other match only proposes.
func matchFromWire(m *sdk.Match, w *Match) {
	m.By = sdk.FindEmailAndJob
	if w.By == string(sdk.FindExternalID) {
		m.By = sdk.FindExternalID
	}
	m.ExternalID = w.ExternalId
	receiptFromWire(&m.Receipt, w.Receipt)
}
