package simulator

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"slices"
	"time"
)

// showState answers counts per employer.
func (s *Simulator) showState(w http.ResponseWriter, _ *http.Request) {
	type state struct {
		Name         string `json:"name"`
		Key          string `json:"key"`
		People       int    `json:"people"`
		Applications int    `json:"applications"`
		Changes      int    `json:"changes"`
		Doubled      int    `json:"doubled"`
	}
	var out []state
	for _, a := range s.accounts {
		a.mu.Lock()
		out = append(out, state{a.Name, a.Key, len(a.people), len(a.apps), len(a.log), a.doubled()})
		a.mu.Unlock()
	}
	answer(w, http.StatusOK, map[string]any{"employers": out})
}

// doubled counts the external ids that more than one person carries. The caller holds the lock.
func (a *account) doubled() int {
	seen, n := map[string]int{}, 0
	for _, e := range a.people {
		if seen[e]++; seen[e] == 2 && e != "" {
			n++
		}
	}
	return n
}

// setFault takes a Fault.
func (s *Simulator) setFault(w http.ResponseWriter, r *http.Request) {
	var f Fault
	if err := decode(r, &f); err != nil {
		answer(w, http.StatusBadRequest, problem("bad_request", "", err.Error()))
		return
	}
	known := []string{"fail_before", "fail_after", "cut_before", "cut_after", "rate", "html", "delay"}
	if !slices.Contains(known, f.Kind) {
		answer(w, http.StatusBadRequest, problem("bad_request", "kind", "there is no such fault"))
		return
	}
	s.faults.add(f)
	w.WriteHeader(http.StatusNoContent)
}

func (s *Simulator) clearFaults(w http.ResponseWriter, _ *http.Request) {
	s.faults.clear()
	w.WriteHeader(http.StatusNoContent)
}

// Move is what happens to an application, found by its id or its external id. Empty fields leave what is.
type Move struct {
	ID         string `json:"id"`
	ExternalID string `json:"external_id"`
	Status     string `json:"status"`
	Stage      string `json:"stage"`
	Reason     string `json:"reason"`
	ReasonType string `json:"reason_type"`
	Delete     bool   `json:"delete"`
}

// move moves applications, one or a list.
func (s *Simulator) move(w http.ResponseWriter, r *http.Request) {
	var raw json.RawMessage
	err := decode(r, &raw)
	var moves []Move
	if err == nil && json.Unmarshal(raw, &moves) != nil {
		moves = make([]Move, 1)
		err = json.Unmarshal(raw, &moves[0])
	}
	if err != nil {
		answer(w, http.StatusBadRequest, problem("bad_request", "", err.Error()))
		return
	}
	for _, m := range moves {
		if !s.Move(m) {
			answer(w, http.StatusNotFound, problem("no_application", "id", "there is no application "+m.ID+m.ExternalID))
			return
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

// Move changes one application and reports whether it is there.
func (s *Simulator) Move(m Move) bool {
	for _, a := range s.accounts {
		if a.move(m) {
			return true
		}
	}
	return false
}

func (a *account) move(m Move) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	app := a.apps[m.ID]
	if app == nil {
		app = a.byExternal[m.ExternalID]
	}
	if app == nil {
		return false
	}
	set := func(to *string, v string) {
		if v != "" {
			*to = v
		}
	}
	set(&app.Status, m.Status)
	set(&app.Stage, m.Stage)
	app.Reason, app.ReasonType = m.Reason, m.ReasonType
	app.Deleted = app.Deleted || m.Delete
	app.ChangedAt = time.Now().UTC()
	a.changed(app)
	return true
}

// setJob changes the state of a job: {"id", "state"}.
func (s *Simulator) setJob(w http.ResponseWriter, r *http.Request) {
	var in Job
	if err := decode(r, &in); err != nil {
		answer(w, http.StatusBadRequest, problem("bad_request", "", err.Error()))
		return
	}
	for _, a := range s.accounts {
		a.mu.Lock()
		job := a.jobByID[in.ID]
		if job != nil {
			job.State = in.State
		}
		a.mu.Unlock()
		if job != nil {
			w.WriteHeader(http.StatusNoContent)
			return
		}
	}
	answer(w, http.StatusNotFound, problem("no_job", "id", "there is no such job"))
}

// revoke makes a key invalid, or valid again: {"key", "revoked"}.
func (s *Simulator) revoke(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Key     string `json:"key"`
		Revoked bool   `json:"revoked"`
	}
	if err := decode(r, &in); err != nil {
		answer(w, http.StatusBadRequest, problem("bad_request", "", err.Error()))
		return
	}
	a := s.byKey[in.Key]
	if a == nil {
		answer(w, http.StatusNotFound, problem("no_key", "key", "there is no such key"))
		return
	}
	a.mu.Lock()
	a.revoked = in.Revoked
	a.mu.Unlock()
	w.WriteHeader(http.StatusNoContent)
}

// signWebhook answers the webhook that the ATS would send for an application of the first employer: its
// body and the header that proves it. Sending it is the caller's.
func (s *Simulator) signWebhook(w http.ResponseWriter, r *http.Request) {
	var in Move
	if err := decode(r, &in); err != nil {
		answer(w, http.StatusBadRequest, problem("bad_request", "", err.Error()))
		return
	}
	for _, a := range s.accounts {
		a.mu.Lock()
		app := a.apps[in.ID]
		if app == nil {
			app = a.byExternal[in.ExternalID]
		}
		var body []byte
		if app != nil {
			body, _ = json.Marshal(map[string]any{"event": "evt-" + app.ID, "application": *app})
		}
		a.mu.Unlock()
		if body != nil {
			answer(w, http.StatusOK, map[string]string{"body": string(body), "signature": Sign(a.Secret, body)})
			return
		}
	}
	answer(w, http.StatusNotFound, problem("no_application", "id", "there is no such application"))
}

// Sign returns what the header X-Reference-Signature holds for a body.
func Sign(secret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}
