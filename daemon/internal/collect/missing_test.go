package collect

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

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

func TestMissing_OneThatWasNeverReadIsTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		c := b.conns[0].ID
		ids := b.submitted(b.conns[0], 5)
		b.ats.hide(ids[3])
		for range 50 {
			b.pass()
			b.after(time.Minute)
		}
		require.Empty(t, b.events(c, atssync.EventNotVisible), "the ATS may take a while to show it, however often somebody looks")
		b.ats.hide(ids...)
		for range 4 {
			b.after(15 * time.Minute)
			b.pass()
		}
		require.Empty(t, b.events(c, atssync.EventNotVisible), "none on its job is shown: that is told of them together")
		b.ats.set(func(a *ats) { clear(a.hidden) })
		b.ats.hide(ids[3])
		for i := range 3 {
			require.Equal(t, atssync.Visible, b.app(ids[3]).Visibility, i)
			b.pass()
			b.after(15 * time.Minute)
		}
		require.Equal(t, atssync.NotVisible, b.app(ids[3]).Visibility)
		require.Len(t, b.events(c, atssync.EventNotVisible), 1)
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

func TestMissing_ATroubleEndsWithItsCauseAlsoForWhatIsSeldomRead(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		n     int
		quiet time.Duration // before they vanish
		cause []string
	}{
		"a few": {n: 2, cause: []string{atssync.CauseStalled}},
		"many":  {n: 40, cause: []string{atssync.CauseMissingMany}},
		// How many of them fall due in one pass is a matter of their ids.
		"many that are quiet": {n: 40, quiet: 100 * 24 * time.Hour, cause: []string{atssync.CauseStalled, atssync.CauseMissingMany}},
	}
	ends := map[string]func(b *bundle){
		"by the next pass": func(b *bundle) {
			b.after(15 * time.Minute)
			b.pass()
		},
		"by a person who runs the pass": func(b *bundle) {
			_, err := b.worker.StatusPassAsked(b.t.Context(), 0)
			require.NoError(b.t, err)
		},
		"by a person who checks the connection": func(b *bundle) {
			b.worker.ReadSoon(b.conns[0].ID)
			synctest.Wait()
		},
	}
	for name, c := range cases {
		for how, end := range ends {
			t.Run(name+" "+how, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					b := setup(t, 1)
					con := b.conns[0].ID
					ids := b.submitted(b.conns[0], c.n)
					b.pass()
					if c.quiet > 0 {
						b.after(c.quiet)
						b.pass()
					}
					b.ats.hide(ids...)
					for range 2 * 96 { // so that the daily ones were due too
						if b.after(15 * time.Minute); b.told(con) {
							break
						}
						_, _ = b.worker.StatusPass(t.Context(), 0)
					}
					require.Contains(t, c.cause, b.health(con, atssync.OpRead).Cause)
					require.Len(t, b.events(con, atssync.EventConnectionUnhealthy), 1)
					b.after(15 * time.Minute)
					b.pass()
					require.True(t, looksAgain(b.health(con, atssync.OpRead).Cause), "nothing is well before it is shown")
					b.ats.set(func(a *ats) { clear(a.hidden) })
					for _, id := range ids {
						b.ats.move(id, "hired", "Offer")
					}
					end(b)
					require.Equal(t, atssync.HealthOK, b.health(con, atssync.OpRead).State)
					require.Len(t, b.events(con, atssync.EventConnectionHealthy), 1)
					for _, id := range ids {
						require.Equal(t, atssync.Visible, b.app(id).Visibility)
						require.Equal(t, sdk.StatusHired, b.app(id).Status, "what changed meanwhile is read at once")
					}
				})
			})
		}
	}
}

// told reports whether the platform was told that reading does not work.
func (b *bundle) told(connection string) bool {
	return len(b.events(connection, atssync.EventConnectionUnhealthy)) > 0
}

func TestMissing_NothingIsWellWhileNothingIsRead(t *testing.T) {
	t.Parallel()
	for name, quiet := range map[string]time.Duration{"fresh": 0, "quiet": 100 * 24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := setup(t, 1)
				con := b.conns[0].ID
				ids := b.submitted(b.conns[0], 20)
				b.pass()
				if quiet > 0 {
					b.after(quiet)
					b.pass()
				}
				b.ats.hide(ids...)
				for range 14 * 96 {
					b.after(15 * time.Minute)
					_, _ = b.worker.StatusPass(t.Context(), 0)
				}
				require.Equal(t, atssync.HealthStopped, b.health(con, atssync.OpRead).State)
				require.Len(t, b.events(con, atssync.EventConnectionUnhealthy), 1)
				require.Empty(t, b.events(con, atssync.EventConnectionHealthy))
			})
		})
	}
}
