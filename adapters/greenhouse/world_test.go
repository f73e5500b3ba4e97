package main

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/adapters/greenhouse/simulator"
	sdk "github.com/atssync/atssync/plugin-sdk"
	"github.com/atssync/atssync/plugin-sdk/rest"
)

// world is the adapter in front of a simulated Greenhouse with one employer that the tests look at.
type world struct {
	t    *testing.T
	sim  *simulator.Server
	emp  *simulator.Employer
	a    *adapter
	conn sdk.Connection
	jobs []simulator.Job
}

// newWorld starts a simulator without read lag and without resume fetches; pairs of switch names and values
// change that.
func newWorld(t *testing.T, pairs ...any) *world {
	t.Helper()
	o := simulator.Options{RandSeed: 7, Switches: simulator.SwitchPatch{
		"read_lag": json.RawMessage(`"0s"`), "resume_fetch": json.RawMessage(`"never"`),
	}}
	for i := 0; i < len(pairs); i += 2 {
		value, err := json.Marshal(pairs[i+1])
		require.NoError(t, err)
		o.Switches[pairs[i].(string)] = value
	}
	sim, err := simulator.New(o)
	require.NoError(t, err)
	web := httptest.NewServer(sim)
	w := &world{t: t, sim: sim, emp: sim.Employers()[0], a: &adapter{client: rest.New(rest.Options{Name: "Greenhouse", Timeout: 2 * time.Second})}}
	t.Cleanup(func() {
		w.a.client.Close()
		sim.Close()
		web.Close()
	})
	w.jobs = w.emp.Jobs()
	w.conn = sdk.Connection{
		ID:          "con_1",
		Settings:    map[string]string{fieldBaseURL: web.URL},
		Credentials: map[string]sdk.Secret{fieldKey: sdk.Secret(w.emp.Key())},
	}
	w.as(simulator.SiteAdmin)
	return w
}

// as makes the first user of a level the acting one.
func (w *world) as(level simulator.Level) {
	w.t.Helper()
	u, ok := w.emp.User(level)
	require.True(w.t, ok)
	w.conn.Settings[fieldActor] = u.Email
}

// item is a submission to the first job with all its fields.
func (w *world) item(externalID string) sdk.SubmitItem {
	item := fullItem()
	item.ExternalID, item.JobID = externalID, fmt.Sprint(w.jobs[0].ID)
	item.PoolID, item.PoolStageID, item.OwnerEmail = "", "", ""
	return item
}

// outcome submits and returns what became of the item; an error of the whole call is its outcome too.
func (w *world) outcome(item sdk.SubmitItem) sdk.SubmitOutcome {
	w.t.Helper()
	reply, err := w.a.Submit(w.t.Context(), sdk.SubmitRequest{Connection: w.conn, Items: []sdk.SubmitItem{item}})
	if err != nil {
		return sdk.SubmitOutcome{Kind: sdk.OutcomeFailed, Err: sdk.AsError(err)}
	}
	require.Len(w.t, reply.Outcomes, 1)
	return reply.Outcomes[0]
}

// created submits and wants a receipt.
func (w *world) created(item sdk.SubmitItem) sdk.Receipt {
	w.t.Helper()
	o := w.outcome(item)
	require.Equal(w.t, sdk.OutcomeCreated, o.Kind, "%v", o.Err)
	require.NotEmpty(w.t, o.Receipt.ApplicationID)
	return o.Receipt
}

// refused submits and wants this kind of refusal, with nobody created by it.
func (w *world) refused(item sdk.SubmitItem, kind sdk.Kind) *sdk.Error {
	w.t.Helper()
	before := w.emp.Counts().Candidates
	o := w.outcome(item)
	require.Equal(w.t, sdk.OutcomeFailed, o.Kind)
	require.Equal(w.t, kind, o.Err.Kind, o.Err.Message)
	require.True(w.t, o.Err.NotApplied)
	require.Equal(w.t, before, w.emp.Counts().Candidates)
	return o.Err
}

// read looks one receipt up.
func (w *world) read(r sdk.Receipt) []sdk.Reading {
	w.t.Helper()
	reply, err := w.a.ReadStatuses(w.t.Context(), sdk.ReadStatusesRequest{
		Connection: w.conn, Applications: []sdk.ApplicationRef{{CandidateID: r.CandidateID, ApplicationID: r.ApplicationID}},
	})
	require.NoError(w.t, err)
	return reply.Readings
}

// ours is the reading of our own application among what was read.
func (w *world) ours(r sdk.Receipt) sdk.Reading {
	w.t.Helper()
	for _, rd := range w.read(r) {
		if rd.ApplicationID == r.ApplicationID {
			return rd
		}
	}
	w.t.Fatalf("application %s was not read", r.ApplicationID)
	return sdk.Reading{}
}

func (w *world) fault(f simulator.Fault) {
	w.t.Helper()
	_, err := w.sim.AddFault(f)
	require.NoError(w.t, err)
}

func (w *world) set(pairs ...any) {
	w.t.Helper()
	patch := simulator.SwitchPatch{}
	for i := 0; i < len(pairs); i += 2 {
		value, err := json.Marshal(pairs[i+1])
		require.NoError(w.t, err)
		patch[pairs[i].(string)] = value
	}
	require.NoError(w.t, w.sim.SetSwitches("", patch))
}

// target names a receipt to the simulator's recruiter.
func target(t *testing.T, r sdk.Receipt) simulator.Target {
	t.Helper()
	var id int64
	_, err := fmt.Sscan(r.ApplicationID, &id)
	require.NoError(t, err)
	return simulator.Target{ApplicationID: id}
}
