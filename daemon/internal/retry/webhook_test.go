package retry

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWebhook_LadderLastsEightDaysWhateverTheJitter(t *testing.T) {
	t.Parallel()
	for n := range 1000 {
		key := fmt.Sprintf("whk/%d", n)
		start := time.Unix(0, 0)
		at := start
		attempts := 1
		for failures := 0; ; failures++ {
			d := Webhook(WebhookFailure{Status: 500, Key: key, Failures: failures}, at)
			if d.Action == Dead {
				break
			}
			require.Equal(t, Again, d.Action)
			require.True(t, d.Counted)
			wait, want := d.At.Sub(at), webhookLadder[failures]
			require.InDelta(t, want.Seconds(), wait.Seconds(), want.Seconds()/10)
			require.Equal(t, d, Webhook(WebhookFailure{Status: 500, Key: key, Failures: failures}, at), "a run cannot be replayed")
			at = d.At
			attempts++
		}
		require.GreaterOrEqual(t, at.Sub(start), 8*24*time.Hour)
		require.Equal(t, len(WebhookLadder())+1, attempts)
	}
}

func TestWebhook_EveryFailureClimbsAndOnlyGoneDisables(t *testing.T) {
	t.Parallel()
	for _, status := range []int{0, 301, 302, 307, 308, 400, 401, 403, 404, 408, 413, 422, 425, 429, 500, 502, 503, 504, 599} {
		d := Webhook(WebhookFailure{Status: status, Key: "k"}, time.Unix(0, 0))
		require.Equal(t, Again, d.Action, "%d", status)
	}
	for _, failures := range []int{0, 3, 1000} {
		require.Equal(t, Disable, Webhook(WebhookFailure{Status: http.StatusGone, Failures: failures}, time.Unix(0, 0)).Action)
	}
}

func TestWebhook_RetryAfterIsHonouredWithinBoundsAndNeverShortensTheLadder(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	for asked, want := range map[time.Duration][2]time.Duration{
		time.Second:               {4500 * time.Millisecond, 5500 * time.Millisecond},
		time.Hour:                 {time.Hour, 64 * time.Minute},
		10 * 365 * 24 * time.Hour: {24 * time.Hour, 26 * time.Hour},
		-time.Hour:                {4500 * time.Millisecond, 5500 * time.Millisecond},
	} {
		got := Webhook(WebhookFailure{Status: 429, RetryAfter: asked, Key: "k"}, now).At.Sub(now)
		require.GreaterOrEqual(t, got, want[0], "%s", asked)
		require.LessOrEqual(t, got, want[1], "%s", asked)
	}
}

func TestWebhookProbe_GrowsToFiveMinutes(t *testing.T) {
	t.Parallel()
	last := time.Duration(0)
	for n := range webhookProbes {
		d := WebhookProbe("whk", n)
		require.Greater(t, d, last)
		last = d
	}
	require.InDelta(t, 300, WebhookProbe("whk", 1000).Seconds(), 30)
	require.Positive(t, WebhookProbe("whk", -1))
}
