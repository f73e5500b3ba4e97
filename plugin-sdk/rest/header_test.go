package rest

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	sdk "github.com/atssync/atssync/plugin-sdk"
)

func header(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Add(pairs[i], pairs[i+1])
	}
	return h
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	cases := []struct {
		name   string
		status int
		h      http.Header
		want   time.Duration
	}{
		{"none", 429, header(), 0},
		{"seconds", 429, header("Retry-After", "12"), 12 * time.Second},
		{"fraction", 429, header("Retry-After", "0.5"), 500 * time.Millisecond},
		{"date", 429, header("Retry-After", now.Add(90*time.Second).Format(http.TimeFormat)), 90 * time.Second},
		{"past date", 429, header("Retry-After", now.Add(-time.Hour).Format(http.TimeFormat)), 0},
		{"nonsense", 429, header("Retry-After", "soon"), 0},
		{"negative", 429, header("Retry-After", "-1"), 0},
		{"not a number", 429, header("Retry-After", "NaN"), 0},
		{"for ever", 429, header("Retry-After", "1e99"), maxWait},
		{"reset in seconds", 429, header("X-RateLimit-Reset", "30"), 30 * time.Second},
		{"reset as Unix time", 429, header("X-RateLimit-Reset", "1767323075"), 30 * time.Second},
		{"reset in milliseconds", 429, header("X-RateLimit-Reset", "1767323075000"), 30 * time.Second},
		{"reset in the past", 429, header("X-RateLimit-Reset", "1767323000"), 0},
		{"reset as date", 429, header("RateLimit-Reset", now.Add(time.Minute).Format(http.TimeFormat)), time.Minute},
		{"Retry-After goes first", 429, header("X-RateLimit-Reset", "30", "Retry-After", "2"), 2 * time.Second},
		{"reset says nothing beside a 503", 503, header("X-RateLimit-Reset", "30"), 0},
		{"Retry-After beside a 503", 503, header("Retry-After", "30"), 30 * time.Second},
		{"not beside a refusal", 422, header("Retry-After", "30"), 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, retryAfter(c.h, c.status, now))
		})
	}
}

func TestBudget_NeedsLimitAndRemaining(t *testing.T) {
	t.Parallel()
	now := time.Unix(1767323045, 0)
	require.Nil(t, budget(header("X-RateLimit-Limit", "50"), now))
	require.Nil(t, budget(header("X-RateLimit-Limit", "x", "X-RateLimit-Remaining", "1"), now))
	require.Equal(t, &sdk.Budget{Limit: 100, Remaining: 0, ResetAfter: 5 * time.Second},
		budget(header("RateLimit-Limit", "100, 100;w=10", "RateLimit-Remaining", "0", "RateLimit-Reset", "5"), now))
}

func TestNextQuery_TakesOnlyTheQueryOfTheNextLink(t *testing.T) {
	t.Parallel()
	cases := []struct{ link, want string }{
		{"", ""},
		{`<https://api.example.com/jobs?page=2&per_page=100>; rel="next"`, "page=2&per_page=100"},
		{`<https://a/b?page=1>; rel="prev", <https://evil.example.com/x?page=3#f>; rel="next"`, "page=3"},
		{`<https://a/b?page=1>; rel=next`, "page=1"},
		{`<https://a/b?page=9>; rel="last next"`, "page=9"},
		{`<https://a/b?page=9>; rel="last"`, ""},
		{`<https://a/b>; rel="next"`, ""},
		{`garbage`, ""},
	}
	for _, c := range cases {
		require.Equal(t, c.want, NextQuery(header("Link", c.link)), c.link)
	}
}

func FuzzHeaders(f *testing.F) {
	for _, seed := range []string{"12", "NaN", "1e400", "-5", "1767323075000", "Mon, 02 Jan 2026 15:04:05 GMT", `<a?b>; rel="next"`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, v string) {
		h := header("Retry-After", v, "X-RateLimit-Reset", v, "X-RateLimit-Limit", v, "X-RateLimit-Remaining", v, "Link", v, "X-Request-Id", v)
		d := retryAfter(h, 429, time.Now())
		require.True(t, d >= 0 && d <= maxWait)
		if b := budget(h, time.Now()); b != nil {
			require.True(t, b.Limit >= 0 && b.Remaining >= 0 && b.ResetAfter >= 0)
		}
		require.LessOrEqual(t, len(requestID(h)), 64)
		_ = NextQuery(h)
	})
}
