package deliver

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

func TestLane_RestartsAndOutagesLoseAndReorderNothing(t *testing.T) {
	t.Parallel()
	for seed := range uint64(8) {
		synctest.Test(t, func(t *testing.T) {
			b := setup(t)
			rng := rand.New(rand.NewPCG(seed, 1))
			var down atomic.Bool
			b.receiver.hold = func(ctx context.Context, _ got) {
				select {
				case <-time.After(time.Duration(rand.IntN(200)) * time.Millisecond):
				case <-ctx.Done():
				}
			}
			b.receiver.rule = func(got) (int, http.Header, string, error) {
				switch {
				case down.Load():
					return 0, nil, "", errors.New("connection refused")
				case rand.IntN(10) == 0:
					return 503, nil, "", nil
				}
				return 200, nil, "", nil
			}
			e := b.endpoint()
			b.worker.Start()
			told := 0
			for told < 1000 {
				b.tell(10)
				told += 10
				for range 10 {
					b.again(1+rng.IntN(b.n), 1000+told)
					told++
				}
				time.Sleep(time.Duration(rng.IntN(1000)) * time.Millisecond)
				switch rng.IntN(8) {
				case 0:
					b.restart(0) // as a crash: what is under way is cut
				case 1:
					b.restart(time.Minute)
				case 2:
					down.Store(true)
					b.after(time.Duration(rng.IntN(20)) * time.Minute)
					b.restart(0)
					down.Store(false)
				}
			}
			b.after(9 * 24 * time.Hour) // longer than the ladder: nobody is waiting for its next step
			b.receiver.proved(int64(told))
			_, work := b.work(e)
			require.Zero(t, work.Pending)
			require.Zero(t, work.Dead)
		})
	}
}

func TestLane_ACutRequestCostsTheDeliveryNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t)
		b.receiver.hold = func(ctx context.Context, _ got) { <-ctx.Done() }
		e := b.endpoint()
		b.tell(5)
		b.worker.Start()
		b.after(time.Second)
		b.restart(0)
		b.receiver.set(func(r *receiver) { r.hold = nil })
		d := b.delivery(e, 1)
		require.Zero(t, d.Attempts)
		require.Empty(t, d.Log)
		b.restart(0)
		b.after(time.Second)
		b.receiver.proved(5)
	})
}

func TestLane_AnotherDaemonsEndpointIsLeftAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t)
		e := b.endpoint()
		b.leases.gone = true
		b.tell(3)
		b.worker.Start()
		b.after(time.Minute)
		requests, _ := b.receiver.all()
		require.Empty(t, requests)
		b.leases.mu.Lock()
		b.leases.gone = false
		b.leases.mu.Unlock()
		b.after(10 * time.Second)
		b.receiver.proved(3)
		require.NoError(t, b.store.RemoveEndpoint(t.Context(), e.ID, time.Now()))
		b.worker.Changed(e.ID)
		b.tell(3)
		b.after(time.Minute)
		requests, _ = b.receiver.all()
		require.Len(t, requests, 3)
	})
}

// fenced is a store whose lease another daemon takes while requests are under way.
type fenced struct {
	atssync.Store
	leases *leases
	fail   atomic.Bool
}

func (f *fenced) FinishDeliveries(
	ctx context.Context, l atssync.Lease, in []atssync.DeliveryFinish, change atssync.EndpointChange, now time.Time,
) error {
	if f.fail.Load() {
		f.leases.mu.Lock()
		defer f.leases.mu.Unlock()
		f.leases.gone = true
		return atssync.ErrFenced
	}
	return f.Store.FinishDeliveries(ctx, l, in, change, now)
}

func TestLane_AFencedEndIsDroppedAndSentAgainByWhoeverHoldsTheLease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &fenced{}
		b := setup(t, func(o *Options) { o.Store = store })
		store.Store, store.leases = b.store, b.leases
		store.fail.Store(true)
		e := b.endpoint()
		b.tell(3)
		b.worker.Start()
		b.after(time.Second)
		require.Positive(t, b.leases.lost)
		require.Equal(t, atssync.DeliveryPending, b.delivery(e, 1).State)
		store.fail.Store(false)
		b.leases.mu.Lock()
		b.leases.gone = false
		b.leases.mu.Unlock()
		b.after(10 * time.Second)
		b.receiver.proved(3)
	})
}

func TestTick_CanBeDrivenByHand(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t)
		e := b.endpoint()
		b.tell(1)
		at, more, err := b.worker.Tick(t.Context(), e.ID, time.Now())
		require.NoError(t, err)
		require.False(t, more)
		require.Zero(t, at)
		synctest.Wait()
		require.Equal(t, atssync.DeliveryPending, b.delivery(e, 1).State, "the end is durable by a step only")
		_, _, err = b.worker.Tick(t.Context(), e.ID, time.Now())
		require.NoError(t, err)
		require.Equal(t, atssync.DeliveryDelivered, b.delivery(e, 1).State)
	})
}
