package app

import (
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/collect"
	"github.com/atssync/atssync/daemon/internal/manage"
)

func TestSeen_ShowsOnlyConnectionsWithSomethingToSee(t *testing.T) {
	t.Parallel()
	now := time.Unix(10_000, 0)
	ledger := func(st atssync.State, n int64) atssync.Ledger {
		return atssync.Ledger{States: map[atssync.State]int64{st: n}}
	}
	op := func(state atssync.HealthState, cause string) map[atssync.Operation]atssync.Health {
		return map[atssync.Operation]atssync.Health{atssync.OpSubmit: {State: state, Cause: cause}}
	}
	s := seen{
		oldest: make(map[atssync.State]time.Time), health: make(map[atssync.HealthState]int), troubled: make(map[trouble]int),
	}
	for _, c := range []manage.Surveyed{
		{ID: "con_well", State: atssync.ConnectionActive, Ledger: ledger(atssync.StateSubmitted, 9)},
		{
			ID: "con_waits", State: atssync.ConnectionActive, Ledger: ledger(atssync.StateHeld, 2),
			Oldest: map[atssync.State]time.Time{atssync.StateHeld: now.Add(-time.Minute)},
		},
		{ID: "con_stopped", State: atssync.ConnectionActive, Operations: op(atssync.HealthStopped, "auth"), JobTroubles: 3},
		{ID: "con_odd", State: atssync.ConnectionPaused, Operations: op(atssync.HealthFailing, "a word nobody knows")},
		{ID: "con_drains", State: atssync.ConnectionActive, Operations: op(atssync.HealthDraining, "transient")},
		{
			ID: "con_unsure", State: atssync.ConnectionActive, Operations: op(atssync.HealthStopped, "uncertain"), Ledger: ledger(atssync.StateUncertain, 1),
			Oldest: map[atssync.State]time.Time{atssync.StateUncertain: now.Add(-time.Hour)},
		},
	} {
		s.connection(&c)
	}
	slices.SortFunc(s.worst, worse)
	var order []string
	for _, w := range s.worst {
		order = append(order, w.id)
	}
	require.Equal(t, []string{"con_unsure", "con_stopped", "con_drains", "con_odd", "con_waits"}, order)
	require.Equal(t, map[atssync.HealthState]int{atssync.HealthOK: 2, atssync.HealthFailing: 2, atssync.HealthStopped: 2}, s.health)
	require.Equal(t, map[trouble]int{
		{atssync.OpSubmit, "auth"}: 1, {atssync.OpSubmit, "other"}: 1, {atssync.OpSubmit, "uncertain"}: 1,
	}, s.troubled, "what drains is well again")
	require.Equal(t, []int{3, 1}, []int{s.jobs, s.paused})
	require.Equal(t, now.Add(-time.Hour), s.oldest[atssync.StateUncertain])

	got := make(map[string]float64)
	s.tell(func(name string, v float64, labels ...string) {
		for _, l := range labels {
			name += " " + l
		}
		got[name] = v
	}, now)
	require.InDelta(t, 3600, got["atssync_connection_oldest_age_seconds con_unsure"], 0)
	require.InDelta(t, 60, got["atssync_submission_oldest_age_seconds held"], 0)
	require.Contains(t, got, "atssync_connections_troubled read can_send_cannot_read", "zeroes are told, too")
	require.NotContains(t, got, "atssync_connection_health con_well")
}

func TestFreshness_DatesAChangeAsWellAsItIsKnown(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	f := new(freshness)
	f.saw("sub_a", at.Add(300*time.Nanosecond), collect.Since{At: at.Add(-time.Hour), How: collect.SinceLook})
	event := func(subject string, typ atssync.EventType, seen time.Time, data string) *atssync.Event {
		return &atssync.Event{Type: typ, Subject: subject, At: seen, Data: []byte(data)}
	}
	for name, x := range map[string]struct {
		e     *atssync.Event
		since time.Time
		how   string
	}{
		"remembered":             {event("sub_a", atssync.EventStatusChanged, at, `{}`), at.Add(-time.Hour), "look"},
		"another one of it":      {event("sub_a", atssync.EventStatusChanged, at.Add(time.Minute), `{}`), at.Add(time.Minute), "seen"},
		"forgotten, but dated":   {event("sub_b", atssync.EventReopened, at, `{"changed_at":"2026-03-01T11:59:00Z"}`), at.Add(-time.Minute), "change"},
		"forgotten and not":      {event("sub_b", atssync.EventReopened, at, `{`), at, "seen"},
		"no change of an ATS's":  {event("sub_a", atssync.EventSubmitted, at, `{}`), time.Time{}, ""},
		"only how it is visible": {event("sub_a", atssync.EventNotVisible, at, `{}`), time.Time{}, ""},
	} {
		since, how := f.changed(x.e)
		require.Equal(t, x.how, how, name)
		require.Equal(t, x.since, since, name)
	}
}

func TestJumped_NoticesAClockThatWasSet(t *testing.T) {
	t.Parallel()
	require.Zero(t, jumped(12*time.Second, 10*time.Second))
	require.Equal(t, time.Hour, jumped(time.Hour+10*time.Second, 10*time.Second))
	require.Equal(t, -time.Minute, jumped(-50*time.Second, 10*time.Second))
	m := newLeaseMetrics(prometheus.NewPedanticRegistry())
	m.clock(time.Hour)
	m.clock(-time.Minute)
	m.clock(-time.Minute)
	m.clock(0)
	require.InDelta(t, 1, testutil.ToFloat64(m.jumps.WithLabelValues("forward")), 0)
	require.InDelta(t, 2, testutil.ToFloat64(m.jumps.WithLabelValues("back")), 0)
}
