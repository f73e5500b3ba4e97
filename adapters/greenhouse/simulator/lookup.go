package simulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// listedCandidate is one element of GET candidates.
type listedCandidate struct {
	ID           int64               `json:"id"`
	Name         string              `json:"name"`
	ExternalID   *string             `json:"external_id"`
	Applications []listedApplication `json:"applications"`
}

// listedApplication is one application in it. Stage is left out, null or a text, as the switches say.
type listedApplication struct {
	ID         int64           `json:"id"`
	Job        *string         `json:"job"`
	Status     string          `json:"status"`
	Stage      json.RawMessage `json:"stage,omitempty"`
	ProfileURL string          `json:"profile_url"`
}

// getCandidates handles GET candidates?candidate_ids=1,2. What the caller may not see is left out without a word.
func (c *call) getCandidates() reply {
	ids, problem := c.candidateIDs()
	if problem != nil {
		return *problem
	}
	list := make([]listedCandidate, 0, len(ids))
	now := time.Now()
	e := c.employer
	e.mu.RLock()
	for _, id := range ids {
		if found := c.visible(id, now); found != nil {
			list = append(list, *found)
		}
	}
	e.mu.RUnlock()
	if c.sw.SingleCandidate == SingleObject && len(ids) == 1 && len(list) == 1 {
		return jsonReply(http.StatusOK, list[0])
	}
	return jsonReply(http.StatusOK, list)
}

// candidateIDs reads the ids from the query, or from a JSON body as the documentation's own sample sends them.
func (c *call) candidateIDs() ([]int64, *reply) {
	text := strings.Join(c.query["candidate_ids"], ",")
	if list := c.query["candidate_ids[]"]; text == "" && len(list) > 0 {
		text = strings.Join(list, ",")
	}
	if text == "" && len(c.body) > 0 {
		var in struct {
			IDs json.RawMessage `json:"candidate_ids"`
		}
		if json.Unmarshal(c.body, &in) == nil {
			text = strings.Trim(string(in.IDs), `[]" `)
		}
	}
	if text == "" {
		r := invalid(c.sw, FieldError{Message: "Missing required parameter: candidate_ids", Field: "candidate_ids"})
		return nil, &r
	}
	var ids []int64
	for part := range strings.SplitSeq(text, ",") {
		id, err := strconv.ParseInt(strings.TrimSpace(part), 10, 64)
		if err != nil {
			r := invalid(c.sw, FieldError{Message: "Invalid candidate_ids", Field: "candidate_ids"})
			return nil, &r
		}
		ids = append(ids, id)
	}
	if limit := c.sw.MaxCandidateIDs; limit > 0 && len(ids) > limit {
		if c.sw.OverLimit != OverTruncate {
			r := c.overLimit(fmt.Sprintf("At most %d candidate_ids can be asked for at once", limit), "candidate_ids")
			return nil, &r
		}
		ids = ids[:limit]
	}
	return ids, nil
}

// visible gives the candidate as the caller may see it, or nil for each of the five documented reasons, for an id that never was,
// and for one that is too new. All look the same.
func (c *call) visible(id int64, now time.Time) *listedCandidate {
	p := c.employer.candidates[id]
	if p != nil && p.mergedInto != nil {
		if c.sw.MergedCandidate == MergedAbsent {
			return nil
		}
		for p.mergedInto != nil {
			p = p.mergedInto
		}
	}
	if p == nil || p.deleted || p.source != c.server.partner.Name || now.Sub(p.created) < c.sw.ReadLag {
		return nil
	}
	v := &listedCandidate{ID: p.id, Name: strings.TrimSpace(p.firstName + " " + p.lastName), Applications: []listedApplication{}}
	if p.externalID != "" {
		v.ExternalID = &p.externalID
	}
	seen := false
	for _, a := range p.applications {
		if a.gone || !c.caller.user.reads(a, c.sw) {
			continue
		}
		seen = true
		v.Applications = append(v.Applications, c.listed(a))
	}
	if !seen {
		return nil
	}
	c.shapeApplications(v)
	return v
}

func (c *call) listed(a *application) listedApplication {
	v := listedApplication{ID: a.id, Status: c.statusWord(a), ProfileURL: c.server.profileURL(a.candidate.id, a.id)}
	if a.job != nil {
		// A copy, as the answer is encoded after the lock is gone.
		name := a.job.Name
		v.Job = &name
	}
	shape := StageName
	switch {
	case a.status == statusRejected:
		shape = c.sw.StageOfRejected
	case a.status == statusHired:
		shape = c.sw.StageOfHired
	case a.prospect:
		shape = c.sw.StageOfProspect
	}
	switch {
	case shape == StageAbsent:
	case shape == StageEmpty:
		v.Stage = json.RawMessage(`""`)
	case shape == StageNull || a.stage == "":
		v.Stage = json.RawMessage("null")
	default:
		v.Stage = mustJSON(a.stage)
	}
	return v
}

func (c *call) statusWord(a *application) string {
	word := string(a.status)
	if c.sw.FurtherStatuses == FurtherPresent && a.status == statusActive {
		word = [...]string{"converted", "completed", "on_hold"}[a.id%3]
	}
	title := c.sw.StatusCase == StatusTitle || (c.sw.StatusCase == StatusMixed && a.id%2 == 0)
	if title && word != "" {
		word = strings.ToUpper(word[:1]) + word[1:]
	}
	return word
}

// shapeApplications changes how many applications are shown, as the switch applications says.
func (c *call) shapeApplications(v *listedCandidate) {
	switch c.sw.Applications {
	case ApplicationsNone:
		v.Applications = []listedApplication{}
	case ApplicationsMany, ApplicationsShuffled:
		further := make([]listedApplication, 0, 2+len(v.Applications))
		for i := range int64(2) {
			id := v.ID*10 + i + 1
			name := "Open Application"
			if jobs := c.employer.jobOrder; len(jobs) > 0 {
				name = jobs[id%int64(len(jobs))].Name
			}
			further = append(further, listedApplication{
				ID: id, Job: &name, Status: string(statusRejected), Stage: json.RawMessage(`"Application Review"`), ProfileURL: c.server.profileURL(v.ID, id),
			})
		}
		v.Applications = append(further, v.Applications...)
		if c.sw.Applications == ApplicationsShuffled {
			turn := int(c.server.readings.Add(1)) % len(v.Applications)
			v.Applications = slices.Concat(v.Applications[turn:], v.Applications[:turn])
		}
	case ApplicationsOne:
	}
}
