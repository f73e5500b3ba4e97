package simulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
)

// receipt is what a POST answers for one candidate.
type receipt struct {
	ID            int64  `json:"id"`
	ApplicationID int64  `json:"application_id"`
	ExternalID    string `json:"external_id"`
	ProfileURL    string `json:"profile_url"`
}

// element is one document of a POST on its way: read, then checked, then made or refused.
type element struct {
	raw     json.RawMessage
	doc     *Document
	refused *reply
	found   []FieldError
	fetched *ResumeFetchResult
	// made is the new candidate; receipt is its, or that of an earlier one that the switches call the same.
	made    *candidate
	receipt receipt
}

// postCandidates handles POST candidates: decoding outside the lock, then one short critical section that checks and writes.
func (c *call) postCandidates() reply {
	raws, array, ok := decodeDocuments(c.body)
	if !ok {
		return refusal(c.sw, http.StatusBadRequest, "Your request included invalid JSON.")
	}
	if array && len(raws) == 0 {
		return invalid(c.sw, FieldError{Message: "At least one candidate is required"})
	}
	if c.sw.MaxBatch > 0 && len(raws) > c.sw.MaxBatch {
		if c.sw.OverLimit != OverTruncate {
			return c.overLimit(fmt.Sprintf("At most %d candidates can be sent at once", c.sw.MaxBatch), "")
		}
		raws = raws[:c.sw.MaxBatch]
	}
	elements := make([]element, len(raws))
	for i, raw := range raws {
		e := &elements[i]
		e.raw = raw
		e.doc, e.found = decodeDocument(raw, c.sw)
		if len(e.found) == 0 {
			c.checkResume(e)
		}
	}
	c.write(elements)
	return c.receipts(elements, array)
}

// overLimit answers a list that is too long.
func (c *call) overLimit(message, field string) reply {
	switch c.sw.OverLimit {
	case Over400:
		return invalidWith(c.sw, http.StatusBadRequest, FieldError{Message: message, Field: field})
	case Over414:
		return refusal(c.sw, http.StatusRequestURITooLong, message)
	default:
		return invalidWith(c.sw, http.StatusUnprocessableEntity, FieldError{Message: message, Field: field})
	}
}

// checkResume fetches the resume before the POST is answered, where the switches say so.
func (c *call) checkResume(e *element) {
	if c.sw.ResumeFetch != ResumeInPost || e.doc.Resume == "" {
		return
	}
	result := c.server.resumes.fetch(e.doc.Resume, c.sw.ResumeMethod, 1)
	if result.Error != "" && c.sw.ResumeFailure == ResumeRefuse422 {
		c.server.resumes.count(result)
		e.found = []FieldError{{Message: "resume could not be retrieved", Field: "resume"}}
		return
	}
	e.fetched = &result
}

// write judges every element against the organisation and makes those that pass, as batch_failure says.
func (c *call) write(elements []element) {
	e := c.employer
	e.mu.Lock()
	defer e.mu.Unlock()
	failed := false
	for i := range elements {
		c.judge(&elements[i])
		failed = failed || elements[i].bad()
	}
	if failed && c.sw.BatchFailure == BatchWhole {
		return
	}
	for i := range elements {
		el := &elements[i]
		if el.bad() {
			if c.sw.BatchFailure == BatchFirstThenError {
				return
			}
			continue
		}
		c.make(el)
	}
}

func (el *element) bad() bool { return len(el.found) > 0 || el.refused != nil }

func (c *call) make(el *element) {
	e := c.employer
	// Two equal elements of one array are the same person too, so the look-up happens again as each is made.
	if known := e.earlier(el.doc, c.sw); known != nil && c.sw.Duplicate == DuplicateSameIDs {
		el.receipt = c.receipt(known)
		return
	}
	el.made = e.create(el.doc, el.raw, c.caller.user, c.sw)
	el.receipt = c.receipt(el.made)
	if f := el.fetched; f != nil {
		el.made.fetches = append(el.made.fetches, *f)
		c.server.resumes.count(*f)
	}
	if el.doc.Resume != "" && (c.sw.ResumeFetch == ResumeLater || c.sw.ResumeFetch == ResumeRepeated) {
		c.server.resumes.schedule(fetchJob{employer: e, candidate: el.made, url: el.doc.Resume, sw: c.sw})
	}
}

// judge checks one element against users, jobs, pools and earlier candidates. The lock is held.
func (c *call) judge(el *element) {
	if len(el.found) > 0 {
		return
	}
	d, e := el.doc, c.employer
	refuse := func(r reply) { el.refused = &r }
	if d.Prospect.On() && e.prospectsOff {
		if c.sw.ProspectsDisabled == http.StatusUnprocessableEntity {
			refuse(invalidWith(c.sw, c.sw.ProspectsDisabled, FieldError{Message: "Prospects are not enabled", Field: "prospect"}))
		} else {
			refuse(refusal(c.sw, c.sw.ProspectsDisabled, "This organization cannot create prospects"))
		}
		return
	}
	if d.JobID != 0 {
		if r := c.judgeJob(d); r != nil {
			el.refused = r
			return
		}
	}
	el.found = e.judgePool(d)
	known := e.earlier(d, c.sw)
	if known == nil || len(el.found) > 0 {
		return
	}
	switch c.sw.Duplicate {
	case Duplicate409:
		refuse(refusal(c.sw, http.StatusConflict, "A candidate with this external_id or email exists already"))
	case Duplicate422:
		refuse(invalidWith(c.sw, http.StatusUnprocessableEntity, FieldError{Message: "external_id has already been taken", Field: "external_id"}))
	case DuplicateSecond, DuplicateSameIDs:
	}
}

// judgeJob says whether the caller may put this person on the job that is named.
func (c *call) judgeJob(d *Document) *reply {
	j := c.employer.jobs[d.JobID]
	if j == nil || c.faults.jobClosed || !c.caller.user.postsTo(j, c.sw) {
		r := c.unseenJob()
		return &r
	}
	if d.Prospect.On() && c.caller.user.Level == Basic {
		r := refusal(c.sw, http.StatusForbidden, "This user can only create prospects on no job")
		return &r
	}
	return nil
}

func (e *Employer) judgePool(d *Document) []FieldError {
	if d.ProspectOwnerEmail != "" && e.users[fold(d.ProspectOwnerEmail)] == nil {
		return []FieldError{{Message: "prospect_owner_email is not a user", Field: "prospect_owner_email"}}
	}
	if d.ProspectPoolID == 0 {
		return nil
	}
	p := e.pool(d.ProspectPoolID)
	if p == nil {
		return []FieldError{{Message: "Invalid prospect_pool_id", Field: "prospect_pool_id"}}
	}
	if d.ProspectPoolStageID != 0 && p.stageIndex(d.ProspectPoolStageID) < 0 {
		return []FieldError{{Message: "prospect_pool_stage_id does not belong to the pool", Field: "prospect_pool_stage_id"}}
	}
	return nil
}

// receipts turns the outcome into one reply.
func (c *call) receipts(elements []element, array bool) reply {
	var out []any
	var created []int64
	var refused *reply
	for i := range elements {
		el := &elements[i]
		if el.made != nil {
			created = append(created, el.made.id)
		}
		if !el.bad() {
			out = append(out, el.receipt)
			continue
		}
		one := el.refusal(c.sw, i, array)
		if refused == nil {
			refused = &one
		}
		if array && c.sw.BatchFailure == BatchPartial {
			out = append(out, json.RawMessage(bodyOrNull(one)))
		}
	}
	var r reply
	switch {
	case refused != nil && (!array || c.sw.BatchFailure != BatchPartial):
		r = *refused
	case array:
		r = jsonReply(c.sw.PostStatus, out)
	default:
		r = jsonReply(c.sw.PostStatus, out[0])
	}
	r.applied, r.created = len(created) > 0, created
	return r
}

// refusal gives an element's own error; in an array the field says which element is meant.
func (el *element) refusal(sw *Switches, i int, array bool) reply {
	if el.refused != nil {
		return *el.refused
	}
	found := el.found
	if array {
		found = make([]FieldError, len(el.found))
		for k, f := range el.found {
			found[k] = FieldError{Message: f.Message, Field: "[" + strconv.Itoa(i) + "]." + f.Field}
		}
	}
	return invalid(sw, found...)
}

// bodyOrNull makes an error body fit into an array of JSON values.
func bodyOrNull(r reply) []byte {
	if json.Valid(r.body) {
		return r.body
	}
	return []byte("null")
}

// receipt names a candidate and its first application. The lock is held.
func (c *call) receipt(of *candidate) receipt {
	externalID := of.externalID
	for of.mergedInto != nil {
		of = of.mergedInto
	}
	first := of.applications[0].id
	return receipt{ID: of.id, ApplicationID: first, ExternalID: externalID, ProfileURL: c.server.profileURL(of.id, first)}
}

func (s *Server) profileURL(candidate, application int64) string {
	return s.options.ProfileBaseURL + "/people/" + strconv.FormatInt(candidate, 10) +
		"?application_id=" + strconv.FormatInt(application, 10)
}
