package host

import (
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"slices"
	"strings"
)

// logLine gives one line to the log under a constant message. Lines of the SDK are JSON with a level and
// further keys; anything else is text. The caller holds the lock.
func (o *output) logLine(from, s string) {
	if from == stderr && strings.HasPrefix(s, "{") {
		if level, attrs, ok := parseLine(s); ok {
			o.log.LogAttrs(context.Background(), level, "adapter log", attrs...)
			return
		}
	}
	level := slog.LevelInfo
	switch {
	case strings.HasPrefix(s, "panic: "), strings.HasPrefix(s, "fatal error: "):
		o.panicked = true // The rest that it prints is the stack.
		level = slog.LevelError
	case o.panicked:
		level = slog.LevelError
	case from == stdout:
		level = slog.LevelWarn
	}
	o.log.LogAttrs(context.Background(), level, "adapter output", slog.String("stream", from), slog.String("line", s))
}

// parseLine reads a line in the field names of hclog. Every key may have any type: the line is foreign.
func parseLine(s string) (slog.Level, []slog.Attr, bool) {
	var raw map[string]any
	if err := json.Unmarshal([]byte(s), &raw); err != nil {
		return 0, nil, false
	}
	text, isText := raw["@message"].(string)
	if !isText {
		return 0, nil, false
	}
	level := slog.LevelInfo
	if name, ok := raw["@level"].(string); ok {
		if err := level.UnmarshalText([]byte(name)); err != nil {
			level = slog.LevelDebug // trace, and what else hclog knows
		}
	}
	attrs := []slog.Attr{slog.String("text", text)}
	for _, k := range slices.Sorted(maps.Keys(raw)) {
		if !strings.HasPrefix(k, "@") {
			attrs = append(attrs, slog.Any(k, raw[k]))
		}
	}
	return level, attrs, true
}
