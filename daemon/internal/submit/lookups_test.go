package submit

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// What is sent again was absent so many times in a row: a candidate that showed up in between is no absence.
func TestLookups_AMatchInBetweenBeginsTheCountAnew(t *testing.T) {
	t.Parallel()
	var l lookups
	now := time.Unix(0, 0)
	require.Equal(t, []string{"a"}, l.due("c", []atssync.Submission{{ID: "a"}}, 10, now))
	require.Equal(t, 1, l.looked("c", "a", true, now))
	require.Equal(t, 2, l.looked("c", "a", true, now))
	require.Zero(t, l.looked("c", "a", false, now))
	require.Equal(t, 1, l.looked("c", "a", true, now))
}
