package main

import (
	"context"
	"slices"
	"strings"

	sdk "github.com/atssync/atssync/plugin-sdk"
	"github.com/atssync/atssync/plugin-sdk/rest"
)

// maxQuery keeps a request's address below what the oldest servers and proxies take (2 kB in all).
const maxQuery = 1800

// candidate is one element of GET candidates.
type candidate struct {
	ID           rest.ID                `json:"id"`
	ExternalID   rest.Text              `json:"external_id"`
	Applications rest.List[application] `json:"applications"`
}

// application is one of a candidate's. Job and Stage are names; there are no ids of them, no times and no
// reasons for a rejection.
type application struct {
	ID         rest.ID   `json:"id"`
	Job        rest.Text `json:"job"`
	Status     rest.Text `json:"status"`
	Stage      rest.Text `json:"stage"`
	ProfileURL rest.Text `json:"profile_url"`
}

// ReadStatuses implements sdk.StatusReader. Candidates that Greenhouse leaves out are left out here too.
func (a *adapter) ReadStatuses(ctx context.Context, req sdk.ReadStatusesRequest) (sdk.ReadStatusesReply, error) {
	s, err := a.open(req.Connection)
	if err != nil {
		return sdk.ReadStatusesReply{}, err
	}
	var reply sdk.ReadStatusesReply
	for _, ids := range chunks(candidateIDs(req.Applications)) {
		var shown rest.List[candidate]
		if _, err := s.get(ctx, pathCandidates, "candidate_ids="+strings.Join(ids, ","), &shown); err != nil {
			return sdk.ReadStatusesReply{}, err
		}
		reply.Readings = append(reply.Readings, readings(shown, ids, req.Applications)...)
	}
	reply.Meta = s.meta
	return reply, nil
}

// candidateIDs are the distinct ids to ask for, in order. What is no id of Greenhouse's cannot be there, and
// would make Greenhouse refuse the whole list.
func candidateIDs(refs []sdk.ApplicationRef) []string {
	var ids []string
	seen := map[string]bool{}
	for _, r := range refs {
		id := candidateOf(r)
		if !rest.ID(id).Numeric() || seen[id] {
			continue
		}
		seen[id] = true
		ids = append(ids, id)
	}
	return ids
}

func candidateOf(r sdk.ApplicationRef) string {
	if r.CandidateID != "" {
		return r.CandidateID
	}
	return r.Pending
}

// chunks cuts the ids into lists that fit into one request.
func chunks(ids []string) [][]string {
	var out [][]string
	size := 0
	for _, id := range ids {
		if len(out) == 0 || len(out[len(out)-1]) == maxIDs || size+1+len(id) > maxQuery {
			out, size = append(out, nil), 0
		}
		out[len(out)-1] = append(out[len(out)-1], id)
		size += 1 + len(id)
	}
	return out
}

// readings turns the candidates that are shown into readings, one an application.
func readings(shown []candidate, asked []string, refs []sdk.ApplicationRef) []sdk.Reading {
	var out []sdk.Reading
	for _, c := range shown {
		if c.ID == "" {
			continue
		}
		if !slices.Contains(asked, string(c.ID)) {
			out = append(out, merged(c, refs)...)
		}
		if len(c.Applications) == 0 {
			out = append(out, sdk.Reading{CandidateID: string(c.ID), ExternalID: string(c.ExternalID)})
		}
		for _, app := range c.Applications {
			out = append(out, reading(c, app))
		}
		settlePending(out, c, refs)
	}
	return out
}

// reading is one application in Greenhouse's own words. Whether it is a prospect's is not said, except that an
// application to no job can be nothing else.
func reading(c candidate, app application) sdk.Reading {
	r := sdk.Reading{
		CandidateID: string(c.ID), ApplicationID: string(app.ID), ExternalID: string(c.ExternalID),
		JobName: string(app.Job), ProfileURL: string(app.ProfileURL),
		Raw: sdk.RawStatus{Status: string(app.Status), StageName: string(app.Stage)},
	}
	if app.ID != "" && app.Job == "" {
		prospect := true
		r.Prospect = &prospect
	}
	return r
}

// merged recognises a candidate that nobody asked for by an application of ours: the profile that held it went
// into this one.
func merged(c candidate, refs []sdk.ApplicationRef) []sdk.Reading {
	var out []sdk.Reading
	for _, ref := range refs {
		if ref.ApplicationID == "" || ref.CandidateID == "" {
			continue
		}
		if slices.ContainsFunc(c.Applications, func(app application) bool { return string(app.ID) == ref.ApplicationID }) {
			out = append(out, sdk.Reading{
				CandidateID: ref.CandidateID, ApplicationID: ref.ApplicationID, ExternalID: ref.ExternalID,
				Gone: sdk.GoneMerged, MergedInto: string(c.ID),
			})
		}
	}
	return out
}

// settlePending names the reference on the only application of a candidate that was made without one. With
// several it cannot be known which is ours.
func settlePending(out []sdk.Reading, c candidate, refs []sdk.ApplicationRef) {
	if len(c.Applications) != 1 || c.Applications[0].ID == "" {
		return
	}
	for _, ref := range refs {
		if ref.Pending != "" && ref.ApplicationID == "" && candidateOf(ref) == string(c.ID) {
			out[len(out)-1].Pending = ref.Pending
		}
	}
}

// fold makes Greenhouse's words comparable.
func fold(t rest.Text) string { return strings.ToLower(strings.TrimSpace(string(t))) }
