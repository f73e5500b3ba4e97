package deliver

import (
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// plan is what a lane does now.
type plan struct {
	do plannedAct
	at time.Time // with rest: when to look again; zero is not until woken
}

type plannedAct int

const (
	rest  plannedAct = iota
	probe            // one delivery, to see whether the endpoint is back
	send
)

// next decides what an endpoint's lane does now. It is pure: the same state and instant give the same plan. underWay is
// how many requests are.
func next(e atssync.Endpoint, w atssync.EndpointWork, underWay int, now time.Time) plan {
	switch {
	case e.State != atssync.EndpointActive:
		return plan{do: rest}
	case !w.Breaker.Open():
		return plan{do: send}
	case now.Before(w.Breaker.ProbeAt):
		return plan{do: rest, at: w.Breaker.ProbeAt}
	case underWay > 0:
		return plan{do: rest} // what comes back may be the answer
	}
	return plan{do: probe}
}

// probeWith picks the delivery to probe with: of those at hand the one that was tried least. One that fails for ever must
// not be what an endpoint is judged by.
func probeWith(due []atssync.DueDelivery) (atssync.DueDelivery, bool) {
	var best atssync.DueDelivery
	for i, d := range due {
		if i == 0 || d.Delivery.Attempts < best.Delivery.Attempts {
			best = d
		}
	}
	return best, len(due) > 0
}
