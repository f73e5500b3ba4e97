package deliver

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/egress"
	"github.com/atssync/atssync/daemon/internal/store/kv"
	"github.com/atssync/atssync/daemon/internal/store/memory"
)

// BenchmarkDeliver delivers events of different submissions to a receiver on this machine that verifies each, over 50
// connections. The store is the one in memory; the receiver shares the processors.
func BenchmarkDeliver(b *testing.B) {
	hook, err := standardwebhooks.NewWebhook(secretA)
	require.NoError(b, err)
	var taken atomic.Int64
	done := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || hook.Verify(body, r.Header) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusNoContent)
		if taken.Add(1) == int64(b.N) {
			close(done)
		}
	}))
	defer srv.Close()
	engine := memory.New()
	require.NoError(b, kv.Prepare(b.Context(), engine))
	store := kv.New(engine, kv.Options{SoleOwner: true})
	defer func() { _ = store.Close() }()
	ctx, now := context.Background(), time.Now()
	c, err := store.CreateConnection(ctx, atssync.Connection{Account: "acme", Adapter: "fake", Name: "Acme"}, now)
	require.NoError(b, err)
	door := egress.New(egress.Options{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, PerHost: 50})
	defer door.CloseIdle()
	for from := 0; from < b.N; from += 500 {
		var in []atssync.NewSubmission
		for n := from; n < min(from+500, b.N); n++ {
			external := fmt.Sprintf("app-%d", n)
			in = append(in, atssync.NewSubmission{Submission: atssync.Submission{
				ID: atssync.NewID(atssync.PrefixSubmission, now), Connection: c.ID, ExternalID: external, ExternalKey: external,
				Fingerprint: external, PlatformJob: "unlinked", ExpiresAt: now.Add(time.Hour),
			}, Payload: []byte("sealed")})
		}
		_, err := store.Accept(ctx, in, now)
		require.NoError(b, err)
	}
	_, err = store.CreateEndpoint(ctx, atssync.Endpoint{URL: srv.URL, Secrets: []atssync.EndpointSecret{sealed(secretA)}}, 0, now)
	require.NoError(b, err)
	w := New(Options{
		Store: store, Leases: &leases{store: store, owner: "daemon", held: make(map[string]atssync.Lease)}, Secrets: vault{}, Policy: Policy{Door: door}, InFlight: 50,
	})
	b.ResetTimer()
	w.Start()
	<-done
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
	w.Stop(ctx)
}
