package app

import (
	"context"
	"io"
	"log/slog"
	"os"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/term"

	"github.com/atssync/atssync/config"
	"github.com/atssync/atssync/daemon/internal/metric"
)

// newLogger returns the daemon's logger: text for a person at a terminal, JSON for everything else.
func newLogger(w io.Writer, c config.Daemon, level slog.Leveler, lines *logLines) *slog.Logger {
	if w == nil {
		w = os.Stderr
	}
	o := &slog.HandlerOptions{Level: level}
	var h slog.Handler = slog.NewJSONHandler(w, o)
	if c.LogFormat == "text" || c.LogFormat == "auto" && terminal(w) {
		h = slog.NewTextHandler(w, o)
	}
	return slog.New(counting{h, lines})
}

func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// logLevels are the levels that lines have, by the names that the config and the metrics give them.
var logLevels = [...]struct {
	level slog.Level
	name  string
}{{slog.LevelDebug, "debug"}, {slog.LevelInfo, "info"}, {slog.LevelWarn, "warn"}, {slog.LevelError, "error"}}

// logLines counts lines by level. The logger is there before the metrics are.
type logLines [len(logLevels)]atomic.Uint64

// counting is a handler that counts what it hands on.
type counting struct {
	slog.Handler
	lines *logLines
}

// Handle implements slog.Handler.
func (c counting) Handle(ctx context.Context, r slog.Record) error {
	at := 0
	for i, l := range logLevels {
		if r.Level >= l.level {
			at = i
		}
	}
	c.lines[at].Add(1)
	return c.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (c counting) WithAttrs(attrs []slog.Attr) slog.Handler {
	return counting{c.Handler.WithAttrs(attrs), c.lines}
}

// WithGroup implements slog.Handler.
func (c counting) WithGroup(name string) slog.Handler {
	return counting{c.Handler.WithGroup(name), c.lines}
}

var descLogLines = metric.Desc("atssync_log_messages_total")

// Describe implements prometheus.Collector.
func (*logLines) Describe(ch chan<- *prometheus.Desc) { ch <- descLogLines }

// Collect implements prometheus.Collector.
func (l *logLines) Collect(ch chan<- prometheus.Metric) {
	for i := range logLevels {
		ch <- prometheus.MustNewConstMetric(descLogLines, prometheus.CounterValue, float64(l[i].Load()), logLevels[i].name)
	}
}
