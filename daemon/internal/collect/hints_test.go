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

// hook has the ATS touch submissions, by our ids as their keys.
func (b *bundle) hook(c atssync.Connection, event string, touched ...atssync.Touch) {
	b.t.Helper()
	_, err := b.store.QueueHints(context.Background(), atssync.Hook{Connection: c.ID, EventKey: event, Touched: touched}, time.Now())
	require.NoError(b.t, err)
	b.worker.Hinted(c.ID)
}

func touch(id string) atssync.Touch { return atssync.Touch{ExternalKey: id} }

func claim(id string) atssync.Touch {
	return atssync.Touch{ExternalKey: id, Receipt: &atssync.Receipt{CandidateID: "cand-" + id, ApplicationID: "app-" + id, ProfileURL: "https://ats.example.com/" + id}}
}

func (b *bundle) waiting(c atssync.Connection) int64 {
	b.t.Helper()
	got, err := b.store.HintBacklog(context.Background(), c.ID)
	require.NoError(b.t, err)
	return got.Waiting
}

func (b *bundle) state(id string) atssync.State {
	b.t.Helper()
	s, err := b.store.Submission(context.Background(), id)
	require.NoError(b.t, err)
	return s.State
}

// sending begins an attempt and leaves it there.
func (b *bundle) sending(c atssync.Connection) (id string, finish func(to atssync.State)) {
	b.t.Helper()
	ctx := context.Background()
	id = atssync.NewID(atssync.PrefixSubmission, time.Now())
	_, err := b.store.Accept(ctx, []atssync.NewSubmission{{
		Submission: atssync.Submission{ID: id, Connection: c.ID, ExternalID: "x-" + id, ExternalKey: id, Fingerprint: id, PlatformJob: "job"},
		Payload:    atssync.Payload("{}"),
	}}, time.Now())
	require.NoError(b.t, err)
	lease, _ := b.leases.Lease(c.ID)
	got, err := b.store.BeginAttempts(ctx, lease, []atssync.BeginAttempt{{Submission: id, Revision: 1, ATSJob: "ats-job", As: sdk.AsCandidate}}, time.Now())
	require.NoError(b.t, err)
	require.Len(b.t, got, 1)
	return id, func(to atssync.State) {
		b.t.Helper()
		require.NoError(b.t, b.store.FinishAttempts(ctx, lease, []atssync.Finish{{
			Submission: id, Attempt: got[0].Number, To: to, Trouble: &atssync.Trouble{Kind: sdk.KindAmbiguous},
		}}, nil, time.Now()))
	}
}

func (b *bundle) uncertain(c atssync.Connection) string {
	b.t.Helper()
	id, finish := b.sending(c)
	finish(atssync.StateUncertain)
	return id
}

// shows has the ATS show an application that carries an external id.
func (b *bundle) shows(id, external string) {
	b.ats.put(sdk.Reading{
		CandidateID: "cand-" + id, ApplicationID: "app-" + id, ExternalID: external, JobID: "ats-job",
		Raw: sdk.RawStatus{Status: "active", StageName: "Phone Screen"},
	})
}

func TestHints_ATouchedApplicationIsReadAtOnceAndNobodyElse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		c := b.conns[0]
		ids := b.submitted(c, 3)
		b.ats.move(ids[1], "hired", "")
		b.hook(c, "evt-1", touch(ids[1]))
		b.after(time.Second)
		require.Equal(t, sdk.StatusHired, b.app(ids[1]).Status)
		require.Len(t, b.events(c.ID, atssync.EventStatusChanged), 1)
		require.Empty(t, b.ats.times(ids[0]))
		require.Zero(t, b.waiting(c))

		commits := b.store.committed()
		b.hook(c, "evt-2", touch(ids[1]))
		b.after(time.Second)
		require.Len(t, b.ats.times(ids[1]), 2)
		require.Equal(t, commits, b.store.committed(), "a reading that changes nothing writes nothing")
		require.Zero(t, b.waiting(c))
	})
}

func TestHints_ABurstIsOneReading(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		c := b.conns[0]
		ids := b.submitted(c, 120)
		for range 20 {
			for _, id := range ids {
				b.hook(c, "", touch(id))
			}
		}
		b.after(time.Second)
		require.Equal(t, 3, b.ats.count(), "batches of 50")
		for _, id := range ids {
			require.Len(t, b.ats.times(id), 1)
		}
		require.Zero(t, b.waiting(c))
	})
}

func TestHints_WhatTheATSDoesNotShowIsLeftToThePasses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		c := b.conns[0]
		id := b.submitted(c, 1)[0]
		b.pass()
		b.ats.hide(id)
		for range 5 {
			b.hook(c, "", touch(id))
			b.after(time.Second)
		}
		require.Len(t, b.ats.times(id), 6)
		require.Zero(t, b.app(id).Missing)
		require.Zero(t, b.waiting(c))
	})
}

func TestHints_AreKeptUntilTheATSAnswers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		c := b.conns[0]
		id := b.submitted(c, 1)[0]
		b.ats.move(id, "hired", "")
		b.ats.set(func(a *ats) {
			a.rule = func(string) error { return &sdk.Error{Kind: sdk.KindTransient, Message: "down", Turn: sdk.TurnATS} }
		})
		b.hook(c, "evt-1", touch(id))
		b.after(20 * time.Second)
		require.EqualValues(t, 1, b.waiting(c))
		b.ats.set(func(a *ats) { a.rule = nil })
		b.after(10 * time.Minute)
		require.Equal(t, sdk.StatusHired, b.app(id).Status, "without a pass, a sweep or another hook")
		require.Zero(t, b.waiting(c))
	})
}

func TestHints_WaitForAnAdapterALeaseAndTheEndOfAPause(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		away, back func(*bundle, atssync.Connection)
	}{
		"adapter": {
			func(b *bundle, _ atssync.Connection) { b.adapters.set(func(a *adapters) { a.down = true }) },
			func(b *bundle, _ atssync.Connection) { b.adapters.set(func(a *adapters) { a.down = false }) },
		},
		"lease": {
			func(b *bundle, c atssync.Connection) {
				b.leases.mu.Lock()
				defer b.leases.mu.Unlock()
				delete(b.leases.held, c.ID)
			},
			func(b *bundle, c atssync.Connection) {
				b.leases.take(atssync.Lease{Connection: c.ID, Owner: "owner", Epoch: 1})
			},
		},
		"pause": {
			func(b *bundle, c atssync.Connection) { b.turn(c, atssync.ConnectionPaused) },
			func(b *bundle, c atssync.Connection) { b.turn(c, atssync.ConnectionActive) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := setup(t, 1)
				c := b.conns[0]
				id := b.submitted(c, 1)[0]
				tt.away(b, c)
				b.hook(c, "evt-1", touch(id))
				b.after(10 * time.Minute)
				require.Empty(t, b.ats.times(id))
				require.EqualValues(t, 1, b.waiting(c))
				tt.back(b, c)
				b.worker.Sweep()
				b.after(time.Minute)
				require.Len(t, b.ats.times(id), 1)
				require.Zero(t, b.waiting(c))
			})
		})
	}
}

func (b *bundle) turn(c atssync.Connection, to atssync.ConnectionState) {
	b.t.Helper()
	_, err := b.store.UpdateConnection(context.Background(), c.ID, 0, func(c *atssync.Connection) error {
		c.State = to
		return nil
	}, time.Now())
	require.NoError(b.t, err)
}

// A pass that stored an older or newer reading between our look and our commit leaves ours out: the ATS is asked again.
func TestHints_AReadingThatCameTooLateIsMadeAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		c := b.conns[0]
		id := b.submitted(c, 1)[0]
		lease, _ := b.leases.Lease(c.ID)
		raced := false
		b.ats.set(func(a *ats) {
			a.rule = func(string) error {
				if raced {
					return nil
				}
				raced = true
				app := b.app(id)
				was := app.Version
				app.ProfileURL = "https://ats.example.com/" + id
				_, err := b.store.RecordReadings(context.Background(), lease, []atssync.ApplicationChange{{Application: app, Was: was}}, nil, time.Now())
				return err
			}
		})
		b.ats.move(id, "hired", "")
		b.hook(c, "evt-1", touch(id))
		b.after(time.Second)
		require.Equal(t, sdk.StatusHired, b.app(id).Status)
		require.Len(t, b.ats.times(id), 2)
		require.Zero(t, b.waiting(c))
	})
}

func TestHints_AClaimOfAnUncertainOneIsReadBackBeforeItIsBelieved(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		c := b.conns[0]
		id := b.uncertain(c)
		b.shows(id, "x-"+id)
		b.hook(c, "evt-1", claim(id))
		b.after(time.Second)
		s, err := b.store.Submission(context.Background(), id)
		require.NoError(t, err)
		require.Equal(t, atssync.StateSubmitted, s.State)
		require.Equal(t, &atssync.Receipt{CandidateID: "cand-" + id, ApplicationID: "app-" + id, ProfileURL: "https://ats.example.com/" + id}, s.Receipt)
		resolved := b.events(c.ID, atssync.EventResolved)
		require.Len(t, resolved, 1)
		require.Contains(t, string(resolved[0].Data), `"resolved_by":"webhook"`)
		require.False(t, b.app(id).SeenAt.IsZero(), "and it was read as an application")
		require.Contains(t, b.woken, c.ID)
		require.Zero(t, b.waiting(c))
	})
}

func TestHints_WhatIsNotOursSettlesNothing(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		touch func(b *bundle, id string) atssync.Touch
		ends  time.Duration
	}{
		"another external id": {func(b *bundle, id string) atssync.Touch {
			b.shows(id, "x-of-somebody-else")
			return claim(id)
		}, time.Second},
		"no external id": {func(b *bundle, id string) atssync.Touch {
			b.shows(id, "")
			return claim(id)
		}, time.Second},
		"followed as another submission": {func(b *bundle, id string) atssync.Touch {
			other := b.submitted(b.conns[0], 1)[0]
			b.ats.put(sdk.Reading{CandidateID: "cand-" + id, ApplicationID: "app-" + other, ExternalID: "x-" + id, JobID: "ats-job"})
			t := claim(id)
			t.Receipt.ApplicationID = "app-" + other
			return t
		}, time.Second},
		"no ids at all": {func(_ *bundle, id string) atssync.Touch { return touch(id) }, time.Second},
		"not shown":     {func(_ *bundle, id string) atssync.Touch { return claim(id) }, 2 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := setup(t, 1)
				c := b.conns[0]
				id := b.uncertain(c)
				b.hook(c, "evt-1", tt.touch(b, id))
				b.after(tt.ends)
				require.Equal(t, atssync.StateUncertain, b.state(id))
				require.Zero(t, b.waiting(c))
				require.Less(t, b.ats.count(), 50, "it is asked for ever more rarely")
			})
		})
	}
}

// The ATS calls before its answer to the write arrives, or in its place.
func TestHints_AHookThatComesBeforeTheAnswerWaitsForIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		c := b.conns[0]
		id, finish := b.sending(c)
		b.shows(id, "x-"+id)
		b.hook(c, "evt-1", claim(id))
		b.after(5 * time.Second)
		require.Equal(t, atssync.StateSending, b.state(id))
		require.Zero(t, b.ats.count())
		finish(atssync.StateUncertain)
		b.after(10 * time.Second)
		require.Equal(t, atssync.StateSubmitted, b.state(id))
		require.Zero(t, b.waiting(c))
	})
}

func TestHints_WithoutAReadingOnlyAProvedReceiptSettles(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		c := b.conns[0]
		b.adapters.set(func(a *adapters) { a.manifest.Powers = []sdk.Power{sdk.PowerSubmit, sdk.PowerHandleWebhook} })
		proved, unproved := b.uncertain(c), b.uncertain(c)
		followed := b.submitted(c, 1)[0]
		b.hook(c, "evt-1", claim(proved), atssync.Touch{ExternalKey: unproved, CandidateID: "cand"}, touch(followed))
		b.after(time.Second)
		require.Equal(t, atssync.StateSubmitted, b.state(proved))
		require.Equal(t, atssync.StateUncertain, b.state(unproved))
		require.Zero(t, b.ats.count())
		require.Zero(t, b.waiting(c))
	})
}
