package simulator

import (
	"net/http"
	"time"
)

// What follows is the door that the SDK's conformance suite (package adaptertest, whose documentation says what each part means)
// asks a fake ATS for. It tells nothing and does nothing that the control API does not.

// serveConformance answers below /adaptertest.
func (s *Server) serveConformance(w http.ResponseWriter, r *http.Request) {
	switch r.Method + " " + r.URL.Path {
	case "GET /adaptertest":
		s.offerConnection(r).send(w)
	case "GET /adaptertest/people":
		s.countPeople(r.URL.Query().Get("external_id")).send(w)
	case "POST /adaptertest/fault":
		s.setSuiteFault(r).send(w)
	case "DELETE /adaptertest/fault":
		s.endSuiteFaults().send(w)
	default:
		refusal(s.switches.Load(), http.StatusNotFound, "Resource not found").send(w)
	}
}

// offerConnection says how to connect to the first employer, as a user who may do everything.
func (s *Server) offerConnection(r *http.Request) reply {
	e := s.Employers()[0]
	settings := map[string]string{"base_url": "http://" + r.Host}
	if u, ok := e.User(SiteAdmin); ok {
		settings["on_behalf_of"] = u.Email
	}
	return jsonReply(http.StatusOK, map[string]any{
		"settings": settings, "credentials": map[string]string{"api_key": e.Key()},
	})
}

// countPeople counts the candidates of an external id in all organisations, and their applications.
func (s *Server) countPeople(externalID string) reply {
	people, applications := 0, 0
	for _, e := range s.Employers() {
		for _, c := range e.ByExternalID(externalID) {
			people++
			applications += len(c.Applications)
		}
	}
	return jsonReply(http.StatusOK, map[string]int{"people": people, "applications": applications})
}

// setSuiteFault breaks the next request that the fault is for, once.
func (s *Server) setSuiteFault(r *http.Request) reply {
	var in struct {
		Fault   string `json:"fault"`
		DelayMS int64  `json:"delay_ms"`
	}
	body, err := readControl(r)
	if err == nil {
		err = decodeStrict(body, &in)
	}
	if err != nil {
		return controlError(err)
	}
	f := Fault{Endpoint: "candidates", Method: http.MethodPost, Count: 1}
	switch in.Fault {
	case "delay":
		f = Fault{Kind: FaultLatency, Delay: Duration(time.Duration(in.DelayMS) * time.Millisecond), Count: 1}
	case "cut_after_write":
		f.Kind = FaultCutAfter
	case "fail_after_write":
		f.Kind, f.Status = FaultErrorAfter, http.StatusServiceUnavailable
	case "no_list":
		f = Fault{Kind: FaultNoList, Method: http.MethodGet, Count: 1}
	default:
		return controlError(inputErrorf("$.fault", "%q is none of delay, cut_after_write, fail_after_write and no_list", clip(in.Fault, 40)))
	}
	id, err := s.AddFault(f)
	if err != nil {
		return controlError(err)
	}
	s.suiteMu.Lock()
	defer s.suiteMu.Unlock()
	s.suiteFaults = append(s.suiteFaults, id)
	return reply{status: http.StatusNoContent}
}

// endSuiteFaults removes the faults that were set through this door, and leaves those of the control API.
func (s *Server) endSuiteFaults() reply {
	s.suiteMu.Lock()
	defer s.suiteMu.Unlock()
	for _, id := range s.suiteFaults {
		s.RemoveFault(id)
	}
	s.suiteFaults = nil
	return reply{status: http.StatusNoContent}
}
