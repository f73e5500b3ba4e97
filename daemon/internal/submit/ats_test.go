package submit

import (
	"context"
	"fmt"
	"sync"

	sdk "github.com/atssync/atssync/plugin-sdk"
)

// said is an answer to one item. applied tells whether the write is kept all the same.
type said struct {
	o       sdk.SubmitOutcome
	err     error
	applied bool
}

// ats is an ATS that remembers every write that it applied.
type ats struct {
	mu      sync.Mutex
	applied map[string]int // connection/external id → how often
	order   []string       // of the applied
	writes  map[string]int // connection → calls of submit
	active  map[string]int // connection → calls under way
	most    map[string]int
	checks  int

	// rule, when set, may answer instead; nil leaves the answer to the ATS.
	rule func(connection string, it sdk.SubmitItem) *said
	// hold, when set, is called while the call is under way.
	hold func(ctx context.Context, connection string) error
	// checked, when set, answers checks.
	checked func(connection string) (sdk.CheckReply, error)
	found   func(sdk.FindRequest) (sdk.FindReply, error)
}

func newATS() *ats {
	return &ats{
		applied: make(map[string]int), writes: make(map[string]int), active: make(map[string]int), most: make(map[string]int),
	}
}

func (a *ats) set(f func(*ats)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f(a)
}

func (a *ats) submit(ctx context.Context, req sdk.SubmitRequest) (sdk.SubmitReply, error) {
	c := req.Connection.ID
	a.mu.Lock()
	a.writes[c]++
	a.active[c]++
	a.most[c] = max(a.most[c], a.active[c])
	hold := a.hold
	a.mu.Unlock()
	defer a.set(func(a *ats) { a.active[c]-- })
	if hold != nil {
		if err := hold(ctx, c); err != nil {
			return sdk.SubmitReply{}, err
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	var reply sdk.SubmitReply
	for _, it := range req.Items {
		o, err := a.one(c, it)
		if err != nil {
			return sdk.SubmitReply{}, err
		}
		reply.Outcomes = append(reply.Outcomes, o)
	}
	return reply, nil
}

func (a *ats) one(c string, it sdk.SubmitItem) (sdk.SubmitOutcome, error) {
	if a.rule != nil {
		if s := a.rule(c, it); s != nil {
			if s.applied {
				a.apply(c, it)
			}
			return s.o, s.err
		}
	}
	return a.apply(c, it), nil
}

func (a *ats) apply(c string, it sdk.SubmitItem) sdk.SubmitOutcome {
	key := c + "/" + it.ExternalID
	a.applied[key]++
	a.order = append(a.order, it.SubmissionID)
	id := fmt.Sprintf("%s-%d", it.ExternalID, a.applied[key])
	return sdk.SubmitOutcome{Kind: sdk.OutcomeCreated, Receipt: sdk.Receipt{CandidateID: "cand-" + id, ApplicationID: "app-" + id}}
}

// doubled counts what was applied more than once.
func (a *ats) doubled() (n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, times := range a.applied {
		if times > 1 {
			n++
		}
	}
	return n
}

func (a *ats) check(_ context.Context, req sdk.CheckRequest) (sdk.CheckReply, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.checks++
	if a.checked != nil {
		return a.checked(req.Connection.ID)
	}
	return sdk.CheckReply{Items: []sdk.CheckItem{{ID: "credentials", OK: true}}}, nil
}

func (a *ats) find(_ context.Context, req sdk.FindRequest) (sdk.FindReply, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.found != nil {
		return a.found(req)
	}
	var reply sdk.FindReply
	if n := a.applied[req.Connection.ID+"/"+req.ExternalID]; n > 0 {
		reply.Matches = []sdk.Match{{By: sdk.FindExternalID, ExternalID: req.ExternalID, Receipt: sdk.Receipt{
			CandidateID: "cand-" + req.ExternalID, ApplicationID: "app-" + req.ExternalID,
		}}}
	}
	return reply, nil
}

func (a *ats) writesOf(connection string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.writes[connection]
}

func (a *ats) mostOf(connection string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.most[connection]
}

func (a *ats) checksMade() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.checks
}
