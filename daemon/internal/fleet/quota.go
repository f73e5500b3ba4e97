package fleet

import (
	"time"

	sdk "github.com/atssync/atssync/plugin-sdk"
)

// QuietUntil tells until when the ATS wants to hear nothing for a connection, because its limits are used up: what its
// headers said, or what it asked for. It is zero when calls may be made now, as far as anybody knows.
func (f *Fleet) QuietUntil(name string, c sdk.Connection) time.Time {
	a, ok := f.adapter(name)
	if !ok {
		return time.Time{}
	}
	a.mu.Lock()
	limiters := a.limiters
	a.mu.Unlock()
	_, _, ls := limiters.of(c, sdk.PowerSubmit)
	var out time.Time
	for _, l := range ls {
		out = later(out, l.quietUntil())
	}
	if !out.After(time.Now()) {
		return time.Time{}
	}
	return out
}

func (l *limiter) quietUntil() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.until
}
