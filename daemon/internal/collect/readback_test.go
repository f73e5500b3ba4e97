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

// arrives submits one application to a job and starts its read-back, as the submit lane does.
func (b *bundle) arrives(c atssync.Connection, job string) string {
	b.t.Helper()
	id := b.submitted(c, 1)[0]
	lease, _ := b.leases.Lease(c.ID)
	_, err := b.store.UpdateLane(context.Background(), lease, func(l *atssync.Lane) []atssync.EventDraft {
		l.StartReadBack(job, id, time.Now().UTC())
		return nil
	}, time.Now())
	require.NoError(b.t, err)
	b.worker.Follow(c.ID)
	return id
}

func TestReadBack_TheFirstReceiptOnAJobIsSeenAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		c := b.conns[0]
		began := time.Now()
		id := b.arrives(c, "ats-job")
		b.after(time.Hour)
		require.Equal(t, []time.Duration{2 * time.Second}, since(began, b.ats.times(id)))
		require.False(t, b.app(id).SeenAt.IsZero())
		require.Contains(t, b.lane(c.ID).Verified, "ats-job")
		require.Empty(t, b.lane(c.ID).ReadBacks)
		require.Empty(t, b.events(c.ID, atssync.EventConnectionUnhealthy))
	})
}

func since(began time.Time, at []time.Time) []time.Duration {
	var out []time.Duration
	for _, x := range at {
		out = append(out, x.Sub(began))
	}
	return out
}

// A user who may push and never read: told after five minutes, with user, job and permission.
func TestReadBack_NeverSeenIsCanSendCannotRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		c := b.conns[0]
		began := time.Now()
		id := b.arrives(c, "ats-job")
		b.ats.hide(id)
		b.after(6 * time.Minute)
		require.Equal(t, []time.Duration{2 * time.Second, 30 * time.Second, 5 * time.Minute}, since(began, b.ats.times(id)))
		h := b.health(c.ID, atssync.OpRead)
		require.Equal(t, atssync.CannotRead, h.Cause)
		require.Contains(t, h.Trouble.Message, "recruiter@example.com")
		require.Contains(t, h.Trouble.Message, "Engineer")
		require.Contains(t, h.Trouble.Remedy, "Job Admin on the job")
		told := b.events(c.ID, atssync.EventConnectionUnhealthy)
		require.Len(t, told, 1)
		require.Contains(t, string(told[0].Data), atssync.CannotRead)
		require.Equal(t, atssync.HealthOK, b.health(c.ID, atssync.OpSubmit).State, "sending goes on")

		b.after(12 * time.Hour)
		require.Len(t, b.events(c.ID, atssync.EventConnectionUnhealthy), 1)
		b.ats.set(func(a *ats) { clear(a.hidden) }) // the permission is granted
		b.after(time.Hour + time.Minute)
		require.Equal(t, atssync.HealthOK, b.health(c.ID, atssync.OpRead).State)
		require.Len(t, b.events(c.ID, atssync.EventConnectionHealthy), 1)
	})
}

func TestReadBack_OneJobThatIsSeenDoesNotSpeakForAnother(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		c := b.conns[0]
		first, second := b.arrives(c, "ats-1"), b.arrives(c, "ats-2")
		b.ats.hide(first, second)
		b.after(10 * time.Minute)
		b.ats.set(func(a *ats) { delete(a.hidden, "cand-"+first) })
		b.after(2 * time.Hour)
		require.Contains(t, b.lane(c.ID).Verified, "ats-1")
		require.Equal(t, atssync.CannotRead, b.health(c.ID, atssync.OpRead).Cause)
		b.pass()
		require.Equal(t, atssync.CannotRead, b.health(c.ID, atssync.OpRead).Cause, "nor does a pass that reads others")
		b.ats.set(func(a *ats) { clear(a.hidden) })
		b.after(2 * time.Hour)
		require.Equal(t, atssync.HealthOK, b.health(c.ID, atssync.OpRead).State)
	})
}

// What the ATS has taken and not yet made an application of is looked for without an alarm.
func TestReadBack_APendingOneIsNoMissingPermission(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		c := b.conns[0]
		id := b.arrives(c, "ats-job")
		lease, _ := b.leases.Lease(c.ID)
		a := b.app(id)
		a.CandidateID, a.ApplicationID, a.Pending = "", "", "ref-1"
		_, err := b.store.RecordReadings(t.Context(), lease, []atssync.ApplicationChange{{Application: a, Was: a.Version}}, nil, time.Now())
		require.NoError(t, err)
		b.after(2 * time.Hour)
		require.Equal(t, atssync.HealthOK, b.health(c.ID, atssync.OpRead).State, "%+v", b.health(c.ID, atssync.OpRead))
		b.ats.set(func(a *ats) {
			a.readings[""] = []sdk.Reading{{CandidateID: "9", ApplicationID: "99", Pending: "ref-1", JobID: "ats-job", Raw: sdk.RawStatus{Status: "active"}}}
		})
		b.after(2 * time.Hour)
		require.Equal(t, "99", b.app(id).ApplicationID)
		require.Contains(t, b.lane(c.ID).Verified, "ats-job")
	})
}

func TestReadBack_ARestartGoesOnWithIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		c := b.conns[0]
		id := b.arrives(c, "ats-job")
		b.ats.hide(id)
		b.after(10 * time.Second)
		b.worker.Stop()
		b.start()
		b.after(time.Hour)
		require.Len(t, b.ats.times(id), 1)
		b.worker.Sweep()
		b.after(10 * time.Minute)
		require.Equal(t, atssync.CannotRead, b.health(c.ID, atssync.OpRead).Cause)
	})
}

// A job that is sent to while another one is being read back is not forgotten.
func TestReadBack_OneThatBeginsWhileAnotherIsReadIsNotLost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		c := b.conns[0]
		b.ats.set(func(a *ats) { a.rule = func(string) error { time.Sleep(30 * time.Second); return nil } })
		b.arrives(c, "ats-1")
		b.after(10 * time.Second)
		id := b.arrives(c, "ats-2")
		b.after(3 * time.Minute)
		require.Contains(t, b.lane(c.ID).Verified, "ats-1")
		require.Contains(t, b.lane(c.ID).Verified, "ats-2")
		require.Len(t, b.ats.times(id), 1)
	})
}

func TestReadBack_TroubleWithTheATSIsTriedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		c := b.conns[0]
		bad := true
		b.ats.set(func(a *ats) {
			a.rule = func(string) error {
				if bad {
					return errServer
				}
				return nil
			}
		})
		b.arrives(c, "ats-job")
		b.after(20 * time.Second)
		b.adapters.set(func(a *adapters) { a.down = true })
		b.ats.set(func(*ats) { bad = false })
		b.after(2 * time.Minute)
		b.adapters.set(func(a *adapters) { a.down = false })
		b.after(time.Minute)
		require.Contains(t, b.lane(c.ID).Verified, "ats-job")
		require.NotEqual(t, atssync.CannotRead, b.health(c.ID, atssync.OpRead).Cause)
	})
}
