package badger

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/store/kv"
)

func overlayOf(pairs map[string][]byte) *overlay {
	o := new(overlay)
	for k, v := range pairs {
		o.Set(k, v)
	}
	return o
}

func TestRecent_EachReaderGetsTheValueOfItsCommitOrNone(t *testing.T) {
	t.Parallel()
	var r recent
	r.published(7)
	r.read([]byte("lease"), 7, 3, []byte("old"))
	r.committed(8, overlayOf(map[string][]byte{"lease": []byte("new"), "unread": []byte("x")}))
	r.published(8)

	body, known := r.get([]byte("lease"), 8)
	require.True(t, known)
	require.Equal(t, "new", string(body))
	_, known = r.get([]byte("lease"), 7)
	require.False(t, known, "a reader of an older commit was given what came later")
	_, known = r.get([]byte("unread"), 8)
	require.False(t, known, "what nobody reads is kept")

	r.committed(9, overlayOf(map[string][]byte{"lease": nil}))
	r.published(9)
	_, known = r.get([]byte("lease"), 9)
	require.False(t, known, "a deleted key is still there")
}

func TestRecent_WhatACommitOvertookIsNotKept(t *testing.T) {
	t.Parallel()
	var r recent
	r.published(7)
	// A view of commit 7 reads the key in Badger, commit 8 changes it, and only then the view is here.
	r.committed(8, overlayOf(map[string][]byte{"lease": []byte("new")}))
	r.published(8)
	r.read([]byte("lease"), 7, 3, []byte("old"))
	_, known := r.get([]byte("lease"), 8)
	require.False(t, known, "an overtaken value would be given to readers of a newer commit")
}

func TestRecent_ACommitFromElsewhereForgetsEverything(t *testing.T) {
	t.Parallel()
	var r recent
	r.published(7)
	r.read([]byte("lease"), 7, 3, []byte("old"))
	r.published(8)
	_, known := r.get([]byte("lease"), 8)
	require.False(t, known)
}

func TestRecent_StaysSmallAndKeepsWhatIsRead(t *testing.T) {
	t.Parallel()
	var r recent
	r.published(1)
	r.read([]byte("hot"), 1, 1, []byte("here"))
	r.read([]byte("document"), 1, 1, make([]byte, maxRecentValue+1))
	_, known := r.get([]byte("document"), 1)
	require.False(t, known, "large values are kept")
	for i := range 20 * recentBytes / maxRecentValue {
		r.read(binary.AppendVarint([]byte("cold/"), int64(i)), 1, 1, make([]byte, maxRecentValue))
		body, known := r.get([]byte("hot"), 1)
		require.True(t, known, "what is read all the time was forgotten")
		require.Equal(t, "here", string(body))
	}
	size := 0
	for _, generation := range []map[string]version{r.young, r.old} {
		for k, v := range generation {
			size += len(k) + len(v.body)
		}
	}
	require.LessOrEqual(t, size, 2*(recentBytes+maxRecentValue+8))
}

// Two keys always move together. A reader that got one of them from another commit would see them apart.
func TestEngine_ValuesThatAreReadOftenBelongToOneCommit(t *testing.T) {
	t.Parallel()
	e, err := Open(t.Context(), Options{Dir: t.TempDir(), MinFree: 1 << 20, MinFreePercent: 0.001, ReadOnlyFree: 1 << 20, Ballast: -1})
	require.NoError(t, err)
	defer func() { require.NoError(t, e.Close()) }()
	keys := [][]byte{[]byte("left"), []byte("right")}
	ctx, cancel := context.WithCancel(t.Context())
	var readers sync.WaitGroup
	apart := make(chan string, 4)
	for range 4 {
		readers.Go(func() {
			for ctx.Err() == nil {
				_ = e.View(ctx, func(r kv.Reader) error {
					left, err := r.Value(keys[0])
					right, err2 := r.Value(keys[1])
					if err == nil && err2 == nil && string(left) != string(right) {
						select {
						case apart <- fmt.Sprintf("%s and %s", left, right):
						default:
						}
					}
					return nil
				})
			}
		})
	}
	for i := range 200 {
		require.NoError(t, e.Update(t.Context(), func(w kv.Writer) error {
			was, err := w.Value(keys[i%2])
			if err != nil {
				return err
			}
			if i > 0 && string(was) != fmt.Sprint(i-1) {
				return fmt.Errorf("step %d found %s", i, was)
			}
			for _, k := range keys {
				w.Set(k, fmt.Append(nil, i))
			}
			return nil
		}))
	}
	cancel()
	readers.Wait()
	select {
	case found := <-apart:
		require.Fail(t, "a view saw two commits at once", found)
	default:
	}
}
