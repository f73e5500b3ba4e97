package simulator

import (
	"net/http"
	"net/mail"
	"strings"
	"time"
)

// Person is a person as POST people and POST applications take it.
type Person struct {
	ExternalID string `json:"external_id"`
	FirstName  string `json:"first_name"`
	LastName   string `json:"last_name"`
	Email      string `json:"email"`
	Phone      string `json:"phone"`
}

// NewApplication is an application as POST applications takes it. PersonID is set when the person was made
// before; Person otherwise.
type NewApplication struct {
	ExternalID string  `json:"external_id"`
	JobID      string  `json:"job_id"`
	PersonID   string  `json:"person_id,omitempty"`
	Person     *Person `json:"person,omitempty"`
	Prospect   bool    `json:"prospect"`
	PoolID     string  `json:"pool_id,omitempty"`
	ResumeURL  string  `json:"resume_url,omitempty"`
	Note       string  `json:"note,omitempty"`
}

// Result is what became of one application. Status is created, existing, known, pending, blocked or refused.
type Result struct {
	Status        string     `json:"status"`
	PersonID      string     `json:"person_id,omitempty"`
	ApplicationID string     `json:"application_id,omitempty"`
	URL           string     `json:"url,omitempty"`
	Pending       string     `json:"pending,omitempty"`
	NotBefore     *time.Time `json:"not_before,omitempty"`
	Code          string     `json:"code,omitempty"`
	Field         string     `json:"field,omitempty"`
	Message       string     `json:"message,omitempty"`
}

// createPerson always makes a new person, as an ATS does that does not look for duplicates: who calls it
// twice has made two.
func createPerson(a *account, r *http.Request) (int, any) {
	var in Person
	if err := decode(r, &in); err != nil {
		return http.StatusBadRequest, problem("bad_request", "", err.Error())
	}
	if res := judgePerson(in); res != nil {
		return http.StatusUnprocessableEntity, problem(res.Code, res.Field, res.Message)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return http.StatusCreated, map[string]string{"id": a.addPerson(in)}
}

// createApplications takes up to 100 and answers each.
func createApplications(a *account, r *http.Request) (int, any) {
	var in struct {
		Applications []NewApplication `json:"applications"`
	}
	if err := decode(r, &in); err != nil {
		return http.StatusBadRequest, problem("bad_request", "", err.Error())
	}
	if n := len(in.Applications); n == 0 || n > 100 {
		return http.StatusBadRequest, problem("bad_request", "applications", "1 to 100 applications are taken")
	}
	now := time.Now().UTC()
	results := make([]Result, len(in.Applications))
	a.mu.Lock()
	defer a.mu.Unlock()
	for i, one := range in.Applications {
		results[i] = a.apply(one, now)
	}
	return http.StatusCreated, map[string]any{"results": results}
}

// apply takes one application. The caller holds the lock.
func (a *account) apply(in NewApplication, now time.Time) Result {
	if old := a.byExternal[in.ExternalID]; old != nil && in.ExternalID != "" {
		return receipt("known", old)
	}
	job, refused := a.judge(in)
	if refused != nil {
		return *refused
	}
	person, status := in.PersonID, "created"
	if person == "" {
		person = a.byEmail[strings.ToLower(in.Person.Email)]
		if person != "" {
			status = "existing"
		} else {
			in.Person.ExternalID = in.ExternalID
			person = a.addPerson(*in.Person)
		}
	}
	if job != nil && job.Apply == "blocked" {
		until := now.Add(24 * time.Hour).Truncate(time.Second)
		return Result{Status: "blocked", NotBefore: &until, Message: "this job takes one application of a person a day"}
	}
	app := a.addApplication(person, job, in, now)
	if job != nil && job.Apply == "pending" {
		return Result{Status: "pending", PersonID: person, Pending: "pending-" + app.ID}
	}
	return receipt(status, app)
}

func receipt(status string, app *Application) Result {
	return Result{Status: status, PersonID: app.PersonID, ApplicationID: app.ID, URL: app.URL}
}

// judge says why an application is refused, nil when it is not. The caller holds the lock.
func (a *account) judge(in NewApplication) (*Job, *Result) {
	if in.ExternalID == "" {
		return nil, refuse("missing", "external_id", "an external id is required")
	}
	if _, ok := a.people[in.PersonID]; in.PersonID != "" && !ok {
		return nil, refuse("no_person", "person_id", "there is no such person")
	}
	if in.PersonID == "" {
		if in.Person == nil {
			return nil, refuse("missing", "person", "a person is required")
		}
		if res := judgePerson(*in.Person); res != nil {
			return nil, res
		}
	}
	if strings.HasSuffix(strings.ToLower(in.ResumeURL), ".exe") {
		return nil, refuse("file_type", "resume_url", "programs are not taken as resumes")
	}
	job := a.jobByID[in.JobID]
	switch {
	case job == nil && in.JobID == "" && in.Prospect:
		return nil, nil
	case job == nil:
		return nil, refuse("no_job", "job_id", "there is no such job")
	case job.State == "closed":
		return nil, refuse("job_closed", "job_id", "the job takes no applications")
	}
	return job, nil
}

func judgePerson(p Person) *Result {
	if p.FirstName == "" && p.LastName == "" {
		return refuse("missing", "person.last_name", "a name is required")
	}
	if _, err := mail.ParseAddress(p.Email); err != nil {
		return refuse("invalid", "person.email", "the e-mail address is none")
	}
	return nil
}

func refuse(code, field, message string) *Result {
	return &Result{Status: "refused", Code: code, Field: field, Message: message}
}
