package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// parseDuration reads "90s", "1h30m", "60d" and "1d12h": Go's form plus days of 24 hours in front.
func parseDuration(s string) (time.Duration, error) {
	days, rest := int64(0), s
	if head, tail, ok := strings.Cut(s, "d"); ok {
		n, err := strconv.ParseUint(head, 10, 16)
		if err != nil {
			return 0, errors.New("the days are not a whole number up to 65535")
		}
		days, rest = int64(n), tail
	}
	d := time.Duration(days) * day
	if rest != "" || days == 0 && !strings.HasSuffix(s, "d") {
		more, err := time.ParseDuration(rest)
		if err != nil {
			return 0, errors.New("not a number with a unit")
		}
		if strings.ContainsAny(rest, "+-") {
			return 0, errors.New("it has a sign")
		}
		if d+more < d {
			return 0, errors.New("too long")
		}
		d += more
	}
	return d, nil
}

// showDuration writes d so that parseDuration reads it back, in days where it is whole days and more than one.
func showDuration(d time.Duration) string {
	if d%day == 0 && d >= 2*day {
		return fmt.Sprintf("%dd", d/day)
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

var sizeUnits = [...]struct {
	name  string
	bytes int64
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}}

// parseSize reads "256KiB", "64 MiB", "2GiB" or "0B" into bytes.
func parseSize(s string) (int64, error) {
	for _, u := range sizeUnits {
		number, ok := strings.CutSuffix(s, u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(strings.TrimSpace(number), 10, 32)
		if err != nil {
			return 0, errors.New("not a whole number with a unit")
		}
		return int64(n) * u.bytes, nil
	}
	return 0, errors.New("it has no unit")
}

// showSize writes n bytes so that parseSize reads it back, in the largest unit that divides it.
func showSize(n int64) string {
	for _, u := range sizeUnits {
		if n%u.bytes == 0 && n >= u.bytes {
			return fmt.Sprintf("%d%s", n/u.bytes, u.name)
		}
	}
	return "0B"
}
