package badger

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/store/kv"
)

func FuzzDecodeValue(f *testing.F) {
	f.Add([]byte("\x01key"), encodeValue([]byte("\x01key"), 7, []byte("body")))
	f.Add([]byte(""), []byte{})
	f.Fuzz(func(t *testing.T, key, stored []byte) {
		commit, body, err := decodeValue(key, stored)
		if err == nil {
			require.NotNil(t, body)
			require.Equal(t, stored, encodeValue(key, commit, body))
		}
	})
}

func FuzzDecodeMark(f *testing.F) {
	id := idBytes("00112233445566778899aabbccddeeff")
	m := mark{id: id}
	good := make([]byte, markSize)
	copy(good, m.slot(8))
	copy(good[markStride:], m.slot(7))
	f.Add(good)
	f.Add(make([]byte, markSize))
	f.Fuzz(func(t *testing.T, data []byte) {
		state, err := decodeMark(data, id)
		if err != nil {
			return
		}
		at := 0
		if !bytes.Equal(data[:markSlot], m.slot(state.commit)) {
			at = markStride
		}
		require.Equal(t, m.slot(state.commit), data[at:at+markSlot])
	})
}

func FuzzDecodeFormat(f *testing.F) {
	f.Add(newFormat(stateReady).encode())
	f.Add([]byte("atssync store 1\ncrc 00000000\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := decodeFormat(data)
		if err != nil {
			return
		}
		again, err := decodeFormat(got.encode())
		require.NoError(t, err)
		require.Equal(t, got, again)
	})
}

func FuzzDecodeCommitRecord(f *testing.F) {
	f.Add(commitRecord{first: 1, bytes: 2, steps: 3}.encode())
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := decodeCommitRecord(body)
		if err == nil {
			again, err := decodeCommitRecord(got.encode())
			require.NoError(t, err)
			require.Equal(t, got, again)
		}
	})
}

func FuzzReadBackup(f *testing.F) {
	var whole bytes.Buffer
	e, err := Open(f.Context(), quiet(f.TempDir()))
	require.NoError(f, err)
	require.NoError(f, e.Update(f.Context(), func(w kv.Writer) error {
		w.Set([]byte("key"), []byte("value"))
		w.Set([]byte("other"), nil)
		return nil
	}))
	_, err = e.Backup(f.Context(), &whole)
	require.NoError(f, err)
	require.NoError(f, e.Close())
	f.Add(whole.Bytes())
	f.Add([]byte(backupMagic))
	f.Fuzz(func(t *testing.T, data []byte) {
		var records, size uint64
		info, err := ReadBackup(context.Background(), bytes.NewReader(data), func(k, v []byte) error {
			records++
			size += uint64(len(k) + len(v))
			return nil
		})
		if err == nil {
			require.Equal(t, info.Records, records)
			require.Equal(t, info.Bytes, size)
		}
	})
}

// FuzzCheckTable must not panic, nor take a table for whole that is not as it was written.
func FuzzCheckTable(f *testing.F) {
	dir := f.TempDir()
	e, err := Open(f.Context(), quiet(dir))
	require.NoError(f, err)
	require.NoError(f, e.Update(f.Context(), func(w kv.Writer) error {
		w.Set([]byte("key"), []byte("value"))
		return nil
	}))
	require.NoError(f, e.Close())
	tables, err := filepath.Glob(filepath.Join(dir, badgerDir, "*.sst"))
	require.NoError(f, err)
	require.NotEmpty(f, tables)
	whole, err := os.ReadFile(tables[0])
	require.NoError(f, err)
	require.NoError(f, checkTable(whole))
	f.Add(whole)
	f.Add([]byte{0, 0, 0, 0})
	f.Fuzz(func(_ *testing.T, data []byte) { _ = checkTable(data) })
}

func FuzzCheckLog(f *testing.F) {
	f.Add(make([]byte, 64))
	f.Add(append(make([]byte, logHeader), 0, 0, 4, 0xff, 0xff, 0xff, 0xff, 0x0f, 0, 1, 2, 3))
	f.Fuzz(func(_ *testing.T, data []byte) { _ = checkLog(data) })
}
