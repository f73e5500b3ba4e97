package simulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
)

// Job is a job of an organisation.
type Job struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
	// Closed jobs (drafts too) vanish from the job list and take nobody.
	Closed bool `json:"closed,omitempty"`
	// Live says that at least one post of the job is live on a board.
	Live bool `json:"live"`
	// Confidential jobs are seen by their hiring team, and by Site Admins as the switch confidential_jobs says.
	Confidential bool `json:"confidential,omitempty"`
	// Stages is the pipeline, in order; the organisation's when left out.
	Stages []string `json:"stages,omitempty"`
}

// listedJob is one element of GET jobs. Its status is always open: a closed job just leaves the list.
type listedJob struct {
	ID     int64  `json:"id"`
	Name   string `json:"name"`
	Status string `json:"status"`
	Public bool   `json:"public"`
}

// JobRef names a job by id (a number, or a text of digits) or by its exact name.
type JobRef struct {
	ID   int64
	Name string
}

// UnmarshalJSON reads a number or a text.
func (r *JobRef) UnmarshalJSON(data []byte) error {
	var id int64
	if err := json.Unmarshal(data, &id); err == nil && id > 0 {
		*r = JobRef{ID: id}
		return nil
	}
	var text string
	if err := json.Unmarshal(data, &text); err != nil || text == "" {
		return inputErrorf("$", "expected the id or the name of a job, got %s", clip(string(data), 40))
	}
	if id, err := strconv.ParseInt(text, 10, 64); err == nil {
		*r = JobRef{ID: id}
		return nil
	}
	*r = JobRef{Name: text}
	return nil
}

// MarshalJSON writes what was named.
func (r JobRef) MarshalJSON() ([]byte, error) {
	if r.ID != 0 {
		return json.Marshal(r.ID)
	}
	return json.Marshal(r.Name)
}

func (r JobRef) given() bool { return r.ID != 0 || r.Name != "" }

func (r JobRef) String() string {
	if r.ID != 0 {
		return strconv.FormatInt(r.ID, 10)
	}
	return strconv.Quote(r.Name)
}

// Jobs lists every job, in the order they were made.
func (e *Employer) Jobs() []Job {
	e.mu.RLock()
	defer e.mu.RUnlock()
	jobs := make([]Job, 0, len(e.jobOrder))
	for _, j := range e.jobOrder {
		v := *j
		v.Stages = slices.Clone(j.Stages)
		jobs = append(jobs, v)
	}
	return jobs
}

// AddJob makes a job; an id of 0 is given out. The job as it stands is returned.
func (e *Employer) AddJob(j Job) (Job, error) {
	if j.Name == "" {
		return Job{}, inputErrorf("$.name", "a job needs a name")
	}
	if j.ID < 0 {
		return Job{}, inputErrorf("$.id", "an id is a positive number, got %d", j.ID)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if j.ID == 0 {
		e.lastJob++
		j.ID = e.lastJob
	}
	if e.jobs[j.ID] != nil {
		return Job{}, inputErrorf("$.id", "%s has a job %d already", e.name, j.ID)
	}
	if len(j.Stages) == 0 {
		j.Stages = slices.Clone(e.stages)
	}
	e.lastJob = max(e.lastJob, j.ID)
	e.jobs[j.ID] = &j
	e.jobOrder = append(e.jobOrder, &j)
	return j, nil
}

// CloseJob takes a job off the list; nobody can be put on it any more.
func (e *Employer) CloseJob(ref JobRef) error {
	return e.changeJob(ref, func(j *Job) { j.Closed = true })
}

// OpenJob puts a closed job back on the list.
func (e *Employer) OpenJob(ref JobRef) error {
	return e.changeJob(ref, func(j *Job) { j.Closed = false })
}

// changeJob changes the one record that the list and the applications share.
func (e *Employer) changeJob(ref JobRef, change func(*Job)) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	j, err := e.findJob(ref)
	if err != nil {
		return err
	}
	change(j)
	return nil
}

func (e *Employer) findJob(ref JobRef) (*Job, error) {
	if ref.ID != 0 {
		if j := e.jobs[ref.ID]; j != nil {
			return j, nil
		}
		return nil, inputErrorf("$.job", "%s has no job %d", e.name, ref.ID)
	}
	var names []string
	for _, j := range e.jobOrder {
		if j.Name == ref.Name {
			return j, nil
		}
		names = append(names, j.Name)
	}
	return nil, inputErrorf("$.job", "%s has no job named %q%s", e.name, ref.Name, suggestion(ref.Name, names))
}

// optionalJob finds a job that may be left out; a problem is told under the path of its own field.
func (e *Employer) optionalJob(ref *JobRef, path string) (*Job, error) {
	if ref == nil {
		return nil, nil
	}
	j, err := e.findJob(*ref)
	if err != nil {
		if in, ok := errors.AsType[*InputError](err); ok {
			return nil, inputErrorf(path, "%s", in.Message)
		}
	}
	return j, err
}

// firstStage is where a new candidate lands.
func (j *Job) firstStage() string { return j.Stages[0] }

// stageAfter gives the next stage of the pipeline, or false after the last.
func (j *Job) stageAfter(stage string) (string, bool) {
	i := slices.Index(j.Stages, stage)
	if i < 0 || i+1 >= len(j.Stages) {
		return "", false
	}
	return j.Stages[i+1], true
}

func (j *Job) checkStage(stage string) error {
	if slices.Contains(j.Stages, stage) {
		return nil
	}
	return inputErrorf("$.stage", "the job %s has no stage %q%s", fmt.Sprintf("%d (%s)", j.ID, j.Name), stage, suggestion(stage, j.Stages))
}
