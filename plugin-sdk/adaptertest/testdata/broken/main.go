// Command broken is an adapter without an ATS behind it, which keeps to the contract but for the one breach
// that the variable MODE names: the tests of the suite want each to be seen.
package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	sdk "github.com/atssync/atssync/plugin-sdk"
	"github.com/atssync/atssync/plugin-sdk/serve"
)

const goodKey = "broken-adapter-key"

func main() { serve.Main(&adapter{mode: os.Getenv("MODE")}) }

type adapter struct {
	mode     string
	calls    atomic.Int64
	late     atomic.Int64 // how often it was asked for what it shows late
	mu       sync.Mutex
	receipts map[string]sdk.Receipt
}

func (a *adapter) is(mode string) bool { return a.mode == mode }

func exchanged() sdk.Meta {
	return sdk.Meta{Exchanges: []sdk.Exchange{{Method: "POST", Endpoint: "/v1/things", Status: 200, StartedAt: time.Now()}}}
}

func (a *adapter) Describe(context.Context, sdk.DescribeRequest) (sdk.Manifest, error) {
	m := sdk.Manifest{
		Name: "broken", Label: "Broken", Version: "1.0.0", ContractMin: 1, ContractMax: 1,
		Powers:  []sdk.Power{sdk.PowerListJobs, sdk.PowerSubmit, sdk.PowerReadStatuses, sdk.PowerFind},
		Fields:  []sdk.Field{{Name: "api_key", Label: "API key", Secret: true, Required: true, Who: sdk.WhoEmployer, Help: "The key."}},
		Batch:   sdk.Batch{Submit: 5},
		Find:    sdk.FindExternalID,
		Dedupe:  sdk.DedupeExternalID,
		Deletes: sdk.DeletesHidden,
		Statuses: []sdk.StatusRule{
			{RawStatus: "active", Status: sdk.StatusActive, Native: true},
		},
	}
	if a.is("unstable manifest") {
		m.Version = strconv.FormatInt(a.calls.Add(1), 10)
	}
	if a.is("address by employer") {
		m.Fields = append(m.Fields, sdk.Field{Name: "base_url", Label: "URL", Who: sdk.WhoEmployer, Help: "Any."})
	}
	if a.is("note without length") {
		m.Note = sdk.NoteRule{Format: sdk.NoteHTML}
	}
	return m, nil
}

// open is how the adapter knows good credentials.
func (a *adapter) open(c sdk.Connection) error {
	if c.Value("api_key") == goodKey || a.is("any key") {
		return nil
	}
	e := &sdk.Error{
		Kind: sdk.KindAuth, Message: "the key is not known", Turn: sdk.TurnEmployer, Remedy: "Enter another key.", NotApplied: true,
	}
	if a.is("says nothing") {
		e.Remedy = ""
	}
	return e
}

func (a *adapter) Check(_ context.Context, req sdk.CheckRequest) (sdk.CheckReply, error) {
	out := sdk.CheckReply{Host: "ats.example.com", Meta: exchanged()}
	if a.is("prints the key") {
		fmt.Fprintln(os.Stderr, "checking", req.Connection.Value("api_key"))
	}
	if a.is("panics") {
		panic("no check today")
	}
	item := sdk.CheckItem{ID: "credentials", Label: "API key", OK: true}
	if err := a.open(req.Connection); err != nil {
		e := sdk.AsError(err)
		item.OK, item.Kind, item.Cause, item.Turn, item.Remedy = false, e.Kind, e.Message, e.Turn, e.Remedy
	}
	out.Items = append(out.Items, item)
	return out, nil
}

func (a *adapter) ListJobs(_ context.Context, req sdk.ListJobsRequest) (sdk.ListJobsReply, error) {
	if err := a.open(req.Connection); err != nil {
		return sdk.ListJobsReply{}, err
	}
	out := sdk.ListJobsReply{
		Jobs: []sdk.Job{{ID: "1", Name: "Cook", State: sdk.JobOpen}}, Complete: !a.is("never complete"), Meta: exchanged(),
	}
	if a.is("endless pages") {
		out.Next, out.Complete = "2", false
	}
	return out, nil
}

func (a *adapter) Submit(_ context.Context, req sdk.SubmitRequest) (sdk.SubmitReply, error) {
	if err := a.open(req.Connection); err != nil {
		return sdk.SubmitReply{}, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.receipts == nil {
		a.receipts = map[string]sdk.Receipt{}
	}
	out := sdk.SubmitReply{Meta: exchanged()}
	for _, item := range req.Items {
		out.Outcomes = append(out.Outcomes, a.submit(item))
	}
	if a.is("tells no exchange") {
		out.Meta = sdk.Meta{}
	}
	if a.is("swaps outcomes") && len(out.Outcomes) > 1 {
		out.Outcomes[0], out.Outcomes[1] = out.Outcomes[1], out.Outcomes[0]
	}
	if a.is("endpoint with an id") {
		out.Exchanges[0].Endpoint = "/v1/things/" + req.Items[0].ExternalID
	}
	return out, nil
}

func (a *adapter) submit(item sdk.SubmitItem) sdk.SubmitOutcome {
	old, known := a.receipts[item.ExternalID]
	switch {
	case item.JobID != "1" && !a.is("takes any job"):
		e := &sdk.Error{Kind: sdk.KindNotFound, Subject: sdk.SubjectJob, Message: "there is no such job", Turn: sdk.TurnEmployer}
		if a.is("untyped refusal") {
			e.Kind = sdk.KindInternal
		}
		if a.is("repeats the person") {
			e.Message += " for " + item.Person.Emails[0].Address
		}
		return sdk.SubmitOutcome{Kind: sdk.OutcomeFailed, Err: e}
	case known && !a.is("doubles"):
		return sdk.SubmitOutcome{Kind: sdk.OutcomeAlreadyApplied, Receipt: old}
	}
	n := strconv.Itoa(len(a.receipts) + int(a.calls.Add(1)))
	r := sdk.Receipt{CandidateID: "c" + n, ApplicationID: "a" + n}
	a.receipts[item.ExternalID] = r
	return sdk.SubmitOutcome{Kind: sdk.OutcomeCreated, Receipt: r}
}

func (a *adapter) ReadStatuses(_ context.Context, req sdk.ReadStatusesRequest) (sdk.ReadStatusesReply, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := sdk.ReadStatusesReply{Meta: exchanged()}
	for _, ref := range req.Applications {
		r, ok := a.receipts[ref.ExternalID]
		if !ok && a.is("unknown is an error") {
			return out, &sdk.Error{Kind: sdk.KindNotFound, Message: "one is not there"}
		}
		if ok && a.is("shows late") && a.late.Add(1) < 4 {
			continue
		}
		if ok && !a.is("forgets") {
			out.Readings = append(out.Readings, sdk.Reading{
				CandidateID: r.CandidateID, ApplicationID: r.ApplicationID, Raw: sdk.RawStatus{Status: "active"},
			})
		}
	}
	return out, nil
}

func (a *adapter) Find(_ context.Context, req sdk.FindRequest) (sdk.FindReply, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	r, ok := a.receipts[req.ExternalID]
	if a.is("finds nothing") || !ok && !a.is("finds anything") {
		return sdk.FindReply{Meta: exchanged()}, nil
	}
	return sdk.FindReply{Matches: []sdk.Match{{By: sdk.FindExternalID, ExternalID: req.ExternalID, Receipt: r}}, Meta: exchanged()}, nil
}
