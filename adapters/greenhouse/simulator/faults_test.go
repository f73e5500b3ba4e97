package simulator

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func (w *world) fault(f Fault) {
	w.t.Helper()
	_, err := w.s.AddFault(f)
	require.NoError(w.t, err)
}

// outcome is what a client can tell: a status, or how the connection ended.
func (w *world) outcome(method, path, body string) string {
	w.t.Helper()
	a, err := w.try(method, path, w.email(SiteAdmin), body)
	switch {
	case err == nil:
		return strconv.Itoa(a.status)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "truncated"
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "cut"
	default:
		return err.Error()
	}
}

func TestFaults_BeforeTheWriteLeaveNothingAndAfterItEverything(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		fault   Fault
		outcome string
		applied bool
		logged  int
	}{
		{Fault{Kind: FaultErrorBefore}, "503", false, 503},
		{Fault{Kind: FaultErrorBefore, Status: 500}, "500", false, 500},
		{Fault{Kind: FaultErrorAfter}, "503", true, 503},
		{Fault{Kind: FaultErrorAfter, Status: 504, Body: ErrorEmpty}, "504", true, 504},
		{Fault{Kind: FaultErrorBefore, Body: ErrorHTML}, "502", false, 502},
		{Fault{Kind: FaultCutBefore}, "cut", false, 0},
		{Fault{Kind: FaultCutAfter}, "cut", true, 0},
		{Fault{Kind: FaultDown}, "cut", false, 0},
		{Fault{Kind: FaultRateLimited}, "429", false, 429},
		{Fault{Kind: FaultHTMLBody}, "200", true, 200},
		{Fault{Kind: FaultEmptyBody}, "200", true, 200},
		{Fault{Kind: FaultTruncatedBody}, "truncated", true, 200},
		{Fault{Kind: FaultKeyRevoked}, "401", false, 401},
		{Fault{Kind: FaultUserDisabled}, "401", false, 401},
		{Fault{Kind: FaultJobClosed}, "404", false, 404},
		{Fault{Kind: FaultLatency, Delay: Duration(time.Millisecond)}, "200", true, 200},
		{Fault{Kind: FaultLatencyAfter, Delay: Duration(time.Millisecond)}, "200", true, 200},
	} {
		t.Run(string(c.fault.Kind)+"/"+c.outcome, func(t *testing.T) {
			t.Parallel()
			w := setup(t)
			w.fault(c.fault)
			require.Equal(t, c.outcome, w.outcome(http.MethodPost, "candidates", w.person("x")))
			require.Equal(t, c.applied, len(w.e.ByExternalID("x")) == 1)
			sent := w.e.Received()
			require.Len(t, sent, 1)
			require.Equal(t, c.applied, sent[0].Applied)
			require.Equal(t, c.logged, sent[0].Status)
			require.Equal(t, []string{string(c.fault.Kind)}, sent[0].Faults)
			w.s.ClearFaults()
			require.Equal(t, "200", w.outcome(http.MethodPost, "candidates", w.person("y")))
		})
	}
}

func TestFaults_HappenToEveryEndpoint(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"current_user", "jobs", "candidates", "prospect_pools", "tracking_link"} {
		w := setup(t)
		method := http.MethodGet
		if path == "tracking_link" {
			method = http.MethodPost
		}
		for _, kind := range []FaultKind{FaultErrorBefore, FaultErrorAfter} {
			w.fault(Fault{Kind: kind, Endpoint: path, Method: method, Count: 1})
			require.Equal(t, "503", w.outcome(method, path, "{}"), path)
		}
		w.fault(Fault{Kind: FaultCutBefore, Endpoint: path, Count: 1})
		require.Equal(t, "cut", w.outcome(method, path, "{}"), path)
		w.fault(Fault{Kind: FaultTruncatedBody, Endpoint: path, Count: 1})
		require.Equal(t, "truncated", w.outcome(method, path, "{}"), path)
	}
}

func TestFaults_BodiesAreWhatTheySay(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.fault(Fault{Kind: FaultHTMLBody, Endpoint: "jobs", Status: 502, Count: 1})
	a := w.get("jobs")
	require.Equal(t, 502, a.status)
	require.Contains(t, string(a.body), "502 Bad Gateway")
	w.fault(Fault{Kind: FaultEmptyBody, Endpoint: "jobs", Count: 1})
	require.Empty(t, w.get("jobs").body)
	w.set("error_body", "html")
	w.fault(Fault{Kind: FaultErrorBefore, Count: 1})
	a = w.get("jobs")
	require.Equal(t, 502, a.status, "an HTML error comes from the proxy")
	require.Equal(t, typeHTML, a.header.Get("Content-Type"))
}

func TestFault429_WithAndWithoutHeaders(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.fault(Fault{Kind: FaultRateLimited, RetryAfter: Duration(2500 * time.Millisecond), Count: 1})
	require.Equal(t, "3", w.get("jobs").header.Get("Retry-After"), "whole seconds, rounded up")
	w.fault(Fault{Kind: FaultRateLimited, Reply: RateNoHeader, Count: 1})
	require.Empty(t, w.get("jobs").header.Get("Retry-After"))
	w.fault(Fault{Kind: FaultRateLimited, Reply: RatePlainText, Count: 1})
	require.Equal(t, "Retry later", string(w.get("jobs").body))
	w.set("rate_limit_reply", "no_header")
	w.fault(Fault{Kind: FaultRateLimited, Count: 1})
	require.Empty(t, w.get("jobs").header.Get("Retry-After"))
}

func TestFaultScope_NarrowsByEmployerEndpointMethodSkipAndCount(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.fault(Fault{Kind: FaultErrorBefore, Employer: w.e.Name(), Endpoint: "candidates", Method: http.MethodPost, Skip: 1, Count: 2})
	require.Equal(t, "200", w.outcome(http.MethodGet, "jobs", ""))
	require.Equal(t, "200", w.outcome(http.MethodGet, "candidates?candidate_ids=1", ""))
	var got []string
	for i := range 4 {
		got = append(got, w.outcome(http.MethodPost, "candidates", w.person(strconv.Itoa(i))))
	}
	require.Equal(t, []string{"200", "503", "503", "200"}, got)
	state := w.s.Faults()[0]
	require.Equal(t, []int{4, 2}, []int{state.Matched, state.Fired})
	first := w.e
	w.e = w.s.Employers()[1]
	require.Equal(t, "200", w.outcome(http.MethodPost, "candidates", w.person("other")))
	require.NotSame(t, first, w.e)
}

func TestFaultDice_SameSeedSameOutcomes(t *testing.T) {
	t.Parallel()
	outcomes := func(seed uint64) string {
		w := setup(t, func(o *Options) { o.RandSeed = seed })
		for _, f := range []Fault{
			{Kind: FaultErrorBefore, Method: http.MethodPost, Probability: 0.2},
			{Kind: FaultRateLimited, Method: http.MethodPost, Probability: 0.2},
			{Kind: FaultErrorAfter, Method: http.MethodPost, Probability: 0.2},
		} {
			w.fault(f)
		}
		var all []string
		for i := range 60 {
			// Reads and other organisations in between must not disturb the dice.
			if i%3 == 0 {
				w.get("jobs")
			}
			all = append(all, w.outcome(http.MethodPost, "candidates", w.person(strconv.Itoa(i))))
		}
		return strings.Join(all, " ")
	}
	one := outcomes(1)
	require.Equal(t, one, outcomes(1))
	require.NotEqual(t, one, outcomes(2))
	for _, status := range []string{"200", "503", "429"} {
		require.Contains(t, one, status)
	}
}

func TestFaultProbability_IsAboutRight(t *testing.T) {
	t.Parallel()
	s, err := New(Options{RandSeed: 3})
	require.NoError(t, err)
	defer s.Close()
	_, err = s.AddFault(Fault{Kind: FaultErrorBefore, Probability: 0.05})
	require.NoError(t, err)
	for range 20_000 {
		s.throwFaults("harbor-robotics", "jobs", http.MethodGet)
	}
	require.InDelta(t, 1000, s.Faults()[0].Fired, 150)
}

func TestFaultHang_LastsUntilTheClientGoesAway(t *testing.T) {
	t.Parallel()
	for kind, applied := range map[FaultKind]int{FaultHang: 0, FaultHangAfter: 1} {
		w := setup(t)
		w.fault(Fault{Kind: kind})
		ctx, cancel := context.WithCancel(t.Context())
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.base+partnerPath+"candidates", strings.NewReader(w.person("x")))
		require.NoError(t, err)
		req.SetBasicAuth(w.e.Key(), "")
		req.Header.Set("On-Behalf-Of", w.email(SiteAdmin))
		ended := make(chan error, 1)
		go func() {
			_, err := w.send(req)
			ended <- err
		}()
		require.Eventually(t, func() bool { return len(w.e.Received()) == 1 }, waitFor, tick)
		select {
		case err := <-ended:
			require.Fail(t, "the request ended by itself", "%v", err)
		default:
		}
		cancel()
		require.ErrorIs(t, <-ended, context.Canceled)
		require.Len(t, w.e.ByExternalID("x"), applied, kind)
	}
}

func TestFaultHang_EndsWithTheSimulator(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.fault(Fault{Kind: FaultHang})
	w.fault(Fault{Kind: FaultLatency, Endpoint: "jobs", Delay: Duration(time.Hour)})
	ended := make(chan string, 2)
	go func() { ended <- w.outcome(http.MethodGet, "current_user", "") }()
	go func() { ended <- w.outcome(http.MethodGet, "jobs", "") }()
	require.Eventually(t, func() bool { return len(w.e.Reads()) == 1 }, waitFor, tick)
	w.s.Close()
	require.Equal(t, "cut", <-ended)
	require.Equal(t, "cut", <-ended)
}

func TestFaultLatency_AppliesTheWriteOfAClientThatWentAway(t *testing.T) {
	t.Parallel()
	w := setup(t)
	// The client waits long enough to be heard on a busy machine, and not as long as the delay.
	w.fault(Fault{Kind: FaultLatency, Delay: Duration(1500 * time.Millisecond)})
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.base+partnerPath+"candidates", strings.NewReader(w.person("x")))
	require.NoError(t, err)
	req.SetBasicAuth(w.e.Key(), "")
	req.Header.Set("On-Behalf-Of", w.email(SiteAdmin))
	_, err = w.send(req)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Eventually(t, func() bool { return len(w.e.ByExternalID("x")) == 1 }, waitFor, tick)
}

func TestFaults_OfARecorderAbortTheHandler(t *testing.T) {
	t.Parallel()
	s, err := New(Options{})
	require.NoError(t, err)
	defer s.Close()
	_, err = s.AddFault(Fault{Kind: FaultCutBefore})
	require.NoError(t, err)
	req := httptest.NewRequest(http.MethodGet, partnerPath+"jobs", http.NoBody)
	require.PanicsWithValue(t, http.ErrAbortHandler, func() { s.ServeHTTP(httptest.NewRecorder(), req) })
	require.Len(t, s.Strangers(), 1)
}

func TestAddFault_RefusesNonsense(t *testing.T) {
	t.Parallel()
	w := setup(t)
	for _, c := range []struct {
		fault Fault
		want  string
	}{
		{Fault{}, "$.kind"},
		{Fault{Kind: "cut_befor"}, `did you mean "cut_before"?`},
		{Fault{Kind: FaultDown, Employer: "harbor"}, "$.employer"},
		{Fault{Kind: FaultDown, Endpoint: "users"}, "$.endpoint"},
		{Fault{Kind: FaultDown, Method: "PUT"}, "$.method"},
		{Fault{Kind: FaultDown, Probability: 1.5}, "$.probability"},
		{Fault{Kind: FaultDown, Count: -1}, "$.count"},
		{Fault{Kind: FaultErrorBefore, Status: 99}, "$.status"},
		{Fault{Kind: FaultErrorBefore, Body: "xml"}, "$.body"},
		{Fault{Kind: FaultRateLimited, Reply: "never"}, "$.reply"},
		{Fault{Kind: FaultLatency}, "$.delay"},
	} {
		_, err := w.s.AddFault(c.fault)
		require.ErrorContains(t, err, c.want)
	}
	require.Empty(t, w.s.Faults())
	id, err := w.s.AddFault(Fault{Kind: FaultDown})
	require.NoError(t, err)
	require.True(t, w.s.RemoveFault(id))
	require.False(t, w.s.RemoveFault(id))
}
