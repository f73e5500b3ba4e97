package api

import (
	"encoding/json"
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
		"of the future":      {Connection: a.ID, After: "4"},
		"of other data":      {After: "e1zz"},
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
	runs, err := w.Runs(ctx, RunQuery{Pass: "status", Paging: atssync.Paging{Limit: 2}})
	require.NoError(t, err)
	require.Len(t, runs.Items, 2)
	require.NotEmpty(t, runs.Next)
	runs, err = w.Runs(ctx, RunQuery{Pass: "status", Paging: atssync.Paging{After: runs.Next, Limit: 2}})
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

func TestEvents_OfOneConnectionComeBySequenceOnBothPaths(t *testing.T) {
	t.Parallel()
	w, ctx := setup(t), t.Context()
	a, b := w.connected("acme", "ada@example.com"), w.connected("globex", "bob@example.com")
	for i := range 3 {
		w.submitted(a, fmt.Sprintf("a-%d", i), fmt.Sprintf("job-%d", i))
		w.submitted(b, fmt.Sprintf("b-%d", i), "job-1")
	}
	for _, path := range []string{"/v1/events?connection=" + a.ID + "&after=1", connectionPath(a.ID) + "/events?after=1"} {
		res, err := w.http.Get("http://daemon" + path)
		require.NoError(t, err)
		var page EventPage
		require.NoError(t, json.NewDecoder(res.Body).Decode(&page))
		require.NoError(t, res.Body.Close())
		require.Len(t, page.Items, 2, path)
		require.EqualValues(t, 2, page.Items[0].Sequence, path)
		require.Equal(t, "3", page.Next, path)
	}
	for name, c := range map[string]struct {
		q    EventQuery
		want int
	}{
		"by name":                       {EventQuery{Connection: a.Name}, 3},
		"another account's":             {EventQuery{Connection: a.ID, Account: "globex"}, 0},
		"one submission":                {EventQuery{Connection: a.ID, ExternalID: "a-1"}, 1},
		"one job":                       {EventQuery{Job: "job-1"}, 4},
		"one job of a connection":       {EventQuery{Connection: a.ID, Job: "job-2"}, 1},
		"since the beginning":           {EventQuery{Since: time.Now().Add(-time.Hour)}, 6},
		"since then, of one connection": {EventQuery{Connection: a.ID, Since: time.Now().Add(time.Hour)}, 0},
	} {
		page, err := w.Events(ctx, c.q)
		require.NoError(t, err, name)
		require.Len(t, page.Items, c.want, name)
	}
	_, err := w.Events(ctx, EventQuery{ExternalID: "a-1"})
	requireCode(t, err, atssync.CodeInvalid)
	_, err = w.Events(ctx, EventQuery{Connection: a.ID, ExternalID: "nobody"})
	requireCode(t, err, atssync.CodeNotFound)
}

func TestLists_FindByStateExternalIDAndTime(t *testing.T) {
	t.Parallel()
	w, ctx := setup(t), t.Context()
	c := w.connected("acme", "ada@example.com")
	w.linked(c, "job-1")
	_, err := w.ImportApplications(ctx, c.ID, strings.NewReader(`{"external_id":"old-1","job":"job-1","ats_job":"101","candidate_id":"7","application_id":"8"}
{"external_id":"old-2","job":"job-1","ats_job":"101","candidate_id":"9","application_id":"10"}`), "ndjson")
	require.NoError(t, err)
	hour := time.Now().Add(time.Hour)
	for name, q := range map[string]struct {
		q    ApplicationQuery
		want int
	}{
		"external id":       {ApplicationQuery{Connection: c.ID, ExternalID: "old-2"}, 1},
		"nobody's":          {ApplicationQuery{Connection: c.ID, ExternalID: "none"}, 0},
		"of another status": {ApplicationQuery{Connection: c.ID, ExternalID: "old-2", Status: "hired"}, 0},
		"status":            {ApplicationQuery{Status: "active"}, 2},
		"later":             {ApplicationQuery{Since: hour}, 0},
		"before":            {ApplicationQuery{Until: hour}, 2},
	} {
		page, err := w.Applications(ctx, q.q)
		require.NoError(t, err, name)
		require.Len(t, page.Items, q.want, name)
	}
	_, err = w.Applications(ctx, ApplicationQuery{ExternalID: "old-1"})
	requireCode(t, err, atssync.CodeInvalid)

	now := time.Now()
	for i, failure := range []string{"", "the disk is full", ""} {
		r := Run{ID: atssync.NewID("run", now), Pass: "jobs", StartedAt: now.Add(time.Duration(i) * time.Minute), Error: failure}
		require.NoError(t, w.store.PutRun(ctx, r, now))
	}
	for want, q := range map[int]RunQuery{1: {Failed: true}, 2: {Since: now.Add(time.Second)}, 3: {Pass: "jobs", Until: hour}, 0: {Pass: "status"}} {
		runs, err := w.Runs(ctx, q)
		require.NoError(t, err)
		require.Len(t, runs.Items, want, "%+v", q)
	}

	jobs, err := w.ATSJobs(ctx, JobQuery{Connection: c.ID, ID: "102"})
	require.NoError(t, err)
	require.Len(t, jobs.Items, 1)
	jobs, err = w.ATSJobs(ctx, JobQuery{Connection: c.ID, State: "closed"})
	require.NoError(t, err)
	require.Empty(t, jobs.Items)
	jobs, err = w.ATSJobs(ctx, JobQuery{Connection: c.ID, Visibility: atssync.Visible})
	require.NoError(t, err)
	require.Len(t, jobs.Items, 2)
	ours, err := w.PlatformJobs(ctx, JobQuery{ID: "job-1"})
	require.NoError(t, err)
	require.Len(t, ours.Items, 1)
	ours, err = w.PlatformJobs(ctx, JobQuery{ID: "job-2"})
	require.NoError(t, err)
	require.Empty(t, ours.Items)
}
