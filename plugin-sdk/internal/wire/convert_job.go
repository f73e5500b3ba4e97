package wire

import (
	sdk "github.com/atssync/atssync/plugin-sdk"
)

func jobStates() []sdk.JobState {
	return []sdk.JobState{sdk.JobOpen, sdk.JobUnlisted, sdk.JobClosed, sdk.JobUnknown}
}

func listJobsRequestToWire(r *sdk.ListJobsRequest) *ListJobsRequest {
	return &ListJobsRequest{Connection: connectionToWire(&r.Connection), Page: textToWire(r.Page)}
}

func listJobsRequestFromWire(w *ListJobsRequest) sdk.ListJobsRequest {
	return sdk.ListJobsRequest{Connection: connectionFromWire(w.Connection), Page: w.Page}
}

func listJobsReplyToWire(r *sdk.ListJobsReply) *ListJobsReply {
	return &ListJobsReply{
		Meta: metaToWire(&r.Meta), Jobs: listToWire(r.Jobs, jobToWire), Next: textToWire(r.Next), Complete: r.Complete,
	}
}

func listJobsReplyFromWire(w *ListJobsReply) (sdk.ListJobsReply, error) {
	var b bounds
	b.count("jobs", len(w.Jobs), maxItems)
	b.token("next", w.Next)
	for _, j := range w.Jobs {
		b.someID("jobs[].id", j.Id)
		b.id("jobs[].requisition_id", j.RequisitionId)
	}
	if b.err != nil {
		return sdk.ListJobsReply{}, b.err
	}
	return sdk.ListJobsReply{
		Meta: metaFromWire(w.Meta), Jobs: listFromWire(w.Jobs, jobFromWire), Next: w.Next, Complete: w.Complete,
	}, nil
}

func jobToWire(w *Job, j *sdk.Job) {
	w.Id, w.Name, w.RequisitionId = textToWire(j.ID), textToWire(j.Name), textToWire(j.RequisitionID)
	w.Location, w.Url = textToWire(j.Location), textToWire(j.URL)
	w.State, w.RawState = textToWire(string(j.State)), textToWire(j.RawState)
	w.Confidential = j.Confidential
}

func jobFromWire(j *sdk.Job, w *Job) {
	j.ID, j.Name, j.RequisitionID = w.Id, cut(w.Name, maxText), w.RequisitionId
	j.Location, j.URL = cut(w.Location, maxText), cut(w.Url, maxToken)
	j.State, j.RawState = known(w.State, jobStates(), sdk.JobUnknown), cut(w.RawState, maxID)
	if j.State == "" {
		j.State = sdk.JobUnknown
	}
	j.Confidential = w.Confidential
}

func listPoolsReplyToWire(r *sdk.ListPoolsReply) *ListPoolsReply {
	return &ListPoolsReply{Meta: metaToWire(&r.Meta), Pools: listToWire(r.Pools, poolToWire)}
}

func listPoolsReplyFromWire(w *ListPoolsReply) (sdk.ListPoolsReply, error) {
	var b bounds
	b.count("pools", len(w.Pools), maxItems)
	for _, p := range w.Pools {
		b.someID("pools[].id", p.Id)
		b.count("pools[].stages", len(p.Stages), maxItems)
		for _, s := range p.Stages {
			b.someID("pools[].stages[].id", s.Id)
		}
	}
	if b.err != nil {
		return sdk.ListPoolsReply{}, b.err
	}
	return sdk.ListPoolsReply{Meta: metaFromWire(w.Meta), Pools: listFromWire(w.Pools, poolFromWire)}, nil
}

func poolToWire(w *Pool, p *sdk.Pool) {
	w.Id, w.Name = textToWire(p.ID), textToWire(p.Name)
	w.Stages = listToWire(p.Stages, poolStageToWire)
}

func poolFromWire(p *sdk.Pool, w *Pool) {
	p.ID, p.Name = w.Id, cut(w.Name, maxText)
	p.Stages = listFromWire(w.Stages, poolStageFromWire)
}

func poolStageToWire(w *PoolStage, s *sdk.PoolStage) {
	w.Id, w.Name = textToWire(s.ID), textToWire(s.Name)
}

func poolStageFromWire(s *sdk.PoolStage, w *PoolStage) { s.ID, s.Name = w.Id, cut(w.Name, maxText) }

func trackingLinkRequestToWire(r *sdk.TrackingLinkRequest) *TrackingLinkRequest {
	return &TrackingLinkRequest{Connection: connectionToWire(&r.Connection), JobId: textToWire(r.JobID)}
}

func trackingLinkRequestFromWire(w *TrackingLinkRequest) sdk.TrackingLinkRequest {
	return sdk.TrackingLinkRequest{Connection: connectionFromWire(w.Connection), JobID: w.JobId}
}

func trackingLinkReplyToWire(r *sdk.TrackingLinkReply) *TrackingLinkReply {
	return &TrackingLinkReply{
		Meta: metaToWire(&r.Meta), Url: textToWire(r.URL), JobName: textToWire(r.JobName),
		Source: textToWire(r.Source), Referrer: textToWire(r.Referrer),
	}
}

func trackingLinkReplyFromWire(w *TrackingLinkReply) (sdk.TrackingLinkReply, error) {
	var b bounds
	b.token("url", w.Url)
	if b.err != nil {
		return sdk.TrackingLinkReply{}, b.err
	}
	return sdk.TrackingLinkReply{
		Meta: metaFromWire(w.Meta), URL: w.Url, JobName: cut(w.JobName, maxText),
		Source: cut(w.Source, maxText), Referrer: cut(w.Referrer, maxText),
	}, nil
}

func vocabularyReplyToWire(r *sdk.VocabularyReply) *VocabularyReply {
	return &VocabularyReply{Meta: metaToWire(&r.Meta), Terms: listToWire(r.Terms, termToWire)}
}

func vocabularyReplyFromWire(w *VocabularyReply) (sdk.VocabularyReply, error) {
	var b bounds
	b.count("terms", len(w.Terms), maxItems)
	for _, t := range w.Terms {
		b.id("terms[].type", t.Type)
		b.id("terms[].id", t.Id)
		b.id("terms[].job_id", t.JobId)
	}
	if b.err != nil {
		return sdk.VocabularyReply{}, b.err
	}
	return sdk.VocabularyReply{Meta: metaFromWire(w.Meta), Terms: listFromWire(w.Terms, termFromWire)}, nil
}

func termToWire(w *Term, t *sdk.Term) {
	w.Type, w.Id = textToWire(t.Type), textToWire(t.ID)
	w.Name, w.JobId = textToWire(t.Name), textToWire(t.JobID)
}

func termFromWire(t *sdk.Term, w *Term) {
	t.Type, t.ID, t.Name, t.JobID = w.Type, w.Id, cut(w.Name, maxText), w.JobId
}
