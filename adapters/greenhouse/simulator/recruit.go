package simulator

import (
	"math/rand/v2"
	"slices"
	"time"
)

// Target names one application of one candidate: by application id, by candidate id, or by external_id when it is not doubled.
type Target struct {
	ExternalID    string `json:"external_id,omitempty"`
	CandidateID   int64  `json:"candidate_id,omitempty"`
	ApplicationID int64  `json:"application_id,omitempty"`
}

// notThere is the refusal for a target that does not exist (yet); scripts wait for such a candidate to arrive.
type notThere struct{ InputError }

func noSuch(path, format string, args ...any) error {
	return &notThere{*inputErrorf(path, format, args...)}
}

// Unwrap lets errors.As find the InputError.
func (n *notThere) Unwrap() error { return &n.InputError }

// find gives the application that is meant. The lock is held.
func (e *Employer) find(t Target) (*application, error) {
	if t.ApplicationID != 0 {
		a := e.applications[t.ApplicationID]
		if a == nil {
			return nil, noSuch("$.application_id", "%s has no application %d", e.name, t.ApplicationID)
		}
		return a, nil
	}
	c, err := e.findCandidate(t)
	if err != nil {
		return nil, err
	}
	for _, a := range slices.Backward(c.applications) {
		if !a.gone && a.status != statusConverted {
			return a, nil
		}
	}
	return nil, inputErrorf("$.candidate_id", "candidate %d has no application left", c.id)
}

func (e *Employer) findCandidate(t Target) (*candidate, error) {
	switch {
	case t.ApplicationID != 0:
		a, err := e.find(t)
		if err != nil {
			return nil, err
		}
		return a.candidate, nil
	case t.CandidateID != 0:
		c := e.candidates[t.CandidateID]
		if c == nil {
			return nil, noSuch("$.candidate_id", "%s has no candidate %d", e.name, t.CandidateID)
		}
		return c, nil
	case t.ExternalID != "":
		same := e.byExternalID[t.ExternalID]
		if len(same) == 0 {
			return nil, noSuch("$.external_id", "%s has no candidate with the external_id %q", e.name, clip(t.ExternalID, 80))
		}
		if len(same) > 1 {
			return nil, inputErrorf("$.external_id", "%d candidates carry %q: name one by candidate_id", len(same), clip(t.ExternalID, 80))
		}
		return same[0], nil
	default:
		return nil, inputErrorf("$", "name the candidate by external_id, candidate_id or application_id")
	}
}

// change finds the application, refuses the dead, and applies one change to it.
func (e *Employer) change(t Target, apply func(*application) error) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	a, err := e.find(t)
	if err != nil {
		return err
	}
	switch {
	case a.gone:
		return inputErrorf("$.application_id", "application %d is gone", a.id)
	case a.candidate.deleted:
		return inputErrorf("$.candidate_id", "candidate %d is deleted", a.candidate.id)
	case a.candidate.mergedInto != nil:
		return inputErrorf("$.candidate_id", "candidate %d was merged into %d", a.candidate.id, a.candidate.mergedInto.id)
	}
	if err := apply(a); err != nil {
		return err
	}
	a.moves++
	return nil
}

// in refuses a change that needs another status, and names what the application is.
func (a *application) in(want applicationStatus, hint string) error {
	if a.status == want {
		return nil
	}
	return inputErrorf("$", "application %d is %s, not %s: %s", a.id, a.status, want, hint)
}

// Move puts an active application into a stage of its job's pipeline, or a prospect into a stage of its pool.
func (e *Employer) Move(t Target, stage string) error {
	return e.change(t, func(a *application) error {
		if err := a.in(statusActive, "unreject or unhire it first"); err != nil {
			return err
		}
		switch {
		case a.prospect && a.pool != nil:
			if a.pool.stageNamed(stage) < 0 {
				return inputErrorf("$.stage", "the pool %s has no stage %q%s", a.pool.Name, stage, suggestion(stage, a.pool.stageNames()))
			}
		case a.prospect:
			return inputErrorf("$.stage", "application %d is a prospect in no pool: it has no stages", a.id)
		default:
			if err := a.job.checkStage(stage); err != nil {
				return err
			}
		}
		a.stage = stage
		return nil
	})
}

// Reject rejects an active application; the reason is free text and never shown by the partner API.
func (e *Employer) Reject(t Target, reason string) error {
	return e.change(t, func(a *application) error {
		if err := a.in(statusActive, "it cannot be rejected"); err != nil {
			return err
		}
		a.status, a.reason = statusRejected, reason
		return nil
	})
}

// Unreject makes a rejected application active again, in the stage it had.
func (e *Employer) Unreject(t Target) error {
	return e.change(t, func(a *application) error {
		if err := a.in(statusRejected, "there is nothing to take back"); err != nil {
			return err
		}
		a.status, a.reason = statusActive, ""
		return nil
	})
}

// Hire marks an active candidate as hired, in the stage it has.
func (e *Employer) Hire(t Target) error {
	return e.change(t, func(a *application) error {
		if err := a.in(statusActive, "it cannot be hired"); err != nil {
			return err
		}
		if a.prospect {
			return inputErrorf("$", "application %d is a prospect: convert it first", a.id)
		}
		a.status = statusHired
		return nil
	})
}

// Unhire takes a hire back.
func (e *Employer) Unhire(t Target) error {
	return e.change(t, func(a *application) error {
		if err := a.in(statusHired, "there is nothing to take back"); err != nil {
			return err
		}
		a.status = statusActive
		return nil
	})
}

// SetStatus gives an application any status word, documented or not.
func (e *Employer) SetStatus(t Target, status string) error {
	if status == "" {
		return inputErrorf("$.status", "a status is needed")
	}
	return e.change(t, func(a *application) error {
		a.status = applicationStatus(status)
		return nil
	})
}

// Delete removes the whole profile; its ids answer nothing any more.
func (e *Employer) Delete(t Target) error {
	return e.change(t, func(a *application) error {
		a.candidate.deleted = true
		return nil
	})
}

// Apply gives the profile of an application one more, on the named job; its id is returned.
func (e *Employer) Apply(t Target, ref JobRef) (int64, error) {
	var id int64
	err := e.change(t, func(a *application) error {
		job, err := e.findJob(ref)
		if err != nil {
			return err
		}
		further := &application{job: job, status: statusActive, stage: job.firstStage()}
		e.addApplication(a.candidate, further)
		id = further.id
		return nil
	})
	return id, err
}

// Remove takes one application away; its id answers nothing any more, and the profile stays.
func (e *Employer) Remove(t Target) error {
	return e.change(t, func(a *application) error {
		a.gone = true
		return nil
	})
}

// ChangeSource gives the profile another source; away from the partner's name it vanishes from the partner API.
func (e *Employer) ChangeSource(t Target, source string) error {
	if source == "" {
		return inputErrorf("$.source", "a source is needed; the partner's own is %q", e.server.partner.Name)
	}
	return e.change(t, func(a *application) error {
		a.candidate.source = source
		return nil
	})
}

// Merge merges one profile into another, or into a new one that the employer made when into names nobody. The id of the
// surviving candidate is returned; the applications move to it.
func (e *Employer) Merge(t, into Target) (int64, error) {
	var survivor *candidate
	err := e.change(t, func(a *application) error {
		lost := a.candidate
		if into == (Target{}) {
			e.lastCandidate++
			survivor = &candidate{
				id: e.lastCandidate, firstName: lost.firstName, lastName: lost.lastName, emails: lost.emails, source: lost.source,
				created: time.Now().Add(-time.Hour),
			}
			e.candidates[survivor.id] = survivor
			e.order = append(e.order, survivor)
		} else {
			found, err := e.findCandidate(into)
			if err != nil {
				return under("$.into", err)
			}
			survivor = found
		}
		if survivor == lost || survivor.deleted || survivor.mergedInto != nil {
			return inputErrorf("$.into", "candidate %d cannot take candidate %d: it is the same, deleted or itself merged", survivor.id, lost.id)
		}
		lost.mergedInto = survivor
		for _, moved := range lost.applications {
			moved.candidate = survivor
			survivor.applications = append(survivor.applications, moved)
		}
		lost.applications = nil
		return nil
	})
	if err != nil {
		return 0, err
	}
	return survivor.id, nil
}

// Convert makes a prospect a candidate on a job: its own, or the named one for a prospect on no job. What happens to the
// application's id is for the switch prospect_converted to say; the id that is valid afterwards is returned.
func (e *Employer) Convert(t Target, ref JobRef) (int64, error) {
	sw := e.switches.Load()
	var id int64
	err := e.change(t, func(a *application) error {
		if !a.prospect {
			return inputErrorf("$", "application %d is no prospect", a.id)
		}
		job := a.job
		if ref.given() {
			named, err := e.findJob(ref)
			if err != nil {
				return err
			}
			job = named
		}
		if job == nil {
			return inputErrorf("$.job", "application %d is a prospect on no job: name one", a.id)
		}
		if sw.ProspectConverted == ConvertedKeepsSameID {
			a.prospect, a.job, a.pool, a.stage = false, job, nil, job.firstStage()
			id = a.id
			return nil
		}
		fresh := &application{job: job, status: statusActive, stage: job.firstStage()}
		e.addApplication(a.candidate, fresh)
		a.status = statusConverted
		a.gone = sw.ProspectConverted == ConvertedNewID
		id = fresh.id
		return nil
	})
	return id, err
}

// MoveRandom moves n candidates one step, picked by the generator: to the next stage as a rule, one in ten rejected, and after
// the last stage hired. Fewer are moved where few are active. The number moved is returned.
func (e *Employer) MoveRandom(n int, random *rand.Rand) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	moved := 0
	// Most candidates of an old simulation are done; a bounded number of picks keeps a step short.
	for tries := 0; moved < n && tries < 20*n && len(e.order) > 0; tries++ {
		c := e.order[random.IntN(len(e.order))]
		if c.deleted || c.mergedInto != nil || len(c.applications) == 0 {
			continue
		}
		if c.applications[len(c.applications)-1].step(random) {
			moved++
		}
	}
	return moved
}

// following gives the next stage of the job's pipeline or the prospect's pool.
func (a *application) following() (string, bool) {
	switch {
	case !a.prospect:
		return a.job.stageAfter(a.stage)
	case a.pool == nil:
		return "", false
	}
	i := a.pool.stageNamed(a.stage)
	if i < 0 || i+1 >= len(a.pool.Stages) {
		return "", false
	}
	return a.pool.Stages[i+1].Name, true
}

// step moves one application on; false when there is nowhere to go.
func (a *application) step(random *rand.Rand) bool {
	if a.status != statusActive || a.gone {
		return false
	}
	next, more := a.following()
	switch {
	case a.prospect && !more:
		return false
	case !a.prospect && random.IntN(10) == 0:
		a.status, a.reason = statusRejected, "Not a fit"
	case more:
		a.stage = next
	default:
		a.status = statusHired
	}
	a.moves++
	return true
}

// MoveRandom moves n candidates of any organisations one step each; the number moved is returned. The generator is the
// simulator's own, so the same seed and the same arrivals give the same moves.
func (s *Server) MoveRandom(n int) int {
	s.randomMu.Lock()
	defer s.randomMu.Unlock()
	var busy []*Employer
	for _, e := range s.Employers() {
		e.mu.RLock()
		if len(e.order) > 0 {
			busy = append(busy, e)
		}
		e.mu.RUnlock()
	}
	moved := 0
	for tries := 0; moved < n && tries < 5*n && len(busy) > 0; tries++ {
		moved += busy[s.random.IntN(len(busy))].MoveRandom(1, s.random)
	}
	return moved
}

// Advance puts an active application into the next stage of its pipeline or pool.
func (e *Employer) Advance(t Target) error {
	return e.change(t, func(a *application) error {
		if err := a.in(statusActive, "unreject or unhire it first"); err != nil {
			return err
		}
		next, more := a.following()
		if !more {
			return inputErrorf("$", "application %d stands in its last stage", a.id)
		}
		a.stage = next
		return nil
	})
}
