package submit

import (
	"sync"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// noteCache keeps parsed note templates by their text.
type noteCache struct{ m sync.Map }

func (n *noteCache) parse(text string) (atssync.NoteTemplate, error) {
	if t, ok := n.m.Load(text); ok {
		return t.(atssync.NoteTemplate), nil
	}
	t, err := atssync.ParseNote(text)
	if err != nil {
		return t, err
	}
	n.m.Store(text, t)
	return t, nil
}

// findTimes remembers when each uncertain submission is looked for next; a restart looks at once.
type findTimes struct {
	mu sync.Mutex
	m  map[string]findTime
}

type findTime struct {
	at    time.Time
	tries int
}

// findDelays are the waits between two look-ups of one uncertain submission; the last one repeats.
var findDelays = []time.Duration{10 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, time.Hour}

// due reports whether a submission is to be looked for now, and how often it was; it sets the next time.
func (f *findTimes) due(id string, now time.Time) (bool, int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.m == nil {
		f.m = make(map[string]findTime)
	}
	t := f.m[id]
	if now.Before(t.at) {
		return false, t.tries
	}
	f.m[id] = findTime{at: now.Add(findDelays[min(t.tries, len(findDelays)-1)]), tries: t.tries + 1}
	return true, t.tries
}

func (f *findTimes) forget(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.m, id)
}
