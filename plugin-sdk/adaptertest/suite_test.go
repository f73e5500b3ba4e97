package adaptertest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	sdk "github.com/atssync/atssync/plugin-sdk"
	"github.com/atssync/atssync/plugin-sdk/adaptertest"
	"github.com/atssync/atssync/plugin-sdk/host"
)

const goodKey = "broken-adapter-key"

// world holds the built test adapter.
type world struct{ adapter string }

var built world

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "broken")
	if err != nil {
		panic(err)
	}
	built.adapter = filepath.Join(dir, "broken")
	if out, err := exec.Command("go", "build", "-o", built.adapter, "./testdata/broken").CombinedOutput(); err != nil {
		fmt.Fprintln(os.Stderr, err, string(out))
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

func options(mode string) adaptertest.Options {
	return adaptertest.Options{
		Path: built.adapter, Env: []string{"MODE=" + mode}, Write: true, ReadLag: time.Second,
		Credentials: map[string]sdk.Secret{"api_key": goodKey},
	}
}

// failed returns the reasons of what failed, by name.
func failed(v adaptertest.Verdict) map[string]string {
	out := map[string]string{}
	for _, r := range v.Results {
		if r.Outcome == adaptertest.Failed {
			out[r.Name] = r.Reason
		}
	}
	return out
}

func TestSuite_AnAdapterThatKeepsToTheContractPasses(t *testing.T) {
	t.Parallel()
	v := adaptertest.Test(t, options(""))
	require.True(t, v.OK(), failed(v))
	require.Greater(t, v.Count(adaptertest.Passed), 15)
	require.Positive(t, v.Count(adaptertest.Skipped))
}

func TestSuite_EachBreachIsSeenByItsCheck(t *testing.T) {
	t.Parallel()
	for mode, want := range map[string]string{
		"unstable manifest":   "describe is stable",
		"address by employer": "describe asks safely",
		"note without length": "describe is whole",
		"any key":             "check refuses",
		"says nothing":        "bad credentials",
		"prints the key":      "nothing secret is said",
		"panics":              "check accepts",
		"never complete":      "jobs",
		"endless pages":       "jobs",
		"tells no exchange":   "submit",
		"swaps outcomes":      "submit: batch",
		"endpoint with an id": "endpoints are templates",
		"takes any job":       "submit: refused item",
		"untyped refusal":     "submit: refused item",
		"repeats the person":  "nothing secret is said",
		"doubles":             "submit: repetition",
		"unknown is an error": "unknown ids",
		"forgets":             "read back",
		"finds nothing":       "find",
		"finds anything":      "find nobody",
	} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			v, err := adaptertest.Run(t.Context(), options(mode), nil)
			require.NoError(t, err)
			require.False(t, v.OK())
			require.Contains(t, failed(v), want)
		})
	}
}

func TestSuite_AFakeThatCountsTwoPeopleFailsEveryCheckThatCounts(t *testing.T) {
	t.Parallel()
	fake := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/adaptertest":
			_ = json.NewEncoder(w).Encode(map[string]any{"credentials": map[string]string{"api_key": goodKey}})
		case "/adaptertest/people":
			_ = json.NewEncoder(w).Encode(map[string]int{"people": 2})
		default:
			http.NotFound(w, r)
		}
	}))
	defer fake.Close()
	v, err := adaptertest.Run(t.Context(), adaptertest.Options{Path: built.adapter, Fake: fake.URL}, nil)
	require.NoError(t, err)
	require.Contains(t, failed(v)["submit"], "2 people of one submission")
	require.Contains(t, failed(v)["submit: batch"], "2 people")
	require.Contains(t, failed(v)["submit: refused item"], "made 2 people")
	require.Contains(t, failed(v)["submit: repetition"], "2 people")
}

func TestSuite_AnATSThatShowsLateWhatWasWrittenIsWaitedFor(t *testing.T) {
	t.Parallel()
	o := options("shows late")
	o.ReadLag = 10 * time.Second
	v := adaptertest.Test(t, o)
	require.True(t, v.OK(), failed(v))
	var remarks []string
	for _, r := range v.Results {
		if r.Outcome == adaptertest.Passed && r.Reason != "" {
			remarks = append(remarks, r.Name+": "+r.Reason)
		}
	}
	require.Len(t, remarks, 1)
	require.Regexp(t, `^read back: shown .*s after it was written$`, remarks[0])
}

func TestSuite_LeavesNoFaultBehind(t *testing.T) {
	t.Parallel()
	var set, ended atomic.Int32
	fake := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method + " " + r.URL.Path {
		case "GET /adaptertest":
			_ = json.NewEncoder(w).Encode(map[string]any{"credentials": map[string]string{"api_key": goodKey}})
		case "POST /adaptertest/fault":
			set.Add(1)
			w.WriteHeader(http.StatusNoContent)
		case "DELETE /adaptertest/fault":
			ended.Store(set.Load())
			w.WriteHeader(http.StatusNoContent)
		default:
			http.NotFound(w, r)
		}
	}))
	defer fake.Close()
	v, err := adaptertest.Run(t.Context(), adaptertest.Options{Path: built.adapter, Fake: fake.URL}, nil)
	require.NoError(t, err)
	for _, name := range []string{"no list: jobs", "no list: statuses"} { // this adapter asks no ATS, and so notices no such answer
		require.Contains(t, failed(v)[name], "taken for an empty one")
	}
	require.Positive(t, set.Load())
	require.Equal(t, set.Load(), ended.Load())
}

func TestSuite_NobodyIsMadeInARealATSWithoutLeave(t *testing.T) {
	t.Parallel()
	o := options("")
	o.Write = false
	v, err := adaptertest.Run(t.Context(), o, nil)
	require.NoError(t, err)
	require.True(t, v.OK(), failed(v))
	for _, r := range v.Results {
		if r.Name == "submit" {
			require.Equal(t, adaptertest.Skipped, r.Outcome)
		}
	}
}

func TestSuite_WhatCannotBeRunIsAnErrorAndWhatDoesNotStartAVerdict(t *testing.T) {
	t.Parallel()
	_, err := adaptertest.Run(t.Context(), adaptertest.Options{Path: built.adapter}, nil)
	require.ErrorContains(t, err, "no credentials")

	o := options("")
	o.Path = "/nowhere/adapter"
	_, err = adaptertest.Run(t.Context(), o, nil)
	require.ErrorIs(t, err, host.ErrMissing)

	o.Path = "/bin/true"
	v, err := adaptertest.Run(t.Context(), o, nil)
	require.NoError(t, err)
	require.False(t, v.OK())
	require.Contains(t, failed(v)["start"], "ended before it was ready")

	down := adaptertest.Options{Path: built.adapter, Fake: "http://127.0.0.1:1"}
	_, err = adaptertest.Run(t.Context(), down, nil)
	require.ErrorContains(t, err, "ask the fake")
}

func TestVerdict_PrintsATableThatEndsWithTheVerdict(t *testing.T) {
	t.Parallel()
	v := adaptertest.Verdict{Path: "/opt/adapter", Results: []adaptertest.Result{
		{Name: "start", Outcome: adaptertest.Passed},
		{Name: "find", Outcome: adaptertest.Skipped, Reason: "the manifest does not announce find"},
		{Name: "jobs", Outcome: adaptertest.Failed, Reason: "a job is listed twice"},
	}}
	var out bytes.Buffer
	require.NoError(t, v.Print(&out))
	require.Contains(t, out.String(), "skip  find")
	require.Contains(t, out.String(), "does not conform to the contract: 1 passed, 1 failed, 1 skipped")
	require.False(t, adaptertest.Verdict{}.OK(), "nothing passed")
}

func TestFake_WithoutAFunctionIsUnsupportedAndDescribesItself(t *testing.T) {
	t.Parallel()
	f := &adaptertest.Fake{Manifest: sdk.Manifest{Name: "fake"}}
	m, err := f.Describe(t.Context(), sdk.DescribeRequest{})
	require.NoError(t, err)
	require.Equal(t, "fake", m.Name)
	_, err = f.Submit(t.Context(), sdk.SubmitRequest{})
	require.Equal(t, sdk.KindUnsupported, sdk.KindOf(err))
	f.CheckFunc = func(context.Context, sdk.CheckRequest) (sdk.CheckReply, error) {
		return sdk.CheckReply{Host: "h"}, nil
	}
	r, err := f.Check(t.Context(), sdk.CheckRequest{})
	require.NoError(t, err)
	require.Equal(t, "h", r.Host)
}
