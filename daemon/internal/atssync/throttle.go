package atssync

import (
	"time"

	sdk "github.com/atssync/atssync/plugin-sdk"
)

// CauseThrottled is the cause of an operation that waits because the ATS asked for it.
const CauseThrottled = string(sdk.KindRateLimited)

// throttleTold is how long an ATS has to ask for quiet, in one answer or in several in a row, before the platform is told.
const throttleTold = 5 * time.Minute

// Throttled reports whether the ATS asked that the operation be left alone until some time after now.
func (h Health) Throttled(now time.Time) bool {
	return h.State == HealthStopped && h.Cause == CauseThrottled && now.Before(h.NextAt)
}

// Throttle records that the ATS asked for quiet until then. Stops has the operation stopped until then, and begun again by a
// probe and one submission; without it the operation is failing and goes on by itself. An operation that stopped for another
// cause keeps that, and is probed no sooner.
func (l *Lane) Throttle(op Operation, stops bool, until time.Time, t *Trouble, now time.Time) []EventDraft {
	h := l.Health(op)
	switch {
	case h.State == HealthStopped && h.Cause != CauseThrottled:
		if until.After(h.NextAt) {
			h.NextAt = until
			l.set(op, h)
		}
		return nil
	case !stops && h.State != HealthOK && h.Cause != CauseThrottled, !stops && (h.State == HealthCanary || h.State == HealthDraining):
		return nil // whatever is wrong already is the greater trouble
	}
	if h.State == HealthOK || h.Cause != CauseThrottled || h.State == HealthDraining {
		h.Since, h.Failures, h.Probes = now, 0, 0
	}
	h.Cause, h.Trouble = CauseThrottled, t
	if stops || h.State == HealthStopped {
		h.State, h.NextAt = HealthStopped, until
	} else {
		h.State = HealthFailing
	}
	var out []EventDraft
	if (op == OpSubmit || op == OpRead) && until.Sub(h.Since) >= throttleTold {
		out = h.tell(op, now)
	}
	l.set(op, h)
	return out
}

// ThrottledTrouble says that the ATS asked for quiet, and when it is asked again.
func ThrottledTrouble(e *sdk.Error, again time.Time) *Trouble {
	t := TroubleOf(e)
	t.Turn = sdk.TurnATS
	if t.Message == "" {
		t.Message = "the ATS limits the requests"
	}
	at := again.UTC().Format(time.RFC3339)
	if e.Status != 0 && e.RetryAfter > 0 {
		t.Message += "; it asked to be left alone for " + e.RetryAfter.Round(time.Second).String()
	}
	t.Remedy = "wait: it is asked again by itself at " + at + "; if this happens often, ask the ATS for a higher limit"
	return t
}
