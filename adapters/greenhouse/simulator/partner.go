package simulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
)

// partnerPath is where the partner API lives; base URLs stop before it.
const partnerPath = "/v1/partner/"

// call is one authenticated request to the partner API.
type call struct {
	server   *Server
	employer *Employer
	caller   caller
	sw       *Switches
	method   string
	query    url.Values
	body     []byte
	base     string
	faults   *firedFaults
}

// endpoint is one path of the partner API.
type endpoint struct {
	method string
	scope  string
	// list endpoints answer [] for a disabled user where the switches say so.
	list   bool
	handle func(*call) reply
}

// endpointsOf gives the handlers of a path below partnerPath; nil when there is no such path.
func endpointsOf(path string) []endpoint {
	switch path {
	case "current_user":
		return []endpoint{{method: http.MethodGet, handle: (*call).currentUser}}
	case "jobs":
		return []endpoint{{method: http.MethodGet, scope: "jobs.view", list: true, handle: (*call).jobs}}
	case "candidates":
		return []endpoint{
			{method: http.MethodPost, scope: "candidates.create", handle: (*call).postCandidates},
			{method: http.MethodGet, scope: "candidates.view", list: true, handle: (*call).getCandidates},
		}
	case "tracking_link":
		return []endpoint{{method: http.MethodPost, handle: (*call).trackingLink}}
	case "prospect_pools":
		return []endpoint{{method: http.MethodGet, scope: "prospect_pools.view", list: true, handle: (*call).prospectPools}}
	default:
		return nil
	}
}

// answer runs the handler of a path, after authentication.
func (c *call) answer(path string) reply {
	handlers := endpointsOf(path)
	if handlers == nil {
		return refusal(c.sw, http.StatusNotFound, "Resource not found")
	}
	for _, h := range handlers {
		if h.method != c.method {
			continue
		}
		switch {
		case c.caller.user == nil && h.list:
			return jsonReply(http.StatusOK, []struct{}{})
		case c.caller.user == nil:
			return refusal(c.sw, http.StatusUnauthorized, "Unauthorized")
		case !c.caller.allowed(h.scope):
			return refusal(c.sw, http.StatusForbidden, "The token does not have the scope "+h.scope)
		}
		return h.handle(c)
	}
	return refusal(c.sw, http.StatusMethodNotAllowed, "Method not allowed")
}

func (c *call) currentUser() reply {
	c.employer.mu.RLock()
	defer c.employer.mu.RUnlock()
	return jsonReply(http.StatusOK, c.caller.user.wire())
}

func (c *call) jobs() reply {
	e := c.employer
	e.mu.RLock()
	list := make([]listedJob, 0, len(e.jobOrder))
	for _, j := range e.jobOrder {
		if c.caller.user.seesJob(j, c.sw) {
			list = append(list, listedJob{ID: j.ID, Name: j.Name, Status: "open", Public: j.Live})
		}
	}
	e.mu.RUnlock()
	if c.sw.JobsList != JobsLinkPaging || c.sw.JobsPageSize == 0 {
		return jsonReply(http.StatusOK, list)
	}
	page, err := strconv.Atoi(c.query.Get("page"))
	if err != nil || page < 1 {
		page = 1
	}
	pages := max(1, (len(list)+c.sw.JobsPageSize-1)/c.sw.JobsPageSize)
	from := min((page-1)*c.sw.JobsPageSize, len(list))
	r := jsonReply(http.StatusOK, list[from:min(from+c.sw.JobsPageSize, len(list))])
	link := func(n int, rel string) string {
		return fmt.Sprintf(`<%s%sjobs?page=%d>; rel=%q`, c.base, partnerPath, n, rel)
	}
	if page < pages {
		return r.with("Link", link(page+1, "next")+", "+link(pages, "last"))
	}
	return r.with("Link", link(pages, "last"))
}

func (c *call) prospectPools() reply { return jsonReply(http.StatusOK, c.employer.Pools()) }

// trackedLink is the body of POST tracking_link.
type trackedLink struct {
	TrackingLink string `json:"tracking_link"`
	Job          string `json:"job"`
	Source       string `json:"source"`
	Referrer     string `json:"referrer"`
}

func (c *call) trackingLink() reply {
	var in struct {
		JobID int64 `json:"job_id"`
	}
	if !json.Valid(c.body) {
		return refusal(c.sw, http.StatusBadRequest, "Your request included invalid JSON.")
	}
	if err := json.Unmarshal(c.body, &in); err != nil || in.JobID == 0 {
		return invalid(c.sw, FieldError{Message: "Missing required field: job_id", Field: "job_id"})
	}
	e := c.employer
	e.mu.RLock()
	defer e.mu.RUnlock()
	if c.caller.user.Level == Basic {
		return refusal(c.sw, http.StatusForbidden, "This user may not create tracking links")
	}
	j := e.jobs[in.JobID]
	if c.faults.jobClosed || j == nil || !c.caller.user.seesJob(j, c.sw) {
		return c.unseenJob()
	}
	return jsonReply(http.StatusOK, trackedLink{
		TrackingLink: "http://grnh.se/" + strconv.FormatInt(j.ID*31+c.caller.user.ID, 36),
		Job:          j.Name, Source: c.server.partner.Name, Referrer: c.caller.user.FullName(),
	})
}

// unseenJob answers for a job that is closed, unknown or out of the user's sight: the three look alike.
func (c *call) unseenJob() reply {
	if c.sw.UnseenJob == http.StatusUnprocessableEntity {
		return invalidWith(c.sw, c.sw.UnseenJob, FieldError{Message: "Invalid job_id", Field: "job_id"})
	}
	if c.sw.UnseenJob == http.StatusForbidden {
		return refusal(c.sw, c.sw.UnseenJob, "This user does not have permission for this job")
	}
	return refusal(c.sw, c.sw.UnseenJob, "Resource not found")
}
