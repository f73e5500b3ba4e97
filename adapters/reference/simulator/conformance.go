package simulator

import (
	"net/http"
)

// What follows is the optional door that the conformance suite (package adaptertest) asks a fake for; its
// documentation says what each part means.

// offerConnection says how to connect to the first employer.
func (s *Simulator) offerConnection(w http.ResponseWriter, r *http.Request) {
	answer(w, http.StatusOK, map[string]any{
		"settings":    map[string]string{"base_url": "http://" + r.Host},
		"credentials": map[string]string{"api_key": Key(1), "webhook_secret": WebhookSecret(1)},
		"two_step":    map[string]string{"two_step": "true"},
	})
}

// countPeople counts the persons and applications of an external id.
func (s *Simulator) countPeople(w http.ResponseWriter, r *http.Request) {
	id := r.URL.Query().Get("external_id")
	people, applications := 0, 0
	for _, a := range s.accounts {
		people += a.peopleOf(id)
		a.mu.Lock()
		if a.byExternal[id] != nil {
			applications++
		}
		a.mu.Unlock()
	}
	answer(w, http.StatusOK, map[string]int{"people": people, "applications": applications})
}

// setSuiteFault breaks the next requests as the suite asks: {"fault": "delay" | "cut_after_write" | …, "delay_ms"}.
func (s *Simulator) setSuiteFault(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Fault   string `json:"fault"`
		DelayMS int    `json:"delay_ms"`
	}
	if err := decode(r, &in); err != nil {
		answer(w, http.StatusBadRequest, problem("bad_request", "", err.Error()))
		return
	}
	switch in.Fault {
	case "delay":
		s.faults.add(Fault{Kind: "delay", DelayMS: in.DelayMS})
	case "cut_after_write":
		s.faults.add(Fault{Kind: "cut_after", On: "write"})
	case "fail_after_write":
		s.faults.add(Fault{Kind: "fail_after", On: "write"})
	case "no_list":
		s.faults.add(Fault{Kind: "no_list", On: "read"})
	default:
		answer(w, http.StatusBadRequest, problem("bad_request", "fault", "there is no such fault"))
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
