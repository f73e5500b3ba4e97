package submit

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/url"
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
	// hostKept is how long a host that could not be reached is not tried again.
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

// lookedHost bounds the looks at one host and remembers that it could not be reached.
type lookedHost struct {
	places chan struct{}
	users  int
	down   atssync.ResumeLook
	until  time.Time
}

// lookAt returns the look at a resume, which is begun unless there is one. stale takes one of any age.
func (w *Worker) lookAt(r *round, res atssync.Resume, stale bool) *look {
	l, now := &w.looks, time.Now()
	k := keyOfLook(r.c.Adapter, res)
	l.mu.Lock()
	defer l.mu.Unlock()
	if x := l.m[k]; x != nil && (!x.over() || stale || now.Sub(x.at) < lookKept) {
		return x
	}
	l.sweep(now)
	x := &look{key: k, done: make(chan struct{}), wakes: make(map[string]bool)}
	l.m[k] = x
	host := hostOf(res.URL)
	if h := l.hosts[host]; h != nil && now.Before(h.until) {
		x.found, x.at = h.down, now
		close(x.done)
		return x
	}
	patient := w.checkOf(r.c) == atssync.ResumeCheckStrict
	adapter, rule := r.c.Adapter, r.manifest.Resume
	w.wg.Go(func() {
		if found, ok := w.makeLook(host, res, rule, patient); ok {
			w.o.Metrics.looked(adapter, found)
			w.wakeAll(l.made(x, found))
		} else {
			l.forget(x)
		}
	})
	return x
}

// makeLook looks, and again while the answer is one that goes away by itself; of a host that does not answer only when
// patient, as nobody is held for that otherwise. ok is false when the worker stops.
func (w *Worker) makeLook(host string, res atssync.Resume, rule sdk.ResumeRule, patient bool) (found atssync.ResumeLook, ok bool) {
	ctx := w.idle
	for n := 0; ; n++ {
		free, ok := w.looks.place(ctx, host)
		if !ok {
			return found, false
		}
		found = w.policy.Load().Resumes(ctx, res, rule, time.Now().UTC())
		free()
		if ctx.Err() != nil {
			return found, false
		}
		if !found.Passing || n == len(lookPauses) || found.Unreached != "" && !patient {
			return found, true
		}
		select {
		case <-ctx.Done():
			return found, false
		case <-time.After(lookPauses[n]):
		}
	}
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
func (l *looks) made(x *look, found atssync.ResumeLook) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	x.found, x.at = found, time.Now()
	if h := l.hosts[found.Unreached]; h != nil {
		h.down, h.until = found, x.at.Add(hostKept)
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

func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Hostname()
}
