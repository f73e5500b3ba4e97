package submit

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

func TestNext_EveryHealthHasItsPlan(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	lane := func(h atssync.Health) atssync.Lane {
		return atssync.Lane{Operations: map[atssync.Operation]atssync.Health{atssync.OpSubmit: h}}
	}
	for name, c := range map[string]struct {
		l    atssync.Lane
		want plan
	}{
		"well":                              {atssync.Lane{}, plan{do: send, limit: 4}},
		"failing":                           {lane(atssync.Health{State: atssync.HealthFailing}), plan{do: send, limit: 4}},
		"stopped, not yet":                  {lane(atssync.Health{State: atssync.HealthStopped, NextAt: now.Add(1)}), plan{do: waitUntil, at: now.Add(1)}},
		"a probe of a clock that was ahead": {lane(atssync.Health{State: atssync.HealthStopped, NextAt: now.Add(365 * 24 * time.Hour)}), plan{do: probe}},
		"stopped, probe is due":             {lane(atssync.Health{State: atssync.HealthStopped, NextAt: now}), plan{do: probe}},
		"canary goes alone":                 {lane(atssync.Health{State: atssync.HealthCanary}), plan{do: send, limit: 1, alone: true}},
		"draining, not yet":                 {lane(atssync.Health{State: atssync.HealthDraining, NextAt: now.Add(1)}), plan{do: waitUntil, at: now.Add(1)}},
		"draining, one more":                {lane(atssync.Health{State: atssync.HealthDraining, NextAt: now}), plan{do: send, limit: 1, alone: true}},
	} {
		require.Equal(t, c.want, next(c.l, 4, now), name)
	}
	require.True(t, next(lane(atssync.Health{State: atssync.HealthFailing}), 1, now).alone, "after a failure nothing is begun ahead")
}

var never time.Time

// doubt marks an uncertain write.
func doubt(in *incidents, adapter, connection string, now time.Time) bool {
	began, _ := in.ended(adapter, connection, inDoubt, now)
	return began
}

func TestIncidents_ThreeConnectionsStopTheAdapter(t *testing.T) {
	t.Parallel()
	var in incidents
	now := time.Unix(0, 0)
	require.False(t, doubt(&in, "gh", "a", now))
	require.False(t, doubt(&in, "gh", "a", now), "the same connection again is no second one")
	require.False(t, doubt(&in, "gh", "b", now))
	require.False(t, doubt(&in, "other", "c", now), "another adapter's is another matter")
	require.True(t, in.open("gh", "d"))
	require.True(t, doubt(&in, "gh", "c", now))
	require.False(t, in.open("gh", "d"), "what was let through before does not begin any more")

	v, at := in.gate("gh", "d", never, now)
	require.Equal(t, waitFor, v)
	v, _ = in.gate("gh", "d", never, at)
	require.Equal(t, mayProbe, v)
	require.False(t, in.open("gh", "d"), "not before its probe succeeded")
	v, _ = in.gate("gh", "e", never, at)
	require.Equal(t, waitFor, v, "one probes, the others wait")
	require.Empty(t, in.probed("gh", "d", true, at))
	v, _ = in.gate("gh", "d", never, at)
	require.Equal(t, goAlone, v)
	require.True(t, in.open("gh", "d"))
	_, wake := in.ended("gh", "d", says, at)
	require.Equal(t, []string{"e"}, wake)
	v, _ = in.gate("gh", "e", never, at)
	require.Equal(t, goOn, v)
}

func TestIncidents_OldMarksDoNotAddUp(t *testing.T) {
	t.Parallel()
	var in incidents
	now := time.Unix(0, 0)
	require.False(t, doubt(&in, "gh", "a", now))
	require.False(t, doubt(&in, "gh", "b", now.Add(time.Minute)))
	require.False(t, doubt(&in, "gh", "c", now.Add(5*time.Minute+time.Second)))
}

func TestIncidents_AConnectionThatSentSinceDoesNotCount(t *testing.T) {
	t.Parallel()
	var in incidents
	now := time.Unix(0, 0)
	for i := range 100 {
		c := fmt.Sprint(i)
		require.False(t, doubt(&in, "gh", c, now))
		in.ended("gh", c, says, now)
	}
}

func TestIncidents_ALostHolderDoesNotStopTheAdapterForGood(t *testing.T) {
	t.Parallel()
	var in incidents
	now := time.Unix(0, 0)
	for i := range 3 {
		doubt(&in, "gh", fmt.Sprint(i), now)
	}
	now = now.Add(time.Minute)
	v, _ := in.gate("gh", "lost", never, now)
	require.Equal(t, mayProbe, v)
	v, at := in.gate("gh", "next", never, now)
	require.Equal(t, waitFor, v)
	v, _ = in.gate("gh", "next", never, at)
	require.Equal(t, mayProbe, v, "its patience is over")
	v, _ = in.gate("gh", "lost", never, at)
	require.Equal(t, waitFor, v, "and the place is gone")
}

func TestIncidents_APlacePassedOnWakesTheOthers(t *testing.T) {
	t.Parallel()
	var in incidents
	now := time.Unix(0, 0)
	for i := range 3 {
		doubt(&in, "gh", fmt.Sprint(i), now)
	}
	now = now.Add(time.Minute)
	in.gate("gh", "a", never, now)
	in.gate("gh", "b", never, now)
	require.Equal(t, []string{"b"}, in.pass("gh", "a", now))
	require.Empty(t, in.pass("gh", "a", now), "only the holder passes")
	v, at := in.gate("gh", "b", never, now)
	require.Equal(t, waitFor, v, "a second of rest keeps passing on from spinning")
	v, _ = in.gate("gh", "b", never, at)
	require.Equal(t, mayProbe, v)
}

// A storm of failing writes with working reads: each canary leaves one more uncertain submission, so they
// must be few and on connections that have none yet.
func TestIncidents_TenMinutesOfFailingWritesLeaveAtMostOneEach(t *testing.T) {
	t.Parallel()
	for name, first := range map[string]int{"three were under way": 3, "all were under way": 200} {
		var in incidents
		now := time.Unix(1_000_000, 0)
		count := make(map[string]int)
		since := make(map[string]time.Time)
		fail := func(c string) {
			count[c]++
			since[c] = now
			doubt(&in, "gh", c, now)
		}
		for i := range first {
			fail(fmt.Sprint("con", i))
		}
		for range 600 {
			now = now.Add(time.Second)
			for i := range 200 {
				c := fmt.Sprint("con", i)
				switch v, _ := in.gate("gh", c, since[c], now); v {
				case mayProbe:
					in.probed("gh", c, true, now)
				case goAlone:
					fail(c)
				case goOn:
					require.Fail(t, "the incident ended without a success")
				}
			}
		}
		total := 0
		for c, n := range count {
			require.LessOrEqual(t, n, 1, "%s: %s", name, c)
			total += n
		}
		require.Less(t, total, first+20, name)
	}
}
