package deliver

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/retry"
)

func TestLane_BringsEveryEventSignedInOrderAndSideBySide(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t)
		b.receiver.hold = func(context.Context, got) { time.Sleep(100 * time.Millisecond) }
		e := b.endpoint()
		b.tell(300)
		for revision := 2; revision < 5; revision++ {
			b.again(1, revision)
			b.again(2, revision)
		}
		b.worker.Start()
		b.after(5 * time.Second)
		b.receiver.proved(306)
		requests, _ := b.receiver.all()
		require.Len(t, requests, 306, "nothing is sent twice")
		require.Equal(t, 50, b.receiver.most)
		_, work := b.work(e)
		require.Zero(t, work.Pending)
		require.Zero(t, work.Dead)

		g := requests[0]
		require.Equal(t, "application/json", g.head.Get("Content-Type"))
		require.Equal(t, "atssync/test", g.head.Get("User-Agent"))
		require.Empty(t, g.head.Values("Idempotency-Key"), "net/http would send the request again by itself")
		require.Equal(t, "acme", g.env.Account)
		require.Equal(t, b.conn.ID, g.env.Connection)
		require.Equal(t, g.env.At, g.env.Timestamp)
		require.Equal(t, g.env.Sequence, g.env.EndpointSequence)
		d := b.delivery(e, 1)
		require.Equal(t, atssync.DeliveryDelivered, d.State)
		require.Equal(t, []atssync.DeliveryAttempt{{At: d.Log[0].At, Status: 200, DurationMS: 100, Answer: "ok"}}, d.Log)
	})
}

func TestLane_NewEventsGoOutAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t)
		b.endpoint()
		b.worker.Start()
		b.after(time.Minute)
		start := time.Now()
		b.tell(1)
		synctest.Wait()
		_, taken := b.receiver.all()
		require.Len(t, taken, 1)
		require.Less(t, taken[0].at.Sub(start), 10*time.Millisecond)
	})
}

func TestLane_TheLadderLastsEightDaysAndItsEndFreesTheNext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t)
		poison := atomic.Bool{}
		poison.Store(true)
		b.receiver.rule = func(g got) (int, http.Header, string, error) {
			if g.env.EndpointSequence == 1 && poison.Load() {
				return 500, nil, strings.Repeat("x", 3000), nil
			}
			return 204, nil, "", nil
		}
		e := b.endpoint()
		b.tell(1)
		b.again(1, 2)
		b.again(1, 3)
		start := time.Now()
		b.worker.Start()
		b.after(8 * 24 * time.Hour)
		d := b.delivery(e, 1)
		require.Equal(t, atssync.DeliveryPending, d.State, "given up before eight days were over")
		_, taken := b.receiver.all()
		require.Empty(t, taken, "the next of the same submission waits")
		b.after(3 * 24 * time.Hour)

		d = b.delivery(e, 1)
		require.Equal(t, atssync.DeliveryDead, d.State)
		require.Equal(t, len(retry.WebhookLadder())+1, d.Attempts)
		require.GreaterOrEqual(t, d.FinishedAt.Sub(start), 8*24*time.Hour)
		for i, wait := range retry.WebhookLadder() {
			require.InDelta(t, wait.Seconds(), d.Log[i+1].At.Sub(d.Log[i].At).Seconds(), wait.Seconds()/10+1)
			require.Equal(t, 500, d.Log[i].Status)
			require.Len(t, d.Log[i].Answer, atssync.MaxDeliveryAnswer)
			require.Contains(t, d.Log[i].Error, "500")
		}
		_, taken = b.receiver.all()
		require.Len(t, taken, 2, "the dead one frees the next")

		poison.Store(false)
		n, _, err := b.store.Replay(t.Context(), atssync.Replay{Endpoint: e.ID, Event: d.Event}, time.Now())
		require.NoError(t, err)
		require.Equal(t, 1, n)
		b.worker.Changed(e.ID)
		b.after(time.Second)
		require.Equal(t, atssync.DeliveryDelivered, b.delivery(e, 1).State)
		requests, taken := b.receiver.all()
		require.Equal(t, requests[0].body, taken[2].body, "a replay is the same message")
		require.Equal(t, requests[0].id, taken[2].id)
	})
}

func TestLane_WhatFailsForEverDelaysNobodyElse(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(context.Context) (int, http.Header, string, error){
		"refused": func(context.Context) (int, http.Header, string, error) { return 422, nil, "no", nil },
		"hanging": func(ctx context.Context) (int, http.Header, string, error) {
			<-ctx.Done()
			return 0, nil, "", ctx.Err()
		},
		"busy": func(context.Context) (int, http.Header, string, error) {
			return 429, http.Header{"Retry-After": {"3600"}}, "", nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := setup(t)
				e := b.endpoint()
				bad := b.tell(1)[0]
				b.receiver.hold = func(ctx context.Context, g got) {
					if g.key() == bad && name == "hanging" {
						<-ctx.Done()
					}
				}
				b.receiver.rule = func(g got) (int, http.Header, string, error) {
					if g.key() == bad {
						return fail(t.Context())
					}
					return 200, nil, "", nil
				}
				b.worker.Start()
				b.after(time.Second)
				for day := range 12 {
					for i := range 20 {
						start := time.Now()
						b.again(1, 2+day*20+i)
						b.tell(3)
						b.after(time.Second)
						_, taken := b.receiver.all()
						require.Len(t, taken, 3*(day*20+i+1), "an event of another submission was delayed on day %d", day)
						require.Less(t, taken[len(taken)-1].at.Sub(start), time.Second)
						b.after(time.Hour)
					}
				}
				_, work := b.work(e)
				require.False(t, work.Breaker.Open())
				require.Positive(t, work.Pending)
			})
		})
	}
}

func TestLane_ManySubmissionsThatFailForEverDelayNobodyElse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t)
		b.endpoint()
		bad := map[string]bool{}
		b.receiver.rule = func(g got) (int, http.Header, string, error) {
			if bad[g.key()] {
				return 500, nil, "", nil
			}
			return 200, nil, "", nil
		}
		b.worker.Start()
		for i := range 15 { // fewer in a row than open the breaker, and many in all
			b.receiver.set(func(*receiver) {
				for _, id := range b.tell(15) {
					bad[id] = true
				}
			})
			b.after(time.Second)
			b.tell(2)
			b.after(time.Second)
			_, taken := b.receiver.all()
			require.Len(t, taken, 2*(i+1))
		}
		for range 10 { // while the bad ones are tried again and again
			b.after(7 * time.Hour)
			_, before := b.receiver.all()
			b.tell(1)
			b.after(time.Second)
			_, taken := b.receiver.all()
			require.Len(t, taken, len(before)+1)
		}
	})
}

func TestLane_BreakerSparesAnEndpointThatTakesNothingAndLosesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t)
		b.receiver.rule = func(got) (int, http.Header, string, error) { return 0, nil, "", errors.New("connection refused") }
		e := b.endpoint()
		b.tell(2000)
		b.worker.Start()
		b.after(time.Minute)
		_, work := b.work(e)
		require.True(t, work.Breaker.Open())
		require.Equal(t, "connection refused", work.LastError)
		requests, _ := b.receiver.all()
		require.Less(t, len(requests), 160, "an endpoint that is down gets everything")
		for range 12 {
			b.again(1, 2+b.n)
			b.n++
			b.after(time.Hour)
		}
		requests, _ = b.receiver.all()
		require.Less(t, len(requests), 160+12*14, "a probe each five minutes, and no more")
		b.receiver.set(func(r *receiver) { r.rule = nil })
		b.after(6 * time.Minute)
		_, work = b.work(e)
		require.Zero(t, work.Breaker)
		b.after(24 * time.Hour)
		b.receiver.proved(2012)
		_, work = b.work(e)
		require.Zero(t, work.Pending)
	})
}

func TestLane_GoneDisablesAndAResumeGoesOnWithNothingLost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t)
		b.receiver.rule = answers(http.StatusGone)
		e := b.endpoint()
		b.tell(1)
		b.worker.Start()
		b.after(time.Second)
		now, _ := b.work(e)
		require.Equal(t, atssync.EndpointDisabled, now.State)
		require.Contains(t, now.Reason, "410")
		b.tell(500)
		b.after(20 * 24 * time.Hour)
		requests, _ := b.receiver.all()
		require.Len(t, requests, 1, "a disabled endpoint is left alone")
		b.receiver.set(func(r *receiver) { r.rule = nil })
		b.update(e, func(e *atssync.Endpoint) { e.State, e.Reason = atssync.EndpointActive, "" })
		b.after(10 * time.Second)
		b.receiver.proved(501)

		b.update(e, func(e *atssync.Endpoint) { e.State = atssync.EndpointPaused })
		b.tell(10)
		b.after(time.Hour)
		requests, _ = b.receiver.all()
		require.Len(t, requests, 502)
		b.update(e, func(e *atssync.Endpoint) { e.State = atssync.EndpointActive })
		b.after(time.Second)
		b.receiver.proved(511)
	})
}

func TestLane_BothSecretsSignWhileOneIsExchanged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t)
		e := b.endpoint()
		b.worker.Start()
		b.tell(1)
		b.after(2 * time.Second)
		b.receiver.set(func(r *receiver) { r.secrets = []string{secretA, secretB} }) // each verifies what comes now
		b.update(e, func(e *atssync.Endpoint) {
			e.Rotate([]byte("sealed "+secretB), time.Now().Add(24*time.Hour), time.Now())
		})
		b.tell(1)
		b.after(time.Second)
		requests, _ := b.receiver.all()
		require.Len(t, strings.Split(requests[1].head.Get(standardwebhooks.HeaderWebhookSignature), " "), 2)
		b.after(24 * time.Hour)
		b.receiver.set(func(r *receiver) { r.secrets = []string{secretB} })
		b.tell(1)
		b.after(time.Second)
		requests, _ = b.receiver.all()
		require.Len(t, requests, 3)
		require.Len(t, strings.Split(requests[2].head.Get(standardwebhooks.HeaderWebhookSignature), " "), 1)
	})
}

func TestLane_NothingIsSentUnsigned(t *testing.T) {
	t.Parallel()
	for name, secrets := range map[string][]atssync.EndpointSecret{
		"none":           nil,
		"over":           {{Sealed: []byte("sealed " + secretA), NotAfter: time.Unix(1, 0)}},
		"of another key": {{Sealed: []byte("nonsense")}},
		"no base64":      {{Sealed: []byte("sealed whsec_canary!")}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := setup(t)
				e := b.endpoint(func(e *atssync.Endpoint) { e.Secrets = secrets })
				b.tell(3)
				b.worker.Start()
				b.after(time.Hour)
				requests, _ := b.receiver.all()
				require.Empty(t, requests)
				_, err := b.worker.Test(t.Context(), e.ID)
				require.Error(t, err)
				require.NotContains(t, err.Error(), "canary")
				b.update(e, func(e *atssync.Endpoint) { e.Rotate([]byte("sealed "+secretA), time.Time{}, time.Now()) })
				b.after(10 * time.Second)
				b.receiver.proved(3)
			})
		})
	}
}
