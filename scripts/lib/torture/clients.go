package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/atssync/atssync/scripts/lib/rig"
)

const (
	// goodWithin is what 99 of 100 requests of a good client may take beside hostile ones.
	goodWithin = 250 * time.Millisecond
	// mostMemory is what hostile clients may add to the daemon's memory.
	mostMemory = 64 << 20
	// headerWithin is how long an unfinished header may keep a connection; the daemon's bound and some room.
	headerWithin = 8 * time.Second
)

// clients has hostile clients at every listener while good ones go on.
func clients(ctx context.Context, t *trial) error {
	w, err := newWorld(ctx, t, "c", options{connections: 4, noReceiver: true})
	if err != nil {
		return err
	}
	defer w.end()
	var made struct {
		Secret string `json:"secret"`
	}
	if err := w.api.Call(ctx, http.MethodPost, "/v1/tokens", map[string]any{"name": "torture", "scopes": []string{"submit", "read"}}, &made); err != nil {
		return err
	}
	if err := w.fill(ctx, 500); err != nil {
		return err
	}
	c := &besieged{t: t, w: w, token: made.Secret, places: []listener{
		{"http", "tcp", w.http}, {"ops", "tcp", strings.TrimPrefix(w.ops, "http://")}, {"socket", "unix", w.socket()},
	}}
	for _, attack := range []struct {
		name string
		run  func(context.Context, listener) error
	}{
		{"nobody hostile", c.peace},
		{"dripping headers", c.drip},
		{"slow bodies", c.slowBodies},
		{"huge bodies", c.hugeBody},
		{"endless lines", c.endlessLine},
		{"encoded bodies", c.bomb},
		{"deep documents", c.deep},
		{"many headers", c.manyHeaders},
		{"noise", c.noise},
	} {
		if err := c.siege(ctx, attack.name, attack.run); err != nil {
			return fmt.Errorf("%s: %w", attack.name, err)
		}
	}
	if err := w.arrived(ctx, time.Minute); err != nil {
		return err
	}
	if _, err := w.present(ctx, "hostile clients"); err != nil {
		return err
	}
	w.balanced(ctx, "hostile clients")
	w.undoubled("hostile clients")
	return nil
}

// listener is one way into the daemon.
type listener struct{ name, network, address string }

// besieged is a daemon between good and hostile clients.
type besieged struct {
	t        *trial
	w        *world
	token    string
	places   []listener
	peaceful int64 // the most memory that the good clients alone were seen to need
}

// siege runs one attack on all listeners at once, with good clients beside it, and looks at their times and at the memory.
func (c *besieged) siege(ctx context.Context, name string, attack func(context.Context, listener) error) error {
	before, _, err := c.w.size(ctx)
	if err != nil {
		return err
	}
	good, over := context.WithCancel(ctx)
	defer over()
	times, most := make([][]time.Duration, 3), int64(0)
	var wrong string
	var beside, at sync.WaitGroup
	beside.Go(func() { times[0], wrong = c.submitting(good) })
	beside.Go(func() { times[1] = c.asking(good, "http://"+c.w.http+"/v1/submissions?limit=1") })
	beside.Go(func() { times[2] = c.asking(good, c.w.ops+"/livez") })
	beside.Go(func() { most = c.watch(good) })
	failed := make([]error, len(c.places))
	for i, l := range c.places {
		at.Go(func() { failed[i] = attack(ctx, l) })
	}
	at.Wait()
	_ = sleep(ctx, 300*time.Millisecond)
	over()
	beside.Wait()
	for _, err := range failed {
		if err != nil {
			return err
		}
	}
	all := slices.Concat(times...)
	slices.Sort(all)
	if len(all) == 0 {
		return fmt.Errorf("no good client got an answer")
	}
	p99 := all[len(all)*99/100]
	c.t.check("a good client is served beside hostile ones", p99 <= goodWithin && wrong == "", "%s: 99 of 100 requests took up to %s %s", name, p99, wrong)
	if c.peaceful == 0 {
		c.peaceful = most
	}
	before = max(before, c.peaceful)
	c.t.check("hostile clients do not fill the memory", most <= before+mostMemory, "%s: %d MiB before, up to %d MiB", name, before>>20, most>>20)
	c.t.note("%s: p99 of good clients %d ms, memory up to %d MiB", name, p99.Milliseconds(), most>>20)
	return nil
}

// submitting sends good documents until ctx ends.
func (c *besieged) submitting(ctx context.Context) (took []time.Duration, wrong string) {
	for ctx.Err() == nil {
		began := time.Now()
		doc, i := c.w.document(c.w.sent.next.Add(1))
		body, err := json.Marshal(doc)
		if err != nil {
			return took, err.Error()
		}
		status, id, err := c.w.post(ctx, body)
		if ctx.Err() != nil {
			return took, wrong
		}
		if err != nil || status != http.StatusCreated {
			wrong = fmt.Sprintf("a good document got %d %v", status, err)
		} else {
			c.w.sent.mu.Lock()
			c.w.sent.begun[doc.ExternalID], c.w.sent.acked[doc.ExternalID] = i, id
			c.w.sent.mu.Unlock()
		}
		took = append(took, time.Since(began))
		_ = sleep(ctx, 10*time.Millisecond)
	}
	return took, wrong
}

// asking asks an address until ctx ends, each time over a new connection.
func (c *besieged) asking(ctx context.Context, url string) (took []time.Duration) {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	for ctx.Err() == nil {
		began := time.Now()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
		if err != nil {
			return took
		}
		req.Header.Set("Authorization", "Bearer "+c.token)
		res, err := client.Do(req)
		d := time.Since(began)
		if ctx.Err() != nil {
			return took
		}
		if err != nil || res.StatusCode != http.StatusOK {
			d = time.Hour
		}
		if err == nil {
			_ = res.Body.Close()
		}
		took = append(took, d)
		_ = sleep(ctx, 10*time.Millisecond)
	}
	return took
}

// watch is the most memory that was seen.
func (c *besieged) watch(ctx context.Context) (most int64) {
	for ctx.Err() == nil {
		if r, err := rig.MemoryOf(c.w.daemon.PID()); err == nil {
			most = max(most, r.Own)
		}
		_ = sleep(ctx, 20*time.Millisecond)
	}
	return most
}

// head is the beginning of a request to a listener.
func (c *besieged) head(method, path string) string {
	return method + " " + path + " HTTP/1.1\r\nHost: atssync\r\nAuthorization: Bearer " + c.token + "\r\nContent-Type: application/json\r\n"
}

// many opens connections that send a beginning and then a byte a second, and says how many were still open in the end.
func (c *besieged) many(ctx context.Context, l listener, n int, begin string, most time.Duration) (open int, err error) {
	var conns []net.Conn
	defer func() {
		for _, conn := range conns {
			_ = conn.Close()
		}
	}()
	for range n {
		conn, err := new(net.Dialer).DialContext(ctx, l.network, l.address)
		if err != nil {
			return 0, err
		}
		conns = append(conns, conn)
		_, _ = io.WriteString(conn, begin)
	}
	for end := time.Now().Add(most); time.Now().Before(end); {
		for _, conn := range conns {
			_, _ = io.WriteString(conn, "x")
		}
		if err := sleep(ctx, time.Second); err != nil {
			return 0, err
		}
	}
	for _, conn := range conns {
		_ = conn.SetReadDeadline(time.Now().Add(time.Millisecond))
		_, err := io.Copy(io.Discard, conn)
		if t, ok := err.(net.Error); ok && t.Timeout() { //nolint:errorlint // net returns this very value.
			open++
		}
	}
	return open, nil
}

// peace leaves the good clients alone for a while, so that it is known what they need.
func (c *besieged) peace(ctx context.Context, _ listener) error { return sleep(ctx, 3*time.Second) }

func (c *besieged) drip(ctx context.Context, l listener) error {
	open, err := c.many(ctx, l, 600, "GET / HTTP/1.1\r\nX-A: ", headerWithin)
	c.t.check("a header that does not end is cut off", open == 0, "%s: %d of 600 are open after %s", l.name, open, headerWithin)
	return err
}

func (c *besieged) slowBodies(ctx context.Context, l listener) error {
	_, err := c.many(ctx, l, 1200, c.head(http.MethodPost, "/v1/submissions")+"Content-Length: 1000\r\n\r\n{", 5*time.Second)
	return err
}

// send sends a whole request whose body comes from a reader, and returns the status; 0 is a cut connection.
func (c *besieged) send(ctx context.Context, l listener, head string, body io.Reader) int {
	conn, err := new(net.Dialer).DialContext(ctx, l.network, l.address)
	if err != nil {
		return 0
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	go func() {
		_, _ = io.WriteString(conn, head+"\r\n")
		_, _ = io.Copy(conn, body)
	}()
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0
	}
	_ = res.Body.Close()
	return res.StatusCode
}

// refused checks that a request was refused as the client's fault, or cut.
func (c *besieged) refused(l listener, what string, status int) error {
	c.t.check("a hostile request is refused", status == 0 || status >= 400 && status < 500, "%s at %s: %d", what, l.name, status)
	return nil
}

// endless reads the same bytes over and over, so many in all.
func endless(text string, n int64) io.Reader { return io.LimitReader(&repeated{text: []byte(text)}, n) }

type repeated struct {
	text []byte
	at   int
}

// Read implements io.Reader.
func (r *repeated) Read(p []byte) (n int, err error) {
	for n < len(p) {
		k := copy(p[n:], r.text[r.at:])
		n += k
		r.at = (r.at + k) % len(r.text)
	}
	return n, nil
}

const gib = 1 << 30

func (c *besieged) hugeBody(ctx context.Context, l listener) error {
	head := c.head(http.MethodPost, "/v1/submissions") + fmt.Sprintf("Content-Length: %d\r\n", gib)
	return c.refused(l, "1 GiB", c.send(ctx, l, head, endless(`{"a":"`+strings.Repeat("b", 64<<10), gib)))
}

func (c *besieged) endlessLine(ctx context.Context, l listener) error {
	head := strings.Replace(c.head(http.MethodPost, "/v1/submissions:batch"), "application/json", "application/x-ndjson", 1) + fmt.Sprintf("Content-Length: %d\r\n", gib/4)
	status := c.send(ctx, l, head, endless(strings.Repeat("b", 64<<10), gib/4))
	// A batch answers as it reads, a line a document: the refusal is in its lines.
	c.t.check("a hostile request is refused", status < 500, "a line of 256 MiB at %s: %d", l.name, status)
	return nil
}

func (c *besieged) bomb(ctx context.Context, l listener) error {
	body := strings.Repeat("\x1f\x8b\x08\x00", 1000)
	head := c.head(http.MethodPost, "/v1/submissions") + fmt.Sprintf("Content-Encoding: gzip\r\nContent-Length: %d\r\n", len(body))
	return c.refused(l, "a gzip bomb", c.send(ctx, l, head, strings.NewReader(body)))
}

func (c *besieged) deep(ctx context.Context, l listener) error {
	for _, body := range []string{strings.Repeat("[", 1_000_000), strings.Repeat(`{"a":`, 200_000), `{"person":` + strings.Repeat(`[`, 900_000)} {
		head := c.head(http.MethodPost, "/v1/submissions") + fmt.Sprintf("Content-Length: %d\r\n", len(body))
		if err := c.refused(l, "a deep document", c.send(ctx, l, head, strings.NewReader(body))); err != nil {
			return err
		}
	}
	return nil
}

func (c *besieged) manyHeaders(ctx context.Context, l listener) error {
	var head bytes.Buffer
	head.WriteString(c.head(http.MethodGet, "/livez"))
	for i := range 100_000 {
		fmt.Fprintf(&head, "X-%d: y\r\n", i)
	}
	return c.refused(l, "100,000 headers", c.send(ctx, l, head.String(), strings.NewReader("")))
}

func (c *besieged) noise(ctx context.Context, l listener) error {
	r := c.t.random("noise "+l.name, 0)
	for range c.t.n {
		b := make([]byte, 1+r.IntN(2000))
		for i := range b {
			b[i] = byte(r.IntN(256))
		}
		head := string(b)
		if r.IntN(2) == 0 {
			head = c.head(http.MethodPost, "/v1/submissions") + fmt.Sprintf("Content-Length: %d\r\n", len(b))
		}
		if err := c.refused(l, "noise", c.send(ctx, l, head, bytes.NewReader(b))); err != nil {
			return err
		}
	}
	return nil
}
