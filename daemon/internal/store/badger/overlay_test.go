package badger

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/store/kv"
)

// Whoever is in a commit that failed, or comes after it, is told so, however the own step went.
func TestWriter_ACommitThatCannotBeMarkedFailsAll(t *testing.T) {
	t.Parallel()
	e := opened(t, quiet(t.TempDir()))
	require.NoError(t, e.mark.close()) // the next commit cannot be marked
	var group sync.WaitGroup
	errs := make([]error, 50)
	for i := range errs {
		group.Go(func() { errs[i] = setOne(context.Background(), e, fmt.Sprint("key-", i), "x") })
	}
	group.Wait()
	for _, err := range errs {
		require.ErrorIs(t, err, kv.ErrFailed)
	}
}

func TestOverlay_KeepsItsMemoryWhileGroupsNeedIt(t *testing.T) {
	t.Parallel()
	var o overlay
	fill := func(n int) {
		o.reset()
		for i := range n {
			o.Set(fmt.Sprint(i), []byte("x"))
		}
		require.Equal(t, n, o.Len())
	}
	fill(1000)
	fill(1)
	_, known := o.Get([]byte("2"))
	require.False(t, known, "what another group wrote is there")
	for range 12 {
		fill(1)
	}
	require.Less(t, o.most, 8, "the memory of one large group is kept for ever")
}
