package submit

import (
	"sync"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// An incident is uncertain writes on several connections of one adapter within a few minutes: then it is the
// ATS and not a connection, and going on would make one uncertain submission after another. The adapter's
// writes stop; one lane probes with a read; then one write goes alone, the canary; when it arrives, all go on.
const (
	incidentConnections = 3
	incidentWindow      = 5 * time.Minute
	// cleanFirst is how long the canary's place is kept for a lane that has no uncertain write of its own.
	cleanFirst = 3 * time.Second
	// When so many connections have an uncertain write, one that has is the canary only this long after its own:
	// a storm of ten minutes leaves one on each.
	manyConnections = 10
	restAfterOwn    = 11 * time.Minute
	// canaryPatience is how long the one lane may keep the canary's place.
	canaryPatience = 2 * time.Minute
)

type incidents struct {
	mu        sync.Mutex
	byAdapter map[string]*incident
}

type incident struct {
	marks    map[string]time.Time // connection → its uncertain write, unless one of its writes arrived since
	on       bool
	failures int // probes and canaries that failed in a row
	nextAt   time.Time
	probed   bool // the read probe succeeded: the holder's write may go
	holder   string
	heldAt   time.Time
	waiting  map[string]bool // lanes to wake when something changed
}

// verdict is what the gate tells a lane.
type verdict int

const (
	goOn verdict = iota
	goAlone
	mayProbe
	waitFor
)

// answer is what the outcome of a write says about the ATS.
type answer int

const (
	saysNothing answer = iota
	says               // it judged what was sent
	inDoubt            // nobody knows whether it took it
)

func (in *incidents) of(adapter string) *incident {
	if in.byAdapter == nil {
		in.byAdapter = make(map[string]*incident)
	}
	i := in.byAdapter[adapter]
	if i == nil {
		i = &incident{marks: make(map[string]time.Time), waiting: make(map[string]bool)}
		in.byAdapter[adapter] = i
	}
	return i
}

// gate says whether a lane may send now. uncertain is when the lane's own trouble began if that is an uncertain
// write, else zero.
func (in *incidents) gate(adapter, connection string, uncertain, now time.Time) (verdict, time.Time) {
	in.mu.Lock()
	defer in.mu.Unlock()
	i := in.of(adapter)
	if !i.on {
		return goOn, time.Time{}
	}
	if i.holder == connection && now.Sub(i.heldAt) < canaryPatience {
		if i.probed {
			return goAlone, time.Time{}
		}
		return mayProbe, time.Time{}
	}
	i.waiting[connection] = true
	if i.holder != "" && now.Sub(i.heldAt) < canaryPatience {
		return waitFor, i.heldAt.Add(canaryPatience)
	}
	if at := i.earliest(connection, uncertain); now.Before(at) {
		return waitFor, at
	}
	i.holder, i.heldAt, i.probed = connection, now, false
	delete(i.waiting, connection)
	return mayProbe, time.Time{}
}

// earliest is when a lane may be the next canary.
func (i *incident) earliest(connection string, uncertain time.Time) time.Time {
	if uncertain.IsZero() {
		return i.nextAt
	}
	at := i.nextAt.Add(cleanFirst)
	if len(i.marks) < manyConnections {
		return at
	}
	if own, ok := i.marks[connection]; ok {
		uncertain = own
	}
	if rested := uncertain.Add(restAfterOwn); rested.After(at) {
		return rested
	}
	return at
}

// open reports whether a lane that was let through may still begin: an incident may have begun since.
func (in *incidents) open(adapter, connection string) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	i := in.of(adapter)
	return !i.on || i.holder == connection && i.probed
}

// probed takes the result of the read probe of the lane that holds the place, and returns the lanes to wake.
func (in *incidents) probed(adapter, connection string, ok bool, now time.Time) []string {
	in.mu.Lock()
	defer in.mu.Unlock()
	i := in.of(adapter)
	if !i.on || i.holder != connection {
		return nil
	}
	if ok {
		i.probed = true
		return nil
	}
	i.failures++
	i.stop(now)
	return i.woken()
}

// ended takes what the outcome of a write says. It reports whether an incident began, and the lanes to wake.
func (in *incidents) ended(adapter, connection string, a answer, now time.Time) (began bool, wake []string) {
	in.mu.Lock()
	defer in.mu.Unlock()
	i := in.of(adapter)
	canary := i.on && i.holder == connection
	switch a {
	case inDoubt:
		i.marks[connection] = now
		if canary {
			i.failures++
			i.stop(now)
			return false, i.woken()
		}
		return i.begin(now), nil
	case says:
		if canary {
			delete(in.byAdapter, adapter)
			return false, i.woken()
		}
		if !i.on {
			delete(i.marks, connection) // it was that one write
		}
	}
	return false, nil
}

// begin begins an incident when enough connections are marked.
func (i *incident) begin(now time.Time) bool {
	if i.on {
		return false
	}
	for c, at := range i.marks {
		if now.Sub(at) > incidentWindow {
			delete(i.marks, c)
		}
	}
	if len(i.marks) < incidentConnections {
		return false
	}
	i.on = true
	i.stop(now)
	return true
}

// stop gives the canary's place up until the next one may go.
func (i *incident) stop(now time.Time) {
	i.holder, i.probed = "", false
	i.nextAt = now.Add(atssync.ProbeDelay(atssync.CauseUncertain, i.failures))
}

// pass gives the canary's place back without a verdict, because the lane had nothing to send or could not, and
// returns the lanes to wake.
func (in *incidents) pass(adapter, connection string, now time.Time) []string {
	in.mu.Lock()
	defer in.mu.Unlock()
	i := in.of(adapter)
	delete(i.waiting, connection)
	if !i.on || i.holder != connection {
		return nil
	}
	i.holder, i.probed = "", false
	if at := now.Add(time.Second); at.After(i.nextAt) {
		i.nextAt = at // the next lane may have as little to say
	}
	return i.woken()
}

// woken empties the waiting lanes into a list. A lane that still has to wait comes back by itself.
func (i *incident) woken() []string {
	wake := make([]string, 0, len(i.waiting))
	for c := range i.waiting {
		wake = append(wake, c)
	}
	clear(i.waiting)
	return wake
}
