package atssync

import (
	"time"

	sdk "github.com/atssync/atssync/plugin-sdk"
)

// Causes that Fail knows beyond the kinds of package sdk.
const (
	CauseUncertain      = "uncertain"
	CauseAdapterMissing = "adapter_missing"
	CauseMissingMany    = "many_not_visible"
	CauseJobsVanished   = "many_jobs_not_visible"
	CauseStalled        = "stalled"
	CauseUnreadable     = "unreadable" // of Hamper: a part of the answers
)

// Hamper records that an operation works but for a part, which t names: it stays tried, and the platform is told when that has
// lasted as long as what stops an operation.
func (l *Lane) Hamper(op Operation, cause string, t *Trouble, now time.Time) []EventDraft {
	h := l.Health(op)
	if h.Cause != cause {
		h = Health{Since: now, Cause: cause, Told: h.Told}
	}
	h.State, h.Trouble, h.NextAt, h.Probes = HealthFailing, t, time.Time{}, 0
	h.Failures++
	var out []EventDraft
	if h.Failures >= stopAfter {
		out = h.tell(op, now)
	}
	l.set(op, h)
	return out
}

func stopsAtOnce(cause string) bool {
	switch cause {
	case string(sdk.KindAuth), string(sdk.KindPermission), string(sdk.KindConfigRequired), CauseUncertain,
		CauseAdapterMissing, CannotRead, CauseMissingMany, CauseJobsVanished:
		return true
	}
	return false
}

// ProbeDelay is how long a stopped operation waits before its next probe: short where a machine is
// expected to recover, long where a person has to act.
func ProbeDelay(cause string, probes int) time.Duration {
	steps := []time.Duration{10 * time.Second, 30 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute}
	switch cause {
	case CauseUncertain:
		steps = []time.Duration{time.Second, 5 * time.Second, 30 * time.Second, 2 * time.Minute, 5 * time.Minute}
	case CauseAdapterMissing:
		steps = []time.Duration{5 * time.Second, 15 * time.Second, 30 * time.Second, time.Minute, 5 * time.Minute}
	case string(sdk.KindAuth), string(sdk.KindPermission), string(sdk.KindConfigRequired):
		steps = []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour}
	}
	return steps[min(max(probes, 0), len(steps)-1)]
}
