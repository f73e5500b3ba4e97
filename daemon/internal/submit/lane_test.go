package submit

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

// fails makes an outcome of an error.
func fails(e *sdk.Error) *said {
	return &said{o: sdk.SubmitOutcome{Kind: sdk.OutcomeFailed, Err: e}}
}

// passes leaves the answer to the ATS.
func passes() *said { return nil }

var errServer = &sdk.Error{Kind: sdk.KindTransient, Status: 503, Message: "the ATS answered 503"}

func TestLane_SendsEverythingOnceAndAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 2)
		b.ats.set(func(a *ats) {
			a.hold = func(context.Context, string) error { time.Sleep(100 * time.Millisecond); return nil }
		})
		a := b.submit(b.conns[0], "job", 40)
		b.submit(b.conns[1], "job", 3)
		b.after(time.Minute)
		require.Equal(t, map[atssync.State]int64{atssync.StateSubmitted: 40}, b.states(b.conns[0].ID))
		require.Equal(t, map[atssync.State]int64{atssync.StateSubmitted: 3}, b.states(b.conns[1].ID))
		require.Equal(t, 1, b.ats.mostOf(b.conns[0].ID), "an ATS that finds nothing gets one write at a time")
		require.Zero(t, b.ats.doubled())
		require.Len(t, b.events(b.conns[0].ID, atssync.EventSubmitted), 40)

		s := b.sub(a[0])
		require.Equal(t, "cand-x-"+a[0]+"-1", s.Receipt.CandidateID)
		app, err := b.store.Application(t.Context(), a[0])
		require.NoError(t, err)
		require.Equal(t, "ats-job", app.ATSJob)
		attempts, err := b.store.Attempts(t.Context(), a[0])
		require.NoError(t, err)
		require.Len(t, attempts, 1)
		require.Equal(t, atssync.StateSubmitted, attempts[0].Outcome)
	})
}

func TestLane_TheAttemptIsDurableBeforeTheFirstByte(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		var seen []atssync.State
		b.ats.set(func(a *ats) {
			a.rule = func(_ string, it sdk.SubmitItem) *said {
				s, err := b.store.Submission(context.Background(), it.SubmissionID)
				if err != nil {
					return &said{err: err}
				}
				seen = append(seen, s.State)
				return passes()
			}
		})
		b.submit(b.conns[0], "job", 20)
		b.after(time.Second)
		require.Len(t, seen, 20)
		for _, s := range seen {
			require.Equal(t, atssync.StateSending, s)
		}
	})
}

func TestLane_AHangDelaysNobodyElse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 20)
		b.ats.set(func(a *ats) {
			a.hold = func(ctx context.Context, c string) error {
				if c != b.conns[0].ID {
					return nil
				}
				select {
				case <-time.After(time.Hour):
				case <-ctx.Done():
				}
				return ctx.Err()
			}
		})
		for _, c := range b.conns {
			b.submit(c, "job", 10)
		}
		b.after(time.Second)
		for _, c := range b.conns[1:] {
			require.Equal(t, int64(10), b.states(c.ID)[atssync.StateSubmitted])
		}
		require.Equal(t, map[atssync.State]int64{atssync.StateSending: 1, atssync.StateQueued: 9}, b.states(b.conns[0].ID))
	})
}

func TestLane_TheFirstUncertainWriteStopsItUntilAReadSucceeds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		c := b.conns[0].ID
		down := true
		b.ats.set(func(a *ats) {
			a.checked = func(string) (sdk.CheckReply, error) {
				if down {
					return sdk.CheckReply{}, errServer
				}
				return sdk.CheckReply{}, nil
			}
		})
		n := 0
		b.ats.set(func(a *ats) {
			a.rule = func(string, sdk.SubmitItem) *said {
				if n++; n == 3 {
					return fails(errServer)
				}
				return passes()
			}
		})
		b.submit(b.conns[0], "job", 10)
		b.after(30 * time.Minute)
		want := map[atssync.State]int64{atssync.StateSubmitted: 2, atssync.StateUncertain: 1, atssync.StateQueued: 7}
		require.Equal(t, want, b.states(c), "nothing is sent while reads fail")
		require.Equal(t, atssync.HealthStopped, b.health(c).State)
		require.Len(t, b.events(c, atssync.EventConnectionUnhealthy), 1)
		b.ats.set(func(*ats) { down = false })
		b.after(6 * time.Minute)
		require.Equal(t, map[atssync.State]int64{atssync.StateSubmitted: 9, atssync.StateUncertain: 1}, b.states(c))
		require.Equal(t, atssync.HealthOK, b.health(c).State)
		require.Len(t, b.events(c, atssync.EventConnectionUnhealthy), 1)
		require.Len(t, b.events(c, atssync.EventConnectionHealthy), 1)
		require.Zero(t, b.ats.doubled())
	})
}

// Everything that does not prove that nothing was applied is uncertain, and is never sent again by itself.
func TestLane_WhatIsNotProvedIsUncertain(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{
		"5xx":                     errServer,
		"ambiguous":               &sdk.Error{Kind: sdk.KindAmbiguous, Message: "the connection was cut"},
		"unreadable 2xx":          &sdk.Error{Kind: sdk.KindRemoteChanged, Status: 200, Message: "no JSON"},
		"a fault of the adapter":  &sdk.Error{Kind: sdk.KindInternal, Message: "it panicked"},
		"a kind of the future":    &sdk.Error{Kind: "brand_new", Message: "?"},
		"an error of no kind":     errors.New("transport is closing"),
		"a deadline":              fmt.Errorf("the call ended: %w", context.DeadlineExceeded),
		"transient without proof": &sdk.Error{Kind: sdk.KindTransient, Message: "reset"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := setup(t, 1)
				b.ats.set(func(a *ats) {
					a.rule = func(string, sdk.SubmitItem) *said {
						return &said{err: err}
					}
				})
				ids := b.submit(b.conns[0], "job", 1)
				b.after(3 * time.Hour)
				require.Equal(t, atssync.StateUncertain, b.sub(ids[0]).State)
				require.Equal(t, 1, b.ats.writesOf(b.conns[0].ID))
				require.NotNil(t, b.sub(ids[0]).Trouble)
			})
		})
	}
}

func TestLane_RepliesThatAreNoAnswerAreUncertain(t *testing.T) {
	t.Parallel()
	for name, reply := range map[string]sdk.SubmitReply{
		"no outcome":             {},
		"two outcomes for one":   {Outcomes: make([]sdk.SubmitOutcome, 2)},
		"unknown outcome":        {Outcomes: []sdk.SubmitOutcome{{Kind: "shrug"}}},
		"created without ids":    {Outcomes: []sdk.SubmitOutcome{{Kind: sdk.OutcomeCreated}}},
		"failed without error":   {Outcomes: []sdk.SubmitOutcome{{Kind: sdk.OutcomeFailed}}},
		"continue with nothing":  {Outcomes: []sdk.SubmitOutcome{{Kind: sdk.OutcomeContinue}}},
		"continue with too much": {Outcomes: []sdk.SubmitOutcome{{Kind: sdk.OutcomeContinue, Continuation: make([]byte, sdk.MaxContinuation+1)}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := setup(t, 1)
				b.adapters.fake.SubmitFunc = func(context.Context, sdk.SubmitRequest) (sdk.SubmitReply, error) { return reply, nil }
				ids := b.submit(b.conns[0], "job", 1)
				b.after(time.Minute)
				require.Equal(t, atssync.StateUncertain, b.sub(ids[0]).State)
			})
		})
	}
}

func TestLane_AProcessThatWasNotThereSentNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		n := 0
		b.ats.set(func(a *ats) {
			a.rule = func(string, sdk.SubmitItem) *said {
				if n++; n == 1 {
					return &said{err: fmt.Errorf("fake: %w", sdk.ErrNotRunning)}
				}
				return passes()
			}
		})
		ids := b.submit(b.conns[0], "job", 2)
		b.after(time.Minute)
		for _, id := range ids {
			require.Equal(t, atssync.StateSubmitted, b.sub(id).State)
		}
		require.Zero(t, b.ats.doubled())
	})
}

func TestLane_ALimitWaitsWithoutCounting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		c := b.conns[0].ID
		n := 0
		b.ats.set(func(a *ats) {
			a.rule = func(string, sdk.SubmitItem) *said {
				if n++; n <= 20 {
					return fails(&sdk.Error{Kind: sdk.KindRateLimited, RetryAfter: 30 * time.Second, Status: 429})
				}
				return passes()
			}
		})
		began := time.Now()
		ids := b.submit(b.conns[0], "job", 1)
		for b.sub(ids[0]).State != atssync.StateSubmitted && time.Since(began) < time.Hour {
			b.after(time.Second)
		}
		require.GreaterOrEqual(t, time.Since(began), 10*time.Minute, "never sooner than the ATS allows")
		require.Less(t, time.Since(began), 12*time.Minute)
		require.Zero(t, b.sub(ids[0]).Failures)
		told := b.events(c, atssync.EventConnectionUnhealthy, atssync.EventConnectionHealthy)
		require.Len(t, told, 2, "after some minutes it is told, once, and that it is over")
		require.Contains(t, string(told[0].Data), `"cause":"rate_limited"`)
		require.GreaterOrEqual(t, told[0].At.Sub(began), 4*time.Minute)
	})
}

func TestLane_ThreeProvedFailuresInARowStopIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		c := b.conns[0].ID
		down := true
		refused := &sdk.Error{Kind: sdk.KindTransient, NotApplied: true, Message: "connection refused"}
		b.ats.set(func(a *ats) {
			a.rule = func(string, sdk.SubmitItem) *said {
				if down {
					return fails(refused)
				}
				return passes()
			}
		})
		b.ats.set(func(a *ats) {
			a.checked = func(string) (sdk.CheckReply, error) {
				if down {
					return sdk.CheckReply{}, refused
				}
				return sdk.CheckReply{}, nil
			}
		})
		b.submit(b.conns[0], "job", 30)
		b.after(time.Hour)
		require.Equal(t, 3, b.ats.writesOf(c))
		require.Equal(t, map[atssync.State]int64{atssync.StateQueued: 30}, b.states(c))
		require.Len(t, b.events(c, atssync.EventConnectionUnhealthy), 1)
		b.ats.set(func(*ats) { down = false })
		b.after(20 * time.Minute)
		require.Equal(t, map[atssync.State]int64{atssync.StateSubmitted: 30}, b.states(c))
		require.Len(t, b.events(c, atssync.EventConnectionUnhealthy), 1)
		require.Len(t, b.events(c, atssync.EventConnectionHealthy), 1)
	})
}

func TestLane_RefusalsHoldsAndBlocksLetTheOthersGo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		n := 0
		b.ats.set(func(a *ats) {
			a.rule = func(string, sdk.SubmitItem) *said {
				switch n++; n {
				case 1:
					return fails(&sdk.Error{Kind: sdk.KindInvalid, Status: 422, Fields: []sdk.FieldError{{Path: "person.emails[0].address", Message: "is no address"}}})
				case 2:
					return fails(&sdk.Error{Kind: sdk.KindAttachment, Message: "the resume cannot be fetched"})
				case 3:
					return &said{o: sdk.SubmitOutcome{Kind: sdk.OutcomeBlocked, Message: "applied lately", NotBefore: time.Now().Add(time.Hour)}}
				}
				return passes()
			}
		})
		ids := b.submit(b.conns[0], "job", 5)
		b.after(time.Minute)
		require.Equal(t, atssync.StateRefused, b.sub(ids[0]).State)
		require.Equal(t, "person.emails[0].address", b.sub(ids[0]).Trouble.Fields[0].Path)
		require.Equal(t, atssync.HeldResumeUnavailable, b.sub(ids[1]).HeldReason)
		require.Equal(t, atssync.StateRefused, b.sub(ids[2]).State)
		require.Equal(t, map[atssync.State]int64{
			atssync.StateSubmitted: 2, atssync.StateRefused: 2, atssync.StateHeld: 1,
		}, b.states(b.conns[0].ID))
		l := b.lane(b.conns[0].ID)
		require.Equal(t, ids[3], l.ReadBacks["ats-job"].Submission, "what is read back is the first that arrived")
	})
}
