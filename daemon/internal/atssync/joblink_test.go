package atssync_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

func TestVanished_AFifthOrMoreTogether(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		before, missing int
		want            bool
	}{
		{0, 0, false},
		{1, 1, false}, // one of few is never a mass
		{5, 1, false},
		{2, 2, true},
		{10, 2, true},
		{11, 2, false},
		{100, 19, false},
		{100, 20, true},
		{100, 100, true},
	} {
		require.Equal(t, c.want, atssync.Vanished(c.before, c.missing), "%d of %d", c.missing, c.before)
	}
}

func TestMissedBy_ClosesAfterThreeListingsOfOpenJobs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name           string
		onlyOpen, mass bool
		listings       int
		count          int
		takes          bool
	}{
		{"twice", true, false, 2, 2, true},
		{"three times", true, false, 3, 3, false},
		{"where closed jobs are listed too", false, false, 9, 9, true},
		{"together with many", true, true, 9, 0, true},
	} {
		j := atssync.ATSJob{ID: "1", State: sdk.JobOpen, Visibility: atssync.Visible}
		for range c.listings {
			j = j.MissedBy(c.onlyOpen, c.mass)
		}
		require.Equal(t, atssync.NotVisible, j.Visibility, c.name)
		require.Equal(t, c.count, j.MissingListings, c.name)
		require.Equal(t, c.takes, j.Takes(), c.name)
	}
}

func TestSeen_ForgetsThatItWasMissing(t *testing.T) {
	t.Parallel()
	j := atssync.ATSJob{ID: "1", Connection: "con", State: sdk.JobOpen, Visibility: atssync.Visible, SeenAt: now}
	for range 3 {
		j = j.MissedBy(true, false)
	}
	j = j.Seen("con", sdk.Job{ID: "1", Name: "Engineer", RawState: "live"}, now.Add(time.Hour))
	require.Equal(t, atssync.ATSJob{
		ID: "1", Connection: "con", Name: "Engineer", State: sdk.JobUnknown, RawState: "live", Visibility: atssync.Visible, SeenAt: now.Add(time.Hour),
	}, j)
	require.True(t, j.Takes(), "a job of which nothing is known takes applications")
}
