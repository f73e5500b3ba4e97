package simulator

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

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
