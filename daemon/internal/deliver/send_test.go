package deliver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/egress"
)

func TestNext_EveryStateHasItsOnePlan(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	open := func(in time.Duration) atssync.EndpointWork {
		return atssync.EndpointWork{Breaker: atssync.Breaker{OpenAt: now.Add(-time.Hour), ProbeAt: now.Add(in)}}
	}
	for name, c := range map[string]struct {
		state    atssync.EndpointState
		work     atssync.EndpointWork
		underWay int
		want     plan
	}{
		"active":                {atssync.EndpointActive, atssync.EndpointWork{}, 50, plan{do: send}},
		"paused":                {atssync.EndpointPaused, atssync.EndpointWork{}, 0, plan{do: rest}},
		"disabled":              {atssync.EndpointDisabled, open(0), 0, plan{do: rest}},
		"removed":               {atssync.EndpointRemoved, atssync.EndpointWork{}, 0, plan{do: rest}},
		"open":                  {atssync.EndpointActive, open(time.Second), 0, plan{do: rest, at: now.Add(time.Second)}},
		"probe":                 {atssync.EndpointActive, open(0), 0, plan{do: probe}},
		"an answer is expected": {atssync.EndpointActive, open(0), 1, plan{do: rest}},
	} {
		require.Equal(t, c.want, next(atssync.Endpoint{State: c.state}, c.work, c.underWay, now), name)
	}
}

func TestBreaker_OnlyFirstAttemptsOpenIt(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	probeIn := func(n int) time.Duration { return time.Duration(n+1) * time.Minute }
	var w atssync.EndpointWork
	for range 1000 {
		w.Failed(false, "500", probeIn, now)
	}
	require.False(t, w.Breaker.Open())
	for range atssync.BreakAfter {
		require.False(t, w.Breaker.Open())
		w.Failed(true, "500", probeIn, now)
	}
	require.True(t, w.Breaker.Open())
	require.Equal(t, now.Add(time.Minute), w.Breaker.ProbeAt)
	w.Failed(true, "500", probeIn, now.Add(time.Second))
	require.Equal(t, now.Add(time.Minute), w.Breaker.ProbeAt, "what was under way before is no probe")
	now = w.Breaker.ProbeAt
	w.Failed(false, "500", probeIn, now)
	require.Equal(t, now.Add(2*time.Minute), w.Breaker.ProbeAt)
	w.Succeeded(now)
	require.Zero(t, w.Breaker)
}

func TestProbeWith_TheOneThatWasTriedLeast(t *testing.T) {
	t.Parallel()
	_, ok := probeWith(nil)
	require.False(t, ok)
	due := []atssync.DueDelivery{
		{Delivery: atssync.Delivery{Sequence: 1, Attempts: 3}}, {Delivery: atssync.Delivery{Sequence: 2}}, {Delivery: atssync.Delivery{Sequence: 3}},
	}
	d, ok := probeWith(due)
	require.True(t, ok)
	require.Equal(t, int64(2), d.Delivery.Sequence)
}

// door is a Door with one function.
type door func(*http.Request) (*http.Response, error)

func (d door) Do(r *http.Request) (*http.Response, error) { return d(r) }

func TestPost_EveryEndHasItsClassAndSaysWhyInWords(t *testing.T) {
	t.Parallel()
	answer := func(status int, header http.Header, body string) door {
		return func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body))}, nil
		}
	}
	fails := func(err error) door { return func(*http.Request) (*http.Response, error) { return nil, err } }
	for name, c := range map[string]struct {
		door  door
		class class
		says  string
	}{
		"200":       {answer(200, nil, "fine"), classDelivered, ""},
		"299":       {answer(299, nil, ""), classDelivered, ""},
		"302":       {answer(302, http.Header{"Location": {"https://other.example.com/"}}, ""), classRedirect, "redirects are not followed"},
		"307":       {answer(307, nil, ""), classRedirect, "307"},
		"400":       {answer(400, nil, "canary-body"), classRefused, "400 Bad Request"},
		"408":       {answer(408, nil, ""), classRefused, "408"},
		"410":       {answer(410, nil, ""), classGone, "wants no more"},
		"429":       {answer(429, http.Header{"Retry-After": {"7"}}, ""), classThrottled, "429"},
		"500":       {answer(500, nil, ""), classServer, "500"},
		"150":       {answer(150, nil, ""), classServer, "150"},
		"refused":   {fails(&net.OpError{Op: "dial", Err: errors.New("connection refused")}), classNetwork, "connection refused"},
		"timeout":   {fails(context.DeadlineExceeded), classTimeout, "no answer within 15s"},
		"forbidden": {fails(&egress.BlockedError{Addr: netip.MustParseAddr("10.0.0.1"), Why: "is a private address", Setting: "allow_networks in [delivery]"}), classBlocked, "allow_networks in [delivery]"},
	} {
		w := New(Options{Policy: Policy{Door: c.door}})
		a, class, retryAfter := w.post(t.Context(), message{to: "https://hooks.example.com/canary-path", id: "evt_1"})
		require.Equal(t, c.class, class, name)
		require.Contains(t, a.Error, c.says, name)
		require.Equal(t, c.says == "", a.Error == "", name)
		require.NotContains(t, a.Error, "canary", name)
		require.Equal(t, name == "429", retryAfter == 7*time.Second, name)
	}
}

func TestPost_TheRealDoorRefusesThisMachineAndNamesTheSetting(t *testing.T) {
	t.Parallel()
	reached := false
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	defer srv.Close()
	const setting = "allow_networks in [delivery]"
	w := New(Options{Policy: Policy{Door: egress.New(egress.Options{Setting: setting})}})
	a, class, _ := w.post(t.Context(), message{to: srv.URL, id: "evt_1", body: []byte("{}")})
	require.Equal(t, classBlocked, class)
	require.Contains(t, a.Error, "127.0.0.1 is a loopback address and is not in "+setting)
	require.False(t, reached)
	open := egress.New(egress.Options{Setting: setting, Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	defer open.CloseIdle()
	w = New(Options{Policy: Policy{Door: open}})
	a, class, _ = w.post(t.Context(), message{to: srv.URL, id: "evt_1", body: []byte("{}")})
	require.Equal(t, classDelivered, class, a.Error)
}

func TestPost_AnAnswerWithoutEndIsCut(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		chunk := []byte(strings.Repeat("é", 1<<10))
		for r.Context().Err() == nil {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	}))
	defer srv.Close()
	open := egress.New(egress.Options{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	defer open.CloseIdle()
	w := New(Options{Policy: Policy{Door: open, Timeout: 30 * time.Second}})
	a, class, _ := w.post(t.Context(), message{to: srv.URL, id: "evt_1", body: []byte("{}")})
	require.Equal(t, classDelivered, class, a.Error)
	require.LessOrEqual(t, len(a.Answer), atssync.MaxDeliveryAnswer)
	require.True(t, utf8.ValidString(a.Answer))
	require.Less(t, a.DurationMS, int64(20_000))
}

func TestTest_SendsASignedEventThatHasNoNumber(t *testing.T) {
	t.Parallel()
	b := setup(t)
	e := b.endpoint()
	a, err := b.worker.Test(t.Context(), e.ID)
	require.NoError(t, err)
	require.Equal(t, 200, a.Status)
	requests, _ := b.receiver.all()
	require.Len(t, requests, 1)
	require.Equal(t, atssync.EventTest, requests[0].env.Type)
	require.Zero(t, requests[0].env.EndpointSequence)
	_, work := b.work(e)
	require.Zero(t, work.Sequence)
	_, err = b.worker.Test(t.Context(), "whk_none")
	require.Equal(t, atssync.CodeNotFound, atssync.CodeOf(err))
}

func FuzzParseRetryAfter_IsNeverNegativeAndNeverPanics(f *testing.F) {
	for _, s := range []string{"", "120", "-1", "9999999999999999999", " 7 ", "Wed, 21 Oct 2099 07:28:00 GMT", "Wed, 21 Oct 2015 07:28:00 GMT", "soon", "1.5"} {
		f.Add(s)
	}
	now := time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, s string) {
		d := parseRetryAfter(s, now)
		require.GreaterOrEqual(t, d, time.Duration(0))
	})
}

func TestParseRetryAfter_SecondsAndDates(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	for header, want := range map[string]time.Duration{
		"": 0, "120": 2 * time.Minute, "-5": 0, "soon": 0, now.Add(time.Hour).Format(http.TimeFormat): time.Hour,
		now.Add(-time.Hour).Format(http.TimeFormat): 0,
	} {
		require.Equal(t, want, parseRetryAfter(header, now), header)
	}
	require.Greater(t, parseRetryAfter("9999999999999999", now), 24*time.Hour)
}

func FuzzText_IsAlwaysValidAndBounded(f *testing.F) {
	f.Add("plain")
	f.Add("\xff\x00" + strings.Repeat("é", 2000))
	f.Fuzz(func(t *testing.T, s string) {
		got := text(s)
		require.True(t, utf8.ValidString(got))
		require.LessOrEqual(t, len(got), atssync.MaxDeliveryAnswer)
		require.NotContains(t, got, "\x00")
	})
}

func TestMetrics_CountEveryEndFromZero(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	m := NewMetrics(reg)
	b := setup(t, func(o *Options) { o.Metrics = m })
	reg.MustRegister(NewStock(b.store))
	b.receiver.rule = func(g got) (int, http.Header, string, error) {
		if g.env.EndpointSequence == 1 {
			return 500, nil, "", nil
		}
		return 200, nil, "", nil
	}
	e := b.endpoint()
	b.tell(3)
	b.endpoint(func(e *atssync.Endpoint) { e.State = atssync.EndpointPaused })
	b.worker.Start()
	require.Eventually(t, func() bool {
		_, work := b.work(e)
		return work.Pending == 1 && b.delivery(e, 1).Attempts == 1
	}, 10*time.Second, time.Millisecond)
	text := `
# HELP atssync_webhook_attempts_total Requests to webhook endpoints, by how they ended.
# TYPE atssync_webhook_attempts_total counter
`
	for _, c := range []class{classBlocked, classDelivered, classGone, classLost, classNetwork, classRedirect, classRefused, classServer, classThrottled, classTimeout} {
		text += fmt.Sprintf("atssync_webhook_attempts_total{outcome=%q} %d\n", c, map[class]int{classDelivered: 2, classServer: 1}[c])
	}
	text += `
# HELP atssync_webhook_deliveries_total Deliveries that ended: delivered, or dead after the last attempt.
# TYPE atssync_webhook_deliveries_total counter
atssync_webhook_deliveries_total{state="dead"} 0
atssync_webhook_deliveries_total{state="delivered"} 2
# HELP atssync_webhook_endpoints Webhook endpoints by state.
# TYPE atssync_webhook_endpoints gauge
atssync_webhook_endpoints{state="active"} 1
atssync_webhook_endpoints{state="disabled"} 0
atssync_webhook_endpoints{state="paused"} 1
# HELP atssync_webhook_pending Deliveries that were planned and are neither delivered nor dead.
# TYPE atssync_webhook_pending gauge
atssync_webhook_pending 1
# HELP atssync_webhook_behind_events Events that endpoints have not looked at yet, wanted or not; the most of any endpoint.
# TYPE atssync_webhook_behind_events gauge
atssync_webhook_behind_events 3
`
	require.NoError(t, testutil.GatherAndCompare(reg, strings.NewReader(text), "atssync_webhook_attempts_total",
		"atssync_webhook_deliveries_total", "atssync_webhook_endpoints", "atssync_webhook_pending", "atssync_webhook_behind_events"))
}
