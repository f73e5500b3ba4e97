package memory_test

import (
	"testing"

	"github.com/atssync/atssync/daemon/internal/store/kv"
	"github.com/atssync/atssync/daemon/internal/store/memory"
	"github.com/atssync/atssync/daemon/internal/store/storetest"
)

func TestEngine(t *testing.T) {
	t.Parallel()
	storetest.RunEngine(t, func(t *testing.T) kv.Engine {
		t.Helper()
		e := memory.New()
		t.Cleanup(func() { _ = e.Close() })
		return e
	})
}
