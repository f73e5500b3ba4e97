package simulator

import (
	"fmt"
	"slices"
	"strings"
)

// Seed is everything a simulator starts with. It is loaded from and printed as JSON.
type Seed struct {
	Partner   Partner        `json:"partner"`
	Switches  SwitchPatch    `json:"switches,omitempty"`
	Employers []SeedEmployer `json:"employers"`
}

// Partner is the platform as Greenhouse knows it. Its name is the source on every candidate it sends.
type Partner struct {
	Name              string `json:"name"`
	OAuthClientID     string `json:"oauth_client_id,omitempty"`
	OAuthClientSecret string `json:"oauth_client_secret,omitempty"`
}

// SeedEmployer is one organisation. Ids may be left out (0); they are then given out in order.
type SeedEmployer struct {
	// Name is the handle used in paths, flags and scripts; unique, without spaces.
	Name string `json:"name"`
	// Title is the name a person reads.
	Title string `json:"title"`
	// ProspectsOff says that the organisation has prospects not enabled.
	ProspectsOff bool        `json:"prospects_off,omitempty"`
	Stages       []string    `json:"stages,omitempty"`
	Keys         []Key       `json:"keys"`
	Users        []User      `json:"users"`
	Jobs         []Job       `json:"jobs"`
	Pools        []Pool      `json:"pools,omitempty"`
	Switches     SwitchPatch `json:"switches,omitempty"`
}

// LoadSeed decodes and validates a seed file. Problems are *InputError values with a path.
func LoadSeed(data []byte) (Seed, error) {
	var s Seed
	if err := decodeStrict(data, &s); err != nil {
		return Seed{}, err
	}
	if err := s.fill(); err != nil {
		return Seed{}, err
	}
	return s, nil
}

// Id ranges. All lie beyond 2^32, as Greenhouse's own do, so that a client that keeps 32 bits breaks here and not in production.
const (
	jobIDs         = 6_409_000_000
	userIDs        = 4_417_000_000
	poolIDs        = 5_112_000_000
	poolStageIDs   = 5_957_000_000
	candidateIDs   = 17_681_000_000
	applicationIDs = 3_059_724_000_000
	// Every employer has blocks of its own, so that an id never means two things.
	smallBlock = 100_000
	largeBlock = 100_000_000
)

// clone copies the seed, so that two simulators never share what New fills in.
func (s *Seed) clone() Seed {
	c := *s
	c.Employers = slices.Clone(s.Employers)
	for i := range c.Employers {
		e := &c.Employers[i]
		e.Keys, e.Users, e.Jobs = slices.Clone(e.Keys), slices.Clone(e.Users), slices.Clone(e.Jobs)
		e.Pools = slices.Clone(e.Pools)
		for k := range e.Pools {
			e.Pools[k].Stages = slices.Clone(e.Pools[k].Stages)
		}
	}
	return c
}

// fill gives ids to what has none, puts defaults in place, and validates the whole.
func (s *Seed) fill() error {
	if strings.TrimSpace(s.Partner.Name) == "" {
		s.Partner.Name = "Talent Cove"
	}
	if len(s.Employers) == 0 {
		return inputErrorf("$.employers", "at least one employer is needed")
	}
	names := make(map[string]int, len(s.Employers))
	keys := make(map[string]string)
	for i := range s.Employers {
		e := &s.Employers[i]
		path := fmt.Sprintf("$.employers[%d]", i)
		if e.Name == "" || strings.ContainsAny(e.Name, " /\t\n") {
			return inputErrorf(path+".name", "a name without spaces and slashes is needed, got %q", e.Name)
		}
		if first, taken := names[e.Name]; taken {
			return inputErrorf(path+".name", "%q is already the name of employers[%d]", e.Name, first)
		}
		names[e.Name] = i
		if err := e.fill(i, path); err != nil {
			return err
		}
		for k := range e.Keys {
			if where, taken := keys[e.Keys[k].Key]; taken {
				return inputErrorf(fmt.Sprintf("%s.keys[%d].key", path, k), "the same key stands at %s", where)
			}
			keys[e.Keys[k].Key] = fmt.Sprintf("%s.keys[%d].key", path, k)
		}
	}
	probe := DefaultSwitches()
	if err := probe.Apply(s.Switches); err != nil {
		return under("$.switches", err)
	}
	return nil
}

func (e *SeedEmployer) fill(index int, path string) error {
	block := int64(index) * smallBlock
	if e.Title == "" {
		e.Title = e.Name
	}
	if len(e.Stages) == 0 {
		e.Stages = []string{"Application Review", "Phone Screen", "Technical Interview", "Face to Face", "Offer"}
	}
	for i := range e.Keys {
		if err := e.Keys[i].fill(); err != nil {
			return under(fmt.Sprintf("%s.keys[%d]", path, i), err)
		}
	}
	if err := e.fillJobs(block, path); err != nil {
		return err
	}
	if err := e.fillUsers(block, path); err != nil {
		return err
	}
	fillPools(e.Pools, block)
	probe := DefaultSwitches()
	if err := probe.Apply(e.Switches); err != nil {
		return under(path+".switches", err)
	}
	return nil
}

func (e *SeedEmployer) fillJobs(block int64, path string) error {
	seen := make(map[int64]bool)
	for i := range e.Jobs {
		j := &e.Jobs[i]
		at := fmt.Sprintf("%s.jobs[%d]", path, i)
		if j.ID == 0 {
			j.ID = jobIDs + block + int64(i) + 1
		}
		if j.Name == "" {
			return inputErrorf(at+".name", "a job needs a name")
		}
		if j.ID < 0 {
			return inputErrorf(at+".id", "an id is a positive number, got %d", j.ID)
		}
		if seen[j.ID] {
			return inputErrorf(at+".id", "%d is the id of another job", j.ID)
		}
		seen[j.ID] = true
		if len(j.Stages) == 0 {
			j.Stages = slices.Clone(e.Stages)
		}
	}
	return nil
}

func (e *SeedEmployer) fillUsers(block int64, path string) error {
	mails := make(map[string]bool)
	for i := range e.Users {
		u := &e.Users[i]
		at := fmt.Sprintf("%s.users[%d]", path, i)
		if u.ID == 0 {
			u.ID = userIDs + block + int64(i) + 1
		}
		if !strings.Contains(u.Email, "@") {
			return inputErrorf(at+".email", "%q is not an e-mail address", u.Email)
		}
		if mails[fold(u.Email)] {
			return inputErrorf(at+".email", "%s is another user's address", u.Email)
		}
		mails[fold(u.Email)] = true
		if !slices.Contains(levels(), u.Level) {
			return inputErrorf(at+".level", "%q is no permission level, known are %v", u.Level, levels())
		}
		for k, id := range u.Jobs {
			if !slices.ContainsFunc(e.Jobs, func(j Job) bool { return j.ID == id }) {
				return inputErrorf(fmt.Sprintf("%s.jobs[%d]", at, k), "%s has no job %d", e.Name, id)
			}
		}
	}
	return nil
}

func fillPools(pools []Pool, block int64) {
	stage := poolStageIDs + block
	for i := range pools {
		p := &pools[i]
		if p.ID == 0 {
			p.ID = poolIDs + block + int64(i) + 1
		}
		for k := range p.Stages {
			stage++
			if p.Stages[k].ID == 0 {
				p.Stages[k].ID = stage
			}
		}
	}
}

// fold makes e-mail addresses comparable.
func fold(email string) string { return strings.ToLower(strings.TrimSpace(email)) }
