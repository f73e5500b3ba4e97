package app

import (
	"encoding/json"
	"sync"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/collect"
)

// mostDated is how many changes are remembered until they are delivered. Of one that is forgotten the event itself still tells
// when the ATS says that it was, or when it was seen.
const mostDated = 20_000

// freshness remembers since when changes stood in the ATS, from their reading to their delivery: an ATS that does not say
// when something changed leaves no trace of it in the event.
type freshness struct {
	mu    sync.Mutex
	dated map[string]datedChange // by submission
}

type datedChange struct {
	seen  time.Time
	since collect.Since
}

// saw remembers a change.
func (f *freshness) saw(submission string, seen time.Time, since collect.Since) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.dated == nil || len(f.dated) >= mostDated {
		f.dated = make(map[string]datedChange)
	}
	f.dated[submission] = datedChange{seen, since}
}

// changed implements deliver.Changed.
func (f *freshness) changed(e *atssync.Event) (time.Time, string) {
	if e.Type != atssync.EventStatusChanged && e.Type != atssync.EventReopened {
		return time.Time{}, ""
	}
	f.mu.Lock()
	known, ok := f.dated[e.Subject]
	f.mu.Unlock()
	if ok && known.seen.Sub(e.At).Abs() < time.Millisecond { // the store keeps no nanoseconds
		return known.since.At, known.since.How
	}
	var data struct {
		ChangedAt time.Time `json:"changed_at"`
	}
	if json.Unmarshal(e.Data, &data) == nil && !data.ChangedAt.IsZero() {
		return data.ChangedAt, collect.SinceChange
	}
	return e.At, "seen"
}
