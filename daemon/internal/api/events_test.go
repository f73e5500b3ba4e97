package api

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

func TestEvents_HaveNoGapsPerConnectionAndOneCursorOverAll(t *testing.T) {
	t.Parallel()
	w, ctx := setup(t), t.Context()
	a, b := w.connected("acme", "ada@example.com"), w.connected("globex", "bob@example.com")
	for i := range 3 {
		w.submitted(a, fmt.Sprintf("a-%d", i), "job-1")
		w.submitted(b, fmt.Sprintf("b-%d", i), "job-1")
	}
	page, err := w.Events(ctx, EventQuery{Connection: a.ID, Limit: 2})
	require.NoError(t, err)
	require.Len(t, page.Items, 2)
	require.EqualValues(t, 1, page.Items[0].Sequence)
	page, err = w.Events(ctx, EventQuery{Connection: a.ID, After: page.Next})
	require.NoError(t, err)
	require.EqualValues(t, 3, page.Items[0].Sequence)

	var all []Event
	for after := ""; ; {
		page, err := w.Events(ctx, EventQuery{After: after, Limit: 4})
		require.NoError(t, err)
		if len(page.Items) == 0 {
			require.Equal(t, after, page.Next)
			break
		}
		all, after = append(all, page.Items...), page.Next
	}
	require.Len(t, all, 6)
	page, err = w.Events(ctx, EventQuery{Types: []string{"submission.held", "submission.refused"}, Account: "globex"})
	require.NoError(t, err)
	require.Len(t, page.Items, 3)
	page, err = w.Events(ctx, EventQuery{Submission: "sub_none"})
	require.NoError(t, err)
	require.Empty(t, page.Items)

	for name, q := range map[string]EventQuery{
		"type":               {Types: []string{"nonsense"}},
		"cursor":             {After: "nonsense"},
		"a sequence for all": {After: "3"},
		"a cursor for one":   {Connection: a.ID, After: "e13"},
		"negative":           {Connection: a.ID, After: "-1"},
	} {
		_, err = w.Events(ctx, q)
		requireCode(t, err, atssync.CodeInvalid)
		require.Error(t, err, name)
	}
	_, err = w.Events(ctx, EventQuery{Connection: "con_none"})
	requireCode(t, err, atssync.CodeNotFound)
}

func TestEvents_WaitForTheFirstOneAndEndWithTheServer(t *testing.T) {
	t.Parallel()
	w, ctx := setup(t), t.Context()
	c := w.connected("acme", "ada@example.com")
	end, err := w.Events(ctx, EventQuery{After: "last"})
	require.NoError(t, err)
	type got struct {
		page EventPage
		err  error
	}
	answers := make(chan got, 1)
	wait := func(q EventQuery) {
		q.Wait = 40 * time.Second
		page, err := w.Events(ctx, q)
		answers <- got{page, err}
	}
	go wait(EventQuery{After: end.Next})
	w.submitted(c, "app-1", "job-1")
	first := <-answers
	require.NoError(t, first.err)
	require.Len(t, first.page.Items, 1)

	go wait(EventQuery{After: first.page.Next})
	go func() { _ = w.server.Stop(ctx) }()
	second := <-answers
	if second.err == nil { // it may have come too late to be taken
		require.Empty(t, second.page.Items)
	} else {
		require.ErrorIs(t, second.err, ErrUnreachable)
	}
}

func TestPassesAndRecords_AreListed(t *testing.T) {
	t.Parallel()
	w, ctx := setup(t), t.Context()
	c := w.connected("acme", "ada@example.com")
	passes, err := w.Schedule(ctx)
	require.NoError(t, err)
	require.Equal(t, "status", passes[0].Name)
	run, err := w.RunNow(ctx, "status")
	require.NoError(t, err)
	require.Equal(t, "run_1", run)
	_, err = w.RunNow(ctx, "nonsense")
	requireCode(t, err, atssync.CodeNotFound)
	now := time.Now()
	for i := range 3 {
		require.NoError(t, w.store.PutRun(ctx, Run{ID: atssync.NewID("run", now), Pass: "status", StartedAt: now.Add(time.Duration(i) * time.Minute)}, now))
	}
	runs, err := w.Runs(ctx, "status", "", 2)
	require.NoError(t, err)
	require.Len(t, runs.Items, 2)
	require.NotEmpty(t, runs.Next)
	runs, err = w.Runs(ctx, "status", runs.Next, 2)
	require.NoError(t, err)
	require.Len(t, runs.Items, 1)

	checkpoints, err := w.Checkpoints(ctx, c.ID)
	require.NoError(t, err)
	require.Empty(t, checkpoints)
	applications, err := w.Applications(ctx, ApplicationQuery{Connection: c.ID})
	require.NoError(t, err)
	require.Empty(t, applications.Items)
	_, err = w.Application(ctx, "sub_none")
	requireCode(t, err, atssync.CodeNotFound)
	report, err := w.ImportApplications(ctx, c.ID, strings.NewReader(`{"external_id":"old-1","job":"job-1","ats_job":"101","candidate_id":"7","application_id":"8"}`), "")
	require.NoError(t, err)
	require.Equal(t, 1, report.Stored, "%v", report.Errors)
	applications, err = w.Applications(ctx, ApplicationQuery{Connection: c.ID})
	require.NoError(t, err)
	require.Len(t, applications.Items, 1)
	one, err := w.Application(ctx, applications.Items[0].ID)
	require.NoError(t, err)
	require.True(t, one.Imported)
}
