package submit

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

const benchLanes = 50

// BenchmarkLanes is how many submissions a second go through 50 lanes and the store in memory into an instant ATS.
func BenchmarkLanes(b *testing.B) {
	w := setup(b, benchLanes)
	each := b.N/benchLanes + 1
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
	b.ReportMetric(float64(each*benchLanes)/b.Elapsed().Seconds(), "submissions/s")
}

// BenchmarkLanesAlone is the same over a store that costs nothing: what the lanes themselves cost.
func BenchmarkLanesAlone(b *testing.B) {
	w := setup(b, benchLanes)
	each := b.N/benchLanes + 1
	s := &queue{left: make(map[string]int), due: make(map[string]atssync.Due)}
	for _, c := range w.conns {
		n := document(c, atssync.NewID(atssync.PrefixSubmission, time.Now()), "job")
		n.Submission.State, n.Submission.Revision = atssync.StateQueued, 1
		s.left[c.ID] = each
		s.due[c.ID] = atssync.Due{Submission: n.Submission, Payload: n.Payload, Link: &atssync.JobLink{ATSJob: "ats-job", As: sdk.AsCandidate}}
	}
	w.start(func(o *Options) { o.Store = s })
	b.ReportAllocs()
	b.ResetTimer()
	w.wakeAll()
	w.worker.wg.Wait()
	b.ReportMetric(float64(each*benchLanes)/b.Elapsed().Seconds(), "submissions/s")
}

// queue is a store that forgets: so many submissions are left on each connection.
type queue struct {
	mu   sync.Mutex
	left map[string]int
	due  map[string]atssync.Due
}

func (q *queue) Lane(context.Context, string) (atssync.Lane, error) {
	return atssync.Lane{LastSentAt: time.Now(), Verified: map[string]time.Time{"ats-job": time.Now()}}, nil
}

func (q *queue) UpdateLane(context.Context, atssync.Lease, atssync.LaneChange, time.Time) (atssync.Lane, error) {
	return atssync.Lane{}, nil
}

func (q *queue) NextSubmissions(_ context.Context, l atssync.Lease, limit int, _ time.Time) ([]atssync.Due, time.Time, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	var out []atssync.Due
	for range min(limit, q.left[l.Connection]) {
		out = append(out, q.due[l.Connection])
	}
	return out, time.Time{}, nil
}

func (q *queue) BeginAttempts(_ context.Context, l atssync.Lease, in []atssync.BeginAttempt, _ time.Time) ([]atssync.Attempt, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.left[l.Connection] -= len(in)
	out := make([]atssync.Attempt, len(in))
	for i := range in {
		out[i] = atssync.Attempt{Submission: in[i].Submission, Number: 1}
	}
	return out, nil
}

func (q *queue) FinishAttempts(context.Context, atssync.Lease, []atssync.Finish, atssync.LaneChange, time.Time) error {
	return nil
}

func (q *queue) HoldSubmissions(context.Context, atssync.Lease, []string, atssync.HeldReason, *atssync.Trouble, time.Time) error {
	return nil
}
