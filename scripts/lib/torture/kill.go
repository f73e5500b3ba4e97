package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/atssync/atssync/adapters/greenhouse/simulator"
	"github.com/atssync/atssync/scripts/lib/rig"
)

const (
	// lifePoints is how many kills one world lives through before everything is settled and judged.
	lifePoints      = 75
	killConnections = 100
	// livesAtOnce are led side by side, because each mostly waits.
	livesAtOnce = 2
	// adapterKills is how many times in a row the adapter alone is killed: the fifth crash within a minute would
	// deactivate it.
	adapterKills = 3
)

// kills ends processes at random moments while applications are accepted, sent, answered and told.
func kills(ctx context.Context, t *trial) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var mu sync.Mutex
	var failed error
	var group sync.WaitGroup
	next, uncertain, applications, backups, judging := 0, 0, 0, 0, time.Duration(0)
	for range livesAtOnce {
		group.Go(func() {
			for ctx.Err() == nil {
				mu.Lock()
				l := &life{t: t, from: next, to: min(next+lifePoints, t.n), orderly: make(map[int]bool)}
				next = l.to
				mu.Unlock()
				if l.from == l.to {
					return
				}
				err := l.live(ctx)
				mu.Lock()
				if err != nil && failed == nil {
					failed = fmt.Errorf("kills %d to %d: %w", l.from, l.to, err)
					cancel() // the other life
				}
				uncertain, applications, backups, judging = uncertain+l.uncertain, applications+l.acked, backups+l.backups, judging+l.judging
				mu.Unlock()
			}
		})
	}
	group.Wait()
	t.note("%d kills, %d of them during a backup, %d applications, %d uncertain, all settled; %.0f s of settling and judging",
		next, backups, applications, uncertain, judging.Seconds())
	return failed
}

// life is one world with its kills.
type life struct {
	t         *trial
	from, to  int
	w         *world
	times     []time.Time  // of kills
	orderly   map[int]bool // those of times that were no kill but an end in order
	inARow    int          // kills of the adapter alone
	backups   int          // kills in the middle of a backup
	uncertain int
	acked     int
	judging   time.Duration
}

func (l *life) live(ctx context.Context) error {
	w, err := newWorld(ctx, l.t, fmt.Sprintf("k%d", l.from), options{connections: killConnections})
	if err != nil {
		return err
	}
	l.w = w
	defer w.vanish()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // of what is still being sent when something went wrong
	for _, f := range []simulator.Fault{
		{Kind: simulator.FaultLatency, Method: http.MethodPost, Delay: simulator.Duration(2 * time.Millisecond)},
		{Kind: simulator.FaultLatencyAfter, Method: http.MethodPost, Delay: simulator.Duration(6 * time.Millisecond)},
	} {
		if _, err := w.sim.AddFault(f); err != nil {
			return err
		}
	}
	stop := w.stream(ctx, 8, 8*time.Millisecond)
	for i := l.from; i < l.to; i++ {
		if err := l.point(ctx, i); err != nil {
			return fmt.Errorf("kill %d: %w", i, err)
		}
		l.t.done(1)
		w.sim.MoveRandom(10)
		if err := w.statuses(ctx); err != nil {
			return fmt.Errorf("a status pass after kill %d: %w", i, err)
		}
	}
	if err := stop(); err != nil {
		return err
	}
	return l.judge(ctx)
}

// point kills once, and brings everything up again.
func (l *life) point(ctx context.Context, i int) error {
	r := l.t.random("kill", i)
	wait := time.Duration(r.IntN(300)) * time.Millisecond
	if r.IntN(3) == 0 {
		wait = time.Duration(r.IntN(30)) * time.Millisecond
	}
	dice := r.IntN(100)
	if err := sleep(ctx, wait); err != nil {
		return err
	}
	when := fmt.Sprintf("kill %d", i)
	if dice < 18 && l.inARow < adapterKills {
		l.inARow++
		return l.killAdapter(ctx)
	}
	l.inARow = 0
	l.times = append(l.times, time.Now())
	switch {
	case dice >= 34 && dice < 42:
		l.orderly[len(l.times)-1] = true
		l.w.daemon.Stop()
		l.t.check("an end in order ends without an error", l.w.daemon.Ended() == "exit status 0", "%s: %s", when, l.w.daemon.Ended())
	case dice >= 42 && dice < 54:
		_, _ = l.w.killBackup(ctx, r, 1<<20) // part restore looks at what came of it
		l.backups++
	case dice >= 82:
		l.signalAdapter()
		l.w.kill()
	default:
		l.w.kill()
	}
	l.w.gone(ctx, when)
	if dice >= 18 && dice < 34 {
		if err := l.killStarting(ctx, r); err != nil {
			return err
		}
		l.w.gone(ctx, when+", in its start")
	}
	if err := l.w.start(ctx); err != nil {
		return err
	}
	l.w.balanced(ctx, when)
	left, err := filepath.Glob(filepath.Join(l.w.runtime(), "plugin-dir*"))
	l.t.check("no socket folder is left of a killed daemon", err == nil && len(left) <= 1, "%s: %v", when, left)
	return nil
}

// killStarting kills a daemon that is not ready yet.
func (l *life) killStarting(ctx context.Context, r *rand.Rand) error {
	p, err := l.w.spawn()
	if err != nil {
		return err
	}
	err = sleep(ctx, time.Duration(r.IntN(200))*time.Millisecond)
	l.times = append(l.times, time.Now())
	p.Kill()
	return err
}

// signalAdapter kills the adapter and returns its number.
func (l *life) signalAdapter() int {
	for _, pid := range l.w.processes() {
		if pid != l.w.daemon.PID() {
			_ = syscall.Kill(pid, syscall.SIGKILL)
			return pid
		}
	}
	return 0
}

// killAdapter kills the adapter alone and waits until the daemon has another one.
func (l *life) killAdapter(ctx context.Context) error {
	l.times = append(l.times, time.Now())
	killed := l.signalAdapter()
	err := rig.Until(ctx, 10*time.Second, 10*time.Millisecond, func() (bool, error) {
		pid, err := l.w.adapter(ctx)
		return err == nil && pid != 0 && pid != killed, err
	})
	l.t.check("a killed adapter is running again", err == nil, "kill %d: %v", len(l.times), err)
	return nil
}

// adapter is the number of the adapter's process, 0 when there is none.
func (w *world) adapter(ctx context.Context) (int, error) {
	var a struct {
		PID int `json:"pid"`
	}
	return a.PID, w.api.Call(ctx, http.MethodGet, "/v1/adapters/greenhouse", nil, &a)
}

// judge settles what is uncertain, waits until everything is decided, and compares daemon, ATS and platform.
func (l *life) judge(ctx context.Context) error {
	w, when, began := l.w, fmt.Sprintf("after kill %d", l.to), time.Now()
	if !w.undoubled(when) {
		return nil // settling would only take its time
	}
	settled := 0
	for range 3 { // what is sent again may become uncertain again only by another kill; there is none
		n, err := w.settle(ctx, when)
		if err != nil {
			return err
		}
		settled += n
		if err := w.arrived(ctx, 150*time.Second); err != nil {
			return err
		}
	}
	l.uncertain = settled
	defer func(began time.Time) { l.judging = time.Since(began) }(began)
	w.balanced(ctx, when)
	have, err := w.present(ctx, when)
	if err != nil {
		return err
	}
	begun, acked := w.sent.counts()
	l.acked = acked
	l.t.check("the daemon has what the platform sent and nothing else", len(have) == begun, "%s: %d sent, %d there", when, begun, len(have))
	w.undoubled(when)
	w.agrees(have, when)
	if err := l.events(ctx, when); err != nil {
		return err
	}
	w.daemon.Stop()
	w.gone(ctx, when+", stopped")
	left, _ := filepath.Glob(filepath.Join(w.runtime(), "*"))
	left = slices.DeleteFunc(left, func(p string) bool {
		s, err := filepath.Glob(filepath.Join(p, "*"))
		return filepath.Base(p) != "atssync.sock" && err == nil && len(s) == 0
	})
	l.t.check("no socket is left after the end", len(left) == 0, "%s: %v", when, left)
	return nil
}

// agrees compares each submission with the ATS, and its attempts with the POSTs.
func (w *world) agrees(have map[string]submission, when string) {
	w.stand(have, when)
	w.onePost(have, when)
}

// stand compares each submission with the ATS: there once when it is submitted, not there when it was given up.
func (w *world) stand(have map[string]submission, when string) {
	employers := make(map[string]*simulator.Employer)
	for _, t := range w.targets {
		employers[t.connection] = t.employer
	}
	var wrong []string
	for id, s := range have {
		n := len(employers[s.Connection].ByExternalID(id))
		switch s.State {
		case "submitted", "already_applied":
			if n != 1 {
				wrong = append(wrong, fmt.Sprintf("%s is %s and stands %d times in the ATS", s.ID, s.State, n))
			}
		case "cancelled":
			if n != 0 {
				wrong = append(wrong, fmt.Sprintf("%s was given up and stands in the ATS", s.ID))
			}
		default:
			wrong = append(wrong, fmt.Sprintf("%s is %s", s.ID, s.State))
		}
	}
	w.t.check("daemon and ATS agree about everybody", len(wrong) == 0, "%s: %d, such as %v", when, len(wrong), firstOf(wrong))
}

// onePost checks that one attempt was one POST at the most, of a daemon that knows of every attempt.
func (w *world) onePost(have map[string]submission, when string) {
	posts := w.posts()
	var over []string
	for id, s := range have {
		if posts[id] > s.Attempt {
			over = append(over, fmt.Sprintf("%s: %d attempts, %d POSTs", s.ID, s.Attempt, posts[id]))
		}
	}
	w.t.check(promiseOnePost, len(over) == 0, "%s: %d, such as %v", when, len(over), firstOf(over))
}

// events compares the feed with what the webhook receiver got, and counts uncertain ones by connection and kill.
func (l *life) events(ctx context.Context, when string) error {
	w := l.w
	feed, err := w.feed(ctx, when)
	if err != nil {
		return err
	}
	again, err := w.feed(ctx, when)
	if err != nil {
		return err
	}
	changed := ""
	for id, e := range feed {
		if b, ok := again[id]; !ok || !same(e, b) {
			changed = id
		}
	}
	l.t.check("read twice, the feed is the same", changed == "", "%s: event %s", when, changed)
	// Passes may still tell something: the feed is read again until receiver and feed have the same number.
	err = rig.Until(ctx, 60*time.Second, 200*time.Millisecond, func() (bool, error) {
		if w.hooks.took() == len(feed) {
			return true, nil
		}
		feed, err = w.feed(ctx, when)
		return false, err
	})
	if err != nil && feed == nil {
		return err
	}
	problems := w.hooks.compare(feed)
	l.t.check("every event came by webhook, none with another content", len(problems) == 0, "%s: %d, such as %v", when, len(problems), firstOf(problems))
	counts := make(map[string]int)
	over, cut := "", ""
	for _, e := range feed {
		if e.Type != "submission.uncertain" {
			continue
		}
		at, err := time.Parse(time.RFC3339Nano, e.At)
		if err != nil {
			return err
		}
		next, _ := slices.BinarySearchFunc(l.times, at, time.Time.Compare)
		who := fmt.Sprintf("%s after kill %d", e.Connection, l.from+next-1)
		if counts[who]++; counts[who] > 1 {
			over = fmt.Sprintf("%s: %d", who, counts[who])
		}
		if l.orderly[next-1] {
			cut = who
		}
	}
	l.t.check("at most one uncertain a connection and kill", over == "", "%s: %s", when, over)
	l.t.check("an end in order leaves nothing uncertain", cut == "", "%s: %s", when, cut)
	return nil
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
