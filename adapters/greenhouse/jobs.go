package main

import (
	"context"
	"fmt"
	"net/http"

	sdk "github.com/atssync/atssync/plugin-sdk"
	"github.com/atssync/atssync/plugin-sdk/rest"
)

// job is one element of GET jobs. Name is the internal one, which a job board need not show; Public says that
// at least one post of the job is live.
type job struct {
	ID     rest.ID   `json:"id"`
	Name   rest.Text `json:"name"`
	Status rest.Text `json:"status"`
	Public *bool     `json:"public"`
}

// ListJobs implements sdk.JobLister. Greenhouse documents one array of all open jobs; should it page one day as
// its other APIs do, the Link header is followed.
func (a *adapter) ListJobs(ctx context.Context, req sdk.ListJobsRequest) (sdk.ListJobsReply, error) {
	s, err := a.open(req.Connection)
	if err != nil {
		return sdk.ListJobsReply{}, err
	}
	var listed rest.Elements[job]
	answer, err := s.list(ctx, pathJobs, req.Page, &listed)
	if err != nil {
		return sdk.ListJobsReply{}, err
	}
	reply := sdk.ListJobsReply{Next: rest.NextQuery(answer.Header)}
	if reply.Next == req.Page {
		reply.Next = "" // a page that names itself would be read for ever
	}
	var broken []string
	for i, e := range listed {
		j := e.Value
		if e.Err != nil {
			broken = append(broken, fmt.Sprintf("[%d]: %s", i, e.Err))
			continue
		}
		reply.Jobs = append(reply.Jobs, sdk.Job{
			ID: string(j.ID), Name: string(j.Name), State: jobState(j), RawState: string(j.Status),
		})
	}
	// A job that cannot be read is there all the same. The listing is not complete then, so that nothing is taken for closed; where
	// nobody could say so any more, because all is broken or another page follows, it is no listing.
	if len(broken) > 0 && (len(reply.Jobs) == 0 || reply.Next != "") {
		return sdk.ListJobsReply{}, s.changed(pathJobs, broken)
	}
	s.remark(broken)
	reply.Complete, reply.Meta = reply.Next == "" && len(broken) == 0, s.meta
	return reply, nil
}

// jobState reads the documented words: status is always "open", whoever is not listed is closed.
func jobState(j job) sdk.JobState {
	switch {
	case fold(j.Status) == "closed":
		return sdk.JobClosed
	case fold(j.Status) != "open" && j.Status != "":
		return sdk.JobUnknown
	case j.Public != nil && !*j.Public:
		return sdk.JobUnlisted
	default:
		return sdk.JobOpen
	}
}

// pool is one element of GET prospect_pools; the order of the stages is the configured one.
type pool struct {
	ID     rest.ID           `json:"id"`
	Name   rest.Text         `json:"name"`
	Stages rest.List[poolID] `json:"stages"`
}

type poolID struct {
	ID   rest.ID   `json:"id"`
	Name rest.Text `json:"name"`
}

// ListPools implements sdk.PoolLister.
func (a *adapter) ListPools(ctx context.Context, req sdk.ListPoolsRequest) (sdk.ListPoolsReply, error) {
	s, err := a.open(req.Connection)
	if err != nil {
		return sdk.ListPoolsReply{}, err
	}
	var listed rest.List[pool]
	if _, err := s.list(ctx, pathPools, "", &listed); err != nil {
		return sdk.ListPoolsReply{}, err
	}
	reply := sdk.ListPoolsReply{Meta: s.meta}
	for _, p := range listed {
		out := sdk.Pool{ID: string(p.ID), Name: string(p.Name)}
		for _, st := range p.Stages {
			out.Stages = append(out.Stages, sdk.PoolStage{ID: string(st.ID), Name: string(st.Name)})
		}
		reply.Pools = append(reply.Pools, out)
	}
	return reply, nil
}

// TrackingLink implements sdk.TrackingLinker. The POST makes nothing that a second one would double, so it is
// no write: when its answer is lost it may be asked again.
func (a *adapter) TrackingLink(ctx context.Context, req sdk.TrackingLinkRequest) (sdk.TrackingLinkReply, error) {
	s, err := a.open(req.Connection)
	if err != nil {
		return sdk.TrackingLinkReply{}, err
	}
	id := rest.ID(req.JobID)
	if !id.Numeric() {
		return sdk.TrackingLinkReply{}, notAJob()
	}
	var link struct {
		URL      rest.Text `json:"tracking_link"`
		Job      rest.Text `json:"job"`
		Source   rest.Text `json:"source"`
		Referrer rest.Text `json:"referrer"`
	}
	call := s.call(http.MethodPost, pathTrackingLink)
	call.Body = map[string]rest.ID{"job_id": id}
	call.Decode = func(body []byte) error { return rest.Decode(body, &link) }
	answer, err := s.client.Do(ctx, call, &s.meta)
	if err != nil {
		return sdk.TrackingLinkReply{}, explain(aboutJob(answer, err))
	}
	return sdk.TrackingLinkReply{
		URL: string(link.URL), JobName: string(link.Job), Source: string(link.Source), Referrer: string(link.Referrer), Meta: s.meta,
	}, nil
}
