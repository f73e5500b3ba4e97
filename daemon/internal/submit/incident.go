package submit

import (
	"sync"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// An incident is uncertain writes on several connections of one adapter within a few minutes: then it is the
// ATS and not a connection, and going on would make one uncertain submission after another. The adapter's
// writes stop; one lane probes with a read; then one write goes alone; when it arrives, all go on.
const (
	incidentConnections = 3
	incidentWindow      = 5 * time.Minute
	// cleanFirst is how long a canary is kept for a lane that has no uncertain write of its own.
	cleanFirst = 3 * time.Second
	// canaryPatience is how long the one lane may keep the canary's place.
	canaryPatience = 2 * time.Minute
)

type incidents struct {
	mu        sync.Mutex
	byAdapter map[string]*incident
}

type incident struct {
	marks    map[string]time.Time // connection → its last uncertain write
	on       bool
	failures int // canaries that became uncertain in a row
	nextAt   time.Time
	probed   bool // the read probe succeeded: a canary may go
	holder   string
	heldAt   time.Time
	waiting  map[string]bool // lanes to wake when it is over
}

// verdict is what the gate tells a lane.
type verdict int

const (
	goOn verdict = iota
	goAlone
	mayProbe
	waitFor
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

// gate says whether a lane may send now. clean tells that the lane has no uncertain write in its own health.
func (in *incidents) gate(adapter, connection string, clean bool, now time.Time) (verdict, time.Time) {
	in.mu.Lock()
	defer in.mu.Unlock()
	i := in.of(adapter)
	if !i.on {
		return goOn, time.Time{}
	}
	i.waiting[connection] = true
	if i.holder == connection {
		if i.probed {
			return goAlone, time.Time{}
		}
		return mayProbe, time.Time{}
	}
	if i.holder != "" && now.Sub(i.heldAt) < canaryPatience {
		return waitFor, now.Add(time.Second)
	}
	if now.Before(i.nextAt) {
		return waitFor, i.nextAt
	}
	if !clean && now.Before(i.nextAt.Add(cleanFirst)) {
		return waitFor, i.nextAt.Add(cleanFirst)
	}
	i.holder, i.heldAt, i.probed = connection, now, false
	return mayProbe, time.Time{}
}

// uncertain marks an uncertain write and reports whether it began an incident.
func (in *incidents) uncertain(adapter, connection string, now time.Time) (began bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	i := in.of(adapter)
	i.marks[connection] = now
	if i.on {
		if i.holder == connection {
			i.failures++
			i.stop(now)
		}
		return false
	}
	recent := 0
	for c, at := range i.marks {
		if now.Sub(at) > incidentWindow {
			delete(i.marks, c)
			continue
		}
		recent++
	}
	if recent < incidentConnections {
		return false
	}
	i.on = true
	i.stop(now)
	return true
}

func (i *incident) stop(now time.Time) {
	i.holder, i.probed = "", false
	i.nextAt = now.Add(atssync.ProbeDelay(atssync.CauseUncertain, i.failures))
}

// probed takes the result of the read probe of the lane that holds the place.
func (in *incidents) probed(adapter, connection string, ok bool, now time.Time) {
	in.mu.Lock()
	defer in.mu.Unlock()
	i := in.of(adapter)
	if !i.on || i.holder != connection {
		return
	}
	if ok {
		i.probed = true
		return
	}
	i.failures++
	i.stop(now)
}

// pass gives the canary's place back without a verdict: the lane had nothing to send.
func (in *incidents) pass(adapter, connection string) {
	in.mu.Lock()
	defer in.mu.Unlock()
	i := in.of(adapter)
	if i.holder == connection {
		i.holder = ""
	}
	delete(i.waiting, connection)
}

// success ends the incident when it came from the canary, and returns the lanes to wake.
func (in *incidents) success(adapter, connection string) []string {
	in.mu.Lock()
	defer in.mu.Unlock()
	i := in.of(adapter)
	if !i.on {
		delete(i.marks, connection)
		return nil
	}
	if i.holder != connection {
		return nil
	}
	var wake []string
	for c := range i.waiting {
		wake = append(wake, c)
	}
	delete(in.byAdapter, adapter)
	return wake
}
