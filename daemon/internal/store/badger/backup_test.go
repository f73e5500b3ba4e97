package badger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/store/kv"
)

// filled returns an engine with n pairs, one of them as large as can be, and what is in it.
func filled(t *testing.T, n int) (*Engine, map[string]string) {
	t.Helper()
	e := opened(t, quiet(t.TempDir()))
	want := map[string]string{}
	require.NoError(t, e.Update(t.Context(), func(w kv.Writer) error {
		for i := range n {
			k, v := fmt.Sprintf("doc/%06d", i), fmt.Sprint("value ", i)
			w.Set([]byte(k), []byte(v))
			want[k] = v
		}
		w.Set([]byte("empty"), nil)
		w.Set([]byte("large"), make([]byte, kv.MaxValue))
		w.Set([]byte("\xff\xff"), []byte{0})
		return nil
	}))
	want["empty"], want["large"], want["\xff\xff"] = "", string(make([]byte, kv.MaxValue)), "\x00"
	return e, want
}

func contents(t *testing.T, e *Engine) map[string]string {
	t.Helper()
	got := map[string]string{}
	require.NoError(t, e.View(t.Context(), func(r kv.Reader) error {
		return r.Scan(nil, nil, func(k, v []byte) bool { got[string(k)] = string(v); return true })
	}))
	return got
}

func TestBackup_LoadsIntoAnEmptyFolder(t *testing.T) {
	t.Parallel()
	e, want := filled(t, 5000)
	require.NoError(t, setOne(t.Context(), e, "more", "1"))
	require.NoError(t, e.Update(t.Context(), func(w kv.Writer) error { w.Delete([]byte("more")); return nil }))
	var backup bytes.Buffer
	info, err := e.Backup(t.Context(), &backup)
	require.NoError(t, err)
	require.Equal(t, uint64(len(want)), info.Records)
	require.Equal(t, uint64(3), info.Commit)
	require.Equal(t, e.format.id, info.StoreID)
	require.Len(t, info.SHA256, 64)

	dir := filepath.Join(t.TempDir(), "restored")
	loaded, err := Load(t.Context(), quiet(dir), bytes.NewReader(backup.Bytes()), Loading{})
	require.NoError(t, err)
	require.Equal(t, info, loaded)
	restored := opened(t, quiet(dir))
	require.Equal(t, want, contents(t, restored))
	require.NotEqual(t, e.format.id, restored.format.id)
	require.NoError(t, setOne(t.Context(), restored, "after", "1"))
	require.NoError(t, restored.Close())
	require.Equal(t, "1", string(valueOf(t, opened(t, quiet(dir)), "after")))

	_, err = Load(t.Context(), quiet(dir), bytes.NewReader(backup.Bytes()), Loading{})
	require.Error(t, err, "the folder is in use or holds a store")
}

func TestBackup_EmptyStore(t *testing.T) {
	t.Parallel()
	e := opened(t, quiet(t.TempDir()))
	var backup bytes.Buffer
	info, err := e.Backup(t.Context(), &backup)
	require.NoError(t, err)
	require.Zero(t, info.Records)
	dir := filepath.Join(t.TempDir(), "restored")
	_, err = Load(t.Context(), quiet(dir), &backup, Loading{})
	require.NoError(t, err)
	require.Empty(t, contents(t, opened(t, quiet(dir))))
}

func TestBackup_StoreInTheFolderIsNotOverwritten(t *testing.T) {
	t.Parallel()
	e, _ := filled(t, 10)
	var backup bytes.Buffer
	_, err := e.Backup(t.Context(), &backup)
	require.NoError(t, err)
	dir := t.TempDir()
	other := opened(t, quiet(dir))
	require.NoError(t, setOne(t.Context(), other, "mine", "1"))
	_, err = Load(t.Context(), quiet(dir), bytes.NewReader(backup.Bytes()), Loading{})
	require.ErrorContains(t, err, "has the data folder")
	require.NoError(t, other.Close())
	_, err = Load(t.Context(), quiet(dir), bytes.NewReader(backup.Bytes()), Loading{})
	require.ErrorContains(t, err, "holds a store already")
	require.Equal(t, map[string]string{"mine": "1"}, contents(t, opened(t, quiet(dir))))
}

// Steps go on during a backup, which is as of its beginning.
func TestBackup_IsOneMoment(t *testing.T) {
	t.Parallel()
	e, want := filled(t, 3000)
	reader, writer := io.Pipe()
	done := make(chan error, 1)
	go func() {
		_, err := e.Backup(context.Background(), writer)
		done <- errors.Join(err, writer.Close())
	}()
	first := make([]byte, 1)
	_, err := io.ReadFull(reader, first)
	require.NoError(t, err)
	require.NoError(t, e.Update(t.Context(), func(w kv.Writer) error {
		w.Set([]byte("late"), nil)
		w.Set([]byte("doc/002999"), []byte("changed"))
		w.Delete([]byte("doc/002998"))
		return nil
	}))
	got := map[string]string{}
	_, err = ReadBackup(t.Context(), io.MultiReader(bytes.NewReader(first), reader), func(k, v []byte) error {
		got[string(k)] = string(v)
		return nil
	})
	require.NoError(t, err)
	require.NoError(t, <-done)
	require.Equal(t, want, got)
}

func TestBackup_AnyChangeIsRefused(t *testing.T) {
	t.Parallel()
	e, _ := filled(t, 300)
	require.NoError(t, e.Update(t.Context(), func(w kv.Writer) error { w.Delete([]byte("large")); return nil }))
	var backup bytes.Buffer
	_, err := e.Backup(t.Context(), &backup)
	require.NoError(t, err)
	whole := backup.Bytes()
	check := func(data []byte) error {
		_, err := ReadBackup(context.Background(), bytes.NewReader(data), func(_, _ []byte) error { return nil })
		return err
	}
	require.NoError(t, check(whole))
	for at := range whole {
		changed := bytes.Clone(whole)
		changed[at] ^= 1 << (at % 8)
		require.Error(t, check(changed), "bit %d of byte %d", at%8, at)
	}
	rnd := rand.New(rand.NewPCG(5, 5))
	for range 300 {
		require.Error(t, check(whole[:rnd.IntN(len(whole))]), "cut off")
	}
	require.Error(t, check(append(bytes.Clone(whole), 0)), "something follows")
	require.Error(t, check(append(bytes.Clone(whole), whole...)), "twice")
}

func TestLoad_RefusedBackupLeavesTheFolderEmpty(t *testing.T) {
	t.Parallel()
	e, want := filled(t, 5000)
	var backup bytes.Buffer
	_, err := e.Backup(t.Context(), &backup)
	require.NoError(t, err)
	dir := filepath.Join(t.TempDir(), "restored")
	cut := backup.Bytes()[:backup.Len()-20]
	_, err = Load(t.Context(), quiet(dir), bytes.NewReader(cut), Loading{})
	require.ErrorContains(t, err, "cut off")
	require.ErrorContains(t, err, dir)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1)
	require.Equal(t, lockFile, entries[0].Name())
	_, err = Load(t.Context(), quiet(dir), &backup, Loading{})
	require.NoError(t, err)
	require.Equal(t, want, contents(t, opened(t, quiet(dir))))
}

// A Load that was killed cannot be taken for a store and can be done again.
func TestLoad_KilledOneIsNotAStore(t *testing.T) {
	t.Parallel()
	e, want := filled(t, 100)
	var backup bytes.Buffer
	_, err := e.Backup(t.Context(), &backup)
	require.NoError(t, err)
	dir := t.TempDir()
	half := opened(t, quiet(dir))
	require.NoError(t, setOne(t.Context(), half, "half", "1"))
	require.NoError(t, half.Close())
	f := half.format
	f.state = stateRestoring
	require.NoError(t, f.write(dir))
	_, err = Open(t.Context(), quiet(dir))
	require.ErrorContains(t, err, "load it again")
	_, err = Load(t.Context(), quiet(dir), &backup, Loading{})
	require.NoError(t, err)
	require.Equal(t, want, contents(t, opened(t, quiet(dir))))
}

func TestBackup_DamagedValueEndsIt(t *testing.T) {
	t.Parallel()
	e, _ := filled(t, 10)
	key := append([]byte{stepSpace}, "doc/bad"...)
	n := e.commits.Load() + 1
	txn := e.db.NewTransactionAt(n-1, true)
	require.NoError(t, txn.Set(key, []byte("no envelope at all")))
	require.NoError(t, txn.CommitAt(n, nil))
	e.published(n)
	_, err := e.Backup(t.Context(), io.Discard)
	require.ErrorIs(t, err, kv.ErrCorrupt)
	<-e.Failed()
}

type fullWriter struct{ room int }

func (w *fullWriter) Write(p []byte) (int, error) {
	if w.room -= len(p); w.room < 0 {
		return 0, errors.New("no space left on device")
	}
	return len(p), nil
}

func TestBackup_WriterThatFailsIsNoFailureOfTheStore(t *testing.T) {
	t.Parallel()
	e, _ := filled(t, 5000)
	_, err := e.Backup(t.Context(), &fullWriter{room: 70_000})
	require.ErrorContains(t, err, "no space left")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = e.Backup(ctx, io.Discard)
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, e.Err())
	require.NoError(t, setOne(t.Context(), e, "a", "1"))
}
