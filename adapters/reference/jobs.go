package main

import (
	"context"
	"net/url"

	sdk "github.com/atssync/atssync/plugin-sdk"
)

// ListJobs implements sdk.JobLister. The page is the ATS's own; an adapter whose ATS pages by number, by
// link or not at all hides that in the same string.
func (a *adapter) ListJobs(ctx context.Context, req sdk.ListJobsRequest) (sdk.ListJobsReply, error) {
	s, err := a.open(req.Connection)
	if err != nil {
		return sdk.ListJobsReply{}, err
	}
	var got struct {
		Jobs []struct {
			ID          string `json:"id"`
			Name        string `json:"name"`
			Requisition string `json:"requisition"`
			Location    string `json:"location"`
			State       string `json:"state"`
			Private     bool   `json:"private"`
		} `json:"jobs"`
		Next string `json:"next"`
	}
	if err := s.list(ctx, "/v1/jobs", "jobs", url.Values{"page": {req.Page}}, &got); err != nil {
		return sdk.ListJobsReply{}, err
	}
	out := sdk.ListJobsReply{Next: got.Next, Complete: got.Next == "", Meta: s.meta}
	for _, j := range got.Jobs {
		out.Jobs = append(out.Jobs, sdk.Job{
			ID: j.ID, Name: j.Name, RequisitionID: j.Requisition, Location: j.Location,
			State: jobState(j.State), RawState: j.State, Confidential: j.Private,
		})
	}
	return out, nil
}

func jobState(raw string) sdk.JobState {
	switch raw {
	case "open":
		return sdk.JobOpen
	case "unlisted":
		return sdk.JobUnlisted
	case "closed":
		return sdk.JobClosed
	}
	return sdk.JobUnknown
}

// ListPools implements sdk.PoolLister.
func (a *adapter) ListPools(ctx context.Context, req sdk.ListPoolsRequest) (sdk.ListPoolsReply, error) {
	s, err := a.open(req.Connection)
	if err != nil {
		return sdk.ListPoolsReply{}, err
	}
	var got struct {
		Pools []struct {
			ID     string `json:"id"`
			Name   string `json:"name"`
			Stages []struct {
				ID   string `json:"id"`
				Name string `json:"name"`
			} `json:"stages"`
		} `json:"pools"`
	}
	if err := s.get(ctx, "/v1/pools", nil, &got); err != nil {
		return sdk.ListPoolsReply{}, err
	}
	out := sdk.ListPoolsReply{Meta: s.meta}
	for _, p := range got.Pools {
		pool := sdk.Pool{ID: p.ID, Name: p.Name}
		for _, st := range p.Stages {
			pool.Stages = append(pool.Stages, sdk.PoolStage{ID: st.ID, Name: st.Name})
		}
		out.Pools = append(out.Pools, pool)
	}
	return out, nil
}

// Vocabulary implements sdk.VocabularyLister.
func (a *adapter) Vocabulary(ctx context.Context, req sdk.VocabularyRequest) (sdk.VocabularyReply, error) {
	s, err := a.open(req.Connection)
	if err != nil {
		return sdk.VocabularyReply{}, err
	}
	var got struct {
		Words []struct {
			Type string `json:"type"`
			ID   string `json:"id"`
			Name string `json:"name"`
		} `json:"words"`
	}
	if err := s.get(ctx, "/v1/words", nil, &got); err != nil {
		return sdk.VocabularyReply{}, err
	}
	out := sdk.VocabularyReply{Meta: s.meta}
	for _, w := range got.Words {
		out.Terms = append(out.Terms, sdk.Term{Type: w.Type, ID: w.ID, Name: w.Name})
	}
	return out, nil
}
