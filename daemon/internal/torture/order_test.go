package torture

import (
	"context"
	"sync"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/store/kv"
)

// Goroutines of a bubble that are ready at the same instant run in any order. So every step that is seen from outside
// takes a little while of virtual time, and each a different one that only seed and step decide: no two are ready at the
// same instant, every run of a seed has the same order, and another seed has another order.

// mostTurn is the longest a step takes, about a commit on a slow disk.
const mostTurn = 4 * time.Millisecond

// mix is a hash of what names a step.
func mix(seed uint64, parts ...string) uint64 {
	h := seed ^ 14695981039346656037
	for _, p := range parts {
		for i := range len(p) {
			h = (h ^ uint64(p[i])) * 1099511628211
		}
		h = (h ^ 0xff) * 1099511628211
	}
	h ^= h >> 32
	h *= 0xd6e8feb86659fd93
	return h ^ h>>32
}

// turns gives each step its time.
type turns struct {
	seed uint64
	mu   sync.Mutex
	n    map[string]uint64
}

// take lets the time of a step pass in the bubble.
func (t *turns) take(what, id string) {
	k := what + "\x00" + id
	t.mu.Lock()
	t.n[k]++
	d := time.Duration(mix(t.seed+t.n[k], k)%uint64(mostTurn)) + 1
	t.mu.Unlock()
	time.Sleep(d)
}

// ordered is the store as a worker sees it. A goroutine of a worker begins by reading its connection.
type ordered struct {
	*kv.Store
	t   *turns
	who string
	// tasked is called after a task was persisted.
	tasked func()
}

func (o ordered) take(what, id string) { o.t.take(o.who+what, id) }

func (o ordered) Connection(ctx context.Context, id string) (atssync.Connection, error) {
	o.take("connection", id)
	return o.Store.Connection(ctx, id)
}

// lanes is the store to goroutines that begin by reading their lane.
type lanes struct{ ordered }

func (l lanes) Lane(ctx context.Context, id string) (atssync.Lane, error) {
	l.take("look", id)
	return l.Store.Lane(ctx, id)
}

func (o ordered) BeginAttempts(ctx context.Context, l atssync.Lease, in []atssync.BeginAttempt, now time.Time) ([]atssync.Attempt, error) {
	o.take("begin", in[0].Submission)
	return o.Store.BeginAttempts(ctx, l, in, now)
}

func (o ordered) FinishAttempts(ctx context.Context, l atssync.Lease, in []atssync.Finish, c atssync.LaneChange, now time.Time) error {
	o.take("finish", in[0].Submission)
	return o.Store.FinishAttempts(ctx, l, in, c, now)
}

func (o ordered) UpdateLane(ctx context.Context, l atssync.Lease, c atssync.LaneChange, now time.Time) (atssync.Lane, error) {
	o.take("lane", l.Connection)
	return o.Store.UpdateLane(ctx, l, c, now)
}

func (o ordered) HoldSubmissions(ctx context.Context, l atssync.Lease, ids []string, r atssync.HeldReason, t *atssync.Trouble, now time.Time) error {
	o.take("hold", l.Connection)
	return o.Store.HoldSubmissions(ctx, l, ids, r, t, now)
}

func (o ordered) Resolve(ctx context.Context, id string, how atssync.SettleUncertain, now time.Time) (atssync.Submission, error) {
	o.take("resolve", id)
	return o.Store.Resolve(ctx, id, how, now)
}

func (o ordered) Expire(ctx context.Context, limit int, now time.Time) (int, error) {
	o.take("expire", "")
	return o.Store.Expire(ctx, limit, now)
}

func (o ordered) PutTask(ctx context.Context, t atssync.Task, now time.Time) (atssync.Task, error) {
	o.take("task", t.Connection)
	out, err := o.Store.PutTask(ctx, t, now)
	o.tasked()
	return out, err
}

func (o ordered) WorkTask(ctx context.Context, id string, limit int, now time.Time) (done, wake bool, err error) {
	o.take("work", id)
	return o.Store.WorkTask(ctx, id, limit, now)
}

func (o ordered) RecordReadings(ctx context.Context, l atssync.Lease, in []atssync.ApplicationChange, cp *atssync.Checkpoint, now time.Time) (int, error) {
	o.take("readings", l.Connection)
	return o.Store.RecordReadings(ctx, l, in, cp, now)
}

func (o ordered) PutATSJobs(ctx context.Context, l atssync.Lease, listing atssync.JobListing, now time.Time) (atssync.JobsSummary, error) {
	o.take("jobs", l.Connection)
	return o.Store.PutATSJobs(ctx, l, listing, now)
}
