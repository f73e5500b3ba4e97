package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/adapters/reference/simulator"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// world is an adapter in this process with its ATS.
type world struct {
	*adapter

	t    *testing.T
	sim  *simulator.Simulator
	url  string
	conn sdk.Connection
}

// The jobs of the first employer by what they do.
const (
	openJob    = "job1-1"
	closedJob  = "job1-4"
	pendingJob = "job1-6"
	blockedJob = "job1-7"
)

func setup(t *testing.T) *world {
	t.Helper()
	sim := simulator.New(simulator.Options{})
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	a := newAdapter()
	t.Cleanup(a.client.Close)
	return &world{adapter: a, t: t, sim: sim, url: server.URL, conn: sdk.Connection{
		ID:       "con_1",
		Settings: map[string]string{fieldBase: server.URL},
		Credentials: map[string]sdk.Secret{
			fieldKey: sdk.Secret(simulator.Key(1)), fieldSecret: sdk.Secret(simulator.WebhookSecret(1)),
		},
	}}
}

func item(externalID, job string) sdk.SubmitItem {
	return sdk.SubmitItem{
		SubmissionID: "sub_" + externalID, ExternalID: externalID, JobID: job, As: sdk.AsCandidate,
		Person: sdk.Person{
			FirstName: "Zoë", LastName: "Sample", Emails: []sdk.Email{{Address: externalID + "@example.com", Type: "personal"}},
		},
	}
}

func (w *world) submit(items ...sdk.SubmitItem) ([]sdk.SubmitOutcome, error) {
	r, err := w.Submit(w.t.Context(), sdk.SubmitRequest{Connection: w.conn, Items: items})
	return r.Outcomes, err
}

// one submits one item and wants an outcome.
func (w *world) one(it sdk.SubmitItem) sdk.SubmitOutcome {
	w.t.Helper()
	out, err := w.submit(it)
	require.NoError(w.t, err)
	require.Len(w.t, out, 1)
	return out[0]
}

// ask calls the simulator's other doors.
func (w *world) ask(method, path string, in, out any) {
	w.t.Helper()
	b, err := json.Marshal(in)
	require.NoError(w.t, err)
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.url+path, bytes.NewReader(b))
	require.NoError(w.t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(w.t, err)
	defer func() { _ = resp.Body.Close() }()
	require.Less(w.t, resp.StatusCode, 300, path)
	if out != nil {
		require.NoError(w.t, json.NewDecoder(resp.Body).Decode(out))
	}
}

func (w *world) fault(f simulator.Fault) { w.ask(http.MethodPost, "/control/faults", f, nil) }

func (w *world) people(externalID string) int {
	var n struct {
		People int `json:"people"`
	}
	w.ask(http.MethodGet, "/adaptertest/people?external_id="+externalID, nil, &n)
	return n.People
}
