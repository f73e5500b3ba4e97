package manage

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

func TestSubmission_LeftOutOfTheBacklogIsNotToldToLinkTheJob(t *testing.T) {
	t.Parallel()
	w := setup(t)
	c := w.connect(adaRequest())
	sub := w.accept(c, "app-1", "eng")
	d, err := w.Submission(w.ctx(), sub.ID, false)
	require.NoError(t, err)
	require.Equal(t, sdk.TurnPlatform, d.WhoseTurn)
	_, err = w.Link(w.ctx(), LinkRequest{Connection: c.ID, PlatformJob: "eng", ATSJob: "101", Backlog: &atssync.Backlog{Mode: atssync.BacklogNone}})
	require.NoError(t, err)

	page, err := w.Submissions(w.ctx(), atssync.SubmissionQuery{Connection: c.ID})
	require.NoError(t, err)
	require.Equal(t, sdk.TurnOperator, page.Items[0].WhoseTurn)
	require.Contains(t, page.Items[0].Remedy, "atssync submissions release "+sub.ID)
	d, err = w.Submission(w.ctx(), sub.ID, false)
	require.NoError(t, err)
	require.Equal(t, page.Items[0].Remedy, d.Remedy)

	_, err = w.Release(w.ctx(), ReleaseRequest{Connection: c.ID, Reason: atssync.HeldJobNotLinked})
	require.NoError(t, err)
	d, err = w.Submission(w.ctx(), sub.ID, false)
	require.NoError(t, err)
	require.Contains(t, d.Remedy, "is being released")
}

func TestRelease_TellsHowManyStayHeld(t *testing.T) {
	t.Parallel()
	w, c, sub := linked(t)
	unlinked := w.accept(c, "app-2", "ops")
	for _, id := range []string{sub.ID, w.accept(c, "app-3", "eng").ID} {
		_, err := w.Act(w.ctx(), id, atssync.ActHold)
		require.NoError(t, err)
	}
	got, err := w.Release(w.ctx(), ReleaseRequest{Connection: c.ID, Reason: atssync.HeldOperator})
	require.NoError(t, err)
	require.Equal(t, 2, got.Queued)
	require.Empty(t, got.StillHeld)
	got, err = w.Release(w.ctx(), ReleaseRequest{Connection: c.ID, Reason: atssync.HeldJobNotLinked})
	require.NoError(t, err)
	require.Zero(t, got.Queued)
	require.Equal(t, map[atssync.HeldReason]int{atssync.HeldJobNotLinked: 1}, got.StillHeld)
	one, err := w.Act(w.ctx(), unlinked.ID, atssync.ActRelease)
	require.NoError(t, err)
	require.Equal(t, atssync.StateHeld, one.State)
	require.Equal(t, atssync.HeldJobNotLinked, one.HeldReason)
}

func TestRelease_GoesAtTheConfiguredPaceUnlessAskedOtherwise(t *testing.T) {
	t.Parallel()
	w, c, _ := linked(t)
	w.Reconfigure(Policy{ReleasePerMinute: 30})
	for asked, pace := range map[int]int{0: 30, 7: 7, ReleaseAtOnce: 0} {
		got, err := w.Release(w.ctx(), ReleaseRequest{Connection: c.ID, Reason: atssync.HeldOperator, PerMinute: asked})
		require.NoError(t, err)
		require.Equal(t, pace, got.PerMinute)
	}
}

func TestImportPlatformJobs_CountsWhatIsUnchanged(t *testing.T) {
	t.Parallel()
	w := setup(t)
	file := "id,title,open\n1,A,yes\n2,B,no\n"
	got, err := w.ImportPlatformJobs(w.ctx(), strings.NewReader(file), FormatAuto, "acme")
	require.NoError(t, err)
	require.Equal(t, ImportReport{Read: 2, Stored: 2}, got)
	got, err = w.ImportPlatformJobs(w.ctx(), strings.NewReader(file+"3,C,yes\n"), FormatAuto, "acme")
	require.NoError(t, err)
	require.Equal(t, ImportReport{Read: 3, Stored: 1, Same: 2}, got)
	got, err = w.ImportPlatformJobs(w.ctx(), strings.NewReader("id,title\n1,Other\n1,A\n"), FormatAuto, "acme")
	require.NoError(t, err)
	require.Equal(t, ImportReport{Read: 2, Stored: 2}, got, "the last line of a job wins")
	job, err := w.store.PlatformJob(t.Context(), "acme", "1")
	require.NoError(t, err)
	require.Equal(t, "A", job.Title)
}

func TestPause_AgainWithoutAReasonKeepsTheFirst(t *testing.T) {
	t.Parallel()
	w := setup(t)
	c := w.connect(adaRequest())
	for _, p := range [][2]string{{"the employer asked", "the employer asked"}, {"", "the employer asked"}, {"moving", "moving"}} {
		got, err := w.Pause(w.ctx(), c.ID, p[0], 0)
		require.NoError(t, err)
		require.Equal(t, p[1], got.PausedReason)
	}
}

func TestLink_WarnsOfAnUnknownPoolAndOfASharedATSJob(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.ats.manifest.Prospects = true
	c := w.connect(adaRequest())
	require.NoError(t, w.refresh(w.ctx(), c.ID))
	link := func(req LinkRequest) string {
		req.Connection = c.ID
		got, err := w.Link(w.ctx(), req)
		require.NoError(t, err)
		return got.Warning
	}
	require.Empty(t, link(LinkRequest{PlatformJob: "p1", As: sdk.AsProspect, Pool: "1", PoolStage: "11"}))
	require.Contains(t, link(LinkRequest{PlatformJob: "p2", As: sdk.AsProspect, Pool: "2"}), "pool 2 is not among")
	require.Contains(t, link(LinkRequest{PlatformJob: "p3", As: sdk.AsProspect, Pool: "1", PoolStage: "99"}), "no stage 99")
	require.Empty(t, link(LinkRequest{PlatformJob: "eng", ATSJob: "101"}))
	require.Empty(t, link(LinkRequest{PlatformJob: "eng", ATSJob: "101"}))
	require.Contains(t, link(LinkRequest{PlatformJob: "eng-2", ATSJob: "101"}), "platform job eng is linked")
	w.ats.failure = &sdk.Error{Kind: sdk.KindTransient}
	require.Empty(t, link(LinkRequest{PlatformJob: "p4", As: sdk.AsProspect, Pool: "2"}), "an ATS that does not tell is no reason to warn")
}

func TestConnections_AnAdapterThatIsNotThereIsNoEmptyList(t *testing.T) {
	t.Parallel()
	w := setup(t)
	page, err := w.Connections(w.ctx(), atssync.ConnectionQuery{Adapter: "fake"})
	require.NoError(t, err)
	require.Empty(t, page.Items)
	_, err = w.Connections(w.ctx(), atssync.ConnectionQuery{Adapter: "grenhouse"})
	requireCode(t, err, atssync.CodeInvalid, "query.adapter", "grenhouse")
}
