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
	active := atssync.Connection{State: atssync.ConnectionActive}
	lane := func(h atssync.Health) atssync.Lane {
		return atssync.Lane{Operations: map[atssync.Operation]atssync.Health{atssync.OpSubmit: h}}
	}
	for name, c := range map[string]struct {
		c    atssync.Connection
		l    atssync.Lane
		want plan
	}{
		"well":                  {active, atssync.Lane{}, plan{do: send, limit: 4}},
		"failing":               {active, lane(atssync.Health{State: atssync.HealthFailing}), plan{do: send, limit: 4}},
		"paused":                {atssync.Connection{State: atssync.ConnectionPaused}, atssync.Lane{}, plan{do: waitUntil}},
		"stopped, not yet":      {active, lane(atssync.Health{State: atssync.HealthStopped, NextAt: now.Add(1)}), plan{do: waitUntil, at: now.Add(1)}},
		"stopped, probe is due": {active, lane(atssync.Health{State: atssync.HealthStopped, NextAt: now}), plan{do: probe}},
		"canary goes alone":     {active, lane(atssync.Health{State: atssync.HealthCanary}), plan{do: send, limit: 1}},
		"draining, not yet":     {active, lane(atssync.Health{State: atssync.HealthDraining, NextAt: now.Add(1)}), plan{do: waitUntil, at: now.Add(1)}},
		"draining, one more":    {active, lane(atssync.Health{State: atssync.HealthDraining, NextAt: now}), plan{do: send, limit: 1}},
	} {
		require.Equal(t, c.want, next(c.c, c.l, 4, now), name)
	}
}

func TestIncidents_ThreeConnectionsStopTheAdapter(t *testing.T) {
	t.Parallel()
	var in incidents
	now := time.Unix(0, 0)
	require.False(t, in.uncertain("gh", "a", now))
	require.False(t, in.uncertain("gh", "a", now), "the same connection again is no second one")
	require.False(t, in.uncertain("gh", "b", now))
	require.False(t, in.uncertain("other", "c", now), "another adapter's is another matter")
	require.True(t, in.uncertain("gh", "c", now))

	v, at := in.gate("gh", "d", true, now)
	require.Equal(t, waitFor, v)
	v, _ = in.gate("gh", "d", true, at)
	require.Equal(t, mayProbe, v)
	v, _ = in.gate("gh", "e", true, at)
	require.Equal(t, waitFor, v, "one probes, the others wait")
	in.probed("gh", "d", true, at)
	v, _ = in.gate("gh", "d", true, at)
	require.Equal(t, goAlone, v)
	require.ElementsMatch(t, []string{"d", "e"}, in.success("gh", "d"))
	v, _ = in.gate("gh", "e", true, at)
	require.Equal(t, goOn, v)
}

func TestIncidents_OldMarksDoNotAddUp(t *testing.T) {
	t.Parallel()
	var in incidents
	now := time.Unix(0, 0)
	require.False(t, in.uncertain("gh", "a", now))
	require.False(t, in.uncertain("gh", "b", now.Add(time.Minute)))
	require.False(t, in.uncertain("gh", "c", now.Add(5*time.Minute+time.Second)))
}

// A storm of failing writes with working reads: each canary leaves one more uncertain submission, so they
// must be few and on connections that have none yet.
func TestIncidents_TenMinutesOfFailingWritesLeaveAtMostOneEach(t *testing.T) {
	t.Parallel()
	var in incidents
	now := time.Unix(0, 0)
	count := make(map[string]int)
	for i := range 3 {
		c := fmt.Sprint("con", i)
		count[c]++
		in.uncertain("gh", c, now)
	}
	for range 600 {
		now = now.Add(time.Second)
		for i := range 200 {
			c := fmt.Sprint("con", i)
			switch v, _ := in.gate("gh", c, count[c] == 0, now); v {
			case mayProbe:
				in.probed("gh", c, true, now)
			case goAlone:
				count[c]++
				in.uncertain("gh", c, now)
			case goOn:
				require.Fail(t, "the incident ended without a success")
			}
		}
	}
	total := 0
	for c, n := range count {
		require.LessOrEqual(t, n, 1, c)
		total += n
	}
	require.Less(t, total, 20)
}
