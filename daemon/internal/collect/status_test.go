package collect

import (
	"context"
	"errors"
	"fmt"
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
					return &sdk.Error{Kind: sdk.KindRateLimited, RetryAfter: time.Minute}
				}
				return nil
			}
		})
		s := b.pass()
		require.Equal(t, 1, s.Skipped)
		b.after(10 * time.Minute)
		require.Equal(t, atssync.HealthOK, b.health(c, atssync.OpRead).State)
		b.ats.set(func(*ats) { limited = false })
		b.after(2 * time.Minute)
		require.Equal(t, sdk.PhaseScreen, b.app(ids[0]).Phase, "the pass goes on by itself")
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

// Connections whose ATS hangs, or whose limits are used up, keep those of another adapter from nothing.
func TestStatus_NobodyWaitsForAnotherATS(t *testing.T) {
	t.Parallel()
	for name, hang := range map[string]func(b *bundle){
		"calls hang": func(b *bundle) {
			b.ats.set(func(a *ats) {
				a.rule = func(c string) error {
					for _, x := range b.conns[:40] {
						if x.ID == c {
							time.Sleep(time.Hour)
						}
					}
					return nil
				}
			})
		},
		"limits are used up": func(b *bundle) {
			b.adapters.set(func(a *adapters) {
				a.reserve = func(ctx context.Context, adapter, _ string) error {
					if adapter == "fake" {
						<-ctx.Done()
					}
					return ctx.Err()
				}
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := setup(t, 40, func(o *Options) { o.Parallel = 4 })
				for _, c := range b.conns {
					b.submitted(c, 1)
				}
				other := b.connect("other", "other")
				ids := b.submitted(other, 3)
				hang(b)
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				s, err := b.worker.StatusPass(ctx, 0)
				require.NoError(t, err)
				require.Equal(t, 40, s.Running)
				require.Equal(t, sdk.PhaseScreen, b.app(ids[0]).Phase)
				b.after(3 * time.Hour)
			})
		})
	}
}

func TestStatus_AConnectionIsReadByOnePassAtATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		b.submitted(b.conns[0], 1)
		b.ats.set(func(a *ats) { a.rule = func(string) error { time.Sleep(time.Minute); return nil } })
		go func() { _, _ = b.worker.StatusPass(context.Background(), 0) }()
		b.after(time.Second)
		require.Equal(t, Summary{Connections: 1, Skipped: 1}, b.pass())
		b.after(2 * time.Minute)
		require.Equal(t, 1, b.ats.count())
	})
}

func TestStatus_ConnectionsAreSpreadOverTheInterval(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 50)
		for _, c := range b.conns {
			b.submitted(c, 1)
		}
		began := time.Now()
		var at []time.Duration
		b.ats.set(func(a *ats) {
			a.rule = func(string) error {
				b.ats.set(func(*ats) { at = append(at, time.Since(began)) })
				return nil
			}
		})
		s, err := b.worker.StatusPass(t.Context(), 10*time.Minute)
		require.NoError(t, err)
		require.Equal(t, 50, s.Read)
		early := 0
		for _, d := range at {
			require.Less(t, d, 10*time.Minute)
			if d < 5*time.Minute {
				early++
			}
		}
		require.InDelta(t, 25, early, 15)
	})
}

func TestStop_EndsAPassInTheMiddle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 20)
		for _, c := range b.conns {
			b.submitted(c, 1)
		}
		b.adapters.set(func(a *adapters) {
			a.reserve = func(ctx context.Context, _, _ string) error { <-ctx.Done(); return ctx.Err() }
		})
		done := make(chan Summary)
		go func() { s, _ := b.worker.StatusPass(context.Background(), time.Hour); done <- s }()
		b.worker.Follow(b.conns[0].ID)
		b.after(30 * time.Minute)
		b.worker.Stop()
		b.worker.Stop()
		s := <-done
		require.Equal(t, 20, s.Running+s.Connections)
		b.worker.Follow(b.conns[0].ID)
		b.worker.Sweep()
		b.worker.ListJobsSoon(b.conns[0].ID)
		b.after(time.Hour)
	})
}

func TestMissing_ThreeTimesIsNotVisibleAndNeverDeleted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		c := b.conns[0].ID
		ids := b.submitted(b.conns[0], 40)
		b.pass()
		b.ats.hide(ids[3])
		for i := range 3 {
			require.Equal(t, atssync.Visible, b.app(ids[3]).Visibility, i)
			b.after(15 * time.Minute)
			b.pass()
		}
		a := b.app(ids[3])
		require.Equal(t, atssync.NotVisible, a.Visibility)
		require.Equal(t, sdk.StatusActive, a.Status, "the status is kept")
		told := b.events(c, atssync.EventNotVisible)
		require.Len(t, told, 1)
		require.Contains(t, string(told[0].Data), "The user was disabled.")
		asked := len(b.ats.times(ids[3]))
		for range 96 {
			b.after(15 * time.Minute)
			b.pass()
		}
		require.LessOrEqual(t, len(b.ats.times(ids[3]))-asked, 2, "read rarely from then on")
		require.Len(t, b.events(c, atssync.EventNotVisible), 1)
		require.Empty(t, b.events(c, atssync.EventConnectionUnhealthy))
		b.ats.set(func(a *ats) { clear(a.hidden) })
		for range 2 {
			b.after(24 * time.Hour)
			b.pass()
		}
		require.Equal(t, atssync.Visible, b.app(ids[3]).Visibility)
		require.Len(t, b.events(c, atssync.EventVisible), 1)
	})
}

func TestMissing_ManyAtOnceIsThePermissionOfTheUserToldOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		c := b.conns[0].ID
		ids := b.submitted(b.conns[0], 40)
		b.pass()
		b.ats.hide(ids[:20]...)
		for range 20 {
			b.after(15 * time.Minute)
			_, _ = b.worker.StatusPass(t.Context(), 0)
		}
		require.Equal(t, atssync.Visible, b.app(ids[0]).Visibility)
		require.Zero(t, b.app(ids[0]).Missing)
		require.Empty(t, b.events(c, atssync.EventNotVisible))
		told := b.events(c, atssync.EventConnectionUnhealthy)
		require.Len(t, told, 1)
		require.Contains(t, b.health(c, atssync.OpRead).Trouble.Message, "20 of 40")
		b.ats.set(func(a *ats) { clear(a.hidden) })
		b.after(15 * time.Minute)
		b.pass()
		require.Len(t, b.events(c, atssync.EventConnectionHealthy), 1)
		require.Len(t, b.events(c, atssync.EventConnectionUnhealthy), 1)
	})
}

func TestMissing_TheOnlyApplicationDeletedIsNoTroubleForEver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		c := b.conns[0].ID
		ids := b.submitted(b.conns[0], 1)
		b.pass()
		b.ats.hide(ids...)
		for range 3 {
			b.after(15 * time.Minute)
			b.pass()
		}
		require.Equal(t, atssync.CauseStalled, b.health(c, atssync.OpRead).Cause, "a pass that reads nothing is no success")
		require.Equal(t, atssync.NotVisible, b.app(ids[0]).Visibility)
		for range 3 * 96 {
			b.after(15 * time.Minute)
			b.pass()
		}
		require.Equal(t, atssync.HealthOK, b.health(c, atssync.OpRead).State)
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

func TestSummary_SaysItInWords(t *testing.T) {
	t.Parallel()
	require.Equal(t, "0 connections", Summary{}.String())
	require.Equal(t, "3 connections, 9 asked, 8 read, 2 changed, 1 failed, 1 still running",
		Summary{Connections: 3, Asked: 9, Read: 8, Changed: 2, Failed: 1, Running: 1}.String())
}

// Rarely due applications are looked up together, whatever page they stand on.
func TestStatus_WhatIsRarelyDueCostsFewCalls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		ids := b.submitted(b.conns[0], 700)
		for _, id := range ids {
			b.ats.move(id, "rejected", "Phone Screen")
		}
		b.pass()
		b.after(40 * 24 * time.Hour) // all are weekly from here on
		b.pass()
		calls := b.ats.count()
		asked := 0
		for range 96 {
			b.after(15 * time.Minute)
			asked += b.pass().Asked
		}
		require.InDelta(t, 700.0/7, asked, 40, "a day's share of a week")
		require.LessOrEqual(t, b.ats.count()-calls, 96)
		require.Equal(t, 50, b.ats.largest)
	})
}

func TestOne_ACallIsNeverMadeAfterStop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		b.worker.Stop()
		s := b.worker.one(operation{atssync.OpRead, func(context.Context, *visit) (Summary, error) {
			return Summary{}, errors.New("it was called")
		}}, b.conns[0].ID)
		require.Equal(t, 1, s.Skipped, fmt.Sprint(s))
	})
}
