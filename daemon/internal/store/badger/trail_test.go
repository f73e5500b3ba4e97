package badger

import (
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/store/kv"
)

func TestTrail_KeepsTheLastBytesAndDropsWhatIsOlder(t *testing.T) {
	t.Parallel()
	tr := &trail{first: 1}
	kept := map[uint64]bool{}
	for n := uint64(1); n <= 30_000; n++ {
		size := int64(20_000)
		if n == 20_000 {
			size = trailBytes / 2
		}
		from, to := tr.add(size)
		require.Equal(t, n, tr.last())
		kept[n] = true
		for old := from; old < to; old++ {
			require.True(t, kept[old], "commit %d was dropped twice", old)
			delete(kept, old)
		}
		require.LessOrEqual(t, to-from, uint64(trailPrune))
		require.Equal(t, int(n-to+1), len(kept))
		if to > 1 {
			require.GreaterOrEqual(t, tr.bytes, int64(trailBytes))
		}
	}
	require.Less(t, tr.bytes, int64(trailBytes+20_001))
	require.Less(t, len(tr.sizes), 20_000, "what was dropped is forgotten")
}

// With more written than the trail spans, old records are gone and the store still opens.
func TestTrail_PrunedStoreOpens(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	e := opened(t, quiet(dir))
	var failed atomic.Bool
	for n := range 180 { // About 90 MiB, over many tables.
		err := e.Update(t.Context(), func(w kv.Writer) error {
			w.Set(fmt.Appendf(nil, "doc/%d", n%20), make([]byte, kv.MaxValue))
			w.Set(fmt.Appendf(nil, "n/%d", n), nil)
			return nil
		})
		if err != nil {
			failed.Store(true)
		}
	}
	require.False(t, failed.Load())
	stats, err := e.Stats()
	require.NoError(t, err)
	require.Equal(t, uint64(180), stats.Commit)
	require.Positive(t, stats.Tables)
	require.Positive(t, stats.DiskBytes)
	require.NoError(t, e.Maintain(t.Context()))
	require.NoError(t, e.Close())
	e = opened(t, quiet(dir))
	require.Greater(t, e.writer.trail.first, uint64(10))
	require.Equal(t, uint64(180), e.writer.trail.last())
	for n := range 180 {
		require.NotNil(t, valueOf(t, e, fmt.Sprintf("n/%d", n)))
	}
	require.Len(t, valueOf(t, e, "doc/7"), kv.MaxValue)
	values, err := filepath.Glob(filepath.Join(dir, badgerDir, "*.vlog"))
	require.NoError(t, err)
	for _, log := range values {
		empty, err := emptyLog(log)
		require.NoError(t, err)
		require.True(t, empty, "values went to the value log")
	}
}

func TestFormat_NewerOrUnknownIsRefusedWithASentence(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		change func(*format)
		want   string
	}{
		{func(f *format) { f.version = formatVersion + 1 }, "written by a newer atssync (store format 2; this one knows 1)"},
		{func(f *format) { f.state = stateRestoring }, "load it again into an empty folder"},
		{func(f *format) { f.state = "melting" }, `unknown state "melting"`},
		{func(f *format) { f.id = "12" }, "it names no store"},
	} {
		dir := t.TempDir()
		e := opened(t, quiet(dir))
		require.NoError(t, setOne(t.Context(), e, "a", "1"))
		require.NoError(t, e.Close())
		f := e.format
		test.change(&f)
		require.NoError(t, f.write(dir))
		_, err := Open(t.Context(), quiet(dir))
		require.ErrorContains(t, err, test.want)
		require.ErrorContains(t, err, dir)
		f = e.format
		require.NoError(t, f.write(dir))
		require.Equal(t, "1", string(valueOf(t, opened(t, quiet(dir)), "a")), "the refusal changed nothing")
	}
}

func TestFormat_CreatingIsBegunAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	e := opened(t, quiet(dir))
	require.NoError(t, e.Close())
	f := e.format
	f.state = stateCreating
	require.NoError(t, f.write(dir))
	require.NoError(t, os.RemoveAll(filepath.Join(dir, badgerDir)))
	e = opened(t, quiet(dir))
	require.NotEqual(t, f.id, e.format.id)
	require.NoError(t, setOne(t.Context(), e, "a", "1"))
}

func TestKindOf_TellsNoMoreThanTheKind(t *testing.T) {
	t.Parallel()
	require.Equal(t, `"sp"`, kindOf([]byte("spsub_01")))
	require.Equal(t, `"\xff"`, kindOf([]byte("\xff")))
	require.Equal(t, `""`, kindOf(nil))
}

func TestMaintain_CompactsWhenMuchIsStaleAndThereIsRoom(t *testing.T) {
	t.Parallel()
	room := Space{Free: 10 << 30, State: SpaceOK}
	for _, test := range []struct {
		name  string
		stats Stats
		space Space
		want  bool
	}{
		{"much is stale", Stats{TableBytes: 400 << 20, StaleBytes: 100 << 20}, room, true},
		{"little is stale", Stats{TableBytes: 100 << 20, StaleBytes: 63 << 20}, room, false},
		{"a small part is stale", Stats{TableBytes: 401 << 20, StaleBytes: 100 << 20}, room, false},
		{"no room for a copy", Stats{TableBytes: 400 << 20, StaleBytes: 100 << 20}, Space{Free: 700 << 20, State: SpaceOK}, false},
		{"space is low", Stats{TableBytes: 400 << 20, StaleBytes: 100 << 20}, Space{Free: 10 << 30, State: SpaceLow}, false},
	} {
		require.Equal(t, test.want, test.stats.worthCompacting(test.space), test.name)
	}
	dir := t.TempDir()
	for n := range 4 {
		e := opened(t, quiet(dir))
		require.NoError(t, setOne(t.Context(), e, fmt.Sprint(n), "1"))
		require.NoError(t, setOne(t.Context(), e, "same", fmt.Sprint(n)))
		require.NoError(t, e.Close())
	}
	e := opened(t, quiet(dir))
	require.NoError(t, e.compact())
	require.Equal(t, "3", string(valueOf(t, e, "same")))
	require.NoError(t, e.Close())
	e = opened(t, quiet(dir))
	require.Equal(t, map[string]string{"0": "1", "1": "1", "2": "1", "3": "1", "same": "3"}, contents(t, e))
}
