package kv_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/store/kv"
)

func TestQueueHints_BoundsWhatWaitsOnAConnectionAndStoresNothingBeyond(t *testing.T) {
	t.Parallel()
	s, _, c := setup(t, kv.Options{})
	hook := func(event string, from, n int) error {
		h := atssync.Hook{Connection: c.ID, EventKey: event}
		var docs []atssync.NewSubmission
		for i := range n {
			d := document(c, fmt.Sprintf("app-%d", from+i))
			d.Payload = atssync.Payload("{}")
			docs, h.Touched = append(docs, d), append(h.Touched, atssync.Touch{ExternalKey: d.Submission.ExternalKey})
		}
		for i := 0; i < n; i += 250 {
			_, err := s.Accept(t.Context(), docs[i:min(i+250, n)], now)
			require.NoError(t, err)
		}
		_, err := s.QueueHints(t.Context(), h, now)
		return err
	}
	for i := range atssync.MaxHints / atssync.MaxHintsOfHook {
		require.NoError(t, hook(fmt.Sprintf("evt-%d", i), i*atssync.MaxHintsOfHook, atssync.MaxHintsOfHook))
	}
	require.Equal(t, atssync.CodeBusy, atssync.CodeOf(hook("one more", atssync.MaxHints, 1)))
	require.Equal(t, atssync.CodeBusy, atssync.CodeOf(hook("one more", atssync.MaxHints, 1)), "what was refused is not remembered as seen")
	require.NoError(t, hook("known", 0, 10), "what waits already takes no place")
	b, err := s.HintBacklog(t.Context(), "")
	require.NoError(t, err)
	require.EqualValues(t, atssync.MaxHints, b.Waiting)
}
