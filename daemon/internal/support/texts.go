package support

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// maxLine is how much of one line is packed.
const maxLine = 4 << 10

// shorten cuts a line that is too long. What is cut off might be half of something, so that masking comes after it.
func shorten(line string) string {
	if len(line) > maxLine {
		return line[:maxLine] + " …"
	}
	return line
}

func makeDoctor(_ context.Context, b *bundle) ([]byte, error) {
	r, err := b.doctor()
	if err != nil {
		return nil, err
	}
	return asJSON(r)
}

func makeDoctorText(_ context.Context, b *bundle) ([]byte, error) {
	r, err := b.doctor()
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	for _, f := range r.Findings {
		fmt.Fprintf(&out, "%-8s %-12s %s: %s\n", strings.ReplaceAll(string(f.Status), "_", " "), f.Check, f.Subject, f.Message)
		if f.WhoseTurn != "" {
			fmt.Fprintf(&out, "         whose turn: %s\n", f.WhoseTurn)
		}
		if f.Remedy != "" {
			fmt.Fprintf(&out, "         what to do: %s\n", f.Remedy)
		}
	}
	return out.Bytes(), nil
}

// entry is a line of the journal, as journalctl tells it. A message that is no text is an array of numbers.
type entry struct {
	At       string `json:"__REALTIME_TIMESTAMP"` // microseconds
	Priority string `json:"PRIORITY"`
	PID      string `json:"_PID"`
	Message  any    `json:"MESSAGE"`
}

func makeJournal(ctx context.Context, b *bundle) ([]byte, error) {
	if b.o.Lines <= 0 {
		return nil, errors.New("no lines of it were asked for")
	}
	program, err := exec.LookPath("journalctl")
	if err != nil {
		return nil, errors.New("this machine has no journalctl")
	}
	var said, why bytes.Buffer
	cmd := exec.CommandContext(ctx, program, "-u", "atssync", "-n", strconv.Itoa(b.o.Lines), "--no-pager", "-o", "json",
		"--output-fields=MESSAGE,PRIORITY,_PID") //nolint:gosec // a number
	cmd.Stdout, cmd.Stderr = &limited{w: &said, left: 4 * maxMember}, &limited{w: &why, left: maxLine}
	cmd.WaitDelay = lastWords
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("journalctl: %w: %s", err, strings.TrimSpace(why.String()))
	}
	out := b.journal(&said)
	if len(out) == 0 {
		return nil, errors.New("the journal has no line of the unit atssync, or this user may not read it: use root or the group systemd-journal")
	}
	return out, nil
}

// journal makes lines of what journalctl told.
func (b *bundle) journal(from io.Reader) []byte {
	var out bytes.Buffer
	lines := bufio.NewReader(from)
	for {
		line, err := lines.ReadBytes('\n')
		var e entry
		if json.Unmarshal(line, &e) == nil {
			at := "-"
			if us, err := strconv.ParseInt(e.At, 10, 64); err == nil {
				at = time.UnixMicro(us).UTC().Format("2006-01-02T15:04:05.000000Z")
			}
			for part := range strings.Lines(message(e.Message)) {
				fmt.Fprintf(&out, "%s %s %s %s\n", at, number(e.Priority), number(e.PID), b.mask.Text(shorten(strings.TrimRight(part, "\r\n"))))
			}
		}
		if err != nil {
			return out.Bytes()
		}
	}
}

// number lets only digits through.
func number(s string) string {
	if _, err := strconv.ParseUint(s, 10, 32); err != nil {
		return "-"
	}
	return s
}

func message(v any) string {
	switch x := v.(type) {
	case string:
		return x
	case []any:
		b := make([]byte, 0, len(x))
		for _, n := range x {
			if f, ok := n.(float64); ok && f >= 0 && f < 256 {
				b = append(b, byte(f))
			}
		}
		return string(b)
	}
	return ""
}

// limited takes so many bytes and forgets the rest.
type limited struct {
	w    io.Writer
	left int
}

// Write never fails for what is too much.
func (l *limited) Write(p []byte) (int, error) {
	n := min(len(p), l.left)
	l.left -= n
	if _, err := l.w.Write(p[:n]); err != nil {
		return 0, err
	}
	return len(p), nil
}

func makeMetrics(ctx context.Context, b *bundle) ([]byte, error) {
	at, err := b.opsAddress()
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+at+"/metrics", http.NoBody)
	if err != nil {
		return nil, err
	}
	client := &http.Client{Transport: &http.Transport{Proxy: nil}} // it is this machine, whatever the environment says
	defer client.CloseIdleConnections()
	res, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask for the metrics: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("ask for the metrics: %s", res.Status)
	}
	text, err := io.ReadAll(io.LimitReader(res.Body, maxMember))
	if err != nil {
		return nil, fmt.Errorf("read the metrics: %w", err)
	}
	return b.metrics(text), nil
}

// opsAddress is where the metrics are.
func (b *bundle) opsAddress() (string, error) {
	if b.o.Ops != "" {
		return b.o.Ops, nil
	}
	if d, err := b.diag(); err == nil {
		if d.Ops == "" {
			return "", errors.New("the daemon serves none: [ops] listen is empty")
		}
		return d.Ops, nil
	}
	if b.config == nil {
		return "", errors.New("no daemon answers, and the config file cannot be read")
	}
	_, port, err := net.SplitHostPort(b.config.Ops.Listen)
	if err != nil || port == "0" {
		return "", errors.New("no daemon answers, and the config names no address of its metrics")
	}
	return b.config.Ops.Listen, nil
}

// harmless are the labels whose values are words of closed sets, numbers, or names of programs.
var harmless = map[string]bool{
	"adapter": true, "cause": true, "class": true, "code": true, "direction": true, "goversion": true, "health": true, "kind": true, "le": true, "level": true,
	"listener": true, "method": true, "operation": true, "outcome": true, "pass": true, "quantile": true, "reason": true, "result": true, "since": true,
	"state": true, "version": true,
}

var label = regexp.MustCompile(`([A-Za-z_][A-Za-z0-9_]*)="((?:[^"\\]|\\.)*)"`)

// metrics masks the values of labels, line by line. A line that is not understood is left out.
func (b *bundle) metrics(text []byte) []byte {
	var out bytes.Buffer
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") {
			out.WriteString(line)
			continue
		}
		begin, end := strings.IndexByte(line, '{'), strings.LastIndexByte(line, '}')
		if begin < 0 || end < begin {
			out.WriteString(line)
			continue
		}
		labels := label.FindAllStringSubmatch(line[begin:end], -1)
		parts := make([]string, len(labels))
		for i, l := range labels {
			parts[i] = fmt.Sprintf("%s=%q", l[1], b.label(l[1], l[2]))
		}
		out.WriteString(line[:begin] + "{" + strings.Join(parts, ",") + line[end:])
	}
	return out.Bytes()
}

func (b *bundle) label(name, value string) string {
	switch {
	case harmless[name]:
		return value
	case name == "connection":
		return cmp.Or(b.roster.connection(value), unknown)
	}
	return "[masked]"
}
