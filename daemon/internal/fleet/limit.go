package fleet

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	sdk "github.com/atssync/atssync/plugin-sdk"
)

// limiters holds an adapter's limiters: one for each credential, and one for each connection where the
// manifest has a limit of that scope.
type limiters struct {
	own      Limits
	inFlight chan struct{}
	reads    chan struct{} // of inFlight, what calls that are not urgent may take
	places   places
	waiting  atomic.Int64 // calls that have no place yet

	mu       sync.Mutex
	manifest sdk.Manifest
	m        map[limitKey]*limiter
}

// limitKey is who shares a limit, and which one it is.
type limitKey struct {
	who   string
	limit sdk.Limit
}

// hooksAtOnce is how many hooks of one connection its adapter reads at a time.
const hooksAtOnce = 8

func newLimiters(own Limits) *limiters {
	n := own.MaxInFlight
	if n <= 0 {
		n = defaultCalls
	}
	return &limiters{
		own: own, inFlight: make(chan struct{}, n), reads: make(chan struct{}, max(1, n*3/4)), m: make(map[limitKey]*limiter),
	}
}

// describe takes a manifest. Limiters whose limit is the same keep what they learned.
func (l *limiters) describe(m sdk.Manifest) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.manifest = m
}

// acquire waits for a place: of the connection for that power, of the rate limits, and of the adapter. The last one is
// taken last, so that a connection that waits for its limits keeps no other one waiting. It returns the limiters to
// feed and the function that frees the places.
func (l *limiters) acquire(ctx context.Context, c sdk.Connection, p sdk.Power) ([]*limiter, func(), error) {
	l.waiting.Add(1)
	defer l.waiting.Add(-1)
	place := c.ID + "/" + string(p)
	bound, cost, ls := l.of(c, p)
	if err := l.places.take(ctx, place, bound); err != nil {
		return nil, nil, err
	}
	leave, err := l.wait(ctx, ls, cost, urgent(p))
	if err != nil {
		l.places.free(place)
		return nil, nil, err
	}
	var once sync.Once
	return ls, func() {
		once.Do(func() {
			leave()
			l.places.free(place)
		})
	}, nil
}

// urgent reports whether a call goes before the others: what writes, and the checks without which no write goes on.
func urgent(p sdk.Power) bool { return p == sdk.PowerSubmit || p == "" }

// wait waits for every limiter and then for a place of the adapter. When a limit was hit meanwhile it begins anew.
func (l *limiters) wait(ctx context.Context, ls []*limiter, cost int, urgent bool) (leave func(), err error) {
	for {
		for _, lim := range ls {
			if err := lim.wait(ctx, cost, urgent); err != nil {
				return nil, err
			}
		}
		if leave, err = l.enter(ctx, urgent); err != nil || !slices.ContainsFunc(ls, (*limiter).isQuiet) {
			return leave, err
		}
		leave()
	}
}

// enter takes a place of the adapter. Calls that are not urgent leave a quarter of the places to those that are, so
// that no reading, however slow its answers, keeps a write waiting.
func (l *limiters) enter(ctx context.Context, urgent bool) (leave func(), err error) {
	if !urgent {
		select {
		case l.reads <- struct{}{}:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	select {
	case l.inFlight <- struct{}{}:
	case <-ctx.Done():
		if !urgent {
			<-l.reads
		}
		return nil, ctx.Err()
	}
	return func() {
		<-l.inFlight
		if !urgent {
			<-l.reads
		}
	}, nil
}

// of returns how many calls of p may be under way on a connection, what one costs, and its limiters.
func (l *limiters) of(c sdk.Connection, p sdk.Power) (bound, cost int, out []*limiter) {
	l.mu.Lock()
	defer l.mu.Unlock()
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
	if p == sdk.PowerHandleWebhook && l.manifest.Cost[p] == 0 {
		return max(hooksAtOnce, l.manifest.InFlight[p]), 0, nil // the ATS called us: nothing is asked of it, whatever its limits
	}
	credential := credentialKey(c)
	for _, lim := range limits {
		key := limitKey{credential, lim}
		if lim.Scope == "connection" {
			key.who = "connection/" + c.ID
		}
		got := l.m[key]
		if got == nil {
			got = newLimiter(lim)
			l.m[key] = got
		}
		out = append(out, got)
	}
	return max(1, l.manifest.InFlight[p]), max(1, l.manifest.Cost[p]), out
}

// credentialKey is the same for connections that use the same credential. One without a credential is alone.
func credentialKey(c sdk.Connection) string {
	if len(c.Credentials) == 0 {
		return "connection/" + c.ID
	}
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(c.Credentials)) {
		h.Write([]byte(name + "\x00" + c.Credentials[name].Reveal() + "\x00"))
	}
	return "credential/" + hex.EncodeToString(h.Sum(nil)[:16])
}
