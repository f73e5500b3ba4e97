package fleet

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	sdk "github.com/atssync/atssync/plugin-sdk"
)

// limiters holds an adapter's limiters: one for each credential, and one for each connection where the
// manifest has a limit of that scope.
type limiters struct {
	own      Limits
	inFlight chan struct{}

	mu       sync.Mutex
	manifest sdk.Manifest
	m        map[string]*limiter
	busy     map[string]int // connection + power → calls under way
	freed    chan struct{}  // closed and replaced whenever a place is freed
}

func newLimiters(own Limits) *limiters {
	n := own.MaxInFlight
	if n <= 0 {
		n = defaultCalls
	}
	return &limiters{
		own: own, inFlight: make(chan struct{}, n), m: make(map[string]*limiter),
		busy: make(map[string]int), freed: make(chan struct{}),
	}
}

// describe takes a manifest; limiters that exist keep what they learned.
func (l *limiters) describe(m sdk.Manifest) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.manifest = m
}

// acquire waits for a place: of the adapter, of the connection for that power, and of the rate limits. It
// returns the limiters to feed and the function that frees the places.
func (l *limiters) acquire(ctx context.Context, c sdk.Connection, p sdk.Power) ([]*limiter, func(), error) {
	place := c.ID + "/" + string(p)
	if err := l.take(ctx, place, p); err != nil {
		return nil, nil, err
	}
	write := p == sdk.PowerSubmit
	ls, cost := l.of(c, p)
	for _, lim := range ls {
		if err := lim.wait(ctx, cost, write); err != nil {
			l.free(place)
			return nil, nil, err
		}
	}
	select {
	case l.inFlight <- struct{}{}:
	case <-ctx.Done():
		l.free(place)
		return nil, nil, ctx.Err()
	}
	var once sync.Once
	return ls, func() {
		once.Do(func() {
			<-l.inFlight
			l.free(place)
		})
	}, nil
}

// take waits until fewer calls of that power than the manifest allows are under way on the connection.
func (l *limiters) take(ctx context.Context, place string, p sdk.Power) error {
	for {
		l.mu.Lock()
		bound := max(1, l.manifest.InFlight[p])
		if l.busy[place] < bound {
			l.busy[place]++
			l.mu.Unlock()
			return nil
		}
		freed := l.freed
		l.mu.Unlock()
		select {
		case <-freed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (l *limiters) free(place string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.busy[place]--; l.busy[place] <= 0 {
		delete(l.busy, place)
	}
	close(l.freed)
	l.freed = make(chan struct{})
}

// of returns the limiters of a connection and what one call of p costs.
func (l *limiters) of(c sdk.Connection, p sdk.Power) ([]*limiter, int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	cost := max(1, l.manifest.Cost[p])
	limits := l.manifest.Limits
	if l.own.RequestsPerSecond > 0 {
		limits = []sdk.Limit{{
			Scope: "credential", Requests: 1, Burst: max(1, l.own.Burst),
			Per: time.Duration(float64(time.Second) / l.own.RequestsPerSecond),
		}}
	}
	if len(limits) == 0 { // what the ATS says at run time is still kept
		limits = []sdk.Limit{{Scope: "credential"}}
	}
	var out []*limiter
	for _, lim := range limits {
		key := "connection/" + c.ID
		if lim.Scope != "connection" {
			key = "credential/" + credentialKey(c)
		}
		got := l.m[key]
		if got == nil {
			got = newLimiter(lim)
			l.m[key] = got
		}
		out = append(out, got)
	}
	return out, cost
}

// credentialKey is the same for connections that use the same credential.
func credentialKey(c sdk.Connection) string {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(c.Credentials)) {
		h.Write([]byte(name + "\x00" + c.Credentials[name].Reveal() + "\x00"))
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// limiter keeps one limit. Writes go first: while one waits, reads do.
type limiter struct {
	mu      sync.Mutex
	rate    *rate.Limiter // nil: no limit but what the ATS says
	until   time.Time     // the ATS asked for quiet until then
	reserve time.Time     // reads leave the rest of the budget to writes until then
	writers int
}

func newLimiter(l sdk.Limit) *limiter {
	if l.Requests <= 0 || l.Per <= 0 {
		return &limiter{}
	}
	burst := l.Burst
	if burst <= 0 {
		burst = l.Requests
	}
	return &limiter{rate: rate.NewLimiter(rate.Limit(float64(l.Requests)/l.Per.Seconds()), burst)}
}

// yield is how soon a read that gave way to a write looks again.
const yield = 20 * time.Millisecond

// wait blocks until cost requests may be made.
func (l *limiter) wait(ctx context.Context, cost int, write bool) error {
	if write {
		l.mu.Lock()
		l.writers++
		l.mu.Unlock()
		defer func() {
			l.mu.Lock()
			l.writers--
			l.mu.Unlock()
		}()
	}
	for {
		d := l.try(time.Now(), cost, write)
		if d <= 0 {
			return nil
		}
		t := time.NewTimer(d)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		}
	}
}

// try takes the requests, or says how long to wait before trying again.
func (l *limiter) try(now time.Time, cost int, write bool) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if d := l.until.Sub(now); d > 0 {
		return d
	}
	if !write {
		if d := l.reserve.Sub(now); d > 0 {
			return d
		}
		if l.writers > 0 {
			return yield
		}
	}
	if l.rate == nil {
		return 0
	}
	r := l.rate.ReserveN(now, min(cost, l.rate.Burst()))
	d := r.DelayFrom(now)
	if d <= 0 {
		return 0
	}
	r.CancelAt(now)
	return d
}

// quiet has everything wait: the ATS said that a limit was hit.
func (l *limiter) quiet(d time.Duration) {
	if d <= 0 {
		d = 10 * time.Second
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if t := time.Now().Add(d); t.After(l.until) {
		l.until = t
	}
}

// keepBack is the part of the ATS's budget that is left to writes and to the customer's other tools.
const keepBack = 10

// learn takes what the limit headers said.
func (l *limiter) learn(b sdk.Budget) {
	if b.Limit <= 0 || b.ResetAfter <= 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	reset := time.Now().Add(min(b.ResetAfter, time.Hour))
	if b.Remaining <= 0 {
		l.until = reset
	} else if b.Remaining*keepBack <= b.Limit {
		l.reserve = reset
	}
}
