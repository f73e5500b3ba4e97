package api

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/manage"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

func TestHealth_ADisabledWebhookAndADeadLetterAreSeen(t *testing.T) {
	t.Parallel()
	w, ctx := setup(t), t.Context()
	c := w.connected("acme", "ada@example.com")
	page, err := w.Health(ctx, HealthQuery{})
	require.NoError(t, err)
	require.Empty(t, page.Webhooks)

	hook, err := w.CreateWebhook(ctx, WebhookRequest{URL: "https://hooks.example.com/a"})
	require.NoError(t, err)
	w.submitted(c, "app-1", "unlinked") // tells an event
	l := w.lease(ctx, atssync.DeliveryLease(hook.ID))
	now := time.Now().Add(time.Second)
	_, _, err = w.store.PlanDeliveries(ctx, l, 10, now)
	require.NoError(t, err)
	require.NoError(t, w.store.FinishDeliveries(ctx, l, []atssync.DeliveryFinish{{
		Sequence: 1, To: atssync.DeliveryDead, Attempt: atssync.DeliveryAttempt{At: now, Status: 410, Error: "the answer was 410 Gone"},
	}}, func(e *atssync.Endpoint, work *atssync.EndpointWork) {
		e.State, e.Reason = atssync.EndpointDisabled, "it answered 410 Gone"
		work.LastFailureAt = now
	}, now))

	page, err = w.Health(ctx, HealthQuery{})
	require.NoError(t, err)
	require.Len(t, page.Webhooks, 2)
	require.Equal(t, manage.WebhookDisabled, page.Webhooks[0].Cause)
	require.Equal(t, manage.WebhookDead, page.Webhooks[1].Cause)
	for _, h := range page.Webhooks {
		require.Equal(t, hook.ID, h.Webhook)
		require.Equal(t, sdk.TurnPlatform, h.WhoseTurn)
		require.Contains(t, h.Remedy, hook.ID)
	}
	page, err = w.Health(ctx, HealthQuery{Account: "acme"})
	require.NoError(t, err)
	require.Empty(t, page.Webhooks, "a webhook is no account's")
}
