package simulator

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
)

// route is one entry of the control API; GET /control lists them.
type route struct {
	Pattern string `json:"pattern"`
	About   string `json:"about"`
	handle  func(*Server, *http.Request) (any, error)
}

func controlTable() []route {
	return []route{
		{"GET /control", "this list, and the actions", (*Server).showIndex},
		{"GET /control/state", "employers with keys and users, counts, faults, switches, resumes, script", (*Server).showState},
		{"GET /control/seed", "a seed file that starts a simulator like this one", (*Server).showSeed},
		{"GET /control/switches", "every switch with its question, variants and the common value", (*Server).showSwitches},
		{"PATCH /control/switches", "sets switches for all employers", (*Server).patchSwitches},
		{"GET /control/faults", "the faults that are set", (*Server).showFaults},
		{"POST /control/faults", "sets one fault, or a list of them", (*Server).postFaults},
		{"DELETE /control/faults", "takes all faults away", (*Server).deleteFaults},
		{"DELETE /control/faults/{id}", "takes one fault away", (*Server).deleteFault},
		{"POST /control/clear", "forgets candidates, requests or faults: {\"candidates\":true, ...}", (*Server).postClear},
		{"GET /control/strangers", "requests that named no known key", (*Server).showStrangers},
		{"GET /control/script", "how far the script is", (*Server).showScript},
		{"POST /control/do/{action}", "runs an action without naming the employer", (*Server).postAction},
		{"GET /control/employers/{employer}", "one employer with users, jobs, pools, keys and counts", (*Server).showEmployer},
		{"PATCH /control/employers/{employer}/switches", "sets switches for one employer", (*Server).patchSwitches},
		{"GET /control/employers/{employer}/candidates", "candidates; external_id=, id=, after= (a candidate id), limit=", (*Server).showCandidates},
		{"GET /control/employers/{employer}/doubled", "external_ids that more than one candidate carries", (*Server).showDoubled},
		{"GET /control/employers/{employer}/requests", "what was received; kind=writes or reads, after= (a seq), limit=", (*Server).showRequests},
		{"POST /control/employers/{employer}/{action}", "runs an action", (*Server).postAction},
	}
}

// ControlRoutes lists the patterns of the control API.
func ControlRoutes() []string {
	var patterns []string
	for _, r := range controlTable() {
		patterns = append(patterns, r.Pattern)
	}
	return patterns
}

func (s *Server) controlRoutes() *http.ServeMux {
	mux := http.NewServeMux()
	for _, rt := range controlTable() {
		mux.HandleFunc(rt.Pattern, func(w http.ResponseWriter, r *http.Request) {
			v, err := rt.handle(s, r)
			if err != nil {
				controlError(err).send(w)
				return
			}
			if v == nil {
				v = map[string]bool{"ok": true}
			}
			jsonReply(http.StatusOK, v).send(w)
		})
	}
	mux.HandleFunc("/control/", func(w http.ResponseWriter, r *http.Request) {
		controlError(&notFound{inputErrorf("$", "there is no %s %s; GET /control lists what there is", r.Method, clip(r.URL.Path, 80))}).send(w)
	})
	return mux
}

// notFound is a refusal that is told as 404.
type notFound struct{ *InputError }

// Unwrap lets errors.As find the InputError.
func (n *notFound) Unwrap() error { return n.InputError }

func controlError(err error) reply {
	var in *InputError
	if !errors.As(err, &in) {
		in = inputErrorf("$", "%v", err)
	}
	status := http.StatusBadRequest
	var lost *notFound
	var absent *notThere
	if errors.As(err, &lost) || errors.As(err, &absent) {
		status = http.StatusNotFound
	}
	return jsonReply(status, map[string]any{"error": map[string]string{"path": in.Path, "message": in.Message}})
}

// readControl reads a body of at most 4 MiB.
func readControl(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 4<<20+1))
	if err != nil {
		return nil, inputErrorf("$", "the body could not be read: %v", err)
	}
	if len(body) > 4<<20 {
		return nil, inputErrorf("$", "the body is larger than 4 MiB")
	}
	return body, nil
}

func (s *Server) named(r *http.Request) (*Employer, error) {
	name := r.PathValue("employer")
	if e := s.Employer(name); e != nil {
		return e, nil
	}
	return nil, &notFound{inputErrorf("$.employer", "there is no employer %q%s", clip(name, 80), suggestion(name, s.names()))}
}

func (s *Server) showIndex(*http.Request) (any, error) {
	return map[string]any{"routes": controlTable(), "actions": Actions(), "fault_kinds": faultKinds()}, nil
}

func (s *Server) patchSwitches(r *http.Request) (any, error) {
	body, err := readControl(r)
	if err != nil {
		return nil, err
	}
	var p SwitchPatch
	if err := decodeStrict(body, &p); err != nil {
		return nil, err
	}
	name := r.PathValue("employer")
	if name != "" {
		if _, err := s.named(r); err != nil {
			return nil, err
		}
	}
	return nil, s.SetSwitches(name, p)
}

func (s *Server) postFaults(r *http.Request) (any, error) {
	body, err := readControl(r)
	if err != nil {
		return nil, err
	}
	faults, err := decodeFaults(body)
	if err != nil {
		return nil, err
	}
	for i := range faults {
		if err := faults[i].check(s); err != nil {
			if len(faults) > 1 {
				return nil, under("$["+strconv.Itoa(i)+"]", err)
			}
			return nil, err
		}
	}
	ids := []string{}
	for _, f := range faults {
		id, err := s.AddFault(f)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return map[string][]string{"ids": ids}, nil
}

// decodeFaults reads one fault, or a list of them.
func decodeFaults(body []byte) ([]Fault, error) {
	var list []json.RawMessage
	if json.Unmarshal(body, &list) == nil && list != nil {
		var faults []Fault
		return faults, decodeStrict(body, &faults)
	}
	faults := make([]Fault, 1)
	return faults, decodeStrict(body, &faults[0])
}

func (s *Server) deleteFaults(*http.Request) (any, error) {
	s.ClearFaults()
	return nil, nil
}

func (s *Server) deleteFault(r *http.Request) (any, error) {
	if id := r.PathValue("id"); !s.RemoveFault(id) {
		return nil, &notFound{inputErrorf("$.id", "there is no fault %q", clip(id, 40))}
	}
	return nil, nil
}

func (s *Server) postClear(r *http.Request) (any, error) {
	body, err := readControl(r)
	if err != nil {
		return nil, err
	}
	var what struct {
		Candidates bool `json:"candidates"`
		Requests   bool `json:"requests"`
		Faults     bool `json:"faults"`
	}
	if err := decodeStrict(body, &what); err != nil {
		return nil, err
	}
	if what.Faults {
		s.ClearFaults()
	}
	for _, e := range s.Employers() {
		if what.Candidates {
			e.ForgetCandidates()
		}
		if what.Requests {
			e.log.clear()
		}
	}
	if what.Requests {
		s.strangers.clear()
	}
	return nil, nil
}

func (s *Server) postAction(r *http.Request) (any, error) {
	body, err := readControl(r)
	if err != nil {
		return nil, err
	}
	if r.PathValue("employer") != "" {
		if _, err := s.named(r); err != nil {
			return nil, err
		}
	}
	if _, ok := findAction(r.PathValue("action")); !ok {
		name := r.PathValue("action")
		return nil, &notFound{inputErrorf("$.do", "unknown action %q%s", clip(name, 40), suggestion(name, actionNames()))}
	}
	return s.Do(r.PathValue("action"), r.PathValue("employer"), body)
}
