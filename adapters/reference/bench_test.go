package main

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/atssync/atssync/adapters/reference/simulator"
	sdk "github.com/atssync/atssync/plugin-sdk"
	"github.com/atssync/atssync/plugin-sdk/host"
)

// BenchmarkSubmit measures applications through the adapter's process into the simulator, over 50
// connections at a time, singly and in batches.
func BenchmarkSubmit(b *testing.B) {
	path := filepath.Join(b.TempDir(), "reference")
	out, err := exec.CommandContext(b.Context(), "go", "build", "-o", path, ".").CombinedOutput()
	require.NoError(b, err, string(out))
	for _, batch := range []int{1, 25} {
		b.Run(fmt.Sprintf("batch=%d", batch), func(b *testing.B) {
			sim := httptest.NewServer(simulator.New(simulator.Options{Employers: 50}))
			defer sim.Close()
			p, err := host.Launch(b.Context(), host.Options{Path: path})
			require.NoError(b, err)
			defer func() { _ = p.Stop(context.Background()) }()
			client := p.Client()
			var worker, next atomic.Int64
			b.SetParallelism(25)
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				n := int(worker.Add(1)-1)%50 + 1
				conn := sdk.Connection{
					ID: fmt.Sprintf("con_%d", n), Settings: map[string]string{fieldBase: sim.URL},
					Credentials: map[string]sdk.Secret{fieldKey: sdk.Secret(simulator.Key(n))},
				}
				for pb.Next() {
					items := make([]sdk.SubmitItem, batch)
					for i := range items {
						items[i] = item(fmt.Sprintf("x-%d", next.Add(1)), fmt.Sprintf("job%d-1", n))
					}
					if _, err := client.Submit(b.Context(), sdk.SubmitRequest{Connection: conn, Items: items}); err != nil {
						b.Error(err)
						return
					}
				}
			})
			b.ReportMetric(float64(next.Load())/b.Elapsed().Seconds(), "applications/s")
		})
	}
}
