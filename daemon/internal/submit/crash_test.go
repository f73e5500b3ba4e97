package submit

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// stuck has calls of submit wait until the returned function is called.
func (b *bundle) stuck() (release func()) {
	free := make(chan struct{})
	b.ats.set(func(a *ats) {
		a.hold = func(context.Context, string) error { <-free; return nil }
	})
	return func() {
		b.ats.set(func(a *ats) { a.hold = nil })
		close(free)
	}
}

func TestCrash_WhatWasUnderWayIsUncertainAndNothingIsSentTwice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 3)
		release := b.stuck()
		for _, c := range b.conns {
			b.submit(c, "job", 5)
		}
		b.after(time.Second)
		b.crash()
		for _, c := range b.conns {
			require.Equal(t, map[atssync.State]int64{atssync.StateUncertain: 1, atssync.StateQueued: 4}, b.states(c.ID))
			require.Equal(t, atssync.HealthStopped, b.health(c.ID).State)
		}
		b.ats.set(func(a *ats) { a.hold = nil })
		b.wakeAll()
		b.after(time.Hour)
		for _, c := range b.conns {
			require.Equal(t, map[atssync.State]int64{atssync.StateUncertain: 1, atssync.StateSubmitted: 4}, b.states(c.ID))
		}
		release()
		b.after(time.Second)
		require.Zero(t, b.ats.doubled())
	})
}

func TestCrash_AReceiptThatComesLateIsEvidence(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		release := b.stuck()
		ids := b.submit(b.conns[0], "job", 2)
		b.after(time.Second)
		b.crash()
		require.Equal(t, atssync.StateUncertain, b.sub(ids[0]).State)
		release()
		b.after(time.Second)
		require.Equal(t, atssync.StateSubmitted, b.sub(ids[0]).State)
		require.Equal(t, "cand-x-"+ids[0]+"-1", b.sub(ids[0]).Receipt.CandidateID)
		require.Len(t, b.events(b.conns[0].ID, atssync.EventResolved), 1)
		require.Equal(t, atssync.StateQueued, b.sub(ids[1]).State, "the old worker sends nothing more")
		b.wakeAll()
		b.after(time.Minute)
		require.Equal(t, atssync.StateSubmitted, b.sub(ids[1]).State)
		require.Zero(t, b.ats.doubled())
	})
}

func TestCrash_ARefusalUnderAStaleLeaseIsNoEvidence(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		b.ats.set(func(a *ats) {
			a.rule = func(string, sdk.SubmitItem) *said {
				return fails(&sdk.Error{Kind: sdk.KindInvalid})
			}
		})
		release := b.stuck()
		ids := b.submit(b.conns[0], "job", 1)
		b.after(time.Second)
		b.crash()
		release()
		b.after(time.Second)
		require.Equal(t, atssync.StateUncertain, b.sub(ids[0]).State)
		require.NotEmpty(t, b.leases.lost, "the keeper of leases is told")
	})
}

// Between the durable beginning and the call the lease may go to somebody else.
func TestCrash_NothingLeavesUnderALeaseThatWentMeanwhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		slow := &slowBegin{Store: b.store, began: make(chan struct{}), goOn: make(chan struct{})}
		b.start(func(o *Options) { o.Store = slow })
		ids := b.submit(b.conns[0], "job", 1)
		<-slow.began
		b.crash()
		close(slow.goOn)
		b.after(time.Second)
		require.Zero(t, b.ats.writesOf(b.conns[0].ID))
		require.Equal(t, atssync.StateUncertain, b.sub(ids[0]).State)
	})
}

// slowBegin stops between the commit of a beginning and its answer.
type slowBegin struct {
	Store
	began, goOn chan struct{}
}

func (s *slowBegin) BeginAttempts(ctx context.Context, l atssync.Lease, in []atssync.BeginAttempt, now time.Time) ([]atssync.Attempt, error) {
	out, err := s.Store.BeginAttempts(ctx, l, in, now)
	close(s.began)
	<-s.goOn
	return out, err
}

func TestCrash_TwoStepsMakeOnePerson(t *testing.T) {
	t.Parallel()
	for name, crashAfter := range map[string]int{"no crash": 0, "after the first step": 1, "after the second": 2} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := setup(t, 1)
				people := make(map[string]int)
				var order []string
				b.ats.set(func(a *ats) {
					a.rule = func(_ string, it sdk.SubmitItem) *said {
						order = append(order, it.SubmissionID)
						switch string(it.Continuation) {
						case "":
							people[it.ExternalID]++
							return &said{o: sdk.SubmitOutcome{Kind: sdk.OutcomeContinue, Continuation: []byte("person made")}}
						case "person made":
							return &said{o: sdk.SubmitOutcome{Kind: sdk.OutcomeContinue, Continuation: []byte("file attached")}}
						}
						return passes()
					}
				})
				b.ats.set(func(a *ats) {
					a.hold = func(ctx context.Context, _ string) error { // slow enough to come between
						select {
						case <-time.After(time.Second):
						case <-ctx.Done():
						}
						return ctx.Err()
					}
				})
				ids := b.submit(b.conns[0], "job", 3)
				if crashAfter > 0 {
					b.after(time.Duration(crashAfter)*time.Second + 100*time.Millisecond)
					// The next step is under way: let its answer be lost with the daemon.
					old := b.crash()
					gone, cancel := context.WithCancel(t.Context())
					cancel()
					old.Stop(gone)
					b.wakeAll()
				}
				b.after(time.Hour)
				for _, id := range ids {
					require.Equal(t, 1, people["x-"+id])
				}
				if crashAfter == 0 {
					require.Equal(t, map[atssync.State]int64{atssync.StateSubmitted: 3}, b.states(b.conns[0].ID))
					require.Equal(t, []string{ids[0], ids[0], ids[0], ids[1], ids[1], ids[1], ids[2], ids[2], ids[2]}, order,
						"what the ATS holds a part of is finished first")
				} else {
					require.Equal(t, atssync.StateUncertain, b.sub(ids[0]).State)
					require.NotEmpty(t, b.sub(ids[0]).Continuation, "what is known of it is kept for the one who settles it")
					require.Equal(t, int64(2), b.states(b.conns[0].ID)[atssync.StateSubmitted])
				}
				require.Zero(t, b.ats.doubled())
			})
		})
	}
}

// A clock that was years ahead queued what the clock of now sends: the second step may not wait for the wrong year.
func TestLane_TheNextOfTwoStepsDoesNotWaitForAClockThatWasAhead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		b.ats.set(func(a *ats) {
			a.rule = func(_ string, it sdk.SubmitItem) *said {
				if len(it.Continuation) == 0 {
					return &said{o: sdk.SubmitOutcome{Kind: sdk.OutcomeContinue, Continuation: []byte("person made")}}
				}
				return passes()
			}
		})
		ahead := time.Now().AddDate(30, 0, 0)
		id := atssync.NewID(atssync.PrefixSubmission, ahead)
		_, err := b.store.Accept(t.Context(), []atssync.NewSubmission{document(b.conns[0], id, "job")}, ahead)
		require.NoError(t, err)
		b.worker.Wake(b.conns[0].ID)
		b.after(time.Hour)
		require.Equal(t, atssync.StateSubmitted, b.sub(id).State)
	})
}

// An adapter that never comes to an end may not write for ever.
func TestLane_AContinuationThatStandsStillIsNoProgress(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		b.ats.set(func(a *ats) {
			a.rule = func(string, sdk.SubmitItem) *said {
				return &said{o: sdk.SubmitOutcome{Kind: sdk.OutcomeContinue, Continuation: []byte("again")}}
			}
		})
		ids := b.submit(b.conns[0], "job", 1)
		b.after(time.Hour)
		require.Equal(t, 2, b.ats.writesOf(b.conns[0].ID))
		require.Equal(t, atssync.StateUncertain, b.sub(ids[0]).State)
	})
}

func TestStop_LetsCallsEndAndStoresWhatBecameOfThem(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 5)
		b.ats.set(func(a *ats) {
			a.hold = func(context.Context, string) error { time.Sleep(10 * time.Second); return nil }
		})
		for _, c := range b.conns {
			b.submit(c, "job", 10)
		}
		b.after(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		b.worker.Stop(ctx)
		require.Equal(t, 9*time.Second, time.Since(began))
		for _, c := range b.conns {
			require.Equal(t, map[atssync.State]int64{atssync.StateSubmitted: 1, atssync.StateQueued: 9}, b.states(c.ID))
		}
		b.worker.Stop(ctx) // again does nothing
		b.worker.Wake(b.conns[0].ID)
		b.after(time.Hour)
		require.Equal(t, 1, b.ats.writesOf(b.conns[0].ID), "nothing begins after Stop")
	})
}

func TestStop_CutsWhatDoesNotEndAndCallsItUncertain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		b.ats.set(func(a *ats) { a.hold = func(ctx context.Context, _ string) error { <-ctx.Done(); return ctx.Err() } })
		ids := b.submit(b.conns[0], "job", 2)
		b.after(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		b.worker.Stop(ctx)
		require.Equal(t, atssync.StateUncertain, b.sub(ids[0]).State)
		require.Equal(t, atssync.StateQueued, b.sub(ids[1]).State)
	})
}

func TestStop_WaitsForNoLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		b.adapters.set(func(a *adapters) {
			a.reserve = func(ctx context.Context, _ string, _ sdk.Power) error { <-ctx.Done(); return ctx.Err() }
		})
		b.submit(b.conns[0], "job", 2)
		b.after(time.Second)
		began := time.Now()
		b.worker.Stop(t.Context())
		require.Zero(t, time.Since(began))
		require.Equal(t, map[atssync.State]int64{atssync.StateQueued: 2}, b.states(b.conns[0].ID), "what waits is not under way")
	})
}

// An outcome that cannot be stored is kept until it can.
func TestFinish_AStoreThatRefusesForAWhileLosesNoOutcome(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		s := &brokenFinish{Store: b.store}
		b.start(func(o *Options) { o.Store = s })
		ids := b.submit(b.conns[0], "job", 3)
		b.after(time.Minute)
		require.Equal(t, 1, b.ats.writesOf(b.conns[0].ID), "nothing more is sent while the last outcome is not durable")
		s.mended.Store(true)
		b.after(time.Minute)
		for _, id := range ids {
			require.Equal(t, atssync.StateSubmitted, b.sub(id).State)
		}
		require.Zero(t, b.ats.doubled())
	})
}

var errDisk = errors.New("the disk is full")

// brokenFinish stores no end of an attempt until it is mended.
type brokenFinish struct {
	Store
	mended atomic.Bool
}

func (s *brokenFinish) FinishAttempts(ctx context.Context, l atssync.Lease, in []atssync.Finish, c atssync.LaneChange, now time.Time) error {
	if !s.mended.Load() {
		return errDisk
	}
	return s.Store.FinishAttempts(ctx, l, in, c, now)
}
