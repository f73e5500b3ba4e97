package wire

import (
	sdk "github.com/atssync/atssync/plugin-sdk"
)

func turns() []sdk.Turn {
	return []sdk.Turn{sdk.TurnEmployer, sdk.TurnATS, sdk.TurnPlatform, sdk.TurnOperator, sdk.TurnAdapter}
}

func subjects() []sdk.Subject {
	return []sdk.Subject{
		sdk.SubjectJob, sdk.SubjectCandidate, sdk.SubjectApplication,
		sdk.SubjectUser, sdk.SubjectEndpoint, sdk.SubjectPool,
	}
}

// errorToWire returns nil for nil. An error that is no *sdk.Error travels as KindInternal.
func errorToWire(err error) *Error {
	e := sdk.AsError(err)
	if e == nil {
		return nil
	}
	kind := e.Kind
	if kind == "" {
		kind = sdk.KindInternal
	}
	return &Error{
		Kind:       textToWire(string(kind)),
		Message:    textToWire(e.Message),
		Turn:       textToWire(string(e.Turn)),
		Remedy:     textToWire(e.Remedy),
		Subject:    textToWire(string(e.Subject)),
		Status:     intToWire(e.Status),
		Fields:     listToWire(e.Fields, fieldErrorToWire),
		RetryAfter: durationToWire(e.RetryAfter),
		NotApplied: e.NotApplied,
		Meta:       metaToWire(&e.Meta),
	}
}

// errorFromWire returns nil for nil. A kind that this side does not know becomes KindInternal, and then
// NotApplied is not believed either: what the kind promises is unknown.
func errorFromWire(w *Error) *sdk.Error {
	if w == nil {
		return nil
	}
	e := &sdk.Error{
		Kind:       known(w.Kind, sdk.Kinds(), ""),
		Message:    cut(w.Message, maxText),
		Turn:       known(w.Turn, turns(), sdk.TurnAdapter),
		Remedy:     cut(w.Remedy, maxText),
		Subject:    known(w.Subject, subjects(), ""),
		Status:     int(w.Status),
		Fields:     listFromWire(w.Fields[:min(len(w.Fields), maxFields)], fieldErrorFromWire),
		RetryAfter: durationFromWire(w.RetryAfter),
		NotApplied: w.NotApplied,
		Meta:       metaFromWire(w.Meta),
	}
	if e.Kind == "" {
		e.Kind, e.NotApplied = sdk.KindInternal, false
		e.Message = cut("the adapter answered with an error of the unknown kind \""+cut(w.Kind, 64)+"\": "+w.Message, maxText)
	}
	return e
}

func fieldErrorToWire(w *FieldError, f *sdk.FieldError) {
	w.Path, w.Code, w.Message = textToWire(f.Path), textToWire(f.Code), textToWire(f.Message)
}

func fieldErrorFromWire(f *sdk.FieldError, w *FieldError) {
	f.Path, f.Code, f.Message = cut(w.Path, maxID), cut(w.Code, maxID), cut(w.Message, maxText)
}

func metaToWire(m *sdk.Meta) *Meta {
	if len(m.Exchanges) == 0 && m.Budget == nil {
		return nil
	}
	w := &Meta{Exchanges: listToWire(m.Exchanges, exchangeToWire)}
	if b := m.Budget; b != nil {
		w.Budget = &Budget{
			Limit: intToWire(b.Limit), Remaining: intToWire(b.Remaining), ResetAfter: durationToWire(b.ResetAfter),
		}
	}
	return w
}

func metaFromWire(w *Meta) sdk.Meta {
	if w == nil {
		return sdk.Meta{}
	}
	m := sdk.Meta{Exchanges: listFromWire(w.Exchanges[:min(len(w.Exchanges), maxExchanges)], exchangeFromWire)}
	if b := w.Budget; b != nil {
		m.Budget = &sdk.Budget{
			Limit: int(b.Limit), Remaining: int(b.Remaining), ResetAfter: durationFromWire(b.ResetAfter),
		}
	}
	return m
}

func exchangeToWire(w *Exchange, e *sdk.Exchange) {
	w.Method, w.Endpoint = textToWire(e.Method), textToWire(e.Endpoint)
	w.Status, w.StartedAt, w.Duration = intToWire(e.Status), timeToWire(e.StartedAt), durationToWire(e.Duration)
	w.RequestId, w.Excerpt = textToWire(e.RequestID), textToWire(e.Excerpt)
}

func exchangeFromWire(e *sdk.Exchange, w *Exchange) {
	e.Method, e.Endpoint = cut(w.Method, 16), cut(w.Endpoint, maxID)
	e.Status, e.StartedAt, e.Duration = int(w.Status), timeFromWire(w.StartedAt), durationFromWire(w.Duration)
	e.RequestID, e.Excerpt = cut(w.RequestId, maxID), cut(w.Excerpt, maxExcerpt)
}
