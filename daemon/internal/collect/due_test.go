package collect

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

var standard = cadence{quietAfter: 14 * day, intervals: []time.Duration{time.Hour, day, 7 * day}}

func TestEvery_TheLongerItIsQuietTheMoreSeldomItIsRead(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	ended := func(ago time.Duration) atssync.Application {
		a := atssync.Application{Visibility: atssync.Visible, CreatedAt: now.Add(-1000 * day), ObservedAt: now.Add(-ago)}
		a.Status = sdk.StatusRejected
		return a
	}
	for name, c := range map[string]struct {
		a    atssync.Application
		want time.Duration
	}{
		"new":                 {atssync.Application{Visibility: atssync.Visible, CreatedAt: now}, 0},
		"moving":              {atssync.Application{Visibility: atssync.Visible, CreatedAt: now.Add(-99 * day), ObservedAt: now.Add(-13 * day)}, 0},
		"quiet":               {atssync.Application{Visibility: atssync.Visible, CreatedAt: now.Add(-15 * day)}, time.Hour},
		"quiet for long":      {atssync.Application{Visibility: atssync.Visible, CreatedAt: now.Add(-60 * day)}, day},
		"quiet for a year":    {atssync.Application{Visibility: atssync.Visible, CreatedAt: now.Add(-365 * day)}, 7 * day},
		"just ended":          {ended(time.Hour), 0},
		"ended":               {ended(2 * day), time.Hour},
		"ended long ago":      {ended(10 * day), day},
		"ended very long ago": {ended(100 * day), 7 * day},
		"not visible":         {atssync.Application{Visibility: atssync.NotVisible, CreatedAt: now}, day},
		"deleted":             {atssync.Application{Visibility: atssync.Deleted, CreatedAt: now}, 7 * day},
		"settling":            {atssync.Application{Visibility: atssync.Visible, CreatedAt: now.Add(-500 * day), Settling: &atssync.Standing{}}, 0},
	} {
		require.Equal(t, c.want, standard.every(&c.a, now), name)
	}
}

// Over a year of passes at any pace and with any gaps, an application is read at least once in each of its intervals
// (or in the first pass after it, where there was none in it), and never twice within one.
func TestDue_OnceAnIntervalOverAYear(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		pace := time.Duration(rapid.IntRange(10, 240).Draw(t, "minutes")) * time.Minute
		a := atssync.Application{ID: fmt.Sprint("sub_", rapid.Uint64().Draw(t, "id")), Visibility: atssync.Visible, CreatedAt: begin.Add(-10 * day)}
		if rapid.Bool().Draw(t, "terminal") {
			a.Status = sdk.StatusRejected
		}
		off := rapid.IntRange(20, 4000).Draw(t, "off") // the daemon is off for days after so many passes
		var before, last time.Time                     // of the last pass, of the last reading
		passes := 0
		for now := begin; now.Before(begin.Add(365 * day)); {
			every := standard.every(&a, now)
			if standard.due(&a, before, now) {
				if every > 0 && !last.IsZero() && standard.every(&a, last) == every {
					p := int64(phase(a.ID, every))
					slot := func(x time.Time) int64 { return (x.UnixNano() - p) / int64(every) }
					if slot(now) == slot(last) {
						t.Fatalf("read twice within %s: %s and %s", every, last, now)
					}
				}
				last = now
			} else if now.Sub(last) > every+pace && before.Sub(last) > every {
				t.Fatalf("not read for %s, though %s is its interval", now.Sub(last), every)
			}
			before = now
			gap := pace
			if passes++; passes%off == 0 {
				gap = 9 * day
			}
			now = now.Add(gap)
		}
	})
}
