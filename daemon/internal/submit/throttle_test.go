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

// quietFor has the ATS of a bundle answer every write by asking for quiet until told otherwise.
func (b *bundle) quietFor(asked time.Duration) (end func()) {
	limited := true
	b.ats.set(func(a *ats) {
		a.rule = func(string, sdk.SubmitItem) *said {
			if limited {
				return fails(&sdk.Error{Kind: sdk.KindRateLimited, RetryAfter: asked, Status: 429})
			}
			return passes()
		}
	})
	return func() { b.ats.set(func(*ats) { limited = false }) }
}

func TestThrottle_AHeaderOfADaySilencesNobodyForADay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		c := b.conns[0].ID
		end := b.quietFor(24 * time.Hour)
		began := time.Now()
		b.submit(b.conns[0], "job", 5)
		b.after(time.Minute)
		h := b.health(c)
		require.True(t, h.Throttled(time.Now()))
		require.Equal(t, sdk.TurnATS, h.Trouble.Turn)
		require.Contains(t, h.Trouble.Message, "24h0m0s")
		require.Contains(t, h.Trouble.Remedy, h.NextAt.UTC().Format(time.RFC3339))
		require.WithinRange(t, h.NextAt, began.Add(time.Hour), began.Add(62*time.Minute))
		require.Len(t, b.events(c, atssync.EventConnectionUnhealthy), 1, "told at once: it will last")

		b.after(10 * time.Hour)
		require.Equal(t, 1+b.ats.checksMade(), b.ats.writesOf(c), "after each hour one read, and one write")
		require.LessOrEqual(t, b.ats.writesOf(c), 11)
		require.GreaterOrEqual(t, b.ats.writesOf(c), 9)
		require.Len(t, b.events(c, atssync.EventConnectionUnhealthy), 1, "once")

		end()
		b.after(62 * time.Minute)
		require.Equal(t, map[atssync.State]int64{atssync.StateSubmitted: 5}, b.states(c))
		require.Equal(t, atssync.HealthOK, b.health(c).State)
		require.Len(t, b.events(c, atssync.EventConnectionHealthy), 1)
		require.Zero(t, b.ats.doubled())
	})
}

// What waits for the quiet of a credential waits in the lane: whoever ends that, such as new credentials, frees all of it.
func TestThrottle_AProbeBeforeItsTimeFreesTheQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		c := b.conns[0].ID
		end := b.quietFor(24 * time.Hour)
		ids := b.submit(b.conns[0], "job", 3)
		b.after(time.Minute)
		require.False(t, b.sub(ids[0]).NextAt.After(time.Now()), "it has its place in the queue")
		end()
		lease, ok := b.leases.Lease(c)
		require.True(t, ok)
		_, err := b.store.UpdateLane(t.Context(), lease, func(l *atssync.Lane) []atssync.EventDraft {
			h := l.Operations[atssync.OpSubmit]
			h.NextAt = time.Now()
			l.Operations[atssync.OpSubmit] = h
			return nil
		}, time.Now())
		require.NoError(t, err)
		b.wakeAll()
		b.after(10 * time.Second)
		require.Equal(t, map[atssync.State]int64{atssync.StateSubmitted: 3}, b.states(c))
	})
}

// The limiter of the credential may know it before the lane does: another connection was told.
func TestThrottle_QuietOfTheCredentialStopsTheLane(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		c := b.conns[0].ID
		quiet := time.Now().Add(40 * time.Minute)
		b.adapters.set(func(a *adapters) {
			a.reserve = func(context.Context, string, sdk.Power) error {
				if d := time.Until(quiet); d > 0 {
					return &sdk.Error{Kind: sdk.KindRateLimited, RetryAfter: d, Message: "the ATS asked to be left alone"}
				}
				return nil
			}
		})
		b.submit(b.conns[0], "job", 2)
		b.after(time.Minute)
		require.True(t, b.health(c).Throttled(time.Now()))
		require.Zero(t, b.ats.writesOf(c))
		b.after(45 * time.Minute)
		require.Equal(t, map[atssync.State]int64{atssync.StateSubmitted: 2}, b.states(c))
		require.Equal(t, atssync.HealthOK, b.health(c).State)
	})
}

// A throttled lane whose queue was emptied by people is well after its probe.
func TestThrottle_EndsWithoutAnythingToSend(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		c := b.conns[0].ID
		b.quietFor(30 * time.Minute)
		ids := b.submit(b.conns[0], "job", 1)
		b.after(time.Minute)
		require.True(t, b.health(c).Throttled(time.Now()))
		_, err := b.store.Act(t.Context(), ids[0], atssync.ActCancel, time.Now())
		require.NoError(t, err)
		b.after(35 * time.Minute)
		require.Equal(t, atssync.HealthOK, b.health(c).State)
		require.Len(t, b.events(c, atssync.EventConnectionHealthy), 1)
	})
}
