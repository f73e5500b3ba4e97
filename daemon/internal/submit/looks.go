package submit

import (
	"context"
	"crypto/sha256"
	"fmt"
	"sync"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// Looks at resumes are made beside the lanes: a lane waits a moment for those of its turn and goes on with what is ready,
// so that one slow file keeps nobody else waiting.
const (
	// looksAtATime and looksPerHost bound the looks under way: the files of a platform mostly lie on one host.
	looksAtATime = 64
	looksPerHost = 16
	// lookKept is how long a look counts for another attempt of the same file.
	lookKept = 5 * time.Minute
	// lookForgotten is longer than a lane waits for the limits of its ATS with a look made.
	lookForgotten = 2 * time.Hour
	// hostKept is how long a host that could not be reached is not tried again, so that it does not take every look its
	// whole time to find that out.
	hostKept  = 45 * time.Second
	mostLooks = 10_000
)

// lookPauses are the waits before an address is asked again whose answer goes away by itself.
var lookPauses = []time.Duration{time.Second, 3 * time.Second}

// lookKey names what a look depends on. It is a hash, so that no address of a person's file is kept.
type lookKey [sha256.Size]byte

// look is one look, under way or made.
type look struct {
	key   lookKey
	done  chan struct{} // closed once found is there
	found atssync.ResumeLook
	at    time.Time
	until time.Time       // it counts for another attempt
	wakes map[string]bool // lanes that go on when it is done
}

func (l *look) over() bool {
	select {
	case <-l.done:
		return true
	default:
		return false
	}
}

// looks are all looks of this daemon.
type looks struct {
	mu      sync.Mutex
	m       map[lookKey]*look
	hosts   map[string]*lookedHost
	places  chan struct{}
	waiting map[string]int // lanes, and how many looks they wait for
	swept   time.Time
}

// lookedHost bounds the looks at one host and remembers that it could not be reached. What is wrong with one file is not
// its host's: a host is down when no connection to it could be made twice in a row, or when as many files as it has places were
// not answered in a row.
type lookedHost struct {
	places chan struct{}
	users  int
	failed time.Time        // no connection could be made, and no answer came since
	silent map[lookKey]bool // files that were not answered since the last answer
	down   atssync.ResumeLook
	until  time.Time
}

// lookAt returns the look at a resume, which is begun unless there is one. stale takes one of any age.
func (w *Worker) lookAt(r *round, res atssync.Resume, stale bool) *look {
	l, now := &w.looks, time.Now()
	k := keyOfLook(r.c.Adapter, res)
	l.mu.Lock()
	defer l.mu.Unlock()
	if x := l.m[k]; x != nil && (!x.over() || stale || now.Before(x.until)) {
		return x
	}
	l.sweep(now)
	x := &look{key: k, done: make(chan struct{}), wakes: make(map[string]bool)}
	l.m[k] = x
	if found, ended := res.LookAtEnd(now); ended { // whatever its host does
		w.o.Metrics.looked(r.c.Adapter, found)
		x.found, x.at, x.until = found, now, now.Add(lookKept)
		close(x.done)
		return x
	}
	host := atssync.HostOf(res.URL)
	if found, until, down := l.isDown(host, now); down {
		x.found, x.at, x.until = found, now, until
		close(x.done)
		return x
	}
	patient := w.checkOf(r.c) == atssync.ResumeCheckStrict
	adapter, rule := r.c.Adapter, r.manifest.Resume
	w.wg.Go(func() {
		found, asked, ok := w.makeLook(x, res, rule, patient)
		if !ok {
			l.forget(x)
			return
		}
		if asked {
			w.o.Metrics.looked(adapter, found)
		}
		w.wakeAll(l.made(x, host, found, asked))
	})
	return x
}

// makeLook looks, and again while the answer is one that goes away by itself. A host that cannot be reached is tried once
// more before it counts as down, and on only when patient, as nobody is held for that otherwise; a file whose time was over is
// not. asked is false when others found its host down before this file's turn came, ok when the worker stops.
func (w *Worker) makeLook(x *look, res atssync.Resume, rule sdk.ResumeRule, patient bool) (found atssync.ResumeLook, asked, ok bool) {
	ctx, host := w.idle, atssync.HostOf(res.URL)
	for n := 0; ; n++ {
		free, ok := w.looks.place(ctx, host)
		if !ok {
			return found, false, false
		}
		switch others, is := w.looks.nowDown(host); {
		case is && n == 0:
			free()
			return others, false, true
		case is && !patient:
			free()
			return found, true, true
		}
		began := time.Now()
		found = w.policy.Load().Resumes(ctx, res, rule, began.UTC())
		free()
		if ctx.Err() != nil {
			return found, false, false
		}
		w.looks.learn(x.key, host, found, began)
		again := found.Passing && n < len(lookPauses)
		if found.Unreached != "" && !patient {
			again = again && found.HostDown != "" && n == 0
		}
		if !again {
			return found, true, true
		}
		select {
		case <-ctx.Done():
			return found, false, false
		case <-time.After(lookPauses[n]):
		}
	}
}

// isDown reports whether a host is known to be down, what that says of a file of it, and until when. l.mu is held.
func (l *looks) isDown(host string, now time.Time) (found atssync.ResumeLook, until time.Time, down bool) {
	h := l.hosts[host]
	if h == nil || !now.Before(h.until) {
		return found, until, false
	}
	return h.down.ForOthers(), h.until, true
}

func (l *looks) nowDown(host string) (found atssync.ResumeLook, down bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	found, _, down = l.isDown(host, time.Now())
	return found, down
}

// place waits until a host may be asked.
func (l *looks) place(ctx context.Context, host string) (free func(), ok bool) {
	l.mu.Lock()
	h := l.hosts[host]
	if h == nil {
		h = &lookedHost{places: make(chan struct{}, looksPerHost)}
		l.hosts[host] = h
	}
	h.users++
	all := l.places
	l.mu.Unlock()
	left := func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		h.users--
	}
	select {
	case h.places <- struct{}{}:
	case <-ctx.Done():
		left()
		return nil, false
	}
	select {
	case all <- struct{}{}:
	case <-ctx.Done():
		<-h.places
		left()
		return nil, false
	}
	return func() {
		<-all
		<-h.places
		left()
	}, true
}

// made ends a look, and returns the lanes that waited for it.
func (l *looks) made(x *look, host string, found atssync.ResumeLook, asked bool) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	x.found, x.at = found, time.Now()
	x.until = x.at.Add(lookKept)
	if h := l.hosts[host]; h != nil && !asked {
		x.until = h.until
	}
	close(x.done)
	wake := make([]string, 0, len(x.wakes))
	for c := range x.wakes {
		wake = append(wake, c)
		if l.waiting[c]--; l.waiting[c] <= 0 {
			delete(l.waiting, c)
		}
	}
	return wake
}

// learn remembers what a look that began then says of the hosts it asked.
func (l *looks) learn(k lookKey, host string, found atssync.ResumeLook, began time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if h := l.hosts[host]; h != nil && found.Unreached != host { // it answered
		h.failed, h.silent, h.until = time.Time{}, nil, time.Time{}
	}
	h := l.hosts[found.Unreached]
	if h == nil || !found.Passing { // what the guard forbids is found out in no time
		return
	}
	if found.HostDown != "" {
		if before := h.failed; !before.IsZero() && !began.Before(before) && now.Sub(before) < hostKept {
			h.down, h.until = found, now.Add(hostKept)
		}
		if h.failed.IsZero() || !began.Before(h.failed) {
			h.failed = now
		}
		return
	}
	if h.silent == nil {
		h.silent = make(map[lookKey]bool)
	}
	if h.silent[k] = true; len(h.silent) >= looksPerHost {
		h.down, h.until, h.silent = found, now.Add(hostKept), nil
		h.down.HostDown = fmt.Sprintf("%d files in a row were not answered", looksPerHost)
	}
}

// wait has a lane woken when a look is made; false when it is.
func (l *looks) wait(x *look, connection string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if x.over() {
		return false
	}
	if !x.wakes[connection] {
		x.wakes[connection] = true
		l.waiting[connection]++
	}
	return true
}

// waits is how many looks a lane waits for.
func (l *looks) waits(connection string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.waiting[connection]
}

// forget has the next look at the same file be a new one.
func (l *looks) forget(x *look) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.m[x.key] == x {
		delete(l.m, x.key)
	}
}

// sweep makes room. l.mu is held.
func (l *looks) sweep(now time.Time) {
	if l.m == nil {
		l.m, l.hosts, l.waiting = make(map[lookKey]*look), make(map[string]*lookedHost), make(map[string]int)
		l.places = make(chan struct{}, looksAtATime)
	}
	full := len(l.m) >= mostLooks
	if !full && now.Sub(l.swept) < time.Minute {
		return
	}
	l.swept = now
	for k, x := range l.m {
		if x.over() && (full || now.Sub(x.at) > lookForgotten) {
			delete(l.m, k)
		}
	}
	for host, h := range l.hosts {
		if h.users == 0 && now.After(h.until) {
			delete(l.hosts, host)
		}
	}
}

func keyOfLook(adapter string, r atssync.Resume) lookKey {
	var ends int64
	if r.ExpiresAt != nil {
		ends = r.ExpiresAt.Unix()
	}
	return sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%s\x00%d", adapter, r.FileName, r.URL, ends))
}
