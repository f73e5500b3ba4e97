package simulator

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// call makes one request as the first employer.
func call(t *testing.T, url, method, path, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url+path, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("X-Api-Key", Key(1))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(b)
}

func setup(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(New(Options{Employers: 2}))
	t.Cleanup(server.Close)
	return server.URL
}

const good = `{"applications":[{"external_id":"x-1","job_id":"job1-1","person":{"first_name":"A","last_name":"B","email":"a@example.com"}}]}`

func TestFaults_AreTakenInOrderAndRunOut(t *testing.T) {
	t.Parallel()
	url := setup(t)
	for _, f := range []string{
		`{"kind":"fail_before","on":"read","count":2}`, `{"kind":"rate","on":"write"}`, `{"kind":"cut_before","on":"write"}`,
	} {
		status, _ := call(t, url, "POST", "/control/faults", f)
		require.Equal(t, http.StatusNoContent, status)
	}
	for _, want := range []int{503, 503, 200} {
		status, _ := call(t, url, "GET", "/v1/account", "")
		require.Equal(t, want, status)
	}
	for _, want := range []int{429, 0, 201} {
		status, _ := call(t, url, "POST", "/v1/applications", good)
		require.Equal(t, want, status)
	}
}

func TestFaults_EveryNthAndCleared(t *testing.T) {
	t.Parallel()
	url := setup(t)
	call(t, url, "POST", "/control/faults", `{"kind":"fail_before","every":3,"count":-1}`)
	var failed int
	for range 9 {
		if status, _ := call(t, url, "GET", "/v1/account", ""); status == 503 {
			failed++
		}
	}
	require.Equal(t, 3, failed)
	status, _ := call(t, url, "DELETE", "/control/faults", "")
	require.Equal(t, http.StatusNoContent, status)
	for range 9 {
		status, _ := call(t, url, "GET", "/v1/account", "")
		require.Equal(t, 200, status)
	}
}

func TestControl_WhatIsWrongIsRefused(t *testing.T) {
	t.Parallel()
	url := setup(t)
	for path, c := range map[string]struct {
		body string
		want int
	}{
		"/control/faults":    {`{"kind":"earthquake"}`, 400},
		"/control/move":      {`{"id":"nobody"}`, 404},
		"/control/job":       {`{"id":"nothing"}`, 404},
		"/control/revoke":    {`{"key":"nothing"}`, 404},
		"/control/webhook":   {`{"id":"nobody"}`, 404},
		"/adaptertest/fault": {`{"fault":"earthquake"}`, 400},
	} {
		status, _ := call(t, url, "POST", path, c.body)
		require.Equal(t, c.want, status, path)
		status, _ = call(t, url, "POST", path, "{")
		require.Equal(t, 400, status, path)
	}
	status, _ := call(t, url, "POST", "/v1/applications", `{"applications":[]}`)
	require.Equal(t, 400, status)
}

func TestControl_StateCountsPeopleAndDoubledOnes(t *testing.T) {
	t.Parallel()
	url := setup(t)
	call(t, url, "POST", "/v1/applications", good)
	for range 2 {
		call(t, url, "POST", "/v1/people", `{"external_id":"x-2","first_name":"C","email":"c@example.com"}`)
	}
	_, body := call(t, url, "GET", "/control/state", "")
	var state struct {
		Employers []struct{ People, Applications, Doubled int } `json:"employers"`
	}
	require.NoError(t, json.Unmarshal([]byte(body), &state))
	require.Equal(t, struct{ People, Applications, Doubled int }{3, 1, 1}, state.Employers[0])
	require.Zero(t, state.Employers[1].People, "employers are apart")
}

func TestRun_SaysWhatIsWrongWithItsArguments(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"--nonsense"}, {"extra"}, {"--listen", "nowhere:x"}} {
		require.Error(t, Run(t.Context(), args, &bytes.Buffer{}, &bytes.Buffer{}))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out bytes.Buffer
	require.NoError(t, Run(ctx, nil, &out, &bytes.Buffer{}))
	require.Contains(t, out.String(), "base_url http://127.0.0.1:")
	require.Contains(t, out.String(), Key(1))
}

// FuzzApplications posts anything: every answer is JSON, and nobody is made without a name.
func FuzzApplications(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte(`{"applications":[{"external_id":"x","prospect":true,"person":{"first_name":"A","email":"a@b"}}]}`))
	f.Add([]byte(`{"applications":[{"person_id":"per-acc1-1"},null]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		s := New(Options{})
		for _, path := range []string{"/v1/applications", "/v1/people"} {
			r := httptest.NewRequest(http.MethodPost, path, bytes.NewReader(b))
			r.Header.Set("X-Api-Key", Key(1))
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			require.True(t, json.Valid(w.Body.Bytes()))
		}
	})
}

func TestHooks_AreSignedAndSentInOrderUntilTheyAreTaken(t *testing.T) {
	t.Parallel()
	sim := New(Options{Employers: 2})
	t.Cleanup(sim.Close)
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	type taken struct{ event, stage string }
	got := make(chan taken, 10)
	var tries atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if tries.Add(1) == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		var hook struct {
			Event       string      `json:"event"`
			Application Application `json:"application"`
		}
		if r.Header.Get("X-Reference-Signature") != Sign(WebhookSecret(1), body) || json.Unmarshal(body, &hook) != nil {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		got <- taken{hook.Event, hook.Application.Stage}
	}))
	t.Cleanup(other.Close)
	call(t, server.URL, "POST", "/v1/applications", good)
	status, _ := call(t, server.URL, "POST", "/control/hooks", `{"url":"`+other.URL+`"}`)
	require.Equal(t, http.StatusNoContent, status)
	for _, stage := range []string{"Review", "Interview"} {
		call(t, server.URL, "POST", "/control/move", `{"external_id":"x-1","stage":"`+stage+`"}`)
	}
	require.Equal(t, taken{"evt-acc1-2", "Review"}, <-got)
	require.Equal(t, taken{"evt-acc1-3", "Interview"}, <-got)
	require.Eventually(t, func() bool {
		_, body := call(t, server.URL, "GET", "/control/hooks", "")
		return strings.Count(body, `"taken":true`) == 2
	}, 10*time.Second, 10*time.Millisecond)
	status, _ = call(t, server.URL, "POST", "/control/hooks", `{"key":"nobody","url":"`+other.URL+`"}`)
	require.Equal(t, http.StatusNotFound, status)
	call(t, server.URL, "POST", "/control/hooks", `{"url":""}`)
	call(t, server.URL, "POST", "/control/move", `{"external_id":"x-1","stage":"Offer"}`)
	_, body := call(t, server.URL, "GET", "/control/hooks", "")
	require.NotContains(t, body, "Offer")
}
