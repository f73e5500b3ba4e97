package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/atssync/atssync/scripts/lib/people"
	"github.com/atssync/atssync/scripts/lib/rig"
)

// plugins runs an adapter that misbehaves, alone and beside a good one in a daemon.
func plugins(ctx context.Context, t *trial) error {
	program := filepath.Join(t.root, "hostile")
	if _, err := command(ctx, "", nil, "go", "build", "-trimpath", "-buildvcs=false", "-o", program, "./scripts/lib/torture/hostile"); err != nil {
		return err
	}
	if err := crashes(ctx, t, program); err != nil {
		return err
	}
	h := &hostile{t: t, program: program}
	if err := h.mode("ok"); err != nil {
		return err
	}
	var err error
	h.w, err = newWorld(ctx, t, "h", options{connections: 4, noReceiver: true, config: h.section("")})
	if err != nil {
		return err
	}
	defer h.w.end()
	for _, part := range []func(context.Context) error{h.connect, h.misbehaves, h.storm, h.pinned} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	have, err := h.w.present(ctx, "hostile adapter")
	if err != nil {
		return err
	}
	h.w.balanced(ctx, "hostile adapter")
	h.w.undoubled("hostile adapter")
	lost := 0
	for id := range h.acked {
		if _, ok := have[id]; !ok {
			lost++
		}
	}
	t.check(promiseKept, lost == 0, "%d of %d for the hostile adapter", lost, len(h.acked))
	return nil
}

// hostile is a daemon with a hostile adapter beside the good one.
type hostile struct {
	t          *trial
	program    string
	w          *world
	connection string
	n          uint64
	acked      map[string]string
}

func (h *hostile) section(sum string) string {
	return fmt.Sprintf("[adapters.hostile]\npath = %q\nsha256 = %q\nlimits = { call_timeout = \"2s\" }\n", h.program, sum)
}

func (h *hostile) mode(m string) error { return os.WriteFile(h.program+".mode", []byte(m), 0o600) }

func (h *hostile) connect(ctx context.Context) error {
	h.acked = make(map[string]string)
	var made struct {
		Connection struct {
			ID string `json:"id"`
		} `json:"connection"`
	}
	err := h.w.api.Call(ctx, http.MethodPost, "/v1/connections", map[string]any{
		"account": "hostile", "name": "hostile", "adapter": "hostile", "fields": map[string]string{"key": "k"},
	}, &made)
	h.connection = made.Connection.ID
	if err == nil {
		err = h.w.api.Call(ctx, http.MethodPost, "/v1/connections/"+h.connection+"/jobs/refresh", nil, nil)
	}
	if err == nil {
		err = rig.Link(ctx, h.w.api, rig.JobLink{Connection: h.connection, Account: "hostile", Job: "job-hostile", ATSJob: 1})
	}
	return err
}

// offer has n documents for the hostile adapter accepted.
func (h *hostile) offer(ctx context.Context, n int) error {
	for range n {
		h.n++
		d := people.Invent(h.t.seed, h.n, h.connection, "job-hostile", time.Unix(1_790_000_000, 0))
		var got struct {
			ID string `json:"id"`
		}
		if err := h.w.api.Call(ctx, http.MethodPost, "/v1/submissions", d, &got); err != nil {
			return err
		}
		h.acked[d.ExternalID] = got.ID
	}
	return nil
}

// states are those of the hostile connection.
func (h *hostile) states(ctx context.Context) (map[string]int, error) {
	l, err := h.w.ledger(ctx, false)
	for _, c := range l.Connections {
		if c.Connection == h.connection {
			return c.States, err
		}
	}
	return nil, errors.Join(err, errors.New("the hostile connection has no ledger"))
}

// wait waits until so many of the hostile connection are in a state.
func (h *hostile) wait(ctx context.Context, state string, n int, most time.Duration) (map[string]int, error) {
	var last map[string]int
	return last, rig.Until(ctx, most, 50*time.Millisecond, func() (bool, error) {
		var err error
		last, err = h.states(ctx)
		return last[state] >= n, err
	})
}

// good checks that the good adapter's applications arrive meanwhile.
func (h *hostile) good(ctx context.Context, when string) error {
	if err := h.w.fill(ctx, 100); err != nil {
		return err
	}
	left := 0
	err := rig.Until(ctx, 10*time.Second, 20*time.Millisecond, func() (bool, error) {
		l, err := h.w.ledger(ctx, false)
		left = 0
		for _, c := range l.Connections {
			if c.Connection != h.connection {
				left += c.Accepted - c.States["submitted"]
			}
		}
		return left == 0, err
	})
	h.t.check("a hostile adapter does not disturb the other one", err == nil, "%s: %d applications wait after 10 s", when, left)
	return nil
}

var goroutines = regexp.MustCompile(`total (\d+)`)

// size is the daemon's memory and how many goroutines it has.
func (w *world) size(ctx context.Context) (rss int64, running int, err error) {
	r, err := rig.MemoryOf(w.daemon.PID())
	if err != nil {
		return 0, 0, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.ops+"/debug/pprof/goroutine?debug=1", http.NoBody)
	if err != nil {
		return 0, 0, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if m := goroutines.FindSubmatch(b); m != nil {
		running, _ = strconv.Atoi(string(m[1]))
	}
	return r.Own, running, err
}

// misbehaves has the adapter flood, brag, hoard and hang in calls.
func (h *hostile) misbehaves(ctx context.Context) error {
	if err := h.good(ctx, "before"); err != nil {
		return err
	}
	before, _, err := h.w.size(ctx)
	if err != nil {
		return err
	}
	uncertain := 0
	for _, mode := range []string{"garbage", "hog", "huge", "panic", "hang"} {
		if err := errors.Join(h.mode(mode), h.offer(ctx, 1)); err != nil {
			return err
		}
		var states map[string]int
		if mode == "garbage" || mode == "hog" {
			was, err := h.states(ctx)
			if err != nil {
				return err
			}
			states, err = h.wait(ctx, "submitted", was["submitted"]+was["queued"]+was["sending"], 20*time.Second)
			h.t.check("noise and greed in a call spoil no receipt", err == nil, "%s: %v", mode, states)
		} else {
			uncertain++
			states, err = h.wait(ctx, "uncertain", uncertain, 20*time.Second)
			h.t.check("a call without a good answer is uncertain", err == nil && states["refused"] == 0, "%s: %v", mode, states)
		}
		if err := h.good(ctx, mode); err != nil {
			return err
		}
		rss, _, err := h.w.size(ctx)
		if err != nil {
			return err
		}
		h.t.check("a hostile adapter does not fill the daemon's memory", rss <= before+(64<<20), "%s: %d MiB before, %d MiB after", mode, before>>20, rss>>20)
		if err := h.giveUp(ctx); err != nil {
			return err
		}
		uncertain = 0
	}
	return h.mode("ok")
}

// giveUp settles what is uncertain, so that the lane goes on.
func (h *hostile) giveUp(ctx context.Context) error {
	list, err := h.w.submissions(ctx, "uncertain")
	for _, s := range list {
		_, failed := h.w.cli(ctx, "", "resolve", s.ID, "--give-up")
		err = errors.Join(err, failed)
	}
	return err
}

// status is what the daemon says of the hostile adapter.
func (h *hostile) status(ctx context.Context) (s struct {
	State    string `json:"state"`
	PID      int    `json:"pid"`
	Restarts int    `json:"restarts"`
	Error    string `json:"error"`
}, err error,
) {
	return s, h.w.api.Call(ctx, http.MethodGet, "/v1/adapters/hostile", nil, &s)
}

// storm has the adapter die at every start: it is started five times and then left alone for a while, and what is for it
// waits.
func (h *hostile) storm(ctx context.Context) error {
	before, running, err := h.w.size(ctx)
	if err != nil {
		return err
	}
	s, err := h.status(ctx)
	if err == nil {
		err = errors.Join(h.mode("start-exit"), syscall.Kill(s.PID, syscall.SIGKILL))
	}
	if err != nil {
		return err
	}
	if err := h.offer(ctx, 20); err != nil {
		return err
	}
	err = rig.Until(ctx, 20*time.Second, 50*time.Millisecond, func() (bool, error) {
		s, err = h.status(ctx)
		return s.State == "deactivated", err
	})
	h.t.check("an adapter that keeps crashing is left alone after five crashes", err == nil && s.Restarts <= 5, "%+v", s)
	if err := h.good(ctx, "storm"); err != nil {
		return err
	}
	states, err := h.wait(ctx, "held", 20, 10*time.Second)
	h.t.check("what is for a dead adapter is held, not refused", err == nil && states["refused"] == 0, "%v", states)
	after, now, err := h.w.size(ctx)
	if err != nil {
		return err
	}
	h.t.check("a hostile adapter does not fill the daemon's memory", after <= before+(20<<20), "storm: %d MiB before, %d MiB after", before>>20, after>>20)
	h.t.check("a hostile adapter leaves no goroutines in the daemon", now <= running+10, "%d before, %d after", running, now)
	return nil
}

// pinned starts the daemon with a wrong checksum, then with the right one, and replaces the program.
func (h *hostile) pinned(ctx context.Context) error {
	good, err := os.ReadFile(h.program)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(good)
	if err := h.restart(ctx, strings.Repeat("0", 64)); err != nil {
		return err
	}
	s, err := h.status(ctx)
	h.t.check("a program with another checksum is not run", err == nil && s.PID == 0 && strings.Contains(s.Error, "checksum"), "%+v %v", s, err)
	if err := h.good(ctx, "wrong checksum"); err != nil {
		return err
	}
	if err := h.restart(ctx, hex.EncodeToString(sum[:])); err != nil {
		return err
	}
	states, err := h.wait(ctx, "held", 0, time.Second)
	if err == nil {
		err = h.none(ctx, 30*time.Second)
	}
	h.t.check("what was held for an adapter goes out when it is back", err == nil, "%v: %v", err, states)
	if s, err = h.status(ctx); err != nil {
		return err
	}
	evil := append(bytes.Clone(good), "\nreplaced\n"...)
	if err := errors.Join(replace(h.program, evil), syscall.Kill(s.PID, syscall.SIGKILL), h.offer(ctx, 10)); err != nil {
		return err
	}
	err = rig.Until(ctx, 10*time.Second, 50*time.Millisecond, func() (bool, error) {
		s, err = h.status(ctx)
		return s.PID == 0 && strings.Contains(s.Error, "checksum"), err
	})
	h.t.check("a program with another checksum is not run", err == nil, "replaced: %+v", s)
	if err := replace(h.program, good); err != nil {
		return err
	}
	err = h.none(ctx, 30*time.Second)
	h.t.check("what was held for an adapter goes out when it is back", err == nil, "put back: %v", err)
	return nil
}

// none waits until nothing waits for the hostile adapter; what its death made uncertain is given up.
func (h *hostile) none(ctx context.Context, most time.Duration) error {
	var last map[string]int
	err := rig.Until(ctx, most, 100*time.Millisecond, func() (bool, error) {
		var err error
		last, err = h.states(ctx)
		if err == nil && last["uncertain"] > 0 {
			err = h.giveUp(ctx)
		}
		return last["queued"]+last["held"]+last["sending"] == 0, err
	})
	if err != nil {
		err = fmt.Errorf("%w: %v", err, last)
	}
	return err
}

func (h *hostile) restart(ctx context.Context, sum string) error {
	h.w.daemon.Stop()
	h.w.o.config = h.section(sum)
	return errors.Join(h.mode("ok"), h.w.configure(), h.w.start(ctx))
}

// replace puts another program in the place of one that may be running.
func replace(path string, content []byte) error {
	if err := os.WriteFile(path+".new", content, 0o700); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
