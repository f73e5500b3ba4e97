package simulator

import (
	"maps"
	"slices"
)

// Level is a user's permission level in its organisation.
type Level string

// The four levels.
const (
	SiteAdmin   Level = "site_admin"
	JobAdmin    Level = "job_admin"
	Interviewer Level = "interviewer"
	Basic       Level = "basic"
)

func levels() []Level { return []Level{SiteAdmin, JobAdmin, Interviewer, Basic} }

// User is a person (or service account) of an organisation, on whose behalf calls are made.
type User struct {
	ID        int64  `json:"id"`
	FirstName string `json:"first_name"`
	LastName  string `json:"last_name"`
	Email     string `json:"email"`
	Level     Level  `json:"level"`
	Disabled  bool   `json:"disabled,omitempty"`
	// Jobs are the ids of the jobs a Job Admin or Interviewer is assigned to.
	Jobs []int64 `json:"jobs,omitempty"`
	// UnattachedProspects is the extra permission to manage prospects on no job.
	UnattachedProspects bool `json:"unattached_prospects,omitempty"`
}

// FullName is what the product shows.
func (u User) FullName() string { return u.FirstName + " " + u.LastName }

// member is a user at run time: assignments are looked up per candidate, so they are a set.
type member struct {
	User
	assigned map[int64]bool
}

func newMember(u User) *member {
	m := &member{User: u, assigned: make(map[int64]bool, len(u.Jobs))}
	for _, id := range u.Jobs {
		m.assigned[id] = true
	}
	return m
}

func (m *member) view() User {
	u := m.User
	u.Jobs = slices.Sorted(maps.Keys(m.assigned))
	return u
}

// currentUser is the body of GET current_user.
type currentUser struct {
	FullName  string `json:"full_name"`
	FirstName string `json:"first_name"`
	LastName  string `json:"last_name"`
	Email     string `json:"email"`
	ID        int64  `json:"id"`
}

func (m *member) wire() currentUser {
	return currentUser{FullName: m.FullName(), FirstName: m.FirstName, LastName: m.LastName, Email: m.Email, ID: m.ID}
}

// seesJob says whether a job stands in this user's job list.
func (m *member) seesJob(j *Job, sw *Switches) bool {
	switch {
	case j.Closed:
		return false
	case m.assigned[j.ID]:
		return sw.BasicUserJobs != BasicNone || m.Level != Basic
	case j.Confidential:
		return m.Level == SiteAdmin && sw.ConfidentialJobs == ConfidentialSiteAdmin
	case m.Level == SiteAdmin:
		return true
	case m.Level == Basic:
		return sw.BasicUserJobs == BasicAllOpen || (sw.BasicUserJobs == BasicLive && j.Live)
	default:
		return j.Live
	}
}

// postsTo says whether this user may put a candidate on a job.
func (m *member) postsTo(j *Job, sw *Switches) bool {
	switch {
	case j.Closed:
		return false
	case m.Level == Basic:
		// Documented without a limit: "create candidates on jobs". Confidential jobs stay out of sight.
		return !j.Confidential || m.assigned[j.ID]
	case m.assigned[j.ID]:
		return true
	case m.Level == SiteAdmin:
		return m.seesJob(j, sw)
	default:
		return sw.LiveJobPost == LivePostAllowed && m.seesJob(j, sw)
	}
}

// reads says whether this user sees an application when it asks for the candidate.
func (m *member) reads(a *application, sw *Switches) bool {
	if m.Level == Basic {
		return false
	}
	if a.job == nil {
		return m.UnattachedProspects
	}
	switch m.Level {
	case SiteAdmin:
		return !a.job.Confidential || m.assigned[a.job.ID] || sw.ConfidentialJobs == ConfidentialSiteAdmin
	case JobAdmin:
		return m.assigned[a.job.ID]
	default:
		return false
	}
}
