package badger_test

import (
	"encoding/binary"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/atssync/atssync/daemon/internal/store/badger"
	"github.com/atssync/atssync/daemon/internal/store/kv"
)

// BenchmarkUpdate measures durable steps of one new key of 200 bytes each, by how many callers ask at once,
// with a scratch folder in memory where the system has one.
func BenchmarkUpdate(b *testing.B) {
	for _, callers := range []int{1, 8, 64, 256} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			var commits atomic.Int64
			e := openAt(b, b.TempDir(), func(o *badger.Options) {
				o.OnCommit = func(badger.Commit) { commits.Add(1) }
				if dir, err := os.MkdirTemp("/dev/shm", "atssync-bench-"); err == nil {
					o.Scratch = dir
					b.Cleanup(func() { _ = os.RemoveAll(dir) })
				}
			})
			value := make([]byte, 200)
			var next atomic.Int64
			b.ResetTimer()
			var group sync.WaitGroup
			for range callers {
				group.Go(func() {
					for {
						n := next.Add(1)
						if n > int64(b.N) {
							return
						}
						key := binary.BigEndian.AppendUint64([]byte("bench/"), uint64(n))
						err := e.Update(b.Context(), func(w kv.Writer) error {
							if _, err := w.Value(key); err != nil {
								return err
							}
							w.Set(key, value)
							return nil
						})
						if err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			group.Wait()
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "steps/s")
			b.ReportMetric(float64(b.N)/float64(max(commits.Load(), 1)), "steps/commit")
		})
	}
}

// BenchmarkView measures reads of one key.
func BenchmarkView(b *testing.B) {
	e := openAt(b, b.TempDir())
	const keys = 100_000
	key := func(i int) []byte { return binary.BigEndian.AppendUint32([]byte("bench/"), uint32(i)) }
	for begin := 0; begin < keys; begin += 1000 {
		err := e.Update(b.Context(), func(w kv.Writer) error {
			for i := range 1000 {
				w.Set(key(begin+i), make([]byte, 200))
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	b.Run("value", func(b *testing.B) {
		i := 0
		for b.Loop() {
			i = (i + 7919) % keys
			err := e.View(b.Context(), func(r kv.Reader) error {
				_, err := r.Value(key(i))
				return err
			})
			if err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("scan 100", func(b *testing.B) {
		i := 0
		for b.Loop() {
			i = (i + 7919) % (keys - 100)
			n := 0
			err := e.View(b.Context(), func(r kv.Reader) error {
				return r.Scan([]byte("bench/"), key(i), func(_, _ []byte) bool { n++; return n < 100 })
			})
			if err != nil || n != 100 {
				b.Fatal(err, n)
			}
		}
	})
}
