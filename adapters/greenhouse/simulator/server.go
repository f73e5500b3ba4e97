// Package simulator is a Greenhouse to test against: the partner (Candidate Ingestion) API of any number of invented
// organisations, in one http.Handler.
//
// It stands where Greenhouse stands, at the far end of the adapter. The adapter's tests use it in process, the demo and the
// benchmarks run it by `atssync simulate greenhouse`. What Greenhouse's documentation leaves open is a switch (Switches), what
// can go wrong on the way is a fault (Fault), what a recruiter does is an action (Actions) that Go code, the control API below
// /control and scripts share. It keeps everything it was sent, so that a test can count people and compare fields.
package simulator

import (
	"context"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// Options say what a simulator starts with. The zero value is the demo: three invented employers and all defaults.
type Options struct {
	// Seed is who and what there is; without employers it is DefaultSeed.
	Seed Seed
	// Switches are set over the defaults and under those of the seed's employers.
	Switches SwitchPatch
	// RandSeed makes faults with probabilities and random moves reproducible.
	RandSeed uint64
	// ReadLog is how many reads are kept per organisation (1,000); writes are always kept. Negative keeps none.
	ReadLog int
	// ForgetBodies is for load tests in small memory: what was sent is dropped once it was handled, notes too, and of the writes
	// only the last ReadLog are kept. Candidates stay.
	ForgetBodies bool
	// ProfileBaseURL is where profile URLs point to (https://app.greenhouse.io).
	ProfileBaseURL string
	// ResumeClient fetches resumes; by default one with a timeout of ten seconds that follows redirects.
	ResumeClient *http.Client
}

// Server is the simulator. It is safe for concurrent use; Close it when done.
type Server struct {
	options  Options
	partner  Partner
	oauth    *oauthBook
	resumes  *resumeFetcher
	life     context.Context
	end      context.CancelFunc
	sequence atomic.Uint64
	readings atomic.Uint64

	switches atomic.Pointer[Switches]
	switchMu sync.Mutex

	faults    atomic.Pointer[[]*liveFault]
	faultMu   sync.Mutex
	lastFault int
	suiteMu   sync.Mutex
	// suiteFaults are the ids of the faults that a conformance suite set.
	suiteFaults []string

	strangers *requestLog

	mu        sync.RWMutex
	byKey     map[string]*Employer
	byName    map[string]*Employer
	employers []*Employer

	control *http.ServeMux
	// random picks for MoveRandom.
	randomMu sync.Mutex
	random   *rand.Rand
	script   atomic.Pointer[scriptRun]
}

// New builds a simulator. A seed or switches that make no sense give an *InputError with the path of the first problem.
func New(o Options) (*Server, error) {
	if len(o.Seed.Employers) == 0 {
		o.Seed = DefaultSeed()
	}
	o.Seed = o.Seed.clone()
	if err := o.Seed.fill(); err != nil {
		return nil, err
	}
	switch {
	case o.ReadLog == 0:
		o.ReadLog = 1000
	case o.ReadLog < 0:
		o.ReadLog = 0
	}
	if o.ProfileBaseURL == "" {
		o.ProfileBaseURL = "https://app.greenhouse.io"
	}
	o.ProfileBaseURL = strings.TrimSuffix(o.ProfileBaseURL, "/")
	s := &Server{strangers: newRequestLog(&o), options: o, partner: o.Seed.Partner, oauth: newOAuthBook(), byKey: make(map[string]*Employer), byName: make(map[string]*Employer)}
	sw := DefaultSwitches()
	for _, patch := range []SwitchPatch{o.Seed.Switches, o.Switches} {
		if err := sw.Apply(patch); err != nil {
			return nil, err
		}
	}
	s.switches.Store(&sw)
	s.random = seeded(o.RandSeed, "moves")
	s.control = s.controlRoutes()
	s.life, s.end = context.WithCancel(context.Background())
	s.resumes = newResumeFetcher(s.life, o.ResumeClient)
	for i, seed := range o.Seed.Employers {
		e := newEmployer(s, i, seed)
		s.employers = append(s.employers, e)
		s.byName[e.name] = e
		for _, k := range e.keys {
			s.byKey[k.Key] = e
		}
		e.refreshSwitches(&sw)
	}
	return s, nil
}

// Close ends hanging requests, delays and fetches, and waits for its goroutines. It may be called twice.
func (s *Server) Close() {
	s.end()
	s.resumes.stop()
}

// ServeHTTP answers the partner API below /v1/partner, OAuth below /oauth, the control API below /control, and the conformance
// suite below /adaptertest.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch path := r.URL.Path; {
	case strings.HasPrefix(path, partnerPath):
		s.servePartner(w, r)
	case path == "/control" || strings.HasPrefix(path, "/control/"):
		s.control.ServeHTTP(w, r)
	case strings.HasPrefix(path, "/oauth/"):
		s.serveOAuth(w, r)
	case path == "/adaptertest" || strings.HasPrefix(path, "/adaptertest/"):
		s.serveConformance(w, r)
	default:
		refusal(s.switches.Load(), http.StatusNotFound, "Resource not found").send(w)
	}
}

// Partner is the platform as this simulator knows it.
func (s *Server) Partner() Partner { return s.partner }

// Employers lists the organisations, in the order of the seed.
func (s *Server) Employers() []*Employer {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Clone(s.employers)
}

// Employer finds an organisation by name; nil when there is none.
func (s *Server) Employer(name string) *Employer {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.byName[name]
}

// ResumeCounts sums up the resume fetches of all organisations.
func (s *Server) ResumeCounts() ResumeCounts { return s.resumes.summary() }

// SetSwitches sets switches for all organisations (employer "") or for one, where they win over the common ones.
func (s *Server) SetSwitches(employer string, p SwitchPatch) error {
	s.switchMu.Lock()
	defer s.switchMu.Unlock()
	if employer == "" {
		sw := *s.switches.Load()
		if err := sw.Apply(p); err != nil {
			return err
		}
		s.switches.Store(&sw)
		for _, e := range s.Employers() {
			e.refreshSwitches(&sw)
		}
		return nil
	}
	e := s.Employer(employer)
	if e == nil {
		return inputErrorf("$.employer", "there is no employer %q%s", employer, suggestion(employer, s.names()))
	}
	probe := e.Switches()
	if err := probe.Apply(p); err != nil {
		return err
	}
	// The old patch may be the seed's own, so it is not changed in place.
	merged := make(SwitchPatch, len(e.patch)+len(p))
	maps.Copy(merged, e.patch)
	maps.Copy(merged, p)
	e.patch = merged
	e.refreshSwitches(s.switches.Load())
	return nil
}

// ChangeSwitches is SetSwitches for Go code: what change alters is set.
func (s *Server) ChangeSwitches(employer string, change func(*Switches)) error {
	before := *s.switches.Load()
	if e := s.Employer(employer); e != nil {
		before = e.Switches()
	}
	after := before
	change(&after)
	return s.SetSwitches(employer, before.difference(&after))
}

// Switches are those in effect for organisations that have none of their own.
func (s *Server) Switches() Switches { return *s.switches.Load() }

// refreshSwitches works out the effective switches. The patch was validated when it was set.
func (e *Employer) refreshSwitches(common *Switches) {
	sw := *common
	_ = sw.Apply(e.patch)
	e.switches.Store(&sw)
}

func (s *Server) names() []string {
	var names []string
	for _, e := range s.Employers() {
		names = append(names, e.name)
	}
	return names
}

func (s *Server) indexKey(key string, e *Employer) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byKey[key] != nil {
		return inputErrorf("$.key", "the key is taken")
	}
	s.byKey[key] = e
	return nil
}
