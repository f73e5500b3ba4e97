package app

import (
	"log/slog"
	"sync"
	"time"

	"github.com/atssync/atssync/daemon/internal/manage"
)

// logLevel is from which level on lines are logged: that of the config, or another one that a person asked for, for a while or
// until the daemon ends. It is the only place that changes the level.
type logLevel struct {
	level slog.LevelVar

	mu         sync.Mutex
	configured slog.Level
	asked      bool
	until      time.Time   // asked for a while; zero: until the daemon ends
	timer      *time.Timer // ends it
}

// configure takes the level of the config; it holds at once unless a person asked for another one.
func (l *logLevel) configure(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = l.configured.UnmarshalText([]byte(name)) // the config knows only valid levels
	if !l.asked {
		l.level.Set(l.configured)
	}
}

// Level implements manage.Log.
func (l *logLevel) Level() manage.LogLevel {
	l.mu.Lock()
	defer l.mu.Unlock()
	return manage.LogLevel{Level: levelName(l.level.Level()), Configured: levelName(l.configured), Until: l.until}
}

// SetLevel implements manage.Log.
func (l *logLevel) SetLevel(level string, during time.Duration) manage.LogLevel {
	l.set(level, during)
	return l.Level()
}

func (l *logLevel) set(name string, during time.Duration) {
	var level slog.Level
	if level.UnmarshalText([]byte(name)) != nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.end()
	l.asked = level != l.configured || during > 0
	l.level.Set(level)
	if during <= 0 {
		return
	}
	l.until = time.Now().Add(during).UTC()
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

// stop goes back to the level of the config, and lets nothing run on.
func (l *logLevel) stop() {
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

func levelName(level slog.Level) string {
	for _, l := range logLevels {
		if l.level == level {
			return l.name
		}
	}
	return level.String()
}
