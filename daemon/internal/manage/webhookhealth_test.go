package manage

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

func TestWebhookTroubles_EachNamesWhoseTurnItIsAndWhatToDo(t *testing.T) {
	t.Parallel()
	then := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	for name, tt := range map[string]struct {
		webhook Webhook
		want    []WebhookCause
		turn    sdk.Turn
		holds   []string
	}{
		"well":           {Webhook{State: atssync.EndpointActive, Pending: 3, Behind: 9}, nil, "", nil},
		"failed once":    {Webhook{State: atssync.EndpointActive, LastError: "the answer was 500", LastFailureAt: then}, nil, "", nil},
		"disabled":       {Webhook{State: atssync.EndpointDisabled, Reason: "it answered 410 Gone", Pending: 1, Behind: 2, LastFailureAt: then}, []WebhookCause{WebhookDisabled}, sdk.TurnPlatform, []string{"410 Gone", "3 events wait", "resume whk_1"}},
		"paused":         {Webhook{State: atssync.EndpointPaused, Reason: "paused by a person"}, []WebhookCause{WebhookPaused}, sdk.TurnOperator, []string{"by a person", "resume whk_1"}},
		"failing":        {Webhook{State: atssync.EndpointActive, FailingAt: then, LastError: "no route"}, []WebhookCause{WebhookFailing}, sdk.TurnPlatform, []string{"no route", "test whk_1"}},
		"late":           {Webhook{State: atssync.EndpointActive, Pending: 1, OldestAt: then, LastError: "the answer was 500"}, []WebhookCause{WebhookLate}, sdk.TurnPlatform, []string{"was 500", "--state pending"}},
		"not late yet":   {Webhook{State: atssync.EndpointActive, Pending: 1, OldestAt: then.Add(time.Second), LastError: "the answer was 500"}, nil, "", nil},
		"dead letters":   {Webhook{State: atssync.EndpointActive, Dead: 2}, []WebhookCause{WebhookDead}, sdk.TurnPlatform, []string{"2 of its", "replay whk_1 --state dead"}},
		"several things": {Webhook{State: atssync.EndpointDisabled, FailingAt: then, Dead: 1}, []WebhookCause{WebhookDisabled, WebhookDead}, sdk.TurnPlatform, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tt.webhook.ID, tt.webhook.URL = "whk_1", "https://hooks.example.com/"
			got := tt.webhook.troubles(then.Add(time.Hour))
			var causes []WebhookCause
			for _, h := range got {
				causes = append(causes, h.Cause)
				require.Equal(t, tt.turn, h.WhoseTurn)
				require.Equal(t, tt.webhook.State, h.State)
				require.Equal(t, "whk_1", h.Webhook)
				require.NotEmpty(t, h.Remedy)
			}
			require.Equal(t, tt.want, causes)
			for _, text := range tt.holds {
				require.Contains(t, got[0].Message+" "+got[0].Remedy, text)
			}
		})
	}
}
