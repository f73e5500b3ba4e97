package api

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

func TestJobs_AreImportedListedSuggestedAndLinked(t *testing.T) {
	t.Parallel()
	w, ctx := setup(t), t.Context()
	c := w.connected("acme", "ada@example.com")
	report, err := w.ImportPlatformJobs(ctx, strings.NewReader(`{"id":"101","title":"Engineer"}
{"id":"job-2","title":"Designer"}
{"id":""}
`), "", "acme")
	require.NoError(t, err)
	require.Equal(t, 2, report.Stored)
	require.Equal(t, 3, report.Errors[0].Line)
	jobs, err := w.PlatformJobs(ctx, JobQuery{Account: "acme"})
	require.NoError(t, err)
	require.Len(t, jobs.Items, 2)

	refreshed, err := w.RefreshJobs(ctx, c.ID)
	require.NoError(t, err)
	require.Equal(t, 2, refreshed.Listed)
	listed, err := w.ATSJobs(ctx, JobQuery{Connection: c.ID})
	require.NoError(t, err)
	require.Equal(t, "Engineer", listed.Items[0].Name)
	link, err := w.TrackingLink(ctx, c.ID, "101")
	require.NoError(t, err)
	require.Equal(t, "https://ats.example.com/t/101", link.URL)

	suggestions, err := w.Suggestions(ctx, c.ID)
	require.NoError(t, err)
	require.Len(t, suggestions, 2)
	require.EqualValues(t, "same_id", suggestions[0].Reason)
	accepted, err := w.AcceptSuggestions(ctx, c.ID, AcceptRequest{})
	require.NoError(t, err)
	require.Len(t, accepted, 1, "a pair of titles needs a yes of its own")
	accepted, err = w.AcceptSuggestions(ctx, c.ID, AcceptRequest{Reasons: []string{"same_title"}})
	require.NoError(t, err)
	require.Equal(t, "job-2", accepted[0].Link.PlatformJob)
	links, err := w.JobLinks(ctx, LinkQuery{Connection: c.ID})
	require.NoError(t, err)
	require.Len(t, links.Items, 2)

	one, err := w.JobLink(ctx, c.ID, "job-2")
	require.NoError(t, err)
	requireCode(t, w.Unlink(ctx, c.ID, "job-2", one.Version+7), atssync.CodeChanged)
	require.NoError(t, w.Unlink(ctx, c.ID, "job-2", one.Version))
	_, err = w.JobLink(ctx, c.ID, "job-2")
	requireCode(t, err, atssync.CodeNotFound)
}

func TestLink_ABacklogAsksBeforeItGoesOut(t *testing.T) {
	t.Parallel()
	w, ctx := setup(t), t.Context()
	c := w.connected("acme", "ada@example.com")
	require.NoError(t, w.PutPlatformJobs(ctx, []PlatformJob{
		{ID: "job/1", Account: "acme", Title: "Engineer", Open: true}, {ID: "job-2", Account: "acme", Title: "Designer", Open: true},
	}))
	_, err := w.RefreshJobs(ctx, c.ID)
	require.NoError(t, err)
	w.submitted(c, "app-1", "job/1")
	waiting, err := w.Backlog(ctx, c.ID, "job/1")
	require.NoError(t, err)
	require.Equal(t, 1, waiting.Count)

	r := LinkRequest{Connection: c.ID, PlatformJob: "job/1", ATSJob: "101"}
	_, err = w.Link(ctx, r)
	e := requireCode(t, err, atssync.CodeConflict)
	require.Contains(t, e.Error(), "1")
	r.Backlog = &Backlog{Mode: atssync.BacklogSince, Since: time.Now().Add(-time.Hour)}
	res, err := w.Link(ctx, r)
	require.NoError(t, err)
	require.True(t, res.Created)
	r.Version = res.Link.Version + 3
	_, err = w.Link(ctx, r)
	requireCode(t, err, atssync.CodeChanged)

	results, err := w.LinkMany(ctx, []LinkRequest{
		{Connection: c.ID, PlatformJob: "job-2", ATSJob: "102"},
		{Connection: c.ID, PlatformJob: "job-none", ATSJob: "101"},
		{Connection: "con_none", PlatformJob: "job/1", ATSJob: "101"},
	})
	require.NoError(t, err)
	require.Nil(t, results[0].Error)
	require.Equal(t, "102", results[0].Link.ATSJob)
	require.NotNil(t, results[2].Error)
	require.Equal(t, atssync.CodeNotFound, results[2].Error.Err().Code)
}
