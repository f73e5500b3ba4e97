package collect

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// garble has applications shown in a form that the adapter cannot read.
func (b *bundle) garble(ids ...string) {
	for _, id := range ids {
		b.ats.put(sdk.Reading{CandidateID: "cand-" + id, ApplicationID: "app-" + id, Unreadable: "applications[0].stage is an object"})
	}
}

func TestUnreadable_OneIsNamedAndTheOthersAreRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		c := b.conns[0].ID
		ids := b.submitted(b.conns[0], 4)
		b.pass()
		b.garble(ids[1])
		b.ats.move(ids[2], "hired", "Offer")
		b.after(15 * time.Minute)
		s := b.pass()
		require.Equal(t, 1, s.Unreadable)
		require.Contains(t, s.String(), "1 not readable")
		require.Equal(t, sdk.StatusHired, b.app(ids[2]).Status)
		require.Equal(t, atssync.HealthFailing, b.health(c, atssync.OpRead).State)
		require.Empty(t, b.events(c, atssync.EventConnectionUnhealthy), "it may have been one odd answer")
		for range 96 {
			b.after(15 * time.Minute)
			b.pass()
		}
		a := b.app(ids[1])
		require.Equal(t, sdk.StatusActive, a.Status, "it keeps its status")
		require.Equal(t, atssync.Visible, a.Visibility, "it is shown")
		require.Zero(t, a.Missing)
		h := b.health(c, atssync.OpRead)
		require.Equal(t, atssync.CauseUnreadable, h.Cause)
		require.Equal(t, atssync.HealthFailing, h.State, "reading goes on")
		require.Equal(t, sdk.TurnAdapter, h.Trouble.Turn)
		require.NotEmpty(t, h.Trouble.Remedy)
		for _, part := range []string{"1 of 4", ids[1], "cand-" + ids[1], "app-" + ids[1], "applications[0].stage is an object"} {
			require.Contains(t, h.Trouble.Message, part)
		}
		require.Len(t, b.events(c, atssync.EventConnectionUnhealthy), 1, "told once")
		require.Empty(t, b.events(c, atssync.EventNotVisible))
		b.ats.move(ids[1], "rejected", "")
		b.after(15 * time.Minute)
		b.pass()
		require.Equal(t, sdk.StatusRejected, b.app(ids[1]).Status)
		require.Equal(t, atssync.HealthOK, b.health(c, atssync.OpRead).State)
		require.Len(t, b.events(c, atssync.EventConnectionHealthy), 1)
	})
}

func TestUnreadable_TheOnlyOneIsNotMissing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		c := b.conns[0].ID
		ids := b.submitted(b.conns[0], 1)
		b.pass()
		b.garble(ids...)
		for range 10 {
			b.after(15 * time.Minute)
			b.pass()
		}
		require.Equal(t, atssync.CauseUnreadable, b.health(c, atssync.OpRead).Cause)
		require.Equal(t, atssync.Visible, b.app(ids[0]).Visibility)
		require.Empty(t, b.events(c, atssync.EventNotVisible))
	})
}

func TestUnreadable_OneThatIsSeldomReadIsToldOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		c := b.conns[0].ID
		ids := b.submitted(b.conns[0], 4)
		b.pass()
		b.after(200 * 24 * time.Hour)
		b.pass()
		b.garble(ids[3])
		for range 9 * 96 {
			b.after(15 * time.Minute)
			b.pass()
		}
		require.Len(t, b.events(c, atssync.EventConnectionUnhealthy), 1)
		require.Empty(t, b.events(c, atssync.EventConnectionHealthy), "that it was not asked for does not mend it")
	})
}

func TestUnreadable_MostOfAnAnswerIsTheATSThatChanged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		c := b.conns[0].ID
		ids := b.submitted(b.conns[0], 5)
		b.pass()
		b.garble(ids[:3]...)
		for range 3 {
			b.after(15 * time.Minute)
			_, _ = b.worker.StatusPass(t.Context(), 0)
		}
		h := b.health(c, atssync.OpRead)
		require.Equal(t, string(sdk.KindRemoteChanged), h.Cause)
		require.Equal(t, atssync.HealthStopped, h.State)
		require.Equal(t, sdk.TurnAdapter, h.Trouble.Turn)
		require.Contains(t, h.Trouble.Message, "3 of 5")
		require.Contains(t, h.Trouble.Message, "cand-"+ids[0])
		require.Contains(t, h.Trouble.Message, "applications[0].stage is an object")
		for _, id := range ids {
			b.ats.move(id, "active", "Offer")
		}
		b.after(15 * time.Minute)
		b.pass()
		require.Equal(t, atssync.HealthOK, b.health(c, atssync.OpRead).State)
	})
}

func TestJobs_AListThatIsNotCompleteIsToldAndClosesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		c := b.conns[0].ID
		b.ats.set(func(a *ats) { a.jobs = jobs(10) })
		b.jobsPass()
		whole := b.adapters.fake.ListJobsFunc
		b.adapters.fake.ListJobsFunc = func(ctx context.Context, req sdk.ListJobsRequest) (sdk.ListJobsReply, error) {
			r, err := whole(ctx, req)
			r.Complete, r.Jobs = false, slices.Clone(r.Jobs[:9])
			r.Exchanges = []sdk.Exchange{{Excerpt: "not in the documented form: [9]: id is missing"}}
			return r, err
		}
		for range 5 {
			b.after(time.Hour)
			b.jobsPass()
		}
		h := b.health(c, atssync.OpJobs)
		require.Equal(t, atssync.HealthFailing, h.State)
		require.Equal(t, sdk.TurnAdapter, h.Trouble.Turn)
		require.Contains(t, h.Trouble.Message, "[9]: id is missing")
		require.Empty(t, b.events(c, atssync.EventJobClosed))
		require.Len(t, b.events(c, atssync.EventConnectionUnhealthy), 1)
		b.adapters.fake.ListJobsFunc = whole
		b.after(time.Hour)
		b.jobsPass()
		require.Equal(t, atssync.HealthOK, b.health(c, atssync.OpJobs).State)
	})
}
