package rest

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	sdk "github.com/atssync/atssync/plugin-sdk"
)

// maxWait bounds what a header may ask for, so that a nonsensical one cannot stop a connection for good.
const maxWait = 24 * time.Hour

// retryAfter is how long an answer asks to wait, 0 when it does not say. Only a 429 may speak through the
// limit headers, which other answers carry as plain information.
func retryAfter(h http.Header, status int, now time.Time) time.Duration {
	if status != http.StatusTooManyRequests && status < 500 {
		return 0
	}
	if d, ok := wait(h.Get("Retry-After"), now); ok {
		return d
	}
	if status == http.StatusTooManyRequests {
		return reset(h, now)
	}
	return 0
}

// wait reads a number of seconds or an HTTP date.
func wait(v string, now time.Time) (time.Duration, bool) {
	v = strings.TrimSpace(v)
	if v == "" {
		return 0, false
	}
	if s, err := strconv.ParseFloat(v, 64); err == nil {
		if s < 0 || s != s {
			return 0, false
		}
		return bounded(s), true
	}
	if at, err := http.ParseTime(v); err == nil {
		return min(max(at.Sub(now), 0), maxWait), true
	}
	return 0, false
}

// reset reads X-RateLimit-Reset and its relatives: seconds from now, or a Unix time in seconds or
// milliseconds.
func reset(h http.Header, now time.Time) time.Duration {
	for _, name := range []string{"X-RateLimit-Reset", "RateLimit-Reset", "X-Rate-Limit-Reset"} {
		v := strings.TrimSpace(h.Get(name))
		n, err := strconv.ParseFloat(v, 64)
		switch {
		case err != nil:
			if d, ok := wait(v, now); ok {
				return d
			}
		case n > 1e12:
			return bounded((n - float64(now.UnixMilli())) / 1e3)
		case n > 1e9:
			return bounded(n - float64(now.Unix()))
		case n >= 0:
			return bounded(n)
		}
	}
	return 0
}

// bounded turns seconds into a duration between 0 and maxWait.
func bounded(seconds float64) time.Duration {
	if !(seconds > 0) {
		return 0
	}
	if seconds > maxWait.Seconds() {
		return maxWait
	}
	return time.Duration(seconds * float64(time.Second))
}

// budget reads the limit headers, nil when there are none.
func budget(h http.Header, now time.Time) *sdk.Budget {
	limit, hasLimit := count(h, "X-RateLimit-Limit", "RateLimit-Limit", "X-Rate-Limit-Limit")
	remaining, hasRemaining := count(h, "X-RateLimit-Remaining", "RateLimit-Remaining", "X-Rate-Limit-Remaining")
	if !hasLimit || !hasRemaining {
		return nil
	}
	return &sdk.Budget{Limit: limit, Remaining: remaining, ResetAfter: reset(h, now)}
}

func count(h http.Header, names ...string) (int, bool) {
	for _, name := range names {
		// The draft standard allows "100, 100;w=10": the first number counts.
		v, _, _ := strings.Cut(h.Get(name), ",")
		v, _, _ = strings.Cut(v, ";")
		if n, err := strconv.ParseInt(strings.TrimSpace(v), 10, 32); err == nil && n >= 0 {
			return int(n), true
		}
	}
	return 0, false
}

// requestID is the ATS's own id of the request, cut to what may stand in a log line.
func requestID(h http.Header) string {
	for _, name := range []string{"X-Request-Id", "Request-Id", "X-Amzn-Requestid", "X-Correlation-Id", "Cf-Ray"} {
		v := h.Get(name)
		if v == "" {
			continue
		}
		v = strings.Map(func(r rune) rune {
			if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.' {
				return r
			}
			return -1
		}, v)
		return v[:min(len(v), 64)]
	}
	return ""
}

// NextQuery returns the query of the page that a Link header calls next, "" when it names none. Only the
// query is taken: whatever host or path the link holds, the next request goes where this one went.
func NextQuery(h http.Header) string {
	for _, line := range h.Values("Link") {
		for _, link := range linkValue.FindAllStringSubmatch(line, -1) {
			if !hasRelNext(link[2]) {
				continue
			}
			_, query, _ := strings.Cut(link[1], "?")
			query, _, _ = strings.Cut(query, "#")
			return query
		}
	}
	return ""
}

// linkValue is one target of a Link header with its parameters.
var linkValue = regexp.MustCompile(`<([^<>]*)>([^<]*)`)

func hasRelNext(params string) bool {
	for p := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		if !strings.EqualFold(strings.TrimSpace(name), "rel") {
			continue
		}
		value = strings.Trim(strings.TrimRight(strings.TrimSpace(value), ","), `"`)
		for rel := range strings.FieldsSeq(value) {
			if strings.EqualFold(rel, "next") {
				return true
			}
		}
	}
	return false
}
