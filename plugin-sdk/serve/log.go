package serve

import (
	"context"
	"io"
	"log/slog"
	"strings"
	"time"
)

// timeFormat is what hosts built with go-plugin read.
const timeFormat = "2006-01-02T15:04:05.000000Z07:00"

type loggerKey struct{}

// Logger returns the logger of the call that ctx belongs to; its lines carry the method and the
// connection and reach the daemon's log. Outside of a call it logs nothing. Log ids only: nothing secret
// and nothing personal.
func Logger(ctx context.Context) *slog.Logger {
	if l, ok := ctx.Value(loggerKey{}).(*slog.Logger); ok {
		return l
	}
	return slog.New(slog.DiscardHandler)
}

func withLogger(ctx context.Context, l *slog.Logger) context.Context {
	return context.WithValue(ctx, loggerKey{}, l)
}

// newLogger writes lines as hosts of go-plugin expect them: JSON with @level, @message, @timestamp and
// @module. It must be given the original standard error, because go-plugin replaces os.Stderr with a
// stream that a host may drop.
func newLogger(w io.Writer, level slog.Leveler, name string) *slog.Logger {
	h := slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: hclogNames})
	return slog.New(h).With("@module", name)
}

func hclogNames(groups []string, a slog.Attr) slog.Attr {
	if len(groups) > 0 {
		return a
	}
	switch a.Key {
	case slog.TimeKey:
		if a.Value.Kind() == slog.KindTime {
			return slog.String("@timestamp", a.Value.Time().UTC().Format(timeFormat))
		}
	case slog.LevelKey:
		if l, ok := a.Value.Any().(slog.Level); ok {
			return slog.String("@level", strings.ToLower(l.String()))
		}
	case slog.MessageKey:
		a.Key = "@message"
	}
	if a.Value.Kind() == slog.KindDuration {
		return slog.String(a.Key, a.Value.Duration().Round(time.Microsecond).String())
	}
	return a
}
