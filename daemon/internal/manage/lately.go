package manage

import (
	"maps"
	"sync"
	"time"
)

// lately remembers for a while what was done, by what it was done to. It is kept in memory: what is forgotten is done once more.
type lately struct {
	every time.Duration
	mu    sync.Mutex
	done  map[string]outcome
}

type outcome struct {
	at  time.Time
	err error
}

func newLately(every time.Duration) *lately {
	return &lately{every: every, done: make(map[string]outcome)}
}

// lately does something unless it was done lately; then it returns what that gave. Those who come while it is done do not wait for it.
func (l *lately) lately(key string, now time.Time, do func() error) error {
	l.mu.Lock()
	was, ok := l.done[key]
	if ok && now.Sub(was.at) < l.every {
		l.mu.Unlock()
		return was.err
	}
	maps.DeleteFunc(l.done, func(_ string, o outcome) bool { return now.Sub(o.at) >= l.every })
	l.done[key] = outcome{at: now}
	l.mu.Unlock()
	err := do()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.done[key] = outcome{at: now, err: err}
	return err
}

// forget has the next one do it again.
func (l *lately) forget(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.done, key)
}
