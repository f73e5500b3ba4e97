package fleet

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	sdk "github.com/atssync/atssync/plugin-sdk"
)

// Quiet that lasts long is told to whoever calls, and bounded: by a header of a day an employer would be silent for a day.
func TestLimit_LongQuietIsToldAtOnceAndBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := started(t, perTen(1000), Limits{})
		b.launcher.fake.SubmitFunc = func(context.Context, sdk.SubmitRequest) (sdk.SubmitReply, error) {
			return sdk.SubmitReply{}, &sdk.Error{Kind: sdk.KindRateLimited, RetryAfter: 24 * time.Hour}
		}
		began := time.Now()
		client, done, err := b.f.Reserve(t.Context(), "fake", connection("a", "key"), sdk.PowerSubmit)
		require.NoError(t, err)
		_, err = client.Submit(t.Context(), sdk.SubmitRequest{})
		require.Error(t, err)
		done()
		for _, p := range []sdk.Power{sdk.PowerSubmit, sdk.PowerReadStatuses, ""} {
			_, _, err := b.f.Reserve(t.Context(), "fake", connection("a", "key"), p)
			e, ok := errors.AsType[*sdk.Error](err)
			require.True(t, ok, "%v", err)
			require.Equal(t, sdk.KindRateLimited, e.Kind)
			require.Equal(t, time.Hour, e.RetryAfter)
			require.Equal(t, sdk.TurnATS, e.Turn)
			require.Contains(t, e.Message, began.Add(24*time.Hour).UTC().Format(time.RFC3339))
			require.Contains(t, e.Remedy, began.Add(time.Hour).UTC().Format(time.RFC3339))
		}
		require.Zero(t, time.Since(began), "nobody waited")
		require.Zero(t, b.calls(1, connection("a", "a new key"), sdk.PowerSubmit), "new credentials begin anew")
		b.after(time.Hour - 45*time.Second)
		_, _, err = b.f.Reserve(t.Context(), "fake", connection("a", "key"), sdk.PowerReadStatuses)
		require.Equal(t, sdk.KindRateLimited, sdk.KindOf(err), "a read waits less than a write")
		require.Equal(t, 45*time.Second, b.calls(1, connection("a", "key"), sdk.PowerSubmit))
	})
}
