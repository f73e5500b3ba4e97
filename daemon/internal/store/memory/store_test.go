package memory_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/store/kv"
	"github.com/atssync/atssync/daemon/internal/store/memory"
	"github.com/atssync/atssync/daemon/internal/store/storetest"
)

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) atssync.Store {
		t.Helper()
		e := memory.New()
		require.NoError(t, kv.Prepare(t.Context(), e))
		s := kv.New(e, kv.Options{})
		t.Cleanup(func() { _ = s.Close() })
		return s
	})
}
