package atssync_test

import (
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

func TestNewID_SortsByTimeAndRepeatsNever(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	var ids []string
	for i := range 500 {
		id := atssync.NewID(atssync.PrefixSubmission, now.Add(time.Duration(i)*time.Millisecond))
		require.Regexp(t, regexp.MustCompile(`^sub_[0-9a-hjkmnp-tv-z]{26}$`), id)
		require.True(t, atssync.ValidID(atssync.PrefixSubmission, id))
		require.False(t, seen[id])
		seen[id] = true
		ids = append(ids, id)
	}
	require.True(t, slices.IsSorted(ids))
	require.NotEqual(t, atssync.NewID("sub", now), atssync.NewID("sub", now))
	require.True(t, atssync.ValidID("sub", atssync.NewID("sub", time.Time{})), "a time before 1970 makes an id as well")
}

func TestValidID_WhatIsNone(t *testing.T) {
	t.Parallel()
	good := atssync.NewID("sub", now)
	for _, id := range []string{
		"", "sub", "sub_", good[:len(good)-1], good + "0", "con" + good[3:], "sub_" + "UUUUUUUUUUUUUUUUUUUUUUUUUU",
		"sub_" + "uuuuuuuuuuuuuuuuuuuuuuuuuu", "sub_" + "..........................",
	} {
		require.False(t, atssync.ValidID("sub", id), id)
	}
}

func FuzzValidID(f *testing.F) {
	f.Add("sub_01arz3ndektsv4rrffq69g5fav")
	f.Add("sub_\x00")
	f.Fuzz(func(t *testing.T, id string) {
		if atssync.ValidID("sub", id) {
			require.Len(t, id, 30)
			require.Equal(t, "sub_", id[:4])
		}
	})
}
