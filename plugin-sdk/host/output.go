package host

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"golang.org/x/time/rate"
)

const (
	keptLines   = 200      // of a process, living or dead
	maxLine     = 4 << 10  // bytes; the rest of a line is dropped
	linesPerSec = 200      // that reach the log
	lineBurst   = 2_000    // at once, so that a stack trace arrives whole
	maxBrief    = 600      // bytes of a line in an error text
	stdout      = "stdout" // where a line came from
	stderr      = "stderr"
)

// output is what an adapter prints: it keeps the last lines, logs them at a bounded rate, and hands them
// to the sink.
type output struct {
	log    *slog.Logger
	sink   io.Writer
	redact func(string) string
	rate   *rate.Limiter

	mu       sync.Mutex
	ring     []string
	dropped  int
	panicked bool
}

func newOutput(o Options) *output {
	out := &output{log: o.Logger, sink: o.Stderr, redact: o.Redact, rate: rate.NewLimiter(linesPerSec, lineBurst)}
	if out.log == nil {
		out.log = slog.New(slog.DiscardHandler)
	}
	return out
}

// lines returns the last lines that were printed, the oldest first.
func (o *output) lines() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.ring)
}

// line takes one line without its end.
func (o *output) line(from string, b []byte) {
	s := strings.ToValidUTF8(string(b), "\uFFFD")
	if o.redact != nil {
		s = o.redact(s)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.ring) == keptLines {
		o.ring = append(o.ring[:0], o.ring[1:]...)
	}
	o.ring = append(o.ring, s)
	if o.sink != nil {
		_, _ = io.WriteString(o.sink, s+"\n")
	}
	if !o.rate.Allow() {
		o.dropped++
		return
	}
	if o.dropped > 0 {
		o.log.Warn("adapter lines dropped, it prints too many", "lines", o.dropped)
		o.dropped = 0
	}
	o.logLine(from, s)
}

// pump reads lines until the end. Over-long ones are cut; what follows in them is dropped.
func (o *output) pump(from string, r io.Reader) {
	_ = eachLine(r, func(b []byte) bool {
		o.line(from, b)
		return true
	})
}

// eachLine calls fn for every line until it answers false or the reader ends. The bytes are only valid
// during the call.
func eachLine(r io.Reader, fn func([]byte) bool) error {
	br := bufio.NewReaderSize(r, maxLine)
	skipping := false
	for {
		b, err := br.ReadSlice('\n')
		if len(b) > 0 && !skipping {
			if !fn(bytes.TrimRight(b, "\r\n")) {
				return nil
			}
		}
		skipping = errors.Is(err, bufio.ErrBufferFull)
		if err != nil && !skipping {
			return err
		}
	}
}

// writer returns an io.Writer that cuts a stream of chunks into lines.
func (o *output) writer(from string) io.Writer { return &lineWriter{out: o, from: from} }

type lineWriter struct {
	out  *output
	from string
	buf  []byte
}

// Write never fails. It is called from one goroutine.
func (w *lineWriter) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		i := bytes.IndexByte(rest, '\n')
		if i < 0 {
			w.buf = append(w.buf, rest[:min(len(rest), maxLine-len(w.buf))]...)
			break
		}
		w.buf = append(w.buf, rest[:min(i, maxLine-len(w.buf))]...)
		w.out.line(w.from, w.buf)
		w.buf, rest = w.buf[:0], rest[i+1:]
	}
	return len(p), nil
}

// brief shortens a line for an error text.
func brief(s string) string {
	if len(s) <= maxBrief {
		return s
	}
	n := maxBrief
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}
