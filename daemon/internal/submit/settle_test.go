package submit

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// cut has the writes of some submissions end without an answer, applied or not.
func (b *bundle) cut(applied bool, which ...string) {
	b.ats.set(func(a *ats) {
		done := make(map[string]bool)
		a.rule = func(_ string, it sdk.SubmitItem) *said {
			for _, id := range which {
				if it.SubmissionID == id && !done[id] {
					done[id] = true
					return &said{err: &sdk.Error{Kind: sdk.KindAmbiguous, Message: "cut"}, applied: applied}
				}
			}
			return passes()
		}
	})
}

func finds(how sdk.Find, dedupe sdk.Dedupe) func(*adapters) {
	return func(a *adapters) { a.manifest.Find, a.manifest.Dedupe = how, dedupe }
}

func TestSettle_WhatTheATSShowsUnderOurIDIsSubmitted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		b.adapters.set(finds(sdk.FindExternalID, sdk.DedupeNone))
		ids := b.accept(b.conns[0], "job", 40)
		b.cut(true, ids...)
		b.wakeAll()
		b.after(6 * time.Hour)
		require.Equal(t, map[atssync.State]int64{atssync.StateSubmitted: 40}, b.states(b.conns[0].ID), "all of them, not only the first page")
		require.Len(t, b.events(b.conns[0].ID, atssync.EventResolved), 40)
		require.Zero(t, b.ats.doubled())
		app, err := b.store.Application(t.Context(), ids[7])
		require.NoError(t, err)
		require.Equal(t, "app-x-"+ids[7], app.ApplicationID)
		require.Equal(t, "ats-job", app.ATSJob)
	})
}

func TestSettle_ALaneIsWellOnceNothingIsUncertainAndNothingWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		ids := b.accept(b.conns[0], "job", 1)
		b.cut(true, ids[0])
		b.wakeAll()
		b.after(time.Hour)
		s := b.sub(ids[0])
		require.Equal(t, atssync.StateUncertain, s.State)
		require.Equal(t, sdk.TurnOperator, s.Trouble.Turn)
		require.Contains(t, s.Trouble.Remedy, "atssync resolve "+s.ID)
		require.Contains(t, s.Trouble.Remedy, "--send-again --attempt 1 ", "the attempt that it was")
		require.Equal(t, s.Trouble.Remedy, b.health(b.conns[0].ID).Trouble.Remedy)
		require.Contains(t, string(b.events(b.conns[0].ID, atssync.EventUncertain)[0].Data), `"whose_turn":"operator"`)
		require.Equal(t, atssync.HealthCanary, b.health(b.conns[0].ID).State, "it is not settled yet")
		_, err := b.store.Resolve(t.Context(), s.ID, atssync.SettleUncertain{Resolution: atssync.ResolvedGiveUp, By: "person"}, time.Now())
		require.NoError(t, err)
		b.wakeAll()
		b.after(time.Minute)
		require.Equal(t, atssync.HealthOK, b.health(b.conns[0].ID).State)
		require.Empty(t, b.events(b.conns[0].ID, atssync.EventConnectionUnhealthy), "the submission's own event said it all")
	})
}

func TestSettle_WhatIsFoundByEmailIsOnlyProposed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1, func(o *Options) { o.Policy.OnUncertain = atssync.OnUncertainResend })
		b.adapters.set(finds(sdk.FindEmailAndJob, sdk.DedupeNone))
		ids := b.accept(b.conns[0], "job", 2)
		b.cut(true, ids[0])
		var asked sdk.FindRequest
		b.ats.set(func(a *ats) {
			a.found = func(req sdk.FindRequest) (sdk.FindReply, error) {
				asked = req
				return sdk.FindReply{Matches: []sdk.Match{
					{By: sdk.FindExternalID, ExternalID: "somebody else's"},
					{By: sdk.FindEmailAndJob, Receipt: sdk.Receipt{CandidateID: "77"}},
				}}, nil
			}
		})
		b.wakeAll()
		b.after(3 * time.Hour)
		s := b.sub(ids[0])
		require.Equal(t, atssync.StateUncertain, s.State)
		require.Equal(t, "77", s.Proposal.CandidateID)
		require.Equal(t, []string{ids[0] + "@example.com"}, asked.Emails)
		require.Equal(t, "ats-job", asked.JobID)
		require.True(t, asked.SentAfter.Before(s.AcceptedAt))
		require.Equal(t, atssync.StateSubmitted, b.sub(ids[1]).State)
		require.Zero(t, b.ats.doubled())
	})
}

func TestSettle_ResendOnlyAfterTheATSShowedNothingForAWhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1, func(o *Options) { o.Policy.OnUncertain = atssync.OnUncertainResend })
		b.adapters.set(finds(sdk.FindExternalID, sdk.DedupeNone))
		ids := b.accept(b.conns[0], "job", 2)
		b.cut(false, ids[0])
		b.wakeAll()
		b.after(10 * time.Minute)
		require.Equal(t, atssync.StateUncertain, b.sub(ids[0]).State, "an index may lag behind")
		b.after(10 * time.Minute)
		s := b.sub(ids[0])
		require.Equal(t, atssync.StateSubmitted, s.State)
		require.True(t, s.PossibleDuplicate)
		require.Zero(t, b.ats.doubled())
	})
}

func TestSettle_AWriteThatShowsLateIsNotResent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1, func(o *Options) { o.Policy.OnUncertain = atssync.OnUncertainResend })
		b.adapters.set(finds(sdk.FindExternalID, sdk.DedupeNone))
		ids := b.accept(b.conns[0], "job", 1)
		b.cut(true, ids[0])
		began := time.Now()
		b.ats.set(func(a *ats) {
			a.found = func(req sdk.FindRequest) (sdk.FindReply, error) {
				if time.Since(began) < 5*time.Minute {
					return sdk.FindReply{}, nil
				}
				return sdk.FindReply{Matches: []sdk.Match{{By: sdk.FindExternalID, ExternalID: req.ExternalID, Receipt: sdk.Receipt{CandidateID: "1"}}}}, nil
			}
		})
		b.wakeAll()
		b.after(time.Hour)
		require.Equal(t, atssync.StateSubmitted, b.sub(ids[0]).State)
		require.Equal(t, 1, b.ats.writesOf(b.conns[0].ID))
	})
}

func TestSettle_AnATSThatDedupesGetsItAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1, func(o *Options) { o.Policy.OnUncertain = atssync.OnUncertainResend })
		b.adapters.set(finds(sdk.FindNone, sdk.DedupeExternalID))
		ids := b.accept(b.conns[0], "job", 2)
		first := true
		b.ats.set(func(a *ats) {
			a.rule = func(_ string, it sdk.SubmitItem) *said {
				if it.SubmissionID != ids[0] {
					return passes()
				}
				if first {
					first = false
					return &said{err: &sdk.Error{Kind: sdk.KindAmbiguous}, applied: true}
				}
				return &said{o: sdk.SubmitOutcome{Kind: sdk.OutcomeAlreadyApplied, Receipt: sdk.Receipt{CandidateID: "1"}}}
			}
		})
		b.wakeAll()
		b.after(time.Minute)
		require.Equal(t, atssync.StateAlreadyApplied, b.sub(ids[0]).State)
		require.Equal(t, map[atssync.State]int64{atssync.StateAlreadyApplied: 1, atssync.StateSubmitted: 1}, b.states(b.conns[0].ID))
	})
}

func TestSettle_WithoutAnyProofNothingIsSentAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1, func(o *Options) { o.Policy.OnUncertain = atssync.OnUncertainResend })
		ids := b.accept(b.conns[0], "job", 1)
		b.cut(false, ids[0])
		b.wakeAll()
		b.after(12 * time.Hour)
		require.Equal(t, atssync.StateUncertain, b.sub(ids[0]).State)
		require.Equal(t, 1, b.ats.writesOf(b.conns[0].ID))
	})
}

// Look-ups go on while writes are stopped, and what is queued goes on while look-ups fail.
func TestSettle_NeitherWaitsForTheOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		b.adapters.set(finds(sdk.FindExternalID, sdk.DedupeNone))
		ids := b.accept(b.conns[0], "job", 3)
		b.cut(true, ids[0])
		b.ats.set(func(a *ats) { a.checked = func(string) (sdk.CheckReply, error) { return sdk.CheckReply{}, errServer } })
		b.wakeAll()
		b.after(time.Minute)
		require.Equal(t, atssync.StateSubmitted, b.sub(ids[0]).State, "found although the lane is stopped")
		require.Equal(t, atssync.StateQueued, b.sub(ids[1]).State)

		b.ats.set(func(a *ats) {
			a.checked = nil
			a.found = func(sdk.FindRequest) (sdk.FindReply, error) { return sdk.FindReply{}, errServer }
		})
		b.cut(true, ids[1])
		b.after(time.Hour)
		require.Equal(t, atssync.StateUncertain, b.sub(ids[1]).State)
		require.Equal(t, atssync.StateSubmitted, b.sub(ids[2]).State)
	})
}

func TestSettle_ARestartLooksAgainAndForgetsNone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		ids := b.accept(b.conns[0], "job", 3)
		b.cut(true, ids...)
		b.wakeAll()
		b.after(time.Hour)
		require.Equal(t, map[atssync.State]int64{atssync.StateUncertain: 3}, b.states(b.conns[0].ID))
		b.adapters.set(finds(sdk.FindExternalID, sdk.DedupeNone)) // a newer adapter can find
		b.crash()
		b.wakeAll()
		b.after(time.Minute)
		require.Equal(t, map[atssync.State]int64{atssync.StateSubmitted: 3}, b.states(b.conns[0].ID))
	})
}

func TestParallel_TheBoundsOfTheManifestHold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		b.adapters.set(func(a *adapters) {
			a.manifest.Find, a.manifest.Batch.Submit, a.manifest.InFlight = sdk.FindExternalID, 3, map[sdk.Power]int{sdk.PowerSubmit: 4}
		})
		largest := 0
		submit := b.adapters.fake.SubmitFunc
		b.adapters.fake.SubmitFunc = func(ctx context.Context, req sdk.SubmitRequest) (sdk.SubmitReply, error) {
			b.ats.set(func(*ats) { largest = max(largest, len(req.Items)) })
			return submit(ctx, req)
		}
		b.ats.set(func(a *ats) { a.hold = func(context.Context, string) error { time.Sleep(time.Second); return nil } })
		b.submit(b.conns[0], "job", 100)
		b.after(time.Minute)
		require.Equal(t, map[atssync.State]int64{atssync.StateSubmitted: 100}, b.states(b.conns[0].ID))
		require.Equal(t, 4, b.ats.mostOf(b.conns[0].ID))
		require.Equal(t, 3, largest)
	})
}

// A success that was under way beside an uncertain write does not end the stop.
func TestParallel_AnUncertainWriteStopsTheLaneAllTheSame(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		b.adapters.set(func(a *adapters) {
			a.manifest.Find, a.manifest.Batch.Submit, a.manifest.InFlight = sdk.FindExternalID, 2, map[sdk.Power]int{sdk.PowerSubmit: 2}
		})
		ids := b.accept(b.conns[0], "job", 20)
		b.cut(false, ids[0])
		b.ats.set(func(a *ats) { a.hold = func(_ context.Context, _ string) error { time.Sleep(time.Second); return nil } })
		b.ats.set(func(a *ats) { a.checked = func(string) (sdk.CheckReply, error) { return sdk.CheckReply{}, errServer } })
		b.wakeAll()
		b.after(time.Hour)
		require.Equal(t, atssync.HealthStopped, b.health(b.conns[0].ID).State)
		require.Equal(t, map[atssync.State]int64{
			atssync.StateUncertain: 2, atssync.StateSubmitted: 2, atssync.StateQueued: 16,
		}, b.states(b.conns[0].ID))
	})
}
