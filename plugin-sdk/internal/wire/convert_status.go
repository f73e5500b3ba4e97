package wire

import (
	sdk "github.com/atssync/atssync/plugin-sdk"
)

func readStatusesRequestToWire(r *sdk.ReadStatusesRequest) *ReadStatusesRequest {
	return &ReadStatusesRequest{
		Connection: connectionToWire(&r.Connection), Applications: listToWire(r.Applications, applicationRefToWire),
	}
}

func readStatusesRequestFromWire(w *ReadStatusesRequest) sdk.ReadStatusesRequest {
	return sdk.ReadStatusesRequest{
		Connection: connectionFromWire(w.Connection), Applications: listFromWire(w.Applications, applicationRefFromWire),
	}
}

func applicationRefToWire(w *ApplicationRef, r *sdk.ApplicationRef) {
	w.CandidateId, w.ApplicationId = textToWire(r.CandidateID), textToWire(r.ApplicationID)
	w.ExternalId, w.JobId, w.Pending = textToWire(r.ExternalID), textToWire(r.JobID), textToWire(r.Pending)
}

func applicationRefFromWire(r *sdk.ApplicationRef, w *ApplicationRef) {
	r.CandidateID, r.ApplicationID, r.ExternalID = w.CandidateId, w.ApplicationId, w.ExternalId
	r.JobID, r.Pending = w.JobId, w.Pending
}

func readStatusesReplyToWire(r *sdk.ReadStatusesReply) *ReadStatusesReply {
	return &ReadStatusesReply{Meta: metaToWire(&r.Meta), Readings: listToWire(r.Readings, readingToWire)}
}

func readStatusesReplyFromWire(w *ReadStatusesReply) (sdk.ReadStatusesReply, error) {
	var b bounds
	b.readings(w.Readings)
	if b.err != nil {
		return sdk.ReadStatusesReply{}, b.err
	}
	return sdk.ReadStatusesReply{
		Meta: metaFromWire(w.Meta), Readings: listFromWire(w.Readings, readingFromWire),
	}, nil
}

func readingToWire(w *Reading, r *sdk.Reading) {
	w.CandidateId, w.ApplicationId = textToWire(r.CandidateID), textToWire(r.ApplicationID)
	w.ExternalId, w.Pending = textToWire(r.ExternalID), textToWire(r.Pending)
	w.JobId, w.JobName, w.ProfileUrl = textToWire(r.JobID), textToWire(r.JobName), textToWire(r.ProfileURL)
	w.Raw = rawStatusToWire(&r.Raw)
	w.Prospect = r.Prospect
	w.ChangedAt, w.NotBefore = timeToWire(r.ChangedAt), timeToWire(r.NotBefore)
	w.Gone, w.MergedInto = textToWire(string(r.Gone)), textToWire(r.MergedInto)
	w.Unreadable = textToWire(r.Unreadable)
}

// readingFromWire expects a reading that bounds.readings has passed.
func readingFromWire(r *sdk.Reading, w *Reading) {
	r.CandidateID, r.ApplicationID, r.ExternalID, r.Pending = w.CandidateId, w.ApplicationId, w.ExternalId, w.Pending
	r.JobID, r.JobName, r.ProfileURL = w.JobId, cut(w.JobName, maxText), w.ProfileUrl
	r.Raw = rawStatusFromWire(w.Raw)
	r.Prospect = w.Prospect
	r.ChangedAt, r.NotBefore = timeFromWire(w.ChangedAt), timeFromWire(w.NotBefore)
	r.Gone, r.MergedInto = sdk.Gone(w.Gone), w.MergedInto
	r.Unreadable = cut(w.Unreadable, maxID)
}

func rawStatusToWire(r *sdk.RawStatus) *RawStatus {
	return &RawStatus{
		Status: textToWire(r.Status), StageId: textToWire(r.StageID), StageName: textToWire(r.StageName),
		StageType: textToWire(r.StageType), ReasonId: textToWire(r.ReasonID), Reason: textToWire(r.Reason),
		ReasonType: textToWire(r.ReasonType),
	}
}

func rawStatusFromWire(w *RawStatus) sdk.RawStatus {
	if w == nil {
		return sdk.RawStatus{}
	}
	return sdk.RawStatus{
		Status: cut(w.Status, maxID), StageID: cut(w.StageId, maxID), StageName: cut(w.StageName, maxID),
		StageType: cut(w.StageType, maxID), ReasonID: cut(w.ReasonId, maxID), Reason: cut(w.Reason, maxText),
		ReasonType: cut(w.ReasonType, maxID),
	}
}

func changesRequestToWire(r *sdk.ChangesRequest) *ChangesRequest {
	return &ChangesRequest{
		Connection: connectionToWire(&r.Connection), Cursor: textToWire(r.Cursor), Page: textToWire(r.Page),
	}
}

func changesRequestFromWire(w *ChangesRequest) sdk.ChangesRequest {
	return sdk.ChangesRequest{Connection: connectionFromWire(w.Connection), Cursor: w.Cursor, Page: w.Page}
}

func changesReplyToWire(r *sdk.ChangesReply) *ChangesReply {
	return &ChangesReply{
		Meta: metaToWire(&r.Meta), Readings: listToWire(r.Readings, readingToWire),
		Next: textToWire(r.Next), CursorAfter: textToWire(r.CursorAfter), Complete: r.Complete,
	}
}

func changesReplyFromWire(w *ChangesReply) (sdk.ChangesReply, error) {
	var b bounds
	b.readings(w.Readings)
	b.token("next", w.Next)
	b.token("cursor_after", w.CursorAfter)
	if b.err != nil {
		return sdk.ChangesReply{}, b.err
	}
	return sdk.ChangesReply{
		Meta: metaFromWire(w.Meta), Readings: listFromWire(w.Readings, readingFromWire),
		Next: w.Next, CursorAfter: w.CursorAfter, Complete: w.Complete,
	}, nil
}
