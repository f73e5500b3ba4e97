package badger_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/store/badger"
	"github.com/atssync/atssync/daemon/internal/store/kv"
)

const mib = 1 << 20

// disk is a disk whose free space the test sets; what lies in its ballast is taken off.
type disk struct {
	free atomic.Uint64
	dir  string
}

func newDisk(dir string, free uint64) *disk {
	d := &disk{dir: dir}
	d.free.Store(free)
	return d
}

func (d *disk) statfs(string) (free, total uint64, err error) {
	free = d.free.Load()
	if info, err := os.Stat(filepath.Join(d.dir, "BALLAST")); err == nil {
		free -= min(free, uint64(info.Size()))
	}
	return free, 20_000 * mib, nil
}

func (d *disk) options(o *badger.Options) {
	o.Statfs, o.MinFree, o.MinFreePercent, o.ReadOnlyFree = d.statfs, 512*mib, 5, 256*mib
}

func try(ctx context.Context, e *badger.Engine) error {
	return e.Update(ctx, func(w kv.Writer) error { w.Set([]byte("a"), []byte("1")); return nil })
}

// becomes waits until the engine looks at the disk again.
func becomes(t *testing.T, e *badger.Engine, want badger.SpaceState) {
	t.Helper()
	require.Eventually(t, func() bool { return e.Space().State == want }, 10*time.Second, 20*time.Millisecond)
}

func TestSpace_IntakeStopsFirstThenAllAndBothComeBack(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := newDisk(dir, 5000*mib)
	e := openAt(t, dir, d.options)
	intake := kv.Intake(t.Context())
	require.Equal(t, badger.Space{Free: 5000 * mib, Total: 20_000 * mib, State: badger.SpaceOK, Low: 1000 * mib, Critical: 256 * mib}, e.Space())
	require.NoError(t, try(intake, e))

	d.free.Store(1000*mib - 1) // Below 5 % of the disk.
	becomes(t, e, badger.SpaceLow)
	err := try(intake, e)
	require.ErrorIs(t, err, kv.ErrLowSpace)
	require.ErrorContains(t, err, "999 MiB are free for "+dir+" and nothing new is taken in below 1000 MiB")
	require.NoError(t, try(t.Context(), e), "work is brought to its end")

	d.free.Store(256*mib - 1)
	becomes(t, e, badger.SpaceCritical)
	err = try(t.Context(), e)
	require.ErrorIs(t, err, kv.ErrLowSpace)
	require.ErrorContains(t, err, "--free-ballast")
	require.Equal(t, "1", value(t, e, "a"), "reading goes on")
	require.NoError(t, e.Err(), "low space is no failure")

	d.free.Store(5000 * mib)
	becomes(t, e, badger.SpaceOK)
	require.NoError(t, try(intake, e))
}

func TestSpace_FullDiskRefusesTheStartBeforeAnythingIsTouched(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "crashed")
	live := filepath.Join(t.TempDir(), "live")
	set(t, openAt(t, live), "kept", "yes")
	copyTree(t, dir, live)
	before := listing(t, dir)
	d := newDisk(dir, 10*mib)
	for range 3 {
		_, err := tryOpen(t, dir, d.options)
		require.ErrorIs(t, err, kv.ErrLowSpace)
		require.ErrorContains(t, err, dir)
		require.ErrorContains(t, err, "nothing was opened or changed")
		require.Equal(t, before, listing(t, dir))
	}
	d.free.Store(5000 * mib)
	require.Equal(t, "yes", value(t, openAt(t, dir, d.options), "kept"))
}

// listing returns names, sizes and times of all files but the lock.
func listing(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && entry.Name() != "LOCK" {
			info, err := entry.Info()
			if err != nil {
				return err
			}
			all[path] = info.ModTime().String() + " " + info.Mode().String()
		}
		return err
	}))
	return all
}

func TestSpace_BallastOpensAFullDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := newDisk(dir, 5000*mib)
	ballast := func(o *badger.Options) { d.options(o); o.Ballast = 64 * mib }
	e := openAt(t, dir, ballast)
	require.NoError(t, try(t.Context(), e))
	info, err := os.Stat(filepath.Join(dir, "BALLAST"))
	require.NoError(t, err)
	require.GreaterOrEqual(t, info.Sys().(*syscall.Stat_t).Blocks*512, int64(64*mib), "real blocks")
	stats, err := e.Stats()
	require.NoError(t, err)
	require.GreaterOrEqual(t, stats.Ballast, int64(64*mib))
	require.NoError(t, e.Close())

	d.free.Store(70 * mib) // Of which the ballast has 64.
	e = openAt(t, dir, ballast)
	require.NoFileExists(t, filepath.Join(dir, "BALLAST"))
	require.Equal(t, badger.SpaceCritical, e.Space().State)
	require.ErrorIs(t, try(t.Context(), e), kv.ErrLowSpace)
	require.Equal(t, "1", value(t, e, "a"))
	require.NoError(t, e.Maintain(t.Context()))
	require.NoFileExists(t, filepath.Join(dir, "BALLAST"), "not while room is short")

	d.free.Store(5000 * mib)
	becomes(t, e, badger.SpaceOK)
	require.NoError(t, try(t.Context(), e))
	require.NoError(t, e.Maintain(t.Context()))
	require.FileExists(t, filepath.Join(dir, "BALLAST"))
	freed, err := e.FreeBallast()
	require.NoError(t, err)
	require.GreaterOrEqual(t, freed, int64(64*mib))
	require.NoFileExists(t, filepath.Join(dir, "BALLAST"))
	freed, err = e.FreeBallast()
	require.NoError(t, err)
	require.Zero(t, freed, "twice is no error")

	require.NoError(t, e.Maintain(t.Context()))
	require.NoError(t, e.Close())
	freed, err = badger.FreeBallast(dir)
	require.NoError(t, err)
	require.GreaterOrEqual(t, freed, int64(64*mib))
	_, err = badger.FreeBallast(t.TempDir())
	require.ErrorContains(t, err, "there is no store in")
}

func TestSpace_UnknownSpaceRefusesTheStart(t *testing.T) {
	t.Parallel()
	broken := errors.New("no such disk")
	_, err := tryOpen(t, t.TempDir(), func(o *badger.Options) {
		o.Statfs = func(string) (uint64, uint64, error) { return 0, 0, broken }
	})
	require.ErrorIs(t, err, broken)
}

// An end on a full disk writes no table, which would end the process by a signal, and loses nothing.
func TestSpace_FullDiskLeavesTheStoreAsAfterACrash(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := newDisk(dir, 5000*mib)
	e := openAt(t, dir, d.options)
	require.NoError(t, try(t.Context(), e))
	d.free.Store(mib)
	require.NoError(t, e.Close())
	tables, err := filepath.Glob(filepath.Join(dir, "badger", "*.sst"))
	require.NoError(t, err)
	require.Empty(t, tables)
	_, err = tryOpen(t, dir)
	require.ErrorContains(t, err, "open", "the lock is held as long as Badger is")
	copied := filepath.Join(t.TempDir(), "copied")
	copyTree(t, copied, dir)
	require.Equal(t, "1", value(t, openAt(t, copied), "a"))
}
