package simulator

import (
	"fmt"
	"strings"
	"sync"
	"time"
)

// The words that this ATS uses.
const (
	statusActive    = "active"
	statusHired     = "hired"
	statusRejected  = "rejected"
	statusWithdrawn = "withdrawn"
)

// Stages lists the stages of every job in their order.
func Stages() []string {
	return []string{"New", "Review", "Phone screen", "Interview", "Offer", "Hired"}
}

// Job is a job of an employer. Apply says what an application to it becomes: "" is accepted, "pending" gets
// its id a moment later, "blocked" is refused by a policy for a day.
type Job struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Requisition string `json:"requisition"`
	Location    string `json:"location"`
	State       string `json:"state"`
	Private     bool   `json:"private,omitempty"`
	Apply       string `json:"apply,omitempty"`
}

// Application is what an employer sees, and what GET answers.
type Application struct {
	ID         string    `json:"id"`
	PersonID   string    `json:"person_id"`
	ExternalID string    `json:"external_id"`
	JobID      string    `json:"job_id"`
	JobName    string    `json:"job_name"`
	URL        string    `json:"url"`
	Status     string    `json:"status"`
	Stage      string    `json:"stage"`
	Reason     string    `json:"reason,omitempty"`
	ReasonType string    `json:"reason_type,omitempty"`
	Prospect   bool      `json:"prospect"`
	Deleted    bool      `json:"deleted,omitempty"`
	ChangedAt  time.Time `json:"changed_at,omitzero"`
	// Pending is the reference by which it was asked for, if it was.
	Pending string `json:"pending,omitempty"`
	// Sent is the application as it was received.
	Sent NewApplication `json:"-"`
}

// account is one employer. Its own lock guards everything that changes.
type account struct {
	Key, Secret, ID, Name string

	mu         sync.Mutex
	jobs       []*Job
	jobByID    map[string]*Job
	people     map[string]string // person id → external id
	byEmail    map[string]string // e-mail → person id
	apps       map[string]*Application
	byExternal map[string]*Application
	byPending  map[string]*Application
	byPerson   map[string][]*Application
	log        []*Application // what changed, in order; a cursor is an index into it
	revoked    bool
	hooks      hooks
}

func newAccount(n, jobs int) *account {
	a := &account{
		Key: Key(n), Secret: WebhookSecret(n), ID: fmt.Sprintf("acc%d", n), Name: fmt.Sprintf("Sample Employer %d", n),
		jobByID: map[string]*Job{}, people: map[string]string{}, byEmail: map[string]string{},
		apps: map[string]*Application{}, byExternal: map[string]*Application{}, byPending: map[string]*Application{},
		byPerson: map[string][]*Application{},
	}
	titles := []string{"Cook", "Night Nurse", "Crane Operator", "Translator", "Bookbinder"}
	for i := range jobs {
		a.addJob(n, Job{Name: titles[i%len(titles)], State: "open"})
	}
	a.addJob(n, Job{Name: "Lighthouse Keeper", State: "closed"})
	a.addJob(n, Job{Name: "Archivist", State: "unlisted", Private: true})
	a.addJob(n, Job{Name: "Slow Desk Clerk", State: "open", Apply: "pending"})
	a.addJob(n, Job{Name: "Guarded Post", State: "open", Apply: "blocked"})
	return a
}

func (a *account) addJob(n int, j Job) {
	i := len(a.jobs) + 1
	j.ID, j.Requisition, j.Location = fmt.Sprintf("job%d-%d", n, i), fmt.Sprintf("REQ-%d-%d", n, i), "Harbour Town"
	a.jobs = append(a.jobs, &j)
	a.jobByID[j.ID] = &j
}

// addPerson makes a person. The caller holds the lock.
func (a *account) addPerson(p Person) string {
	id := fmt.Sprintf("per-%s-%d", a.ID, len(a.people)+1)
	a.people[id] = p.ExternalID
	if e := strings.ToLower(p.Email); e != "" {
		a.byEmail[e] = id
	}
	return id
}

// addApplication makes an application. The caller holds the lock.
func (a *account) addApplication(personID string, job *Job, sent NewApplication, now time.Time) *Application {
	id := fmt.Sprintf("app-%s-%d", a.ID, len(a.apps)+1)
	app := &Application{
		ID: id, PersonID: personID, ExternalID: sent.ExternalID, Status: statusActive, Stage: Stages()[0],
		URL: "https://ats.example.com/people/" + personID + "/applications/" + id, Prospect: sent.Prospect,
		ChangedAt: now, Sent: sent,
	}
	if job != nil {
		app.JobID, app.JobName = job.ID, job.Name
	}
	a.apps[id], a.byExternal[sent.ExternalID] = app, app
	a.byPending["pending-"+id] = app
	a.byPerson[personID] = append(a.byPerson[personID], app)
	a.changed(app)
	return app
}

// peopleOf counts the persons that carry an external id.
func (a *account) peopleOf(externalID string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := 0
	for _, e := range a.people {
		if e == externalID {
			n++
		}
	}
	return n
}
