package simulator

import (
	"net/http"
	"sort"
	"strconv"
)

// pageLimit is how much a listing of the control API gives when it is not told.
const pageLimit = 100

func (s *Server) showFaults(*http.Request) (any, error) { return s.Faults(), nil }

func (s *Server) showStrangers(*http.Request) (any, error) { return s.Strangers(), nil }

func (s *Server) showScript(*http.Request) (any, error) {
	run := s.script.Load()
	if run == nil {
		return map[string]bool{"running": false}, nil
	}
	return run.status(), nil
}

// employerState is one organisation in GET /control/state.
type employerState struct {
	Name     string         `json:"name"`
	Title    string         `json:"title"`
	Key      string         `json:"key"`
	Users    []User         `json:"users"`
	Jobs     int            `json:"jobs"`
	Counts   Counts         `json:"counts"`
	Requests []RequestCount `json:"requests"`
	Switches SwitchPatch    `json:"switches,omitempty"`
}

func (s *Server) showState(*http.Request) (any, error) {
	common := s.Switches()
	var list []employerState
	total := map[string]int{}
	for _, e := range s.Employers() {
		own := e.Switches()
		st := employerState{
			Name: e.name, Title: e.title, Key: e.Key(), Users: e.Users(), Jobs: len(e.Jobs()), Counts: e.Counts(),
			Requests: e.RequestCounts(), Switches: common.difference(&own),
		}
		list = append(list, st)
		total["candidates"] += st.Counts.Candidates
		total["external_ids"] += st.Counts.ExternalIDs
		total["doubled"] += st.Counts.Doubled
	}
	return map[string]any{
		"partner": s.partner, "employers": list, "total": total, "faults": s.Faults(), "resumes": s.ResumeCounts(),
	}, nil
}

func (s *Server) showEmployer(r *http.Request) (any, error) {
	e, err := s.named(r)
	if err != nil {
		return nil, err
	}
	return map[string]any{
		"name": e.name, "title": e.title, "keys": e.Keys(), "users": e.Users(), "jobs": e.Jobs(), "pools": e.Pools(),
		"counts": e.Counts(), "requests": e.RequestCounts(), "switches": e.Switches(),
	}, nil
}

func (s *Server) showSeed(*http.Request) (any, error) { return s.Seed(), nil }

// Seed gives a seed of the organisations as they are now, without candidates.
func (s *Server) Seed() Seed {
	standard, common := DefaultSwitches(), s.Switches()
	seed := Seed{Partner: s.partner, Switches: standard.difference(&common)}
	for _, e := range s.Employers() {
		own := e.Switches()
		one := SeedEmployer{
			Name: e.name, Title: e.title, Stages: e.stages, Keys: e.Keys(), Users: e.Users(), Jobs: e.Jobs(), Pools: e.Pools(),
			Switches: common.difference(&own),
		}
		e.mu.RLock()
		one.ProspectsOff = e.prospectsOff
		e.mu.RUnlock()
		seed.Employers = append(seed.Employers, one)
	}
	return seed
}

func (s *Server) showSwitches(*http.Request) (any, error) {
	type shown struct {
		Switch
		Value any `json:"value"`
	}
	common := s.Switches()
	var list []shown
	for _, d := range switchTable() {
		list = append(list, shown{Switch: d, Value: d.get(&common)})
	}
	return list, nil
}

func (s *Server) showCandidates(r *http.Request) (any, error) {
	e, err := s.named(r)
	if err != nil {
		return nil, err
	}
	q := r.URL.Query()
	after, err := number(q.Get("after"), 0, "$.after")
	if err != nil {
		return nil, err
	}
	limit, err := number(q.Get("limit"), pageLimit, "$.limit")
	if err != nil {
		return nil, err
	}
	if q.Has("id") {
		id, err := number(q.Get("id"), 0, "$.id")
		if err != nil {
			return nil, err
		}
		if c, ok := e.Candidate(id); ok {
			return []Candidate{c}, nil
		}
		return []Candidate{}, nil
	}
	if q.Has("external_id") {
		return e.ByExternalID(q.Get("external_id")), nil
	}
	return e.candidatesAfter(after, int(limit)), nil
}

// candidatesAfter gives a page in order of id.
func (e *Employer) candidatesAfter(id int64, limit int) []Candidate {
	e.mu.RLock()
	defer e.mu.RUnlock()
	from := sort.Search(len(e.order), func(i int) bool { return e.order[i].id > id })
	return e.viewAll(e.order[from:min(len(e.order), from+limit)])
}

func (s *Server) showDoubled(r *http.Request) (any, error) {
	e, err := s.named(r)
	if err != nil {
		return nil, err
	}
	return e.Doubled(), nil
}

func (s *Server) showRequests(r *http.Request) (any, error) {
	e, err := s.named(r)
	if err != nil {
		return nil, err
	}
	q := r.URL.Query()
	after, err := number(q.Get("after"), 0, "$.after")
	if err != nil {
		return nil, err
	}
	limit, err := number(q.Get("limit"), pageLimit, "$.limit")
	if err != nil {
		return nil, err
	}
	var list []Request
	switch kind := q.Get("kind"); kind {
	case "", "writes":
		list = e.Received()
	case "reads":
		list = e.Reads()
	default:
		return nil, inputErrorf("$.kind", "expected writes or reads, got %q", clip(kind, 40))
	}
	page := []Request{}
	for _, one := range list {
		if one.Seq > uint64(after) && len(page) < int(limit) {
			page = append(page, one)
		}
	}
	return page, nil
}

// number reads a query parameter that is a whole number, not negative.
func number(text string, other int64, path string) (int64, error) {
	if text == "" {
		return other, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0, inputErrorf(path, "expected a whole number that is not negative, got %q", clip(text, 40))
	}
	return n, nil
}
