package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	sdk "github.com/atssync/atssync/plugin-sdk"
	"github.com/atssync/atssync/plugin-sdk/rest"
)

// maxQuery keeps a request's address below what the oldest servers and proxies take (2 kB in all).
const maxQuery = 1800

// candidate is one element of GET candidates.
type candidate struct {
	ID           rest.ID                    `json:"id"`
	ExternalID   rest.Text                  `json:"external_id"`
	Applications rest.Elements[application] `json:"applications"`
}

// RecordID implements rest.Record.
func (c candidate) RecordID() rest.ID { return c.ID }

// application is one of a candidate's. Job and Stage are names; no ids of them are documented, no times and no
// reasons for a rejection.
type application struct {
	ID         rest.ID   `json:"id"`
	Job        name      `json:"job"`
	Status     rest.Text `json:"status"`
	Stage      name      `json:"stage"`
	ProfileURL rest.Text `json:"profile_url"`
}

// RecordID implements rest.Record.
func (a application) RecordID() rest.ID { return a.ID }

// name is the name of a stage or a job. Greenhouse's other APIs write {"id": 1, "name": "Phone Screen"} where this one
// documents a text, and so do the pools of this one; its meaning is plain.
type name string

// UnmarshalJSON takes what rest.Text takes, or an object that has a name.
func (n *name) UnmarshalJSON(b []byte) error {
	var text rest.Text
	plain := json.Unmarshal(b, &text)
	if plain == nil {
		*n = name(text)
		return nil
	}
	var named struct{ Name *rest.Text }
	if err := json.Unmarshal(b, &named); err != nil || named.Name == nil {
		return plain
	}
	*n = name(*named.Name)
	return nil
}

// ReadStatuses implements sdk.StatusReader. Candidates that Greenhouse leaves out are left out here too.
func (a *adapter) ReadStatuses(ctx context.Context, req sdk.ReadStatusesRequest) (sdk.ReadStatusesReply, error) {
	s, err := a.open(req.Connection)
	if err != nil {
		return sdk.ReadStatusesReply{}, err
	}
	var reply sdk.ReadStatusesReply
	for _, ids := range chunks(candidateIDs(req.Applications)) {
		var shown rest.Elements[candidate]
		if _, err := s.list(ctx, pathCandidates, "candidate_ids="+strings.Join(ids, ","), &shown); err != nil {
			return sdk.ReadStatusesReply{}, err
		}
		got, broken := readings(shown, ids, req.Applications)
		if len(broken) > 0 && len(broken) == len(shown) && len(broken) >= fewBroken {
			return sdk.ReadStatusesReply{}, s.changed(pathCandidates, broken)
		}
		s.remark(broken)
		reply.Readings = append(reply.Readings, got...)
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

// fewBroken is from how many candidates on an answer of which none can be read is an error as a whole.
const fewBroken = 3

// readings turns the candidates that are shown into readings, one an application, and names what cannot be read by ids
// and place. One of those spoils none of the others.
func readings(shown rest.Elements[candidate], asked []string, refs []sdk.ApplicationRef) (out []sdk.Reading, broken []string) {
	nameless := ""
	seen := map[string]bool{}
	for i, e := range shown {
		if e.ID == "" {
			nameless = fmt.Sprintf("[%d]: %s", i, e.Err)
			broken = append(broken, nameless)
			continue
		}
		seen[string(e.ID)] = true
		if e.Err != nil {
			broken = append(broken, fmt.Sprintf("candidate %s: %s", clip(e.ID), e.Err))
			out = append(out, sdk.Reading{CandidateID: string(e.ID), Unreadable: e.Err.Error()})
			continue
		}
		c := e.Value
		if !slices.Contains(asked, string(c.ID)) {
			out = append(out, merged(c, refs)...)
		}
		if len(c.Applications) == 0 {
			out = append(out, sdk.Reading{CandidateID: string(c.ID), ExternalID: string(c.ExternalID)})
		}
		for i, app := range c.Applications {
			if app.Err != nil {
				where := &rest.FormError{Path: fmt.Sprintf("applications[%d]", i), Found: app.Err.Found}
				if app.Err.Path != "" {
					where.Path += "." + app.Err.Path
				}
				broken = append(broken, fmt.Sprintf("candidate %s, application %s: %s", clip(c.ID), clip(app.ID), where))
				out = append(out, sdk.Reading{CandidateID: string(c.ID), ApplicationID: string(app.ID), Unreadable: where.Error()})
				continue
			}
			out = append(out, reading(c, app.Value))
		}
		settlePending(out, c, refs)
	}
	if nameless == "" {
		return out, broken
	}
	// Any candidate that was asked for and is not named may be the one that cannot be told apart: none of them is missing.
	for _, id := range asked {
		if !seen[id] {
			out = append(out, sdk.Reading{CandidateID: id, Unreadable: "an element of the answer names no candidate (" + nameless + ")"})
		}
	}
	return out, broken
}

// clip keeps an id that may be anything short enough for a remark.
func clip(id rest.ID) string {
	switch {
	case id == "":
		return "without an id"
	case !id.Numeric():
		return "with an id that is no number"
	default:
		return string(id)
	}
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
		if slices.ContainsFunc(c.Applications, func(app rest.Element[application]) bool { return string(app.ID) == ref.ApplicationID }) {
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
	if len(c.Applications) != 1 || c.Applications[0].Err != nil {
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
