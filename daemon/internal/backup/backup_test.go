package backup

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// toy seals by a sum over content and place: enough to see whether a part stands in its own place.
type toy struct{ key string }

func (k toy) sum(plain []byte, at ...string) []byte {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q", k.key, at, plain))
	return sum[:]
}

func (k toy) Seal(plain []byte, connection, record, field string) ([]byte, error) {
	return append(k.sum(plain, connection, record, field), plain...), nil
}

func (k toy) Open(sealed []byte, connection, record, field string) ([]byte, error) {
	if len(sealed) < sha256.Size || !bytes.Equal(k.sum(sealed[sha256.Size:], connection, record, field), sealed[:sha256.Size]) {
		return nil, errors.New("it is not in its own place")
	}
	return sealed[sha256.Size:], nil
}

var header = Header{ID: "20261128T120000Z-0a0b0c0d", MadeAt: time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC), Version: "test", StoreID: "s", Key: "k"}

func written(t testing.TB, h Header, content []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	m, err := Write(&out, toy{"secret"}, h, func(w io.Writer) (Manifest, error) {
		_, err := io.Copy(w, bytes.NewReader(content))
		return Manifest{Commit: 7, Records: 3, Bytes: uint64(len(content))}, err
	})
	require.NoError(t, err)
	require.Len(t, m.Chunks, (len(content)+chunkSize-1)/chunkSize)
	return out.Bytes()
}

func read(data []byte, key string) (content []byte, h Header, m Manifest, err error) {
	h, m, err = Read(bytes.NewReader(data), toy{key}, func(_ Header, stream io.Reader) error {
		content, err = io.ReadAll(stream)
		return err
	})
	return content, h, m, err
}

func TestRead_WhatWasWritten(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, chunkSize - 1, chunkSize, chunkSize + 1, 3*chunkSize + 5} {
		content := make([]byte, size)
		rnd := rand.New(rand.NewPCG(1, uint64(size)))
		for i := range content {
			content[i] = byte(rnd.Uint32())
		}
		data := written(t, header, content)
		got, h, m, err := read(data, "secret")
		require.NoError(t, err)
		require.True(t, bytes.Equal(content, got))
		want := header
		want.Format = format
		require.Equal(t, want, h)
		require.Equal(t, uint64(7), m.Commit)
		checked, n, err := Check(bytes.NewReader(data))
		require.NoError(t, err)
		require.Equal(t, want, checked)
		require.EqualValues(t, len(data), n)
		peeked, err := Peek(bytes.NewReader(data))
		require.NoError(t, err)
		require.Equal(t, want, peeked)
	}
}

func TestRead_AnyChangeIsRefused(t *testing.T) {
	t.Parallel()
	whole := written(t, header, bytes.Repeat([]byte("candidate "), 40))
	for at := range whole {
		for bit := range 8 {
			changed := bytes.Clone(whole)
			changed[at] ^= 1 << bit
			_, _, _, err := read(changed, "secret")
			require.Error(t, err, "bit %d of byte %d", bit, at)
			_, _, err = Check(bytes.NewReader(changed))
			require.ErrorIs(t, err, ErrDamaged, "without the key: bit %d of byte %d", bit, at)
		}
	}
	for cut := range whole {
		_, _, _, err := read(whole[:cut], "secret")
		require.ErrorIs(t, err, ErrDamaged, "cut at %d", cut)
	}
	_, _, _, err := read(append(bytes.Clone(whole), 0), "secret")
	require.ErrorContains(t, err, "something follows")
	_, _, _, err = read(whole, "another")
	require.ErrorIs(t, err, ErrDamaged)
}

// A part of another backup, or in another place, is refused even where its own seal is good.
func TestRead_PartsOfOthersAreRefused(t *testing.T) {
	t.Parallel()
	content := bytes.Repeat([]byte{1}, 2*chunkSize)
	a := written(t, header, content)
	other := header
	other.MadeAt = other.MadeAt.Add(time.Hour)
	b := written(t, other, content)
	require.Len(t, b, len(a))
	first := bytes.Index(a, []byte{kindChunk, 0, 16}) // its length begins with 0x00 0x10
	require.Positive(t, first)
	const frame = 5 + sha256.Size + chunkSize
	swapped := bytes.Clone(a)
	copy(swapped[first:], a[first+frame:first+2*frame])
	copy(swapped[first+frame:], a[first:first+frame])
	_, _, _, err := read(swapped, "secret")
	require.ErrorIs(t, err, ErrDamaged)
	mixed := append(bytes.Clone(a[:first]), b[first:]...)
	_, _, _, err = read(mixed, "secret")
	require.ErrorIs(t, err, ErrDamaged)
	short := append(bytes.Clone(a[:first]), a[first+frame:]...)
	_, _, _, err = read(short, "secret")
	require.ErrorIs(t, err, ErrDamaged)
}

func TestWrite_FailureIsNoBackup(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	broken := errors.New("broken")
	_, err := Write(&out, toy{}, header, func(w io.Writer) (Manifest, error) {
		_, _ = w.Write(make([]byte, 3*chunkSize))
		return Manifest{}, broken
	})
	require.ErrorIs(t, err, broken)
	_, _, err = Check(&out)
	require.ErrorIs(t, err, ErrDamaged)
}

func TestSave_IsWholeOrNotThere(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, FileName(header.MadeAt))
	data := written(t, header, []byte("content"))
	for name, write := range map[string]func(io.Writer) error{
		"cut off":  func(w io.Writer) error { _, err := w.Write(data[:len(data)-1]); return err },
		"an error": func(io.Writer) error { return errors.New("no answer") },
		"nothing":  func(io.Writer) error { return nil },
	} {
		_, _, err := Save(path, write)
		require.Error(t, err, name)
		entries, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Empty(t, entries, name)
	}
	whole := func(w io.Writer) error { _, err := w.Write(data); return err }
	h, size, err := Save(path, whole)
	require.NoError(t, err)
	require.Equal(t, header.ID, h.ID)
	require.EqualValues(t, len(data), size)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.EqualValues(t, 0o600, info.Mode().Perm())
	_, _, err = Save(path, whole)
	require.ErrorContains(t, err, "replaces none")
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1)
}

// A backup that is being written has no name, so that nothing is left of it when its writer is killed.
func TestSave_LeavesNothingWhoeverIsKilled(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f, temp, err := partial(dir, "a.backup")
	require.NoError(t, err)
	require.NoError(t, f.Close())
	hidden := 0 // where the file system has no files without a name
	if temp != "" {
		hidden = 1
		require.NoError(t, os.Remove(temp))
	}
	data := written(t, header, []byte("content"))
	_, _, err = Save(filepath.Join(dir, "a.backup"), func(w io.Writer) error {
		entries, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Len(t, entries, hidden)
		_, err = w.Write(data)
		return err
	})
	require.NoError(t, err)
}

// Where no file can be without a name, the hidden one is linked and removed.
func TestLink_OfAFileWithAName(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	temp, path := filepath.Join(dir, ".a"), filepath.Join(dir, "a")
	require.NoError(t, os.WriteFile(temp, []byte("x"), 0o600))
	require.NoError(t, link(nil, temp, path))
	require.ErrorIs(t, link(nil, temp, path), os.ErrExist)
}

func FuzzRead(f *testing.F) {
	f.Add(written(f, header, []byte("content")))
	f.Add([]byte(magic))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _, _, err := read(data, "secret")
		_, _, plain := Check(bytes.NewReader(data))
		if err == nil {
			require.NoError(t, plain, "what is good with the key is whole without it")
		}
	})
}
