// Command hostile is an adapter that misbehaves on request: the crash programme starts it beside a good one. What it does
// stands in the file beside its program with .mode at the end, which is read anew each time: at its start exit or garbage; in
// a call crash, panic, hang, hog, huge or garbage; anything else is a good adapter whose ATS takes everybody.
package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	sdk "github.com/atssync/atssync/plugin-sdk"
	"github.com/atssync/atssync/plugin-sdk/serve"
)

func main() {
	switch mode() {
	case "start-exit":
		fmt.Fprintln(os.Stderr, "no licence for today")
		os.Exit(3)
	case "start-garbage":
		for {
			fmt.Println("noise")
		}
	}
	serve.Main(adapter{out: os.Stdout})
}

// mode is what to do now.
func mode() string {
	self, err := os.Executable()
	if err != nil {
		return ""
	}
	b, err := os.ReadFile(strings.TrimSuffix(self, " (deleted)") + ".mode")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// adapter keeps the standard output that it was started with.
type adapter struct{ out *os.File }

// Describe implements sdk.Adapter.
func (adapter) Describe(context.Context, sdk.DescribeRequest) (sdk.Manifest, error) {
	return sdk.Manifest{
		Name: "hostile", Label: "Hostile ATS", Version: "0.1.0", ContractMin: 1, ContractMax: 1,
		Powers: []sdk.Power{sdk.PowerListJobs, sdk.PowerSubmit},
		Fields: []sdk.Field{{Name: "key", Label: "Key", Secret: true, Required: true, Who: sdk.WhoEmployer}},
		Limits: []sdk.Limit{{Scope: "credential", Requests: 2000, Per: time.Second, Burst: 2000}},
		Batch:  sdk.Batch{Submit: 1, ReadStatuses: 1},
		Find:   sdk.FindNone, Dedupe: sdk.DedupeNone, Deletes: sdk.DeletesVisible,
		Note: sdk.NoteRule{Format: sdk.NotePlain, Max: 10_000},
	}, nil
}

// Check implements sdk.Adapter.
func (adapter) Check(context.Context, sdk.CheckRequest) (sdk.CheckReply, error) {
	return sdk.CheckReply{
		Items: []sdk.CheckItem{{ID: "key", Label: "The key is accepted", OK: true}}, Host: "ats.example.com", AccountID: "hostile-1", AccountName: "Hostile", JobsVisible: 1,
	}, nil
}

// ListJobs implements sdk.JobLister.
func (adapter) ListJobs(context.Context, sdk.ListJobsRequest) (sdk.ListJobsReply, error) {
	return sdk.ListJobsReply{Jobs: []sdk.Job{{ID: "1", Name: "Engineer", State: sdk.JobOpen}}, Complete: true}, nil
}

var hoard [][]byte

// Submit implements sdk.Submitter.
func (a adapter) Submit(_ context.Context, req sdk.SubmitRequest) (sdk.SubmitReply, error) {
	id := req.Items[0].ExternalID
	receipt := sdk.Receipt{CandidateID: "c-" + id, ApplicationID: "a-" + id}
	switch mode() {
	case "crash":
		os.Exit(7)
	case "panic":
		panic("nobody recovers from this")
	case "hang":
		time.Sleep(time.Hour)
	case "hog":
		for range 64 {
			hoard = append(hoard, bytes.Repeat([]byte{1}, 4<<20))
		}
	case "huge":
		receipt.ProfileURL = "https://ats.example.com/" + strings.Repeat("x", 64<<20)
	case "garbage":
		for range 200 {
			_, _ = a.out.Write(bytes.Repeat([]byte("noise 1|1|unix|/nowhere|grpc\n"), 2000))
			fmt.Println(strings.Repeat("x", 64<<10))
		}
	}
	return sdk.SubmitReply{Outcomes: []sdk.SubmitOutcome{{Kind: sdk.OutcomeCreated, Receipt: receipt}}}, nil
}
