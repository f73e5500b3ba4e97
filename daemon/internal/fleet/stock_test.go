package fleet

import (
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	sdk "github.com/atssync/atssync/plugin-sdk"
)

func TestLimiter_TellsWhatIsLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		left := func(l *limiter) float64 {
			part, _ := l.left(time.Now())
			return part
		}
		none := newLimiter(sdk.Limit{})
		require.InDelta(t, 1, left(none), 0, "without a limit all is left")
		l := newLimiter(sdk.Limit{Requests: 10, Per: 10 * time.Second})
		require.InDelta(t, 1, left(l), 0)
		for range 8 {
			require.NoError(t, l.wait(t.Context(), 1, false))
		}
		require.InDelta(t, .2, left(l), 1e-9, "as we counted")
		l.learn(sdk.Budget{Limit: 100, Remaining: 5, ResetAfter: time.Minute})
		require.InDelta(t, .05, left(l), 1e-9, "as the ATS says, which others use, too")
		l.quiet(5 * time.Second)
		part, quiet := l.left(time.Now())
		require.Zero(t, part)
		require.True(t, quiet)
		time.Sleep(6 * time.Second)
		require.InDelta(t, .05, left(l), 1e-9)
		time.Sleep(time.Minute)
		require.InDelta(t, 1, left(l), 0, "the ATS's budget was reset, and ours is full again")
	})
}

func TestCollector_TellsOfRoomAndMemory(t *testing.T) {
	t.Parallel()
	f, err := New(Options{Adapters: []Spec{{Name: "fake", Limits: Limits{MaxInFlight: 7}}}})
	require.NoError(t, err)
	l := f.adapters["fake"].limiters
	_, free, err := l.acquire(t.Context(), sdk.Connection{ID: "con_a"}, sdk.PowerSubmit)
	require.NoError(t, err)
	l.m[limitKey{"connection/con_a", sdk.Limit{Scope: "credential"}}].quiet(time.Hour)
	require.NoError(t, testutil.CollectAndCompare(f.Collector(), strings.NewReader(`
# HELP atssync_adapter_calls_in_flight Calls to an adapter under way, over all connections.
# TYPE atssync_adapter_calls_in_flight gauge
atssync_adapter_calls_in_flight{adapter="fake"} 1
# HELP atssync_adapter_calls_in_flight_limit The most calls to an adapter that may be under way.
# TYPE atssync_adapter_calls_in_flight_limit gauge
atssync_adapter_calls_in_flight_limit{adapter="fake"} 7
# HELP atssync_adapter_calls_waiting Calls that wait for a place or for the limits of an ATS.
# TYPE atssync_adapter_calls_waiting gauge
atssync_adapter_calls_waiting{adapter="fake"} 0
# HELP atssync_adapter_credentials_throttled Credentials whose ATS asked for quiet, or whose budget is used up by its own account.
# TYPE atssync_adapter_credentials_throttled gauge
atssync_adapter_credentials_throttled{adapter="fake"} 1
# HELP atssync_adapter_rate_budget_left_ratio What is left of the rate limit, as a part of it, for the credential of an adapter that has the least; 1 when nobody calls.
# TYPE atssync_adapter_rate_budget_left_ratio gauge
atssync_adapter_rate_budget_left_ratio{adapter="fake"} 0
# HELP atssync_adapter_resident_memory_bytes Resident memory of the adapter's process; 0 while none runs.
# TYPE atssync_adapter_resident_memory_bytes gauge
atssync_adapter_resident_memory_bytes{adapter="fake"} 0
`)))
	free()
	require.Positive(t, residentMemory(os.Getpid()))
	require.Zero(t, residentMemory(-1))
}
