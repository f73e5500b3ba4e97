package submit

import (
	"testing"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// BenchmarkLanes is how many submissions a second go through 50 lanes into an instant ATS.
func BenchmarkLanes(b *testing.B) {
	const connections = 50
	w := setup(b, connections)
	each := b.N/connections + 1
	for _, c := range w.conns {
		w.accept(c, "job", each)
	}
	b.ReportAllocs()
	b.ResetTimer()
	w.wakeAll()
	w.worker.wg.Wait()
	b.StopTimer()
	for _, c := range w.conns {
		if n := w.states(c.ID)[atssync.StateSubmitted]; n != int64(each) {
			b.Fatalf("%d of %d arrived", n, each)
		}
	}
	b.ReportMetric(float64(each*connections)/b.Elapsed().Seconds(), "submissions/s")
}
