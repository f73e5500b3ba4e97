package fleet

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	sdk "github.com/atssync/atssync/plugin-sdk"
)

// perTen is Greenhouse's documented kind of limit.
func perTen(n int) sdk.Manifest {
	return sdk.Manifest{Limits: []sdk.Limit{{Scope: "credential", Requests: n, Per: 10 * time.Second}}}
}

// calls makes n calls one after the other and returns how long they took in a bubble.
func (b *bundle) calls(n int, c sdk.Connection, p sdk.Power) time.Duration {
	b.t.Helper()
	began := time.Now()
	for range n {
		_, done, err := b.f.Reserve(b.t.Context(), "fake", c, p)
		require.NoError(b.t, err)
		done()
	}
	return time.Since(began)
}

func TestLimit_ACredentialIsSharedByItsConnections(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := started(t, perTen(50), Limits{})
		require.Zero(t, b.calls(25, connection("a", "key"), sdk.PowerReadStatuses))
		require.Zero(t, b.calls(25, connection("b", "key"), sdk.PowerReadStatuses))
		require.Greater(t, b.calls(50, connection("a", "key"), sdk.PowerReadStatuses), 9*time.Second)
		require.Zero(t, b.calls(50, connection("c", "another key"), sdk.PowerReadStatuses))
		require.Zero(t, b.calls(50, sdk.Connection{ID: "d"}, ""), "without a credential each is alone")
		require.Zero(t, b.calls(50, sdk.Connection{ID: "e"}, ""))
	})
}

func TestLimit_TwoLimitsOfOneScopeBothHold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := perTen(50)
		m.Limits = append(m.Limits, sdk.Limit{Scope: "credential", Requests: 60, Per: time.Hour})
		b := started(t, m, Limits{})
		require.Greater(t, b.calls(65, connection("a", "key"), ""), 4*time.Minute)
	})
}

func TestLimit_TheOperatorsOwnTakesThePlaceOfTheManifests(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := started(t, perTen(50), Limits{RequestsPerSecond: 2, Burst: 1})
		d := b.calls(11, connection("a", "key"), "")
		require.InDelta(t, 5, d.Seconds(), 0.1)
	})
}

func TestLimit_ACallCostsWhatTheManifestSays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := perTen(10)
		m.Cost = map[sdk.Power]int{sdk.PowerSubmit: 5}
		b := started(t, m, Limits{})
		require.Zero(t, b.calls(2, connection("a", "key"), sdk.PowerSubmit))
		require.InDelta(t, 5, b.calls(1, connection("a", "key"), sdk.PowerSubmit).Seconds(), 0.1)
	})
}

func TestLimit_WritesGoFirstThoughNotForEver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := started(t, perTen(10), Limits{})
		b.calls(10, connection("a", "key"), "") // the budget is used up
		ctx, cancel := context.WithCancel(t.Context())
		var writes, reads []time.Time
		var mu sync.Mutex
		began := time.Now()
		var wg sync.WaitGroup
		loop := func(id string, p sdk.Power, out *[]time.Time) {
			wg.Go(func() {
				for {
					_, done, err := b.f.Reserve(ctx, "fake", connection(id, "key"), p)
					if err != nil {
						return
					}
					mu.Lock()
					*out = append(*out, time.Now())
					mu.Unlock()
					done()
				}
			})
		}
		loop("a", sdk.PowerReadStatuses, &reads)
		b.after(time.Millisecond)
		for i := range 3 {
			loop(fmt.Sprint("w", i), sdk.PowerSubmit, &writes)
		}
		b.after(time.Minute)
		cancel()
		wg.Wait()
		require.GreaterOrEqual(t, len(writes), 40)
		require.NotEmpty(t, reads, "a queue of writes does not end all reading")
		require.GreaterOrEqual(t, reads[0].Sub(began), 4*time.Second)
		require.Less(t, len(reads), len(writes)/4)
	})
}

func TestLimit_AfterA429AllKeepQuietAsLongAsTheATSSays(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		say  time.Duration
		want time.Duration
	}{
		"a header":  {42 * time.Second, 42 * time.Second},
		"no header": {0, noHeader},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := started(t, perTen(1000), Limits{})
				limited := &sdk.Error{Kind: sdk.KindRateLimited, RetryAfter: c.say}
				b.launcher.fake.ReadStatusesFunc = func(context.Context, sdk.ReadStatusesRequest) (sdk.ReadStatusesReply, error) {
					return sdk.ReadStatusesReply{}, limited
				}
				client, done, err := b.f.Reserve(t.Context(), "fake", connection("a", "key"), sdk.PowerReadStatuses)
				require.NoError(t, err)
				_, err = client.ReadStatuses(t.Context(), sdk.ReadStatusesRequest{})
				require.ErrorIs(t, err, limited)
				done()
				require.Zero(t, b.calls(1, connection("b", "another"), ""), "another credential is another matter")
				require.Equal(t, c.want, b.calls(1, connection("c", "key"), sdk.PowerSubmit))
			})
		})
	}
}

func TestLimit_A429OfOneItemCountsToo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := started(t, sdk.Manifest{}, Limits{})
		b.launcher.fake.SubmitFunc = func(context.Context, sdk.SubmitRequest) (sdk.SubmitReply, error) {
			return sdk.SubmitReply{Outcomes: []sdk.SubmitOutcome{
				{Kind: sdk.OutcomeCreated}, {Kind: sdk.OutcomeFailed, Err: &sdk.Error{Kind: sdk.KindRateLimited, RetryAfter: 7 * time.Second}},
			}}, nil
		}
		client, done, err := b.f.Reserve(t.Context(), "fake", connection("a", "key"), sdk.PowerSubmit)
		require.NoError(t, err)
		_, err = client.Submit(t.Context(), sdk.SubmitRequest{})
		require.NoError(t, err)
		done()
		require.Equal(t, 7*time.Second, b.calls(1, connection("a", "key"), sdk.PowerSubmit))
	})
}

func TestLimit_WhatTheHeadersSayIsKept(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		budget      sdk.Budget
		write, read time.Duration
	}{
		"plenty":              {sdk.Budget{Limit: 50, Remaining: 40, ResetAfter: 10 * time.Second}, 0, 0},
		"the rest for writes": {sdk.Budget{Limit: 50, Remaining: 5, ResetAfter: 10 * time.Second}, 0, 10 * time.Second},
		"nothing left":        {sdk.Budget{Limit: 50, Remaining: 0, ResetAfter: 10 * time.Second}, 10 * time.Second, 0},
		"no reset":            {sdk.Budget{Limit: 50, Remaining: 0}, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := started(t, sdk.Manifest{}, Limits{})
				b.launcher.fake.CheckFunc = func(context.Context, sdk.CheckRequest) (sdk.CheckReply, error) {
					return sdk.CheckReply{Meta: sdk.Meta{Budget: &c.budget}}, nil
				}
				client, done, err := b.f.Reserve(t.Context(), "fake", connection("a", "key"), "")
				require.NoError(t, err)
				_, err = client.Check(t.Context(), sdk.CheckRequest{})
				require.NoError(t, err)
				done()
				require.Equal(t, c.write, b.calls(1, connection("a", "key"), sdk.PowerSubmit))
				require.Equal(t, c.read, b.calls(1, connection("a", "key"), sdk.PowerReadStatuses))
			})
		})
	}
}

func TestLimit_ALaterHeaderDoesNotShortenTheQuiet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(sdk.Limit{})
		l.quiet(time.Minute)
		l.learn(sdk.Budget{Limit: 50, Remaining: 0, ResetAfter: time.Second})
		began := time.Now()
		require.NoError(t, l.wait(t.Context(), 1, true))
		require.Equal(t, time.Minute, time.Since(began))
	})
}

// A 429 that comes while a call waits for a place of the adapter is kept by that call as well.
func TestLimit_QuietIsKeptByWhoWaitsForAPlace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := started(t, sdk.Manifest{}, Limits{MaxInFlight: 1})
		_, done, err := b.f.Reserve(t.Context(), "fake", connection("a", "key"), "")
		require.NoError(t, err)
		began := time.Now()
		var waited time.Duration
		var wg sync.WaitGroup
		wg.Go(func() { b.calls(1, connection("b", "key"), sdk.PowerSubmit); waited = time.Since(began) })
		b.after(time.Second)
		_, _, ls := b.f.adapters["fake"].limiters.of(connection("a", "key"), "")
		ls[0].quiet(20 * time.Second)
		done()
		wg.Wait()
		require.Equal(t, 21*time.Second, waited)
	})
}

func TestLimit_ConnectionsThatWaitKeepNoOtherWaiting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := started(t, perTen(1), Limits{MaxInFlight: 4})
		ctx, cancel := context.WithCancel(t.Context())
		b.calls(1, connection("slow", "slow"), "")
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				for ctx.Err() == nil {
					if _, done, err := b.f.Reserve(ctx, "fake", connection(fmt.Sprint(i), "slow"), sdk.PowerSubmit); err == nil {
						done()
					}
				}
			})
		}
		b.after(time.Second)
		require.Zero(t, b.calls(1, connection("quick", "quick"), sdk.PowerSubmit))
		cancel()
		wg.Wait()
	})
}

func TestLimit_ReadsThatHangKeepNoWriteWaiting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := started(t, sdk.Manifest{}, Limits{MaxInFlight: 8})
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				if _, done, err := b.f.Reserve(ctx, "fake", connection(fmt.Sprint(i), "k"), sdk.PowerReadStatuses); err == nil {
					<-ctx.Done()
					done()
				}
			})
		}
		b.after(time.Second)
		require.Zero(t, b.calls(3, connection("w", "k"), sdk.PowerSubmit))
		require.Len(t, b.f.adapters["fake"].limiters.inFlight, 6)
		cancel()
		wg.Wait()
		require.Empty(t, b.f.adapters["fake"].limiters.inFlight)
		require.Empty(t, b.f.adapters["fake"].limiters.reads)
	})
}

func TestLimit_CallsOfAPowerAreBoundedPerConnection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := started(t, sdk.Manifest{InFlight: map[sdk.Power]int{sdk.PowerReadStatuses: 2}}, Limits{})
		var dones []func()
		for range 2 {
			_, done, err := b.f.Reserve(t.Context(), "fake", connection("a", "key"), sdk.PowerReadStatuses)
			require.NoError(t, err)
			dones = append(dones, done)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, _, err := b.f.Reserve(ctx, "fake", connection("a", "key"), sdk.PowerReadStatuses)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Zero(t, b.calls(1, connection("a", "key"), sdk.PowerSubmit), "another power")
		require.Zero(t, b.calls(1, connection("b", "key"), sdk.PowerReadStatuses), "another connection")
		dones[0]()
		dones[0]()
		require.Zero(t, b.calls(1, connection("a", "key"), sdk.PowerReadStatuses))
		dones[1]()
	})
}

func TestReserve_CancelledInEveryWaitLeavesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := started(t, perTen(2), Limits{MaxInFlight: 1})
		ls := b.f.adapters["fake"].limiters
		try := func(id, key string) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, _, err := b.f.Reserve(ctx, "fake", connection(id, key), "")
			require.ErrorIs(t, err, context.DeadlineExceeded)
		}
		_, done, err := b.f.Reserve(t.Context(), "fake", connection("a", "key"), "")
		require.NoError(t, err)
		try("a", "key")     // for the place of its connection
		try("b", "another") // for a place of the adapter
		done()
		b.calls(2, connection("c", "third"), "")
		try("c", "third") // for its limit
		require.Empty(t, ls.inFlight)
		require.Empty(t, ls.places.m)
	})
}

func TestReserve_AProcessThatEndsWhileOneWaitsIsToldAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := started(t, perTen(1), Limits{})
		b.calls(1, connection("a", "key"), "")
		var err error
		var wg sync.WaitGroup
		wg.Go(func() { _, _, err = b.f.Reserve(t.Context(), "fake", connection("a", "key"), "") })
		b.after(time.Second)
		b.launcher.set(func(l *launcher) { l.refuse = func(context.Context) error { return errors.New("no") } })
		b.process().crash()
		wg.Wait()
		require.ErrorIs(t, err, sdk.ErrNotRunning)
		require.Empty(t, b.f.adapters["fake"].limiters.inFlight)
	})
}

func TestGuard_ACallHasADeadlineThatBeginsWithTheCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := started(t, perTen(1), Limits{CallTimeout: 5 * time.Second})
		b.launcher.fake.CheckFunc = func(ctx context.Context, _ sdk.CheckRequest) (sdk.CheckReply, error) {
			<-ctx.Done()
			return sdk.CheckReply{}, ctx.Err()
		}
		b.calls(1, connection("a", "key"), "")
		client, done, err := b.f.Reserve(t.Context(), "fake", connection("a", "key"), "")
		require.NoError(t, err)
		defer done()
		began := time.Now()
		_, err = client.Check(t.Context(), sdk.CheckRequest{})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, 5*time.Second, time.Since(began))
	})
}

func TestMetrics_LabelsAreClosedSets(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewPedanticRegistry()
	m := NewMetrics(reg, []string{"fake"})
	for _, err := range []error{nil, sdk.ErrNotRunning, errors.New("?"), &sdk.Error{Kind: sdk.KindAuth}, &sdk.Error{Kind: "made up 1"}, &sdk.Error{Kind: "made up 2"}} {
		m.called("fake", "check", err, time.Second)
	}
	m.exchanged("fake", "check", []sdk.Exchange{{Status: 0}, {Status: 200}, {Status: 503}, {Status: 999}, {Status: -1}})
	m.up("fake", true)
	m.restarted("fake", errors.New("gone"))
	m.restarted("fake", fmt.Errorf("again: %w", errEnd{errors.New("no answer"), endedSilent}))
	m.waited("fake", 1500*time.Millisecond)
	require.NoError(t, testutil.CollectAndCompare(m.calls, strings.NewReader(`
# HELP atssync_adapter_calls_total Calls to adapters, by operation and by the kind of error (ok: none).
# TYPE atssync_adapter_calls_total counter
atssync_adapter_calls_total{adapter="fake",kind="auth",operation="check"} 1
atssync_adapter_calls_total{adapter="fake",kind="internal",operation="check"} 1
atssync_adapter_calls_total{adapter="fake",kind="not_running",operation="check"} 1
atssync_adapter_calls_total{adapter="fake",kind="ok",operation="check"} 1
atssync_adapter_calls_total{adapter="fake",kind="ok",operation="list_jobs"} 0
atssync_adapter_calls_total{adapter="fake",kind="ok",operation="read_statuses"} 0
atssync_adapter_calls_total{adapter="fake",kind="ok",operation="submit"} 0
atssync_adapter_calls_total{adapter="fake",kind="other",operation="check"} 2
`)))
	require.InEpsilon(t, 1, testutil.ToFloat64(m.restarts.WithLabelValues("fake", "ended")), 1e-9)
	require.InEpsilon(t, 1, testutil.ToFloat64(m.restarts.WithLabelValues("fake", "silent")), 1e-9)
	require.InEpsilon(t, 1, testutil.ToFloat64(m.exchanges.WithLabelValues("fake", "check", "5xx")), 1e-9)
	problems, err := testutil.GatherAndLint(reg)
	require.NoError(t, err)
	require.Empty(t, problems)
	var none *Metrics
	none.called("fake", "check", nil, 0)
	none.exchanged("fake", "check", []sdk.Exchange{{}})
	none.up("fake", true)
	none.restarted("fake", nil)
	none.waited("fake", time.Second)
}

func TestLimit_AHookAsksNothingOfTheATSAndIsBoundedByItself(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := perTen(1)
		b := started(t, m, Limits{})
		b.calls(1, connection("a", "key"), "") // the budget is used up
		began := time.Now()
		var held []func()
		for range hooksAtOnce {
			_, done, err := b.f.Reserve(t.Context(), "fake", connection("a", "key"), sdk.PowerHandleWebhook)
			require.NoError(t, err)
			held = append(held, done)
		}
		require.Zero(t, time.Since(began))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, _, err := b.f.Reserve(ctx, "fake", connection("a", "key"), sdk.PowerHandleWebhook)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		_, done, err := b.f.Reserve(t.Context(), "fake", connection("b", "key"), sdk.PowerHandleWebhook)
		require.NoError(t, err, "another connection's")
		for _, f := range append(held, done) {
			f()
		}

		m.Cost = map[sdk.Power]int{sdk.PowerHandleWebhook: 1} // its adapter asks the ATS
		b = started(t, m, Limits{})
		b.calls(1, connection("a", "key"), "")
		require.NotZero(t, b.calls(1, connection("a", "key"), sdk.PowerHandleWebhook))
	})
}
