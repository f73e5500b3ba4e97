package submit

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// countedStore counts how often lanes are looked at.
type countedStore struct {
	Store
	looks atomic.Int64
}

func (s *countedStore) Lane(ctx context.Context, connection string) (atssync.Lane, error) {
	s.looks.Add(1)
	return s.Store.Lane(ctx, connection)
}

// nudged is how many lanes were looked at by a nudge of all.
func (b *bundle) nudged(s *countedStore) int64 {
	before := s.looks.Load()
	b.nudgeAll()
	b.after(time.Millisecond)
	return s.looks.Load() - before
}

func TestNudge_LeavesALaneAtRestAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		counted := &countedStore{}
		b := setup(t, 3, func(o *Options) { counted.Store, o.Store = o.Store, counted })
		require.EqualValues(t, 3, b.nudged(counted), "nobody knows yet that they rest")
		require.Zero(t, b.nudged(counted))

		id := b.submit(b.conns[0], "job", 1)[0]
		b.after(time.Second)
		require.Equal(t, atssync.StateSubmitted, b.sub(id).State)
		require.Zero(t, b.nudged(counted), "it rests again")

		b.wakeAll()
		b.after(time.Millisecond)
		require.Zero(t, b.nudged(counted))
	})
}

func TestNudge_LooksAtALaneThatWaitsOrIsInTrouble(t *testing.T) {
	t.Parallel()
	for name, says := range map[string]*sdk.Error{
		"a retry":   {Kind: sdk.KindTransient, NotApplied: true, Message: "the connection was refused"},
		"a stop":    {Kind: sdk.KindAuth, Message: "the key is refused"},
		"uncertain": errServer,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				counted := &countedStore{}
				b := setup(t, 1, func(o *Options) { counted.Store, o.Store = o.Store, counted })
				b.ats.set(func(a *ats) { a.rule = func(string, sdk.SubmitItem) *said { return fails(says) } })
				b.submit(b.conns[0], "job", 1)
				b.after(time.Second)
				require.Positive(t, b.nudged(counted))
			})
		})
	}
}
