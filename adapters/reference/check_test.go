package main

import (
	"bufio"
	"encoding/json"
	"net/http"
	"os/exec"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/adapters/reference/simulator"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

func TestCheck_SaysWhatWorksAndWhatToDo(t *testing.T) {
	t.Parallel()
	w := setup(t)
	good, err := w.Check(t.Context(), sdk.CheckRequest{Connection: w.conn})
	require.NoError(t, err)
	require.True(t, good.OK())
	require.Equal(t, "acc1", good.AccountID)
	require.Equal(t, 7, good.JobsVisible)

	w.ask(http.MethodPost, "/control/revoke", map[string]any{"key": simulator.Key(1), "revoked": true}, nil)
	bad, err := w.Check(t.Context(), sdk.CheckRequest{Connection: w.conn})
	require.NoError(t, err)
	require.False(t, bad.OK())
	require.Equal(t, sdk.KindAuth, bad.Items[0].Kind)
	require.Equal(t, sdk.TurnEmployer, bad.Items[0].Turn)
	require.NotEmpty(t, bad.Items[0].Remedy)
}

func TestCheck_WhatIsMissingIsAnItemAndAnATSThatIsDownAnError(t *testing.T) {
	t.Parallel()
	w := setup(t)
	for _, field := range []string{fieldBase, fieldKey} {
		conn := sdk.Connection{Settings: map[string]string{fieldBase: w.url}, Credentials: w.conn.Credentials}
		if field == fieldBase {
			conn.Settings = nil
		} else {
			conn.Credentials = nil
		}
		r, err := w.Check(t.Context(), sdk.CheckRequest{Connection: conn})
		require.NoError(t, err)
		require.Equal(t, sdk.KindConfigRequired, r.Items[0].Kind, field)
		require.NotEmpty(t, r.Items[0].Remedy)
	}
	w.fault(simulator.Fault{Kind: "fail_before"})
	_, err := w.Check(t.Context(), sdk.CheckRequest{Connection: w.conn})
	require.Equal(t, sdk.KindTransient, sdk.KindOf(err))
}

func TestListJobs_WalksPagesOfEveryState(t *testing.T) {
	t.Parallel()
	w := setup(t)
	states, page, pages := map[sdk.JobState]int{}, "", 0
	for {
		r, err := w.ListJobs(t.Context(), sdk.ListJobsRequest{Connection: w.conn, Page: page})
		require.NoError(t, err)
		pages++
		for _, j := range r.Jobs {
			states[j.State]++
		}
		require.Equal(t, r.Next == "", r.Complete)
		if page = r.Next; page == "" {
			break
		}
	}
	require.Equal(t, 4, pages)
	require.Equal(t, map[sdk.JobState]int{sdk.JobOpen: 5, sdk.JobClosed: 1, sdk.JobUnlisted: 1}, states)
	require.Equal(t, sdk.JobUnknown, jobState("frozen"))
}

// announced is what "simulate --json" prints.
type announced struct {
	BaseURL   string `json:"base_url"`
	Employers []struct {
		Key string `json:"key"`
	} `json:"employers"`
}

func TestSimulate_ServesUntilItIsToldToEnd(t *testing.T) {
	t.Parallel()
	path := build(t)
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		cmd := exec.CommandContext(t.Context(), path, "simulate", "--json", "--employers", "2")
		stdout, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		line, err := bufio.NewReader(stdout).ReadBytes('\n')
		require.NoError(t, err)
		var a announced
		require.NoError(t, json.Unmarshal(line, &a))
		require.Len(t, a.Employers, 2)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.BaseURL+"/v1/account", nil)
		require.NoError(t, err)
		req.Header.Set("X-Api-Key", a.Employers[1].Key)
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, http.StatusOK, resp.StatusCode)
		require.NoError(t, cmd.Process.Signal(sig))
		require.NoError(t, cmd.Wait(), "ends with code 0")
	}
}
