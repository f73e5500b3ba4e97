package people

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestInvent_SameSeedSamePeopleAndOnlyInventedAddresses(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	ids := make(map[string]bool)
	single := false
	for n := range uint64(500) {
		d := Invent(7, n, "acme", "backend", now)
		require.Equal(t, d, Invent(7, n, "acme", "backend", now))
		require.False(t, ids[d.ExternalID], "an external id stands twice")
		ids[d.ExternalID] = true
		require.True(t, strings.HasSuffix(d.Person.Emails[0].Address, "@example.com"))
		require.Contains(t, d.Person.Phones[0].Number, "555-01")
		require.NotContains(t, d.ExternalID, "@")
		b, err := json.Marshal(d)
		require.NoError(t, err)
		require.Less(t, len(b), 8<<10)
		single = single || d.Person.LastName == ""
	}
	require.True(t, single, "nobody has a single name")
}
