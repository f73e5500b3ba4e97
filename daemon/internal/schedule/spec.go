// Package schedule says when a named pass runs: it reads cron lines, computes the next time in a zone, and runs the
// passes that it was given, one at a time each, remembering the last run. It stands above submit, collect and the
// other workers, which do the work of a pass and know nothing of clocks.
package schedule

import (
	"errors"
	"fmt"
	"hash/fnv"
	"strings"
	"time"
	_ "time/tzdata" // A machine without zone files still knows its zones.

	"github.com/robfig/cron/v3"
)

const (
	minEvery = 30 * time.Second
	maxEvery = 366 * 24 * time.Hour
	maxSpec  = 256
	every    = "@every "
)

// Spec is a parsed schedule. The zero Spec never runs.
type Spec struct {
	text, zone string
	location   *time.Location
	interval   time.Duration // of "@every"; 0 for a cron line
	line       cron.Schedule // in UTC, so that it computes in wall-clock time without changes of it
	eachHour   bool          // the hour of the line is *: it runs in a repeated hour too
}

// Parse reads a cron line of five fields (minute, hour, day of month, month, day of week), one of "@hourly", "@daily",
// "@weekly", "@monthly" and "@yearly", or "@every" with a duration of at least 30 s. The zone is an IANA name; empty is
// UTC. The errors are sentences for the operator.
func Parse(spec, zone string) (Spec, error) {
	if zone == "" {
		zone = "UTC"
	}
	location, err := time.LoadLocation(zone)
	if err != nil || zone == "Local" {
		return Spec{}, fmt.Errorf("there is no time zone %q; write a name such as Europe/Berlin", zone)
	}
	s := Spec{text: strings.TrimSpace(spec), zone: zone, location: location}
	switch {
	case s.text == "":
		return Spec{}, errors.New("the schedule is empty")
	case len(s.text) > maxSpec:
		return Spec{}, fmt.Errorf("the schedule is longer than %d bytes", maxSpec)
	case strings.Contains(s.text, "TZ="):
		return Spec{}, errors.New("the time zone does not stand in the cron line; give it beside, as zone")
	case strings.HasPrefix(s.text, every):
		if s.interval, err = parseEvery(s.text[len(every):]); err != nil {
			return Spec{}, err
		}
		return s, nil
	}
	if s.line, err = parseLine(s.text); err != nil {
		return Spec{}, err
	}
	// Any start does: a line without a run in five years has none at all, or next to none.
	if s.line.Next(time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return Spec{}, fmt.Errorf("%q never comes: there is no such day", s.text)
	}
	fields := strings.Fields(s.text)
	s.eachHour = s.text == "@hourly" || (len(fields) == 5 && fields[1] == "*")
	return s, nil
}

func parseEvery(text string) (time.Duration, error) {
	d, err := time.ParseDuration(strings.TrimSpace(text))
	switch {
	case err != nil:
		return 0, errors.New(`"@every" needs a duration such as 1m or 6h`)
	case d < minEvery || d > maxEvery:
		return 0, fmt.Errorf(`"@every" takes from %s to %s`, minEvery, maxEvery)
	case d%time.Second != 0:
		return 0, errors.New(`"@every" takes whole seconds`)
	}
	return d, nil
}

// parseLine keeps the library's panics on odd input away from the daemon.
func parseLine(text string) (line cron.Schedule, err error) {
	defer func() {
		if recover() != nil {
			line, err = nil, fmt.Errorf("%q is not a cron line", text)
		}
	}()
	line, err = cron.ParseStandard(text)
	if err != nil {
		return nil, fmt.Errorf("%q is not a cron line: %w", text, err)
	}
	if at, ok := line.(*cron.SpecSchedule); ok {
		at.Location = time.UTC
	}
	return line, nil
}

// String returns the spec as it was written.
func (s Spec) String() string { return s.text }

// Zone returns the name of the zone in which the spec is meant.
func (s Spec) Zone() string { return s.zone }

// Next returns the first run after the given time, in UTC; the zero time when there is none within about five years.
//
// An "@every" keeps its beat over restarts: its runs are the multiples of the interval since the year 1, wherever it is
// asked from. In a zone with daylight saving time, a run inside the hour that a change skips happens right after it, and
// a run inside the hour that a change repeats happens once, in the first pass. A line whose hour is * keeps running
// through both, as what runs each hour should not rest for two.
func (s Spec) Next(after time.Time) time.Time {
	after = after.UTC()
	if s.interval > 0 {
		return after.Truncate(s.interval).Add(s.interval)
	}
	if s.line == nil {
		return time.Time{}
	}
	// Between two changes of the zone the wall clock runs straight, so that each such stretch is computed as if in UTC.
	at, wall := after, after.Add(offsetAt(after, s.location))
	for {
		start, end := at.In(s.location).ZoneBounds()
		offset := offsetAt(at, s.location)
		if !start.IsZero() && !s.eachHour {
			// Where the wall clock was set back, what it shows again has run already.
			before := offsetAt(start.Add(-time.Second), s.location)
			if again := start.UTC().Add(before - time.Second); before > offset && wall.Before(again) {
				wall = again
			}
		}
		next := s.line.Next(wall)
		if next.IsZero() {
			return time.Time{}
		}
		if run := next.Add(-offset); end.IsZero() || run.Before(end) {
			return run
		}
		at = end.UTC()
		ahead := offsetAt(at, s.location)
		// An hourly run loses nothing to a jump of whole hours: the next one comes after the usual time.
		hourly := s.eachHour && (ahead-offset)%time.Hour == 0
		if !hourly && next.Before(at.Add(ahead)) {
			return at
		}
		wall = at.Add(ahead - time.Second)
	}
}

// offsetAt is what the wall clock of a zone is ahead of UTC at an instant.
func offsetAt(t time.Time, zone *time.Location) time.Duration {
	_, seconds := t.In(zone).Zone()
	return time.Duration(seconds) * time.Second
}

// Phase spreads things over an interval: the same key always gets the same place in it, from 0 up to the interval.
func Phase(key string, interval time.Duration) time.Duration {
	if interval <= 0 {
		return 0
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(key))
	// The low bits of FNV are poor for keys that differ in their last characters only; this folds the high ones in.
	x := h.Sum64()
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	return time.Duration(x % uint64(interval))
}
