package main

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	sdk "github.com/atssync/atssync/plugin-sdk"
)

// reading is an application as the ATS shows it.
type reading struct {
	ID         string    `json:"id"`
	PersonID   string    `json:"person_id"`
	ExternalID string    `json:"external_id"`
	Pending    string    `json:"pending"`
	JobID      string    `json:"job_id"`
	JobName    string    `json:"job_name"`
	URL        string    `json:"url"`
	Status     string    `json:"status"`
	Stage      string    `json:"stage"`
	Reason     string    `json:"reason"`
	ReasonType string    `json:"reason_type"`
	Prospect   bool      `json:"prospect"`
	Deleted    bool      `json:"deleted"`
	ChangedAt  time.Time `json:"changed_at"`
}

// translate passes the ATS's words on as they are: what they mean is the manifest's table to say.
func (r reading) translate() sdk.Reading {
	out := sdk.Reading{
		CandidateID: r.PersonID, ApplicationID: r.ID, ExternalID: r.ExternalID, Pending: r.Pending,
		JobID: r.JobID, JobName: r.JobName, ProfileURL: r.URL, ChangedAt: r.ChangedAt,
		Raw: sdk.RawStatus{Status: r.Status, StageName: r.Stage, Reason: r.Reason, ReasonType: r.ReasonType},
	}
	if r.ID != "" {
		out.Prospect = &r.Prospect
	}
	if r.Deleted {
		out.Gone = sdk.GoneDeleted
	}
	return out
}

func translate(in []reading) []sdk.Reading {
	out := make([]sdk.Reading, len(in))
	for i, r := range in {
		out[i] = r.translate()
	}
	return out
}

// ReadStatuses implements sdk.StatusReader with one request for the whole batch. What the ATS does not know
// is left out of its answer, and so of ours.
func (a *adapter) ReadStatuses(ctx context.Context, req sdk.ReadStatusesRequest) (sdk.ReadStatusesReply, error) {
	s, err := a.open(req.Connection)
	if err != nil {
		return sdk.ReadStatusesReply{}, err
	}
	asked := map[string][]string{}
	for _, r := range req.Applications {
		switch {
		case r.Pending != "" && r.ApplicationID == "":
			asked["pending"] = append(asked["pending"], r.Pending)
		case r.CandidateID != "":
			asked["people"] = append(asked["people"], r.CandidateID)
		case r.ApplicationID != "":
			asked["ids"] = append(asked["ids"], r.ApplicationID)
		case r.ExternalID != "":
			asked["external_ids"] = append(asked["external_ids"], r.ExternalID)
		}
	}
	query := url.Values{}
	for name, ids := range asked {
		query.Set(name, strings.Join(ids, ","))
	}
	found, err := s.applications(ctx, query)
	if err != nil {
		return sdk.ReadStatusesReply{}, err
	}
	return sdk.ReadStatusesReply{Readings: translate(found), Meta: s.meta}, nil
}

func (s *session) applications(ctx context.Context, query url.Values) ([]reading, error) {
	var got struct {
		Applications []reading `json:"applications"`
	}
	err := s.list(ctx, "/v1/applications", "applications", query, &got)
	return got.Applications, err
}

// Changes implements sdk.ChangeReader. The cursor is the ATS's own, handed over on the last page only: a
// pass that breaks off is begun again where it began.
func (a *adapter) Changes(ctx context.Context, req sdk.ChangesRequest) (sdk.ChangesReply, error) {
	s, err := a.open(req.Connection)
	if err != nil {
		return sdk.ChangesReply{}, err
	}
	var got struct {
		Applications []reading `json:"applications"`
		Next         string    `json:"next"`
		Cursor       string    `json:"cursor"`
	}
	err = s.list(ctx, "/v1/changes", "applications", url.Values{"cursor": {req.Cursor}, "page": {req.Page}}, &got)
	if err != nil {
		e := sdk.AsError(err)
		if e.Status == http.StatusGone {
			e.Kind, e.Turn, e.Message = sdk.KindCursorExpired, sdk.TurnPlatform, "the Reference ATS does not know the cursor any more"
		}
		return sdk.ChangesReply{}, e
	}
	return sdk.ChangesReply{
		Readings: translate(got.Applications), Next: got.Next, CursorAfter: got.Cursor, Complete: got.Next == "", Meta: s.meta,
	}, nil
}

// Find implements sdk.Finder. An application with our external id settles a submission. A person without
// one is half a submission in two steps, whose continuation was lost: it only proposes, for a person to see.
func (a *adapter) Find(ctx context.Context, req sdk.FindRequest) (sdk.FindReply, error) {
	s, err := a.open(req.Connection)
	if err != nil {
		return sdk.FindReply{}, err
	}
	found, err := s.applications(ctx, url.Values{"external_ids": {req.ExternalID}})
	if err != nil {
		return sdk.FindReply{}, err
	}
	var out sdk.FindReply
	for _, r := range found {
		out.Matches = append(out.Matches, sdk.Match{
			By: sdk.FindExternalID, ExternalID: r.ExternalID,
			Receipt: sdk.Receipt{CandidateID: r.PersonID, ApplicationID: r.ID, ProfileURL: r.URL},
		})
	}
	if len(found) == 0 {
		var got struct {
			People []string `json:"people"`
		}
		if err := s.get(ctx, "/v1/people", url.Values{"external_id": {req.ExternalID}}, &got); err != nil {
			return sdk.FindReply{}, err
		}
		for _, id := range got.People {
			out.Matches = append(out.Matches, sdk.Match{
				By: sdk.FindEmailAndJob, ExternalID: req.ExternalID, Receipt: sdk.Receipt{CandidateID: id},
			})
		}
	}
	out.Meta = s.meta
	return out, nil
}
