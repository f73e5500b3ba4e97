package torture

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	sdk "github.com/atssync/atssync/plugin-sdk"
)

// weather is what calls of the ATS meet, in parts of a thousand.
type weather struct {
	lost      int // taken or not, and nobody is told
	refused   int // the connection is refused: nothing was applied
	throttled int
	slow      int // takes half a minute
	hung      int // never answers
}

// person is somebody in the ATS.
type person struct {
	id, job, title string
	times          int    // how often it was made
	stage          string // what the ATS says about it
}

// ats is an ATS that counts people. What reaches it is judged at one instant and answered at a later one; whoever asked
// may be dead by then.
type ats struct {
	m        *model
	manifest sdk.Manifest
	twoSteps bool

	mu      sync.Mutex
	weather weather
	key     map[string]error // connection → what is wrong with its credential
	closed  map[string]error // connection/job → why it takes nothing
	people  map[string]*person
	doubts  map[string]int // connection → submissions whose answer was lost
	calls   map[string]int
	minutes map[string]int // calls about one person within one minute
}

func (a *ats) set(f func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f()
}

const bad = "nobody" // the title that the ATS refuses

func who(connection, external string) string { return connection + "/" + external }

// answer is what comes back over the wire.
type answer struct {
	reply sdk.SubmitReply
	err   error
}

// submit is the adapter's call. The request goes on without the one who made it.
func (a *ats) submit(ctx context.Context, e *engine, req sdk.SubmitRequest) (sdk.SubmitReply, error) {
	c := req.Connection.ID
	key := who(c, req.Items[0].ExternalID)
	var dice uint64
	var w weather
	a.set(func() {
		a.calls[key]++
		a.minutes[fmt.Sprint(key, time.Now().Unix()/60)]++
		dice, w = mix(a.m.seed+uint64(a.calls[key]), "call", key), a.weather
	})
	luck, wait := int(dice%1000), time.Duration(dice>>10%uint64(500*time.Millisecond))+1
	a.m.trace("call %s %d", key, len(req.Items))
	if a.m.point(e, "call") {
		return sdk.SubmitReply{}, errDead
	}
	if luck -= w.refused; luck < 0 {
		return sdk.SubmitReply{}, &sdk.Error{Kind: sdk.KindTransient, NotApplied: true, Message: "refused", Turn: sdk.TurnATS}
	}
	if luck -= w.throttled; luck < 0 {
		return sdk.SubmitReply{}, &sdk.Error{Kind: sdk.KindRateLimited, Status: 429, RetryAfter: 7 * time.Second, Turn: sdk.TurnATS}
	}
	if luck -= w.slow; luck < 0 {
		wait += 30 * time.Second
	}
	lost, before := false, dice>>40&1 == 1
	if luck >= 0 && luck < w.lost {
		lost = true
	}
	hung := luck >= w.lost && luck < w.lost+w.hung
	back := make(chan answer, 1)
	time.AfterFunc(wait, func() {
		var got answer
		a.set(func() {
			if !lost || !before {
				got = a.judge(c, req)
			}
			if lost || hung {
				a.doubts[c] += len(req.Items)
			}
		})
		if a.m.point(e, "applied") || hung {
			return
		}
		if lost {
			got = answer{err: lostAs(dice >> 41)}
		}
		time.AfterFunc(wait/3+1, func() { back <- got })
	})
	deadline, cancel := context.WithTimeout(ctx, time.Minute+wait) // as the fleet has one
	defer cancel()
	select {
	case got := <-back:
		if a.m.point(e, "answered") {
			return sdk.SubmitReply{}, errDead
		}
		return got.reply, got.err
	case <-deadline.Done():
		return sdk.SubmitReply{}, deadline.Err()
	}
}

// lostAs are the ways in which an answer is lost.
func lostAs(n uint64) error {
	switch n % 4 {
	case 0:
		return &sdk.Error{Kind: sdk.KindAmbiguous, Message: "the connection broke", Turn: sdk.TurnATS}
	case 1:
		return &sdk.Error{Kind: sdk.KindTransient, Status: 502, Message: "bad gateway", Turn: sdk.TurnATS}
	case 2:
		return &sdk.Error{Kind: sdk.KindRemoteChanged, Status: 201, Message: "no JSON", Turn: sdk.TurnATS}
	}
	return errors.New("the plugin's process ended")
}

// judge is the ATS's side of a call.
func (a *ats) judge(c string, req sdk.SubmitRequest) answer {
	if err := a.key[c]; err != nil {
		return answer{err: err}
	}
	var out answer
	for i := range req.Items {
		out.reply.Outcomes = append(out.reply.Outcomes, a.one(c, &req.Items[i]))
	}
	return out
}

func (a *ats) one(c string, it *sdk.SubmitItem) sdk.SubmitOutcome {
	key := who(c, it.ExternalID)
	p := a.people[key]
	if err := a.closed[who(c, it.JobID)]; err != nil && len(it.Continuation) == 0 {
		return failed(err)
	}
	switch {
	case len(it.Continuation) > 0:
		a.m.trace("attached %s", key)
		return created(p)
	case it.Person.Title == bad:
		return failed(&sdk.Error{Kind: sdk.KindInvalid, Status: 422, Message: "nobody is wanted", Turn: sdk.TurnPlatform})
	case p != nil && a.manifest.Dedupe == sdk.DedupeExternalID:
		out := created(p)
		out.Kind = sdk.OutcomeAlreadyApplied
		return out
	case p == nil:
		p = &person{id: fmt.Sprint(len(a.people) + 1), job: it.JobID, title: it.Person.Title, stage: "new"}
		a.people[key] = p
	}
	p.times++
	a.m.trace("applied %s %s %d", key, p.title, p.times)
	if a.twoSteps {
		return sdk.SubmitOutcome{Kind: sdk.OutcomeContinue, Continuation: []byte("person " + p.id)}
	}
	return created(p)
}

func failed(err error) sdk.SubmitOutcome {
	return sdk.SubmitOutcome{Kind: sdk.OutcomeFailed, Err: sdk.AsError(err)}
}

func created(p *person) sdk.SubmitOutcome {
	return sdk.SubmitOutcome{Kind: sdk.OutcomeCreated, Receipt: p.receipt()}
}

func (p *person) receipt() sdk.Receipt {
	return sdk.Receipt{CandidateID: p.id, ApplicationID: "a" + p.id, ProfileURL: p.page()}
}

// page is the address of the person's page in the ATS.
func (p *person) page() string { return "https://ats.example.com/people/" + p.id }

// asked is what every read meets.
func (a *ats) asked(e *engine, c, what string) error {
	if a.m.point(e, what) {
		return errDead
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.key[c]; err != nil {
		return err
	}
	if a.weather.lost+a.weather.hung >= 900 {
		return &sdk.Error{Kind: sdk.KindTransient, Status: 503, Message: "unavailable", Turn: sdk.TurnATS}
	}
	return nil
}

func (a *ats) check(e *engine, req sdk.CheckRequest) (sdk.CheckReply, error) {
	if err := a.asked(e, req.Connection.ID, "check"); err != nil {
		return sdk.CheckReply{}, err
	}
	return sdk.CheckReply{Items: []sdk.CheckItem{{ID: "credentials", OK: true}}}, nil
}

func (a *ats) find(e *engine, req sdk.FindRequest) (sdk.FindReply, error) {
	if err := a.asked(e, req.Connection.ID, "find"); err != nil {
		return sdk.FindReply{}, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	var out sdk.FindReply
	if p := a.people[who(req.Connection.ID, req.ExternalID)]; p != nil {
		out.Matches = []sdk.Match{{By: sdk.FindExternalID, ExternalID: req.ExternalID, Receipt: p.receipt()}}
	}
	return out, nil
}

func (a *ats) read(e *engine, req sdk.ReadStatusesRequest) (sdk.ReadStatusesReply, error) {
	if err := a.asked(e, req.Connection.ID, "read"); err != nil {
		return sdk.ReadStatusesReply{}, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	var out sdk.ReadStatusesReply
	for _, ref := range req.Applications {
		if p := a.people[who(req.Connection.ID, ref.ExternalID)]; p != nil && (ref.CandidateID == "" || p.id == ref.CandidateID) {
			out.Readings = append(out.Readings, sdk.Reading{
				CandidateID: p.id, ApplicationID: "a" + p.id, ExternalID: ref.ExternalID, JobID: p.job, ProfileURL: p.page(),
				Raw: sdk.RawStatus{Status: "active", StageID: p.stage, StageName: p.stage},
			})
		}
	}
	return out, nil
}

func (a *ats) jobs(e *engine, req sdk.ListJobsRequest) (sdk.ListJobsReply, error) {
	if err := a.asked(e, req.Connection.ID, "jobs"); err != nil {
		return sdk.ListJobsReply{}, err
	}
	out := sdk.ListJobsReply{Complete: true}
	for _, j := range jobs {
		out.Jobs = append(out.Jobs, sdk.Job{ID: "ats-" + j, Name: j, State: sdk.JobOpen})
	}
	return out, nil
}

// manifests are the kinds of ATS that behave differently.
func manifests() []sdk.Manifest {
	base := sdk.Manifest{
		Name: "fake", Label: "Fake", Find: sdk.FindNone, Dedupe: sdk.DedupeNone, Note: sdk.NoteRule{Format: sdk.NotePlain, Max: 10_000},
		Powers:     []sdk.Power{sdk.PowerSubmit, sdk.PowerReadStatuses, sdk.PowerListJobs},
		ProfileURL: `^https://ats\.example\.com/people/(?P<candidate>\d+)$`,
	}
	finds := base
	finds.Find, finds.Powers = sdk.FindExternalID, append(slices.Clone(base.Powers), sdk.PowerFind)
	many := finds
	many.InFlight = map[sdk.Power]int{sdk.PowerSubmit: 3}
	batch := finds
	batch.Batch.Submit = 2
	knows := base
	knows.Dedupe = sdk.DedupeExternalID
	return []sdk.Manifest{base, base, base, finds, many, batch, knows}
}
