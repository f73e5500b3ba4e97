package badger_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/store/badger"
	"github.com/atssync/atssync/daemon/internal/store/kv"
	"github.com/atssync/atssync/daemon/internal/store/storetest"
)

// openAt opens a store that ends with t, with options that change the defaults of the tests.
func openAt(t testing.TB, dir string, change ...func(*badger.Options)) *badger.Engine {
	t.Helper()
	e, err := tryOpen(t, dir, change...)
	require.NoError(t, err)
	return e
}

func tryOpen(t testing.TB, dir string, change ...func(*badger.Options)) (*badger.Engine, error) {
	t.Helper()
	o := badger.Options{Dir: dir, MinFree: 1 << 20, MinFreePercent: 0.001, ReadOnlyFree: 1 << 20, Ballast: -1}
	for _, c := range change {
		c(&o)
	}
	e, err := badger.Open(t.Context(), o)
	if err == nil {
		t.Cleanup(func() { _ = e.Close() })
	}
	return e, err
}

func TestEngine(t *testing.T) {
	t.Parallel()
	storetest.RunEngine(t, func(t *testing.T) kv.Engine {
		t.Helper()
		return openAt(t, t.TempDir())
	})
}
