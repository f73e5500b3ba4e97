package submit

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// A crash at any moment finds one submission under way where one may be: the end of the one before is durable before
// the next one begins, even when the store takes them in the other order.
func TestLane_ACrashAtAnyMomentFindsOneUnderWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, 1)
		s := &slowFinish{Store: b.store, ledger: b.store.Ledger, connection: b.conns[0].ID}
		b.start(func(o *Options) { o.Store = s })
		b.submit(b.conns[0], "job", 20)
		b.after(time.Minute)
		require.Equal(t, map[atssync.State]int64{atssync.StateSubmitted: 20}, b.states(b.conns[0].ID))
		require.EqualValues(t, 1, s.most.Load())
		require.Zero(t, b.ats.doubled())
	})
}

// slowFinish takes its time to make ends durable, so that the next beginning overtakes them.
type slowFinish struct {
	Store
	ledger     func(ctx context.Context, connection string) (atssync.Ledger, error)
	connection string
	most       atomic.Int64
}

func (s *slowFinish) FinishAttempts(ctx context.Context, l atssync.Lease, in []atssync.Finish, c atssync.LaneChange, now time.Time) error {
	<-time.After(10 * time.Millisecond)
	counted, err := s.ledger(ctx, s.connection)
	if err != nil {
		return err
	}
	s.most.Store(max(s.most.Load(), counted.States[atssync.StateSending]))
	return s.Store.FinishAttempts(ctx, l, in, c, now)
}
