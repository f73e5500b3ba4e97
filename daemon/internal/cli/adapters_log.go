package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
)

// adapterLines shows what an adapter prints, a line at a time: its log lines, which are JSON, as a person reads them, all else as it is.
type adapterLines struct {
	out  io.Writer
	mu   sync.Mutex
	rest []byte
}

const maxLogLine = 64 << 10

// Write takes any part of the stream.
func (l *adapterLines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rest = append(l.rest, p...)
	for {
		line, rest, ok := bytes.Cut(l.rest, []byte("\n"))
		if !ok && len(l.rest) < maxLogLine {
			return len(p), nil
		}
		l.rest = bytes.Clone(rest)
		fmt.Fprintln(l.out, readable(line))
	}
}

// flush shows a last line that was not ended.
func (l *adapterLines) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.rest) > 0 {
		fmt.Fprintln(l.out, readable(l.rest))
	}
	l.rest = nil
}

// readable makes one line of a log: level, message, then what belongs to it by name.
func readable(line []byte) string {
	var entry map[string]any
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	if d.Decode(&entry) != nil {
		return clean(string(line), false)
	}
	message, level := "", ""
	for _, k := range []string{"@message", "msg", "message"} {
		if m, ok := entry[k].(string); ok {
			message = m
		}
		delete(entry, k)
	}
	for _, k := range []string{"@level", "level"} {
		if m, ok := entry[k].(string); ok {
			level = strings.ToLower(m)
		}
		delete(entry, k)
	}
	for _, k := range []string{"@timestamp", "time", "@module", "@caller"} {
		delete(entry, k)
	}
	var text strings.Builder
	text.WriteString("| " + strings.TrimSpace(level+" "+message))
	for _, k := range slices.Sorted(maps.Keys(entry)) {
		fmt.Fprintf(&text, " %s=%v", k, entry[k])
	}
	return clean(text.String(), false)
}
