package simulator

import (
	"hash/fnv"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// FaultKind is one way in which a request goes wrong.
type FaultKind string

// The kinds. Those that end with _before leave nothing written; those that end with _after, and html_body, empty_body, no_list and
// truncated_body, happen to an answer whose write was applied.
const (
	FaultLatency       FaultKind = "latency"
	FaultLatencyAfter  FaultKind = "latency_after"
	FaultErrorBefore   FaultKind = "error_before"
	FaultErrorAfter    FaultKind = "error_after"
	FaultCutBefore     FaultKind = "cut_before"
	FaultCutAfter      FaultKind = "cut_after"
	FaultRateLimited   FaultKind = "rate_limited"
	FaultHTMLBody      FaultKind = "html_body"
	FaultEmptyBody     FaultKind = "empty_body"
	FaultNoList        FaultKind = "no_list" // 200 and {}
	FaultTruncatedBody FaultKind = "truncated_body"
	FaultDown          FaultKind = "down"
	FaultKeyRevoked    FaultKind = "key_revoked"
	FaultUserDisabled  FaultKind = "user_disabled"
	FaultJobClosed     FaultKind = "job_closed"
	FaultHang          FaultKind = "hang"
	FaultHangAfter     FaultKind = "hang_after"
)

func faultKinds() []FaultKind {
	return []FaultKind{
		FaultLatency, FaultLatencyAfter, FaultErrorBefore, FaultErrorAfter, FaultCutBefore, FaultCutAfter, FaultRateLimited,
		FaultHTMLBody, FaultEmptyBody, FaultNoList, FaultTruncatedBody, FaultDown, FaultKeyRevoked, FaultUserDisabled, FaultJobClosed,
		FaultHang, FaultHangAfter,
	}
}

// Fault describes what goes wrong, where, how often and how. What is left out does not narrow it.
type Fault struct {
	Kind FaultKind `json:"kind"`
	// Employer, Endpoint (the path below /v1/partner, such as candidates) and Method narrow where it happens.
	Employer string `json:"employer,omitempty"`
	Endpoint string `json:"endpoint,omitempty"`
	Method   string `json:"method,omitempty"`
	// Probability is between 0 and 1; left out it always happens.
	Probability float64 `json:"probability,omitempty"`
	// Skip lets that many matching requests pass first; Count ends the fault after it happened that often.
	Skip  int `json:"skip,omitempty"`
	Count int `json:"count,omitempty"`
	// Delay is for latency and latency_after. The request goes on even if the client has gone away meanwhile.
	Delay Duration `json:"delay,omitempty"`
	// Status is for error_before and error_after (503, or 502 with an HTML body) and for html_body and empty_body (200).
	Status int `json:"status,omitempty"`
	// Body is for error_before and error_after; left out the switch error_body decides.
	Body ErrorBody `json:"body,omitempty"`
	// RetryAfter (1s) and Reply are for rate_limited; left out the switch rate_limit_reply decides about Reply.
	RetryAfter Duration       `json:"retry_after,omitempty"`
	Reply      RateLimitReply `json:"reply,omitempty"`
}

// FaultState is a fault that is set, with how often it met and hit a request.
type FaultState struct {
	ID string `json:"id"`
	Fault
	Matched int `json:"matched"`
	Fired   int `json:"fired"`
}

func (f *Fault) check(s *Server) error {
	var names []string
	for _, k := range faultKinds() {
		names = append(names, string(k))
	}
	switch {
	case !slices.Contains(faultKinds(), f.Kind):
		return inputErrorf("$.kind", "%q is no kind of fault%s", f.Kind, suggestion(string(f.Kind), names))
	case f.Employer != "" && s.Employer(f.Employer) == nil:
		return inputErrorf("$.employer", "there is no employer %q%s", f.Employer, suggestion(f.Employer, s.names()))
	case f.Endpoint != "" && endpointsOf(f.Endpoint) == nil:
		return inputErrorf("$.endpoint", "%q is no endpoint, known are current_user, jobs, candidates, tracking_link, prospect_pools", f.Endpoint)
	case f.Method != "" && f.Method != http.MethodGet && f.Method != http.MethodPost:
		return inputErrorf("$.method", "%q is no method of the API, known are GET and POST", f.Method)
	case f.Probability < 0 || f.Probability > 1:
		return inputErrorf("$.probability", "must lie between 0 and 1, got %g", f.Probability)
	case f.Skip < 0 || f.Count < 0:
		return inputErrorf("$.count", "skip and count cannot be negative")
	case f.Status != 0 && (f.Status < 200 || f.Status > 599):
		return inputErrorf("$.status", "must be an HTTP status from 200 to 599, got %d", f.Status)
	case (f.Kind == FaultLatency || f.Kind == FaultLatencyAfter) && f.Delay == 0:
		return inputErrorf("$.delay", `a delay such as "200ms" is needed with %s`, f.Kind)
	}
	if f.Body != "" && !slices.Contains([]ErrorBody{ErrorErrors, ErrorMessage, ErrorHTML, ErrorEmpty}, f.Body) {
		return inputErrorf("$.body", "%q is no body, known are errors, message, html, empty", f.Body)
	}
	if f.Reply != "" && !slices.Contains([]RateLimitReply{RateRetryAfter, RateNoHeader, RatePlainText}, f.Reply) {
		return inputErrorf("$.reply", "%q is no reply, known are retry_after, no_header, plain_text", f.Reply)
	}
	return nil
}

// liveFault is a fault with its dice. Each organisation has dice of its own, thrown only for requests that match, so that the
// same seed gives the same outcomes to a client that writes one at a time.
type liveFault struct {
	Fault
	id   string
	seed uint64

	mu      sync.Mutex
	dice    map[string]*rand.Rand
	matched int
	fired   int
}

// happens says whether the fault hits this request.
func (f *liveFault) happens(employer, endpoint, method string) bool {
	if (f.Employer != "" && f.Employer != employer) || (f.Endpoint != "" && f.Endpoint != endpoint) || (f.Method != "" && f.Method != method) {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.matched++
	if f.matched <= f.Skip || (f.Count > 0 && f.fired >= f.Count) {
		return false
	}
	if f.Probability > 0 && f.throw(employer) >= f.Probability {
		return false
	}
	f.fired++
	return true
}

func (f *liveFault) throw(employer string) float64 {
	d := f.dice[employer]
	if d == nil {
		d = seeded(f.seed, f.id+"/"+employer)
		f.dice[employer] = d
	}
	return d.Float64()
}

// seeded gives a generator that depends on the seed and on what it is for.
func seeded(seed uint64, purpose string) *rand.Rand {
	h := fnv.New64a()
	// A hash never fails to write.
	_, _ = h.Write([]byte(purpose))
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}

// AddFault sets a fault and returns its id.
func (s *Server) AddFault(f Fault) (string, error) {
	if err := f.check(s); err != nil {
		return "", err
	}
	s.faultMu.Lock()
	defer s.faultMu.Unlock()
	s.lastFault++
	live := &liveFault{Fault: f, id: "fault-" + strconv.Itoa(s.lastFault), seed: s.options.RandSeed, dice: make(map[string]*rand.Rand)}
	var list []*liveFault
	if now := s.faults.Load(); now != nil {
		list = slices.Clone(*now)
	}
	list = append(list, live)
	s.faults.Store(&list)
	return live.id, nil
}

// RemoveFault takes one fault away; false when there is none of that id.
func (s *Server) RemoveFault(id string) bool {
	s.faultMu.Lock()
	defer s.faultMu.Unlock()
	now := s.faults.Load()
	if now == nil {
		return false
	}
	rest := slices.DeleteFunc(slices.Clone(*now), func(f *liveFault) bool { return f.id == id })
	if len(rest) == len(*now) {
		return false
	}
	if len(rest) == 0 {
		s.faults.Store(nil)
	} else {
		s.faults.Store(&rest)
	}
	return true
}

// ClearFaults takes all faults away.
func (s *Server) ClearFaults() {
	s.faultMu.Lock()
	defer s.faultMu.Unlock()
	s.faults.Store(nil)
}

// Faults lists the faults that are set, in order.
func (s *Server) Faults() []FaultState {
	list := []FaultState{}
	now := s.faults.Load()
	if now == nil {
		return list
	}
	for _, f := range *now {
		f.mu.Lock()
		list = append(list, FaultState{ID: f.id, Fault: f.Fault, Matched: f.matched, Fired: f.fired})
		f.mu.Unlock()
	}
	return list
}

// firedFaults is what the dice decided for one request. A request is ended by one fault at most before and one after the
// write; delays add up.
type firedFaults struct {
	names        []string
	down         bool
	keyRevoked   bool
	userDisabled bool
	jobClosed    bool
	delay        time.Duration
	delayAfter   time.Duration
	before       *liveFault
	after        *liveFault
}

// throwFaults goes through the faults in the order they were set.
func (s *Server) throwFaults(employer, endpoint, method string) *firedFaults {
	fired := new(firedFaults)
	list := s.faults.Load()
	if list == nil {
		return fired
	}
	for _, f := range *list {
		// A fault that could no longer show does not throw its dice, so counts and sequences stay true.
		if fired.hides(f.Kind) || !f.happens(employer, endpoint, method) {
			continue
		}
		fired.names = append(fired.names, string(f.Kind))
		switch f.Kind {
		case FaultLatency:
			fired.delay += time.Duration(f.Delay)
		case FaultLatencyAfter:
			fired.delayAfter += time.Duration(f.Delay)
		case FaultDown:
			fired.down = true
		case FaultKeyRevoked:
			fired.keyRevoked = true
		case FaultUserDisabled:
			fired.userDisabled = true
		case FaultJobClosed:
			fired.jobClosed = true
		case FaultErrorBefore, FaultCutBefore, FaultRateLimited, FaultHang:
			fired.before = f
		case FaultErrorAfter, FaultCutAfter, FaultHTMLBody, FaultEmptyBody, FaultNoList, FaultTruncatedBody, FaultHangAfter:
			fired.after = f
		}
	}
	return fired
}

func (f *firedFaults) hides(k FaultKind) bool {
	return f.down || (f.before != nil && k != FaultLatency) || (f.after != nil && k != FaultLatency && k != FaultLatencyAfter)
}
