package badger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
)

// bridge is Badger's logger. Badger only logs some errors that mean loss, a value log that cannot be synced
// or a table that cannot be flushed, so that each line at ERROR is taken for a failure of the engine.
type bridge struct {
	log *slog.Logger

	mu     sync.Mutex
	failed func(error)
	early  []error // ERROR lines of before failed was set
}

// Errorf implements badger.Logger.
func (b *bridge) Errorf(format string, args ...any) {
	err := errors.New(line(format, args))
	b.log.Error("badger reports an error", "line", err.Error())
	b.mu.Lock()
	failed := b.failed
	if failed == nil {
		b.early = append(b.early, err)
	}
	b.mu.Unlock()
	if failed != nil {
		failed(err)
	}
}

// Warningf implements badger.Logger.
func (b *bridge) Warningf(format string, args ...any) {
	b.log.Warn("badger warns", "line", line(format, args))
}

// Infof implements badger.Logger.
func (b *bridge) Infof(format string, args ...any) {
	if b.log.Enabled(context.Background(), slog.LevelDebug) {
		b.log.Debug("badger", "line", line(format, args))
	}
}

// Debugf implements badger.Logger; there are several lines a commit and nothing in them.
func (b *bridge) Debugf(string, ...any) {}

// arm sends the ERROR lines to failed from now on and returns those that came before.
func (b *bridge) arm(failed func(error)) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failed = failed
	return errors.Join(b.early...)
}

func line(format string, args []any) string {
	return strings.TrimSpace(fmt.Sprintf(format, args...))
}
