package app

import (
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/store/kv"
	"github.com/atssync/atssync/daemon/internal/store/memory"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

func TestLeases_WhatWasBeingSentOnARemovedConnectionBecomesUncertain(t *testing.T) {
	t.Parallel()
	ctx, now := t.Context(), time.Now().UTC()
	store := kv.New(memory.New(), kv.Options{})
	c, err := store.CreateConnection(ctx, atssync.Connection{Name: "acme", Account: "acme", Adapter: "fake"}, now)
	require.NoError(t, err)
	_, _, err = store.PutJobLink(ctx, atssync.PutJobLink{Link: atssync.JobLink{
		Connection: c.ID, PlatformJob: "job", ATSJob: "7", As: sdk.AsCandidate,
	}}, 0, now)
	require.NoError(t, err)
	got, err := store.Accept(ctx, []atssync.NewSubmission{{Submission: atssync.Submission{
		ID: "sub_1", Connection: c.ID, ExternalKey: "key", PlatformJob: "job",
	}}}, now)
	require.NoError(t, err)
	require.Equal(t, atssync.StateQueued, got[0].Submission.State)

	// A daemon sends it, the connection is removed meanwhile, and the daemon dies.
	require.NoError(t, store.Heartbeat(ctx, "dead", now.Add(time.Millisecond), now))
	leases, err := store.Acquire(ctx, "dead", []string{c.ID}, now)
	require.NoError(t, err)
	begun, err := store.BeginAttempts(ctx, leases[0], []atssync.BeginAttempt{{Submission: "sub_1", Revision: 1, ATSJob: "7"}}, now)
	require.NoError(t, err)
	require.Len(t, begun, 1)
	_, err = store.RemoveConnection(ctx, c.ID, 0, now)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return time.Now().After(now.Add(time.Millisecond)) }, time.Second, time.Millisecond)

	k := newLeaseKeeper(store, slog.New(slog.DiscardHandler), nil)
	require.NoError(t, k.start(ctx))
	s, err := store.Submission(ctx, "sub_1")
	require.NoError(t, err)
	require.Equal(t, atssync.StateUncertain, s.State)
	require.Empty(t, k.Held(), "nobody works a removed connection")
	require.NoError(t, k.stop(ctx))
}

func TestLeases_WhatIsFreeIsTaken(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		lost   bool // it was had and lost before
		within time.Duration
	}{
		{"when its daemon is dead", false, heartbeatFor + heartbeatEvery},
		{"with the next heartbeat after it was lost", true, heartbeatEvery},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx := t.Context()
				store := kv.New(memory.New(), kv.Options{})
				c, err := store.CreateConnection(ctx, atssync.Connection{Name: "acme", Account: "acme", Adapter: "fake"}, time.Now())
				require.NoError(t, err)
				require.NoError(t, store.Heartbeat(ctx, "other", time.Now().Add(heartbeatFor), time.Now()))
				_, err = store.Acquire(ctx, "other", []string{c.ID}, time.Now())
				require.NoError(t, err)

				k := newLeaseKeeper(store, slog.New(slog.DiscardHandler), nil)
				require.NoError(t, k.start(ctx))
				if tt.lost {
					time.Sleep(heartbeatFor + heartbeatEvery)
					l, ok := k.Lease(c.ID)
					require.True(t, ok)
					k.Lost(l)
				}
				require.Empty(t, k.Held())
				time.Sleep(tt.within)
				synctest.Wait()
				require.Equal(t, []string{c.ID}, k.Held())
				require.NoError(t, k.stop(ctx))
				require.NoError(t, store.Close())
			})
		})
	}
}
