package seal

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var noted = func([]string) error { return nil }

func TestRotate_SealsAnewOpensTheOldAndSurvivesARestart(t *testing.T) {
	t.Parallel()
	k, path := setup(t)
	require.NoError(t, os.Chmod(path, 0o400))
	before, err := k.Seal([]byte("before"), place)
	require.NoError(t, err)
	first, _ := k.List()
	require.Len(t, first, 1)
	require.NotZero(t, first[0].MadeAt)
	index, check := k.Index("email", "ada@example.com"), k.CheckValue()

	now := time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	var told []string
	made, err := k.Rotate(now, func(ids []string) error { told = ids; return nil })
	require.NoError(t, err)
	require.Equal(t, now, made.MadeAt)
	require.ElementsMatch(t, []string{first[0].ID, made.ID}, told)
	require.Equal(t, told, k.IDs())
	after, err := k.Seal([]byte("after"), place)
	require.NoError(t, err)
	mark, err := Mark(made.ID)
	require.NoError(t, err)
	require.True(t, bytes.HasPrefix(after, mark), "the new key seals")
	old, err := Mark(first[0].ID)
	require.NoError(t, err)
	require.True(t, bytes.HasPrefix(before, old))
	_, err = Mark("key 1")
	require.Error(t, err)

	again, err := Load(path)
	require.NoError(t, err)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o400), info.Mode().Perm(), "the mode stays")
	for _, x := range []*Keys{k, again} {
		for _, sealed := range [][]byte{before, after} {
			_, err := x.Open(sealed, place)
			require.NoError(t, err)
		}
		require.Equal(t, index, x.Index("email", "ada@example.com"), "the index key is not exchanged")
		require.Equal(t, check, x.CheckValue())
		keys, removed := x.List()
		require.Equal(t, []Key{{ID: made.ID, Primary: true, MadeAt: now}, opening(first[0])}, keys)
		require.Empty(t, removed)
	}

	require.Error(t, k.Remove([]string{made.ID}, now, noted), "the one that seals stays")
	require.NoError(t, k.Remove([]string{first[0].ID}, now.Add(time.Hour), func(ids []string) error {
		require.Equal(t, []string{made.ID}, ids)
		return nil
	}))
	again, err = Load(path)
	require.NoError(t, err)
	for _, x := range []*Keys{k, again} {
		_, err = x.Open(before, place)
		require.ErrorIs(t, err, ErrWrongKey)
		keys, removed := x.List()
		require.Len(t, keys, 1)
		require.Equal(t, []Key{{ID: first[0].ID, MadeAt: first[0].MadeAt, RemovedAt: now.Add(time.Hour)}}, removed, "backups may need it")
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, entries, 1, "nothing is left beside the file")
}

// opening is a key that seals no more.
func opening(k Key) Key {
	k.Primary = false
	return k
}

func TestRotate_WhatFailsChangesNothing(t *testing.T) {
	t.Parallel()
	k, path := setup(t)
	good, err := os.ReadFile(path)
	require.NoError(t, err)
	was := k.IDs()
	now := time.Now()
	_, other := setup(t)
	foreign, err := os.ReadFile(other)
	require.NoError(t, err)
	for name, c := range map[string]struct {
		content string
		says    string
	}{
		"damaged":         {"{}", "is damaged"},
		"another's":       {string(foreign), "is another one than at the start"},
		"an empty file":   {"", "is damaged"},
		"without the key": {string(without(t, good)), "lacks the key"},
	} {
		require.NoError(t, os.WriteFile(path, []byte(c.content), 0o600))
		_, err := k.Rotate(now, noted)
		require.ErrorContains(t, err, c.says, name)
		require.Error(t, k.Remove(was, now, noted), name)
		left, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, c.content, string(left), name)
		require.Equal(t, was, k.IDs(), name)
	}
	require.NoError(t, os.Remove(path))
	_, err = k.Rotate(now, noted)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.Equal(t, was, k.IDs())
}

// without is a key file of the same index key whose sealing key is another one.
func without(t *testing.T, good []byte) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "seal.key")
	require.NoError(t, os.WriteFile(path, good, 0o600))
	k, err := Load(path)
	require.NoError(t, err)
	old := k.IDs()
	_, err = k.Rotate(time.Now(), noted)
	require.NoError(t, err)
	require.NoError(t, k.Remove(old, time.Now(), noted))
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return data
}

func TestRotate_OneThatStoppedHalfWayIsTakenUp(t *testing.T) {
	t.Parallel()
	k, path := setup(t)
	was := k.IDs()
	full := errors.New("the disk is full")
	_, err := k.Rotate(time.Now(), func([]string) error { return full })
	require.ErrorIs(t, err, full)
	require.Equal(t, was, k.IDs(), "nothing is sealed with a key that nobody noted")
	onDisk, err := Load(path)
	require.NoError(t, err)
	require.Len(t, onDisk.IDs(), 2)
	_, err = k.Rotate(time.Now(), noted)
	require.NoError(t, err)
	require.Equal(t, onDisk.IDs(), k.IDs(), "no third key")

	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.ErrorIs(t, k.Remove(was, time.Now(), func([]string) error { return full }), full)
	left, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, data, left)
	require.Len(t, k.IDs(), 2)
}

func TestRotate_ReplacesWhatALinkLeadsTo(t *testing.T) {
	t.Parallel()
	_, path := setup(t)
	link := filepath.Join(t.TempDir(), "seal.key")
	require.NoError(t, os.Symlink(path, link))
	k, err := Load(link)
	require.NoError(t, err)
	_, err = k.Rotate(time.Now(), noted)
	require.NoError(t, err)
	info, err := os.Lstat(link)
	require.NoError(t, err)
	require.NotZero(t, info.Mode()&fs.ModeSymlink, "the link stays one")
	again, err := Load(path)
	require.NoError(t, err)
	require.Equal(t, k.IDs(), again.IDs())
}
