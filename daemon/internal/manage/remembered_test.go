package manage

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// Where the store tells what was written, a look reads only that, and what it shows is what a look at everything would.
func TestSurveyNow_ReadsOnlyWhatWasTouched(t *testing.T) {
	t.Parallel()
	w, c, sub := linked(t)
	w.o.Touches = true
	s, err := w.SurveyNow(w.ctx())
	require.NoError(t, err)
	require.EqualValues(t, 1, s.Total.Accepted)

	w.uncertain(sub)
	s, err = w.SurveyNow(w.ctx())
	require.NoError(t, err)
	require.Zero(t, s.Total.States[atssync.StateUncertain], "nobody told of it")
	w.Touched([]string{c.ID, "con_that_is_none"})
	s, err = w.SurveyNow(w.ctx())
	require.NoError(t, err)
	require.EqualValues(t, 1, s.Total.States[atssync.StateUncertain])
	require.EqualValues(t, 1, s.Connections[0].Ledger.States[atssync.StateUncertain])

	_, err = w.Remove(w.ctx(), c.ID, 0)
	require.NoError(t, err)
	w.Touched([]string{c.ID})
	s, err = w.SurveyNow(w.ctx())
	require.NoError(t, err)
	require.Empty(t, s.Connections)
	require.EqualValues(t, 1, s.Total.Accepted, "the ledger outlives the connection")
}
