package badger_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/store/kv"
	"github.com/atssync/atssync/daemon/internal/store/storetest"
)

func TestStore(t *testing.T) {
	t.Parallel()
	open := func(t *testing.T, dir string) atssync.Store {
		t.Helper()
		e := openAt(t, dir)
		require.NoError(t, kv.Prepare(t.Context(), e))
		return kv.New(e, kv.Options{})
	}
	storetest.Run(t, func(t *testing.T) atssync.Store {
		t.Helper()
		return open(t, t.TempDir())
	})
	storetest.RunRecovery(t, open)
}
