package collect

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

var errServer = &sdk.Error{Kind: sdk.KindTransient, Status: 503, Message: "the ATS answered 503"}

func TestStatus_WhatChangedIsToldAndTheRestIsNotWritten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		c := b.conns[0].ID
		ids := b.submitted(b.conns[0], 120)
		s := b.pass()
		require.Equal(t, Summary{Connections: 1, Asked: 120, Read: 120, Changed: 120}, s)
		require.Equal(t, 3, b.ats.count(), "whole batches")
		require.Equal(t, sdk.PhaseScreen, b.app(ids[0]).Phase)

		b.store.reset()
		b.after(15 * time.Minute)
		require.Equal(t, Summary{Connections: 1, Asked: 120, Read: 120}, b.pass())
		require.Zero(t, b.store.changed(), "an unchanged reading writes nothing")
		require.Equal(t, 1, b.store.committed(), "but the checkpoint, once")

		told := len(b.events(c, atssync.EventStatusChanged))
		b.ats.move(ids[7], "hired", "Offer")
		b.after(15 * time.Minute)
		require.Equal(t, 1, b.pass().Changed)
		events := b.events(c, atssync.EventStatusChanged)
		require.Len(t, events, told+1)
		require.Contains(t, string(events[told].Data), `"status":"hired"`)
		require.Equal(t, sdk.StatusHired, b.app(ids[7]).Status)

		b.ats.move(ids[7], "active", "Offer")
		b.after(15 * time.Minute)
		b.pass()
		require.Len(t, b.events(c, atssync.EventReopened), 1)
		cp, err := b.store.Checkpoint(t.Context(), c, atssync.OpRead)
		require.NoError(t, err)
		require.Equal(t, int64(4), cp.Pass)
		require.Empty(t, cp.LastKey)
		require.Equal(t, 120, cp.Asked)
	})
}

func TestStatus_APassThatWasKilledGoesOnWhereItWas(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		c := b.conns[0].ID
		ids := b.submitted(b.conns[0], 1300)
		calls := 0
		b.ats.set(func(a *ats) {
			a.rule = func(string) error {
				if calls++; calls == 15 { // in the second page
					go b.worker.cancel() // the daemon dies
					time.Sleep(time.Second)
					return context.Canceled
				}
				return nil
			}
		})
		_, _ = b.worker.StatusPass(t.Context(), 0)
		b.worker.Stop()
		cp, err := b.store.Checkpoint(t.Context(), c, atssync.OpRead)
		require.NoError(t, err)
		require.NotEmpty(t, cp.LastKey)
		b.ats.set(func(a *ats) { a.rule = nil; clear(a.asked) })
		b.start()
		b.after(time.Hour)
		s := b.pass()
		require.Equal(t, 800, s.Asked)
		require.Empty(t, b.ats.times(ids[499]), "what was stored is not asked for again")
		require.Len(t, b.ats.times(ids[500]), 1)
		cp, err = b.store.Checkpoint(t.Context(), c, atssync.OpRead)
		require.NoError(t, err)
		require.Equal(t, int64(1), cp.Pass)
		require.Empty(t, cp.LastKey)
	})
}

func TestStatus_AnInterruptedPassKeepsWhatItReadAndGoesOnByItself(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		c := b.conns[0].ID
		ids := b.submitted(b.conns[0], 120)
		failing := true
		calls := 0
		b.ats.set(func(a *ats) {
			a.rule = func(string) error {
				if calls++; failing && calls > 1 {
					return errServer
				}
				return nil
			}
		})
		s, err := b.worker.StatusPass(t.Context(), 0)
		require.Error(t, err)
		require.Equal(t, 1, s.Failed)
		require.Equal(t, 50, s.Changed, "the batch that was read is kept")
		cp, err := b.store.Checkpoint(t.Context(), c, atssync.OpRead)
		require.NoError(t, err)
		require.NotEmpty(t, cp.Error)
		for range 10 { // passes that come meanwhile add no second chain of retries
			_, _ = b.worker.StatusPass(t.Context(), 0)
		}
		b.worker.mu.Lock()
		require.Len(t, b.worker.timers, 1)
		b.worker.mu.Unlock()
		require.Equal(t, atssync.HealthStopped, b.health(c, atssync.OpRead).State)
		require.Len(t, b.events(c, atssync.EventConnectionUnhealthy), 1)
		b.ats.set(func(*ats) { failing = false })
		b.after(2 * time.Hour)
		require.Equal(t, sdk.PhaseScreen, b.app(ids[119]).Phase)
		require.Equal(t, atssync.HealthOK, b.health(c, atssync.OpRead).State)
		require.Len(t, b.events(c, atssync.EventConnectionHealthy), 1)
	})
}

func TestStatus_AStopThatAPersonHasToEndIsNotTriedEachPass(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		b.submitted(b.conns[0], 1)
		calls := 0
		b.ats.set(func(a *ats) {
			a.rule = func(string) error { calls++; return &sdk.Error{Kind: sdk.KindAuth, Status: 401} }
		})
		for range 4 * 24 {
			_, _ = b.worker.StatusPass(t.Context(), 0)
			b.after(15 * time.Minute)
		}
		require.Less(t, calls, 30, "about once an hour")
		require.Greater(t, calls, 20)
		require.Len(t, b.events(b.conns[0].ID, atssync.EventConnectionUnhealthy), 1)
	})
}

func TestStatus_ALimitIsNoTrouble(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		c := b.conns[0].ID
		ids := b.submitted(b.conns[0], 1)
		limited := true
		b.ats.set(func(a *ats) {
			a.rule = func(string) error {
				if limited {
					return &sdk.Error{Kind: sdk.KindRateLimited, RetryAfter: 30 * time.Second}
				}
				return nil
			}
		})
		s := b.pass()
		require.Equal(t, 1, s.Throttled)
		require.Contains(t, s.String(), "1 throttled")
		require.Equal(t, atssync.HealthOK, b.health(c, atssync.OpRead).State)
		b.ats.set(func(*ats) { limited = false })
		b.after(2 * time.Minute)
		require.Equal(t, sdk.PhaseScreen, b.app(ids[0]).Phase, "the pass goes on by itself")
	})
}

// A pass that never comes on is its own visible state, though each limit by itself is no trouble.
func TestStatus_ACheckpointThatStandsStillIsTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		c := b.conns[0].ID
		b.submitted(b.conns[0], 1)
		limited := true
		b.ats.set(func(a *ats) {
			a.rule = func(string) error {
				if limited {
					return &sdk.Error{Kind: sdk.KindRateLimited, RetryAfter: 10 * time.Minute}
				}
				return nil
			}
		})
		b.pass()
		b.after(110 * time.Minute)
		h := b.health(c, atssync.OpRead)
		require.Equal(t, atssync.CauseThrottled, h.Cause)
		require.Equal(t, sdk.TurnATS, h.Trouble.Turn)
		require.Len(t, b.events(c, atssync.EventConnectionUnhealthy), 1)
		b.after(2 * time.Hour)
		require.Equal(t, atssync.CauseStalled, b.health(c, atssync.OpRead).Cause)
		require.Len(t, b.events(c, atssync.EventConnectionUnhealthy), 1)
		b.ats.set(func(*ats) { limited = false })
		b.after(time.Hour)
		require.Equal(t, atssync.HealthOK, b.health(c, atssync.OpRead).State)
		require.Len(t, b.events(c, atssync.EventConnectionHealthy), 1)
	})
}

func TestStatus_AnAdapterThatIsBeingStartedIsNoTrouble(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		b.submitted(b.conns[0], 1)
		b.adapters.set(func(a *adapters) { a.down = true })
		require.Equal(t, 1, b.pass().Skipped)
		require.Equal(t, atssync.HealthOK, b.health(b.conns[0].ID, atssync.OpRead).State)
	})
}

func TestStatus_AFencedPassGivesItsOwnLeaseBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		b.submitted(b.conns[0], 1)
		old, _ := b.leases.Lease(b.conns[0].ID)
		b.ats.set(func(a *ats) {
			a.rule = func(string) error { return b.store.Release(context.Background(), "owner", time.Now()) } // another daemon takes over
		})
		require.Equal(t, 1, b.pass().Skipped)
		require.Equal(t, []atssync.Lease{old}, b.leases.lost)
	})
}

func TestStatus_WithoutACandidateIDTheApplicationsOwnIsEnough(t *testing.T) {
	t.Parallel()
	f := sorted([]sdk.Reading{
		{ApplicationID: "1", Raw: sdk.RawStatus{Status: "active"}}, {ApplicationID: "2"}, {CandidateID: "c", ApplicationID: "3"}, {Pending: "p", CandidateID: "c"},
	})
	require.Len(t, f.of(&atssync.Application{ApplicationID: "1"}), 1)
	require.Len(t, f.of(&atssync.Application{CandidateID: "gone", ApplicationID: "2"}), 1, "the person may have been merged")
	require.Len(t, f.of(&atssync.Application{CandidateID: "c"}), 2)
	require.Len(t, f.of(&atssync.Application{Pending: "p"}), 1)
	require.Empty(t, f.of(&atssync.Application{}))
	require.Empty(t, f.of(&atssync.Application{CandidateID: "x", ApplicationID: "y", Pending: "z"}))
}

// Rarely due applications are looked up together, whatever page they stand on.
func TestStatus_WhatIsRarelyDueCostsFewCalls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		ids := b.submitted(b.conns[0], 600)
		for _, id := range ids {
			b.ats.move(id, "rejected", "Phone Screen")
		}
		b.pass()
		b.after(40 * 24 * time.Hour) // all are weekly from here on
		b.pass()
		calls := b.ats.count()
		asked := 0
		for range 24 {
			b.after(time.Hour)
			asked += b.pass().Asked
		}
		require.InDelta(t, 600.0/7, asked, 40, "a day's share of a week")
		require.LessOrEqual(t, b.ats.count()-calls, 24)
		require.Equal(t, 50, b.ats.largest)
	})
}
