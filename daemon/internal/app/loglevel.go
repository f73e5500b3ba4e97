package app

import (
	"log/slog"
	"sync"
	"time"
)

// logLevel is from which level on lines are logged: that of the config, or another one that a person asked for, for a while or
// until the daemon ends. It is the only place that changes the level.
type logLevel struct {
	level slog.LevelVar

	mu         sync.Mutex
	configured slog.Level
	asked      bool
	until      time.Time   // asked for a while; zero: for good
	timer      *time.Timer // ends it
}

// configure sets the level of the config; it holds at once unless a person asked for another one.
func (l *logLevel) configure(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = l.configured.UnmarshalText([]byte(name)) // the config knows only valid levels
	if !l.asked {
		l.level.Set(l.configured)
	}
}

// Level implements slog.Leveler.
func (l *logLevel) Level() slog.Level { return l.level.Level() }

// ask sets the level that a person wants, for that long or, with 0, until the daemon ends.
func (l *logLevel) ask(level slog.Level, during time.Duration, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.end()
	l.asked = true
	l.level.Set(level)
	if during <= 0 {
		return
	}
	l.until = now.Add(during)
	var timer *time.Timer
	timer = time.AfterFunc(during, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.timer == timer { // nobody asked anew meanwhile
			l.end()
		}
	})
	l.timer = timer
}

// configuredAgain goes back to the level of the config.
func (l *logLevel) configuredAgain() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.end()
}

// end goes back to the level of the config; mu is held.
func (l *logLevel) end() {
	if l.timer != nil {
		l.timer.Stop()
	}
	l.timer, l.until, l.asked = nil, time.Time{}, false
	l.level.Set(l.configured)
}

// state is what people are told: the level, that of the config, and until when it is another one.
func (l *logLevel) state() (level, configured slog.Level, asked bool, until time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.level.Level(), l.configured, l.asked, l.until
}
