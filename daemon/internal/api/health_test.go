package api

import (
	"fmt"
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

func TestHealth_WhatWorksAgainIsNobodysTurn(t *testing.T) {
	t.Parallel()
	w, ctx, now := setup(t), t.Context(), time.Now()
	c := w.connected("acme", "ada@example.com")
	refused := &atssync.Trouble{Message: "the key is not accepted", Turn: sdk.TurnEmployer, Remedy: "make a new one"}
	change := func(f atssync.LaneChange) HealthLine {
		_, err := w.store.UpdateLane(ctx, w.lease(ctx, c.ID), f, now)
		require.NoError(t, err)
		page, err := w.Health(ctx, HealthQuery{})
		require.NoError(t, err)
		require.Len(t, page.Items, 1)
		return page.Items[0]
	}
	line := change(func(l *atssync.Lane) []atssync.EventDraft { return l.Fail(atssync.OpSubmit, "auth", refused, now) })
	require.Equal(t, atssync.HealthStopped, line.State)
	require.Equal(t, "make a new one", line.Remedy)
	require.Equal(t, sdk.TurnEmployer, line.WhoseTurn)

	line = change(func(l *atssync.Lane) []atssync.EventDraft {
		l.ProbeOK(atssync.OpSubmit, now)
		return l.Succeed(atssync.OpSubmit, now)
	})
	require.Equal(t, atssync.HealthDraining, line.State)
	require.Equal(t, "auth", line.Cause)
	require.Contains(t, line.Message, "works again")
	require.Empty(t, line.Remedy)
	require.Empty(t, line.WhoseTurn)
}

func TestHealth_TellsTheLastBackupToWhoSeesEverything(t *testing.T) {
	t.Parallel()
	w, ctx := setup(t), t.Context()
	page, err := w.Health(ctx, HealthQuery{})
	require.NoError(t, err)
	require.Equal(t, &BackupHealth{}, page.Backup, "none was made")
	at := time.Date(2026, 11, 28, 3, 17, 0, 0, time.UTC)
	for i, r := range []atssync.Run{
		{StartedAt: at, FinishedAt: at.Add(1500 * time.Millisecond), Bytes: 7},
		{StartedAt: at.Add(time.Hour), FinishedAt: at.Add(time.Hour), Error: "it was cut off", Bytes: 3},
	} {
		r.ID, r.Pass = fmt.Sprint("run_", i), atssync.PassBackup
		require.NoError(t, w.store.PutRun(ctx, r, at))
	}
	page, err = w.Health(ctx, HealthQuery{})
	require.NoError(t, err)
	require.Equal(t, &BackupHealth{LastSuccess: at, Bytes: 7, DurationMS: 1500}, page.Backup)
	page, err = w.Health(ctx, HealthQuery{Account: "acme"})
	require.NoError(t, err)
	require.Nil(t, page.Backup, "it is no account's")
}
