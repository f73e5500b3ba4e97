package badger_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/store/badger"
	"github.com/atssync/atssync/daemon/internal/store/kv"
)

func set(t *testing.T, e *badger.Engine, key, value string) {
	t.Helper()
	require.NoError(t, e.Update(t.Context(), func(w kv.Writer) error { w.Set([]byte(key), []byte(value)); return nil }))
}

func value(t *testing.T, e *badger.Engine, key string) string {
	t.Helper()
	var got string
	require.NoError(t, e.View(t.Context(), func(r kv.Reader) error {
		v, err := r.Value([]byte(key))
		got = string(v)
		return err
	}))
	return got
}

func TestOpen_MakesAPrivateFolderAndKeepsWhatIsWritten(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a", "b", "store")
	for n := range 5 {
		e := openAt(t, dir)
		if n > 0 {
			require.Equal(t, "yes", value(t, e, "kept"))
		}
		set(t, e, "kept", "yes")
		require.NoError(t, e.Close())
		require.NoError(t, e.Close(), "twice is no error")
	}
	for _, folder := range []string{dir, filepath.Join(dir, "badger")} {
		info, err := os.Stat(folder)
		require.NoError(t, err)
		require.Equal(t, fs.FileMode(0o700), info.Mode().Perm(), folder)
	}
}

func TestOpen_TakesAnEmptyMountPointAndClosesItToOthers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o755))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "lost+found"), 0o700))
	openAt(t, dir)
	info, err := os.Stat(dir)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o700), info.Mode().Perm())
}

func TestOpen_ForeignFolderIsRefusedAndLeftAsItIs(t *testing.T) {
	t.Parallel()
	for name, fill := range map[string]func(t *testing.T, dir string){
		"a file": func(t *testing.T, dir string) {
			require.NoError(t, os.WriteFile(filepath.Join(dir, "letter.txt"), []byte("x"), 0o644))
		},
		"a folder": func(t *testing.T, dir string) { require.NoError(t, os.Mkdir(filepath.Join(dir, "photos"), 0o755)) },
		"a bare badger": func(t *testing.T, dir string) {
			require.NoError(t, os.WriteFile(filepath.Join(dir, "MANIFEST"), []byte("Bdgr"), 0o644))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			require.NoError(t, os.Chmod(dir, 0o755))
			fill(t, dir)
			before, err := os.ReadDir(dir)
			require.NoError(t, err)
			_, err = tryOpen(t, dir)
			require.ErrorContains(t, err, dir)
			require.ErrorContains(t, err, "not an atssync store")
			_, err = badger.Load(t.Context(), badger.Options{Dir: dir, Ballast: -1}, nil, badger.Loading{})
			require.ErrorContains(t, err, "not an atssync store")
			after, err := os.ReadDir(dir)
			require.NoError(t, err)
			require.Len(t, after, len(before))
			info, err := os.Stat(dir)
			require.NoError(t, err)
			require.Equal(t, fs.FileMode(0o755), info.Mode().Perm())
		})
	}
}

func TestOpen_SecondOpenerIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	e := openAt(t, dir)
	set(t, e, "a", "1")
	_, err := tryOpen(t, dir)
	require.ErrorContains(t, err, "has the data folder "+dir+" open")
	require.Equal(t, "1", value(t, e, "a"))
	set(t, e, "a", "2")
	require.NoError(t, e.Close())
	require.Equal(t, "2", value(t, openAt(t, dir), "a"))
}

// A folder in which the first start was cut off holds nothing that was acknowledged and is begun anew.
func TestOpen_InterruptedFirstStartIsBegunAgain(t *testing.T) {
	t.Parallel()
	whole := filepath.Join(t.TempDir(), "whole")
	require.NoError(t, openAt(t, whole).Close())
	for _, left := range [][]string{
		{"LOCK"},
		{"LOCK", "FORMAT.partial"},
	} {
		dir := t.TempDir()
		for _, name := range left {
			require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600))
		}
		set(t, openAt(t, dir), "a", "1")
	}
}

func TestOpen_NoFolderNamed(t *testing.T) {
	t.Parallel()
	_, err := tryOpen(t, "")
	require.ErrorContains(t, err, "no data folder is named")
}

// What lies in the scratch folder carries nothing: it may vanish, and the store may be opened with or
// without one.
func TestOpen_ScratchFolderCarriesNothing(t *testing.T) {
	t.Parallel()
	dir, scratch := t.TempDir(), t.TempDir()
	with := func(o *badger.Options) { o.Scratch = scratch }
	e := openAt(t, dir, with)
	set(t, e, "a", "1")
	logs, err := filepath.Glob(filepath.Join(scratch, "store-*", "*.vlog"))
	require.NoError(t, err)
	require.NotEmpty(t, logs)
	crashed := filepath.Join(t.TempDir(), "crashed")
	copyTree(t, crashed, dir)
	require.NoError(t, e.Close())
	left, err := os.ReadDir(scratch)
	require.NoError(t, err)
	require.Empty(t, left)

	for _, change := range []func(*badger.Options){with, func(*badger.Options) {}, with} {
		e = openAt(t, crashed, change)
		require.Equal(t, "1", value(t, e, "a"))
		set(t, e, "b", "2")
		require.NoError(t, e.Close())
	}
}
