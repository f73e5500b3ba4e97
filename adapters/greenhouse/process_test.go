package main

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/adapters/greenhouse/simulator"
	sdk "github.com/atssync/atssync/plugin-sdk"
	"github.com/atssync/atssync/plugin-sdk/adaptertest"
	"github.com/atssync/atssync/plugin-sdk/host"
)

// binary builds the adapter as it is shipped.
func binary(t *testing.T, flags ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "greenhouse")
	args := append([]string{"build", "-o", path}, append(flags, ".")...)
	out, err := exec.CommandContext(t.Context(), "go", args...).CombinedOutput()
	require.NoError(t, err, string(out))
	return path
}

func launch(t *testing.T, path string) *host.Process {
	t.Helper()
	p, err := host.Launch(t.Context(), host.Options{Path: path, PartnerName: "Talent Cove"})
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = p.Stop(ctx)
	})
	return p
}

func TestConformance(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	v := adaptertest.Test(t, adaptertest.Options{Path: binary(t, "-race"), Fake: w.conn.Settings[fieldBaseURL]})
	for _, r := range v.Results {
		if r.Outcome == adaptertest.Skipped {
			require.Contains(t, []string{
				// What the partner API does not have, and what a single write is not.
				"vocabulary", "changes", "changes: lost cursor", "find nobody", "forged webhook", "find",
				"submit: batch", "submit: repetition", "submit: two steps",
			}, r.Name, r.Reason)
		}
	}
	require.Empty(t, w.emp.Doubled())
}

func TestProcess_TheWholeJobOverTheWire(t *testing.T) {
	t.Parallel()
	path := binary(t)
	t.Run("main job", func(t *testing.T) {
		t.Parallel()
		w, c := newWorld(t), launch(t, path).Client()
		m, err := c.Describe(t.Context(), sdk.DescribeRequest{PartnerName: "Talent Cove"})
		require.NoError(t, err)
		require.Equal(t, "greenhouse", m.Name)
		checked, err := c.Check(t.Context(), sdk.CheckRequest{Connection: w.conn})
		require.NoError(t, err)
		require.True(t, checked.OK())
		jobs, err := c.ListJobs(t.Context(), sdk.ListJobsRequest{Connection: w.conn})
		require.NoError(t, err)
		require.Len(t, jobs.Jobs, checked.JobsVisible)
		sent, err := c.Submit(t.Context(), sdk.SubmitRequest{Connection: w.conn, Items: []sdk.SubmitItem{w.item("pl-1")}})
		require.NoError(t, err)
		require.Equal(t, sdk.OutcomeCreated, sent.Outcomes[0].Kind)
		require.Len(t, sent.Exchanges, 1)
		r := sent.Outcomes[0].Receipt
		read, err := c.ReadStatuses(t.Context(), sdk.ReadStatusesRequest{
			Connection: w.conn, Applications: []sdk.ApplicationRef{{CandidateID: r.CandidateID, ApplicationID: r.ApplicationID}},
		})
		require.NoError(t, err)
		require.Equal(t, "Application Review", read.Readings[0].Raw.StageName)
		pools, err := c.ListPools(t.Context(), sdk.ListPoolsRequest{Connection: w.conn})
		require.NoError(t, err)
		require.Len(t, pools.Pools, 2)
		link, err := c.TrackingLink(t.Context(), sdk.TrackingLinkRequest{Connection: w.conn, JobID: jobs.Jobs[0].ID})
		require.NoError(t, err)
		require.NotEmpty(t, link.URL)
		_, err = c.Find(t.Context(), sdk.FindRequest{Connection: w.conn, ExternalID: "pl-1"})
		require.Equal(t, sdk.KindUnsupported, sdk.KindOf(err))
	})
	t.Run("refusals keep their kind", func(t *testing.T) {
		t.Parallel()
		w, c := newWorld(t), launch(t, path).Client()
		require.NoError(t, w.emp.CloseJob(simulator.JobRef{ID: w.jobs[0].ID}))
		sent, err := c.Submit(t.Context(), sdk.SubmitRequest{Connection: w.conn, Items: []sdk.SubmitItem{w.item("pl-1")}})
		require.NoError(t, err)
		require.Equal(t, sdk.KindNotFound, sent.Outcomes[0].Err.Kind)
		require.Equal(t, sdk.SubjectJob, sent.Outcomes[0].Err.Subject)
		require.True(t, sent.Outcomes[0].Err.NotApplied)
		require.NoError(t, w.emp.RevokeKey(""))
		_, err = c.ListJobs(t.Context(), sdk.ListJobsRequest{Connection: w.conn})
		require.Equal(t, sdk.KindAuth, sdk.KindOf(err))
		require.Len(t, sdk.AsError(err).Exchanges, 1)
	})
	t.Run("killed in the middle of a write", func(t *testing.T) {
		t.Parallel()
		w, p := newWorld(t), launch(t, path)
		w.fault(simulator.Fault{Kind: simulator.FaultHangAfter, Method: http.MethodPost, Count: 1})
		ended := make(chan error, 1)
		go func() {
			_, err := p.Client().Submit(t.Context(), sdk.SubmitRequest{Connection: w.conn, Items: []sdk.SubmitItem{w.item("pl-1")}})
			ended <- err
		}()
		require.Eventually(t, func() bool { return len(w.emp.ByExternalID("pl-1")) == 1 }, 10*time.Second, 5*time.Millisecond)
		proc, err := os.FindProcess(p.PID())
		require.NoError(t, err)
		require.NoError(t, proc.Kill())
		e := sdk.AsError(<-ended)
		require.Equal(t, sdk.KindInternal, e.Kind)
		require.False(t, e.NotApplied)
		require.Len(t, w.emp.ByExternalID("pl-1"), 1)
	})
}
