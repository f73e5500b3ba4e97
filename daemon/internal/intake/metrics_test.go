package intake

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

func TestMetrics_CountDocumentsByAClosedSet(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewPedanticRegistry()
	m := NewMetrics(reg)
	m.judged(time.Now(), atssync.Accepted{Result: atssync.AcceptedNew}, nil)
	for _, code := range []atssync.Code{
		atssync.CodeInvalid, atssync.CodeNotFound, atssync.CodeConflict, atssync.CodeGone, atssync.CodeAccountMismatch, atssync.CodeNoSpace,
		atssync.CodeUnavailable, "a code of tomorrow",
	} {
		m.judged(time.Now(), atssync.Accepted{}, atssync.Errorf(code, "no"))
	}
	m.share(time.Now(), []Result{
		{Result: atssync.AcceptedReplay}, {Result: atssync.AcceptedRevision}, {Result: atssync.AcceptRefused, Err: atssync.Errorf(atssync.CodeInvalid, "no")},
	}, nil)
	m.share(time.Now(), []Result{{}, {}}, atssync.Errorf(atssync.CodeNoSpace, "full"))
	m.share(time.Now(), nil, nil)
	for o, want := range map[string]float64{
		"accepted": 1, "revised": 1, "unchanged": 1, "invalid": 2, "not_found": 1, "conflict": 1, "gone": 1, "forbidden": 1, "no_space": 3, failed: 2,
	} {
		require.InDelta(t, want, testutil.ToFloat64(m.outcomes[o]), 0, o)
	}
	problems, err := testutil.GatherAndLint(reg)
	require.NoError(t, err)
	require.Empty(t, problems)
	var none *Metrics
	none.judged(time.Now(), atssync.Accepted{}, nil)
	none.share(time.Now(), []Result{{}}, nil)
}
