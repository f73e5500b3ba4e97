package fleet

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"

	sdk "github.com/atssync/atssync/plugin-sdk"
)

// limiter keeps one limit. Urgent calls go first: while one waits, the others do, though not for ever.
type limiter struct {
	mu      sync.Mutex
	rate    *rate.Limiter // nil: no limit but what the ATS says
	until   time.Time     // the ATS asked for quiet until then
	asked   time.Time     // until when it did, where that is longer than what is kept
	reserve time.Time     // the rest of the budget is left to urgent calls until then
	urgent  int           // of those that wait
	// told is the part of the limit that the ATS said was left, until it is reset.
	told      float64
	toldUntil time.Time
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

const (
	// yield is how soon a call that gave way looks again.
	yield = 20 * time.Millisecond
	// patience is how long a call gives way to urgent ones: a queue of hours must not end all reading.
	patience = 5 * time.Second
	// longestQuiet bounds what an ATS can ask for: one that asks for a day, by a wrong header too, is asked again after an hour.
	longestQuiet = time.Hour
	// A call waits here for quiet that is over soon. Where it lasts longer the call fails, so that whoever makes it can say
	// so and keeps nobody else waiting; a read waits less than a write, because a pass waits for it.
	writePatience = time.Minute
	readPatience  = 30 * time.Second
	// noHeader is how long a limit that was hit is kept when the ATS does not say.
	noHeader = 10 * time.Second
)

// wait blocks until cost requests may be made. Quiet that lasts too long to be waited for is KindRateLimited, with how long
// it still lasts.
func (l *limiter) wait(ctx context.Context, cost int, urgent bool) error {
	if urgent {
		l.count(1)
		defer l.count(-1)
	}
	began := time.Now()
	for {
		if err := l.tooLong(time.Now(), urgent); err != nil {
			return err
		}
		d := l.try(time.Now(), cost, urgent, time.Since(began) < patience)
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

// tooLong is the error of quiet that is not waited for, nil when there is none.
func (l *limiter) tooLong(now time.Time, urgent bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	d, most := l.until.Sub(now), readPatience
	if urgent {
		most = writePatience
	}
	if d <= most {
		return nil
	}
	return &sdk.Error{
		Kind: sdk.KindRateLimited, Turn: sdk.TurnATS, RetryAfter: d, NotApplied: true,
		Message: "the ATS asked to be left alone until " + later(l.asked, l.until).UTC().Format(time.RFC3339) + ", so it was not asked",
		Remedy:  "wait until " + l.until.UTC().Format(time.RFC3339) + "; if this happens often, ask the ATS for a higher limit",
	}
}

func (l *limiter) count(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.urgent += n
}

// try takes the requests, or says how long to wait before trying again. yields says that the call still gives way.
func (l *limiter) try(now time.Time, cost int, urgent, yields bool) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if d := l.until.Sub(now); d > 0 {
		return d
	}
	if !urgent {
		if d := l.reserve.Sub(now); d > 0 {
			return d
		}
		if l.urgent > 0 && yields {
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

// isQuiet reports whether the ATS asked for quiet.
func (l *limiter) isQuiet() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Now().Before(l.until)
}

// quiet has everything wait: the ATS said that a limit was hit.
func (l *limiter) quiet(d time.Duration) {
	if d <= 0 {
		d = noHeader
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	l.until, l.asked = later(l.until, now.Add(min(d, longestQuiet))), later(l.asked, now.Add(d))
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// keepBack is the part of the ATS's budget that is left to urgent calls and to the customer's other tools.
const keepBack = 10

// learn takes what the limit headers said.
func (l *limiter) learn(b sdk.Budget) {
	if b.Limit <= 0 || b.ResetAfter <= 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	reset := time.Now().Add(min(b.ResetAfter, time.Hour))
	l.told, l.toldUntil = min(max(float64(b.Remaining)/float64(b.Limit), 0), 1), reset
	switch {
	case b.Remaining <= 0:
		l.until = later(l.until, reset)
	case b.Remaining*keepBack <= b.Limit:
		l.reserve = later(l.reserve, reset)
	}
}
