package submit

import (
	"sync"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// lookups remembers when each uncertain submission is looked for next. It is only memory: after a restart all are
// looked for at once, and counted from the beginning.
type lookups struct {
	mu sync.Mutex
	m  map[string]map[string]lookup // connection → submission
}

type lookup struct {
	at     time.Time
	tries  int
	absent int // look-ups in a row that showed nothing
}

// lookupDelays are the waits before each look-up of one uncertain submission; the last one repeats.
var lookupDelays = []time.Duration{10 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, time.Hour}

func delayOf(tries int) time.Duration { return lookupDelays[min(tries, len(lookupDelays)-1)] }

// expect notes a submission that has just become uncertain.
func (l *lookups) expect(connection, id string, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if known, ok := l.m[connection]; ok { // else the whole connection is looked through
		known[id] = lookup{at: now.Add(delayOf(0))}
	}
}

// next returns when the next look-up of a connection is due (zero: none), and whether to look now.
func (l *lookups) next(connection string, now time.Time) (time.Time, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	known, ok := l.m[connection]
	if !ok {
		return now, true // not looked through since the start
	}
	var at time.Time
	for _, x := range known {
		at = earlier(at, x.at)
	}
	return at, !at.IsZero() && !now.Before(at)
}

// due takes what is uncertain now and returns at most limit of them that are to be looked for.
func (l *lookups) due(connection string, uncertain []atssync.Submission, limit int, now time.Time) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.m == nil {
		l.m = make(map[string]map[string]lookup)
	}
	was := l.m[connection]
	known := make(map[string]lookup, len(uncertain))
	var out []string
	for _, s := range uncertain {
		x, ok := was[s.ID]
		if !ok {
			x.at = now
		}
		known[s.ID] = x
		if !now.Before(x.at) && len(out) < limit {
			out = append(out, s.ID)
		}
	}
	l.m[connection] = known
	return out
}

// looked notes a look-up, sets the time of the next, and returns how many in a row showed nothing.
func (l *lookups) looked(connection, id string, absent bool, now time.Time) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	x := l.m[connection][id]
	x.tries++
	if absent {
		x.absent++
	} else {
		x.absent = 0
	}
	x.at = now.Add(delayOf(x.tries))
	if known, ok := l.m[connection]; ok {
		known[id] = x
	}
	return x.absent
}

// postpone puts off everything that is due on a connection whose ATS could not be asked.
func (l *lookups) postpone(connection string, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, x := range l.m[connection] {
		if !now.Before(x.at) {
			x.at = now.Add(lookupDelays[1])
			l.m[connection][id] = x
		}
	}
}

func (l *lookups) forget(connection, id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.m[connection], id)
}
