package api

import (
	"bytes"
	"fmt"
	"io"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkSubmit accepts one document a request over a socket, from 64 clients at once.
func BenchmarkSubmit(b *testing.B) {
	w := setup(b)
	c := w.connected("acme", "ada@example.com")
	doc := document(c.ID, "app-marker", "job-1")
	var n atomic.Int64
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			_, err := w.Submit(b.Context(), bytes.Replace(doc, []byte("app-marker"), fmt.Appendf(nil, "app-%d", n.Add(1)), 1))
			require.NoError(b, err)
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "documents/s")
}

// BenchmarkSubmitBatch accepts a stream of documents; an operation is one document.
func BenchmarkSubmitBatch(b *testing.B) {
	w := setup(b)
	c := w.connected("acme", "ada@example.com")
	doc := append(document(c.ID, "app-marker", "job-1"), '\n')
	r, out := io.Pipe()
	go func() {
		var buf bytes.Buffer
		for i := range b.N {
			buf.Write(bytes.Replace(doc, []byte("app-marker"), fmt.Appendf(nil, "app-%d", i), 1))
			if buf.Len() > 32<<10 {
				_, _ = buf.WriteTo(out)
			}
		}
		_, _ = buf.WriteTo(out)
		_ = out.Close()
	}()
	told := 0
	require.NoError(b, w.SubmitBatch(b.Context(), r, func(SubmitResult) error { told++; return nil }))
	require.Equal(b, b.N, told)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "documents/s")
}
