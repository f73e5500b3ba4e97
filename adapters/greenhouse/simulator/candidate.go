package simulator

import (
	"encoding/json"
	"slices"
	"time"
	"unicode/utf8"
)

// candidate is a person's profile in one organisation.
type candidate struct {
	id           int64
	externalID   string
	firstName    string
	lastName     string
	emails       []string
	notes        string
	source       string
	created      time.Time
	postedBy     int64
	owner        string
	credit       string
	applications []*application
	raw          json.RawMessage
	deleted      bool
	mergedInto   *candidate
	fetches      []ResumeFetchResult
}

// applicationStatus is where an application stands in the organisation's own view.
type applicationStatus string

const (
	statusActive    applicationStatus = "active"
	statusRejected  applicationStatus = "rejected"
	statusHired     applicationStatus = "hired"
	statusConverted applicationStatus = "converted"
)

// application is one candidacy of a candidate: on a job, or a prospect on none.
type application struct {
	id        int64
	candidate *candidate
	job       *Job
	prospect  bool
	pool      *Pool
	status    applicationStatus
	stage     string
	reason    string
	moves     int
	// gone applications have an id that answers nothing any more.
	gone bool
}

// Candidate is what tests and the control API see of a candidate; far more than the partner API ever shows.
type Candidate struct {
	Employer   string    `json:"employer"`
	ID         int64     `json:"id"`
	ExternalID string    `json:"external_id"`
	FirstName  string    `json:"first_name"`
	LastName   string    `json:"last_name"`
	Emails     []string  `json:"emails"`
	Notes      string    `json:"notes"`
	Source     string    `json:"source"`
	CreatedAt  time.Time `json:"created_at"`
	// PostedBy is the id of the user on whose behalf the candidate was sent; Credit is who gets the credit.
	PostedBy     int64               `json:"posted_by"`
	Credit       string              `json:"credit"`
	Owner        string              `json:"owner,omitempty"`
	Applications []Application       `json:"applications"`
	Deleted      bool                `json:"deleted,omitempty"`
	MergedInto   int64               `json:"merged_into,omitempty"`
	Resumes      []ResumeFetchResult `json:"resume_fetches,omitempty"`
	// Sent is the element of the POST body, byte for byte; empty with Options.ForgetBodies and for profiles the employer made.
	Sent json.RawMessage `json:"sent,omitempty"`
}

// Document decodes what was sent.
func (c Candidate) Document() (Document, error) {
	var d Document
	if err := json.Unmarshal(c.Sent, &d); err != nil {
		return Document{}, under("$.sent", err)
	}
	return d, nil
}

// Application is what tests and the control API see of an application.
type Application struct {
	ID       int64  `json:"id"`
	JobID    int64  `json:"job_id,omitempty"`
	Job      string `json:"job,omitempty"`
	Prospect bool   `json:"prospect"`
	Pool     string `json:"pool,omitempty"`
	Status   string `json:"status"`
	Stage    string `json:"stage"`
	Reason   string `json:"reason,omitempty"`
	// Moves counts the changes of stage and status since it was made.
	Moves int  `json:"moves"`
	Gone  bool `json:"gone,omitempty"`
}

func (e *Employer) viewCandidate(c *candidate) Candidate {
	v := Candidate{
		Employer: e.name, ID: c.id, ExternalID: c.externalID, FirstName: c.firstName, LastName: c.lastName, Emails: slices.Clone(c.emails),
		Notes: c.notes, Source: c.source, CreatedAt: c.created, PostedBy: c.postedBy, Credit: c.credit, Owner: c.owner,
		Deleted: c.deleted, Resumes: slices.Clone(c.fetches), Sent: c.raw,
	}
	if c.mergedInto != nil {
		v.MergedInto = c.mergedInto.id
	}
	for _, a := range c.applications {
		v.Applications = append(v.Applications, a.view())
	}
	return v
}

func (a *application) view() Application {
	v := Application{
		ID: a.id, Prospect: a.prospect, Status: string(a.status), Stage: a.stage, Reason: a.reason, Moves: a.moves, Gone: a.gone,
	}
	if a.job != nil {
		v.JobID, v.Job = a.job.ID, a.job.Name
	}
	if a.pool != nil {
		v.Pool = a.pool.Name
	}
	return v
}

// create makes a candidate with its application. The caller holds the lock and has checked everything.
func (e *Employer) create(d *Document, raw json.RawMessage, by *member, sw *Switches) *candidate {
	e.lastCandidate++
	c := &candidate{
		id: e.lastCandidate, externalID: d.ExternalID, firstName: d.FirstName, lastName: d.LastName, notes: d.Notes,
		source: e.server.partner.Name, created: time.Now(), postedBy: by.ID, owner: d.ProspectOwnerEmail, credit: by.FullName(),
	}
	if d.Referrer != nil {
		c.credit = d.Referrer.FirstName + " " + d.Referrer.LastName
	}
	if sw.NotesOver == NotesTruncate && sw.NotesMax > 0 && utf8.RuneCountInString(c.notes) > sw.NotesMax {
		c.notes = string([]rune(c.notes)[:sw.NotesMax])
	}
	if e.server.options.ForgetBodies {
		c.notes = ""
	} else {
		c.raw = raw
	}
	for _, m := range d.Emails {
		c.emails = append(c.emails, m.Email)
	}
	a := &application{candidate: c, prospect: d.Prospect.On(), job: e.jobs[d.JobID], status: statusActive}
	switch {
	case a.prospect && d.ProspectPoolID != 0:
		a.pool = e.pool(d.ProspectPoolID)
		a.stage = a.pool.landing(d.ProspectPoolStageID)
	case !a.prospect:
		a.stage = a.job.firstStage()
	}
	e.register(c, a)
	return c
}

// landing gives the stage a new prospect stands in: the one that was named, or the pool's first.
func (p *Pool) landing(stage int64) string {
	if i := p.stageIndex(stage); i >= 0 {
		return p.Stages[i].Name
	}
	if len(p.Stages) > 0 {
		return p.Stages[0].Name
	}
	return ""
}

// register puts a new candidate into every index.
func (e *Employer) register(c *candidate, a *application) {
	e.candidates[c.id] = c
	e.order = append(e.order, c)
	e.addApplication(c, a)
	if c.externalID != "" {
		e.byExternalID[c.externalID] = append(e.byExternalID[c.externalID], c)
		if len(e.byExternalID[c.externalID]) == 2 {
			e.doubled++
		}
	}
	for _, m := range c.emails {
		e.byEmail[fold(m)] = append(e.byEmail[fold(m)], c)
	}
}

func (e *Employer) addApplication(c *candidate, a *application) {
	e.lastApplication++
	a.id = e.lastApplication
	a.candidate = c
	c.applications = append(c.applications, a)
	e.applications[a.id] = a
}

// earlier finds a candidate that the switches call the same as this document.
func (e *Employer) earlier(d *Document, sw *Switches) *candidate {
	if sw.DuplicateBy != ByEmail {
		if same := e.byExternalID[d.ExternalID]; len(same) > 0 {
			return same[0]
		}
	}
	if sw.DuplicateBy != ByExternalID {
		for _, m := range d.Emails {
			if same := e.byEmail[fold(m.Email)]; len(same) > 0 {
				return same[0]
			}
		}
	}
	return nil
}

// Candidates lists every candidate ever made, in order, deleted and merged ones too.
func (e *Employer) Candidates() []Candidate {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.viewAll(e.order)
}

// ByExternalID lists the candidates that carry this external_id: more than one is a person who was doubled.
func (e *Employer) ByExternalID(externalID string) []Candidate {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.viewAll(e.byExternalID[externalID])
}

// Candidate finds a candidate by id.
func (e *Employer) Candidate(id int64) (Candidate, bool) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	c := e.candidates[id]
	if c == nil {
		return Candidate{}, false
	}
	return e.viewCandidate(c), true
}

func (e *Employer) viewAll(list []*candidate) []Candidate {
	views := make([]Candidate, 0, len(list))
	for _, c := range list {
		views = append(views, e.viewCandidate(c))
	}
	return views
}

// Counts sums up an organisation.
type Counts struct {
	Candidates  int `json:"candidates"`
	ExternalIDs int `json:"external_ids"`
	// Doubled is the number of external_ids that more than one candidate carries.
	Doubled int            `json:"doubled"`
	Status  map[string]int `json:"status"`
}

// Counts counts candidates, external_ids and application statuses. It walks every application.
func (e *Employer) Counts() Counts {
	e.mu.RLock()
	defer e.mu.RUnlock()
	n := Counts{Candidates: len(e.order), ExternalIDs: len(e.byExternalID), Doubled: e.doubled, Status: make(map[string]int)}
	for _, c := range e.order {
		for _, a := range c.applications {
			if !a.gone {
				n.Status[string(a.status)]++
			}
		}
	}
	return n
}

// Doubled lists the external_ids that more than one candidate carries, with how many.
func (e *Employer) Doubled() map[string]int {
	e.mu.RLock()
	defer e.mu.RUnlock()
	doubled := make(map[string]int)
	if e.doubled == 0 {
		return doubled
	}
	for id, same := range e.byExternalID {
		if len(same) > 1 {
			doubled[id] = len(same)
		}
	}
	return doubled
}

// ForgetCandidates empties an organisation. Ids go on from where they were.
func (e *Employer) ForgetCandidates() {
	e.mu.Lock()
	defer e.mu.Unlock()
	clear(e.candidates)
	clear(e.applications)
	clear(e.byExternalID)
	clear(e.byEmail)
	e.order, e.doubled = nil, 0
}
