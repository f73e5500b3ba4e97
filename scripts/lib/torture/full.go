package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/atssync/atssync/adapters/greenhouse/simulator"
	"github.com/atssync/atssync/scripts/lib/rig"
)

const (
	lowFree      = 290 << 20 // below min_free, above what every write needs
	criticalFree = 200 << 20
	resumeWithin = 10 * time.Second
)

// fullDisk fills the disk of a daemon that accepts, sends and reads: slowly enough for its watermarks, below all of them,
// and at once down to nothing, which no watermark sees in time.
func fullDisk(ctx context.Context, t *trial) error {
	d, err := newDisk(ctx, t, "disk", 768)
	if err != nil {
		return t.orNotRun(err)
	}
	w, err := newWorld(ctx, t, "f", options{
		connections: 10, data: filepath.Join(d.dir, "data"), store: "ballast = \"16MiB\"\nmin_free = \"320MiB\"\n",
	})
	if err != nil {
		return err
	}
	defer w.end()
	if _, err := w.sim.AddFault(simulator.Fault{Kind: simulator.FaultLatency, Method: http.MethodPost, Delay: simulator.Duration(20 * time.Millisecond)}); err != nil {
		return err
	}
	f := &filled{t: t, w: w, d: d}
	for i := range t.n {
		for _, phase := range []func(context.Context) error{f.low, f.critical, f.started, f.sudden, f.stopped} {
			if err := phase(ctx); err != nil {
				return fmt.Errorf("round %d: %w", i, err)
			}
		}
	}
	for range 2 {
		if _, err := w.settle(ctx, "full disk"); err != nil {
			return err
		}
		if err := w.arrived(ctx, 150*time.Second); err != nil {
			return err
		}
	}
	w.balanced(ctx, "full disk")
	have, err := w.present(ctx, "full disk")
	if err != nil {
		return err
	}
	w.undoubled("full disk")
	w.agrees(have, "full disk")
	t.note("%d times low, critical, critical at the start, full at once, full at the end", t.n)
	return nil
}

// filled is a daemon on a disk that fills up.
type filled struct {
	t *trial
	w *world
	d *disk
}

// offer sends one new document once and returns the status, 0 when nobody answers.
func (f *filled) offer(ctx context.Context) int {
	doc, i := f.w.document(f.w.sent.next.Add(1))
	body, err := json.Marshal(doc)
	if err != nil {
		return 0
	}
	status, id, err := f.w.post(ctx, body)
	if err == nil && status < 300 {
		f.w.sent.mu.Lock()
		f.w.sent.begun[doc.ExternalID], f.w.sent.acked[doc.ExternalID] = i, id
		f.w.sent.mu.Unlock()
	}
	if err != nil {
		return 0
	}
	return status
}

// until offers until the answer is the wanted one.
func (f *filled) until(ctx context.Context, wanted int, most time.Duration) (last int, err error) {
	err = rig.Until(ctx, most, 50*time.Millisecond, func() (bool, error) {
		last = f.offer(ctx)
		return last == wanted, nil
	})
	return last, err
}

// alive checks that the daemon runs and answers reads.
func (f *filled) alive(ctx context.Context, when string) {
	_, err := f.w.ledger(ctx, false)
	ended := ""
	select {
	case <-f.w.daemon.Done():
		ended = f.w.daemon.Ended()
	default:
	}
	f.t.check("a disk that fills up ends no daemon that sees it", ended == "" && err == nil, "%s: %s %v", when, ended, err)
}

// roomy gives the room back and waits until everything goes on by itself.
func (f *filled) roomy(ctx context.Context, when string) error {
	if err := f.d.empty(); err != nil {
		return err
	}
	last, err := f.until(ctx, http.StatusCreated, resumeWithin)
	f.t.check("with room everything goes on within 10 s", err == nil, "%s: the last answer was %d", when, last)
	return nil
}

func (f *filled) low(ctx context.Context) error {
	if err := f.w.fill(ctx, 200); err != nil {
		return err
	}
	if err := f.d.fill(lowFree); err != nil {
		return err
	}
	last, err := f.until(ctx, http.StatusInsufficientStorage, 5*time.Second)
	f.t.check("intake answers 507", err == nil, "low: %d", last)
	err = f.w.arrived(ctx, 20*time.Second)
	f.t.check("while intake is closed the rest goes on", err == nil, "%v", err)
	f.alive(ctx, "low")
	return f.roomy(ctx, "low")
}

func (f *filled) critical(ctx context.Context) error {
	if err := f.w.fill(ctx, 200); err != nil {
		return err
	}
	if err := f.d.fill(criticalFree); err != nil {
		return err
	}
	last, err := f.until(ctx, http.StatusInsufficientStorage, 5*time.Second)
	f.t.check("intake answers 507", err == nil, "critical: %d", last)
	if err := sleep(ctx, 2*time.Second); err != nil {
		return err
	}
	f.alive(ctx, "critical")
	return f.roomy(ctx, "critical")
}

// started kills the daemon below all watermarks and starts it again, as a service manager does.
func (f *filled) started(ctx context.Context) error {
	if err := f.w.fill(ctx, 100); err != nil {
		return err
	}
	if err := f.d.fill(criticalFree); err != nil {
		return err
	}
	f.w.kill()
	return f.restarts(ctx, "started while critical")
}

// sudden takes all room at once, under load. The daemon may die of it: its store writes through memory maps.
func (f *filled) sudden(ctx context.Context) error {
	load, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := f.w.stream(load, 4, 2*time.Millisecond)
	if err := sleep(ctx, 300*time.Millisecond); err != nil {
		return err
	}
	if err := f.d.fill(0); err != nil {
		return err
	}
	if err := sleep(ctx, 2*time.Second); err != nil {
		return err
	}
	if err := f.restarts(ctx, "full at once"); err != nil {
		return err
	}
	return stop()
}

// stopped ends the daemon in order on a full disk.
func (f *filled) stopped(ctx context.Context) error {
	if err := f.w.fill(ctx, 50); err != nil {
		return err
	}
	if err := f.d.fill(64 << 20); err != nil {
		return err
	}
	if err := sleep(ctx, 1200*time.Millisecond); err != nil {
		return err
	}
	f.w.daemon.Signal(syscall.SIGTERM)
	select {
	case <-f.w.daemon.Done():
	case <-time.After(20 * time.Second):
		f.t.check("a full disk does not keep the daemon from ending", false, "it runs on after 20 s")
		f.w.kill()
	}
	f.t.check("a full disk does not keep the daemon from ending", !strings.HasPrefix(f.w.daemon.Ended(), "signal: b"), "%s", f.w.daemon.Ended())
	return f.restarts(ctx, "full at the end")
}

// restarts starts the daemon for a while as a service manager does, wherever it has ended, then gives the room back and
// wants it to run. A start without room is refused in words and never dies of a signal.
func (f *filled) restarts(ctx context.Context, when string) error {
	for range 5 {
		select {
		case <-f.w.daemon.Done():
		default:
			f.alive(ctx, when)
			if err := sleep(ctx, 200*time.Millisecond); err != nil {
				return err
			}
			continue
		}
		if err := f.start(ctx, when); err != nil {
			return err
		}
	}
	if err := f.d.empty(); err != nil {
		return err
	}
	began := time.Now()
	select {
	case <-f.w.daemon.Done():
		if err := f.w.start(ctx); err != nil {
			f.t.check("with room everything goes on within 10 s", false, "%s: %v", when, err)
			return err
		}
	default:
	}
	last, err := f.until(ctx, http.StatusCreated, resumeWithin-min(time.Since(began), resumeWithin/2))
	f.t.check("with room everything goes on within 10 s", err == nil, "%s: the last answer was %d", when, last)
	f.w.balanced(ctx, when)
	_, err = f.w.present(ctx, when)
	return err
}

// start starts the daemon on a full disk and gives it a second: it is not ready there, whatever it does.
func (f *filled) start(ctx context.Context, when string) error {
	p, err := f.w.spawn()
	if err != nil {
		return err
	}
	f.w.daemon = p
	select {
	case <-p.Done():
		said := rig.Tail(f.w.log(), 1)
		f.t.check("a start without room is refused in words", p.Ended() == "exit status 1" && strings.Contains(said, "free"), "%s: %s: %s", when, p.Ended(), said)
	case <-time.After(time.Second):
		f.alive(ctx, when)
	}
	return nil
}
