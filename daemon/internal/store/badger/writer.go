package badger

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dgraph-io/badger/v4"

	"github.com/atssync/atssync/daemon/internal/store/kv"
)

// maxGroupSteps bounds the steps of one commit, so that steps that write nothing cannot hold it up.
const maxGroupSteps = 1024

// request is one step on its way through the writer.
type request struct {
	ctx    context.Context
	fn     func(kv.Writer) error
	intake bool
	begun  atomic.Bool // by the writer, or by its caller who takes it back
	err    error
	done   chan struct{}
}

// queue is where the callers of Update leave their steps.
type queue struct {
	mu      sync.Mutex
	waiting []*request
	refused error // set once: why nothing is taken any more
	wake    chan struct{}
}

func (q *queue) push(r *request) error {
	q.mu.Lock()
	if q.refused != nil {
		defer q.mu.Unlock()
		return q.refused
	}
	q.waiting = append(q.waiting, r)
	q.mu.Unlock()
	q.signal()
	return nil
}

// pop moves all waiting steps into batch, which is empty, and says why there will be no more.
func (q *queue) pop(batch []*request) ([]*request, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	batch = append(batch, q.waiting...)
	clear(q.waiting)
	q.waiting = q.waiting[:0]
	return batch, q.refused
}

// refuse lets nothing more in.
func (q *queue) refuse(err error) {
	q.mu.Lock()
	if q.refused == nil {
		q.refused = err
	}
	q.mu.Unlock()
	q.signal()
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// writer is the one goroutine that writes. It runs the steps that wait, one after the other, and makes them
// durable in one commit: the cost of a commit is its two syncs, the log's and the mark's, whether it holds
// one step or a hundred. A commit is not begun while the one before it is under way: that would halve the
// groups, and the next one gathers by itself meanwhile.
type writer struct {
	e         *Engine
	trail     *trail
	maxKeys   int64 // of Badger's transaction
	maxBytes  int64
	batch     []*request // taken from the queue
	next      int        // index in batch
	group     *group
	running   step    // reused: one runs at a time
	over      overlay // reused: one group gathers at a time
	sheet     sheet
	discarded uint64
	stopped   chan struct{}
}

// run is the goroutine. A step that ends its goroutine (runtime.Goexit, which tests do) is refused and the
// writer goes on in a new one.
func (w *writer) run() {
	finished := false
	defer func() {
		if finished {
			close(w.stopped)
		} else {
			go w.run()
		}
	}()
	for w.more() {
		w.gather()
		w.commit()
	}
	finished = true
}

// more waits for steps; it returns false when there are none and none will come.
func (w *writer) more() bool {
	for w.group == nil {
		refused := w.refill()
		if w.next < len(w.batch) {
			return true
		}
		if refused != nil {
			return false
		}
		<-w.e.queue.wake
	}
	return true
}

// refill takes what waits in the queue once the batch is done, and says why there will be no more.
func (w *writer) refill() (refused error) {
	if w.next == len(w.batch) {
		clear(w.batch)
		w.batch, refused = w.e.queue.pop(w.batch[:0])
		w.next = 0
	}
	return refused
}

// gather runs steps until none wait or the group is large enough.
func (w *writer) gather() {
	if w.group == nil {
		w.newGroup()
	}
	yielded := false
	for {
		for w.next < len(w.batch) {
			if w.full() {
				return
			}
			r := w.batch[w.next]
			w.next++
			if r.begun.CompareAndSwap(false, true) {
				w.step(r)
			}
		}
		_ = w.refill()
		if len(w.batch) == 0 && !yielded {
			yielded = true // Let those in who are about to ask.
			runtime.Gosched()
			_ = w.refill()
		}
		if len(w.batch) == 0 {
			return
		}
	}
}

func (w *writer) full() bool {
	g := w.group
	return int64(g.keys) >= w.maxKeys/3 || g.bytes >= w.maxBytes/3 || len(g.answers) >= maxGroupSteps
}

func (w *writer) newGroup() {
	w.over.reset()
	w.group = &group{over: &w.over, txn: w.e.db.NewTransactionAt(w.trail.last(), false), begun: time.Now()}
}

// fits says whether a step of that cost goes into the group's transaction, beside the engine's own records.
func (w *writer) fits(keys int, bytes int64) bool {
	const own = trailPrune + 1
	return int64(w.group.keys+keys+own) < w.maxKeys &&
		w.group.bytes+bytes+own*(trailKeySize+entryExtra)+64 < w.maxBytes
}

// step runs one step. Its caller is answered when the group is durable even when it was refused: the
// refusal may rest on what an earlier step of the group wrote.
func (w *writer) step(r *request) {
	if r.err = w.admit(r); r.err != nil {
		w.group.answers = append(w.group.answers, r)
		return
	}
	s := &w.running
	s.writes.Reset()
	s.reader = reader{
		ctx: r.ctx, txn: w.group.txn, commit: w.trail.last(), recent: &w.e.recent, over: w.group.over,
		kind: w.e.opts.KindOf, key: s.reader.key,
	}
	ended := false
	defer func() {
		if !ended {
			r.err = errors.New("the step ended its goroutine")
			w.group.answers = append(w.group.answers, r)
		}
	}()
	r.err = s.run(r.fn, &ended)
	if s.err != nil {
		w.e.fail(s.err)
	}
	if r.err == nil {
		keys, bytes := cost(s.writes.All())
		if !w.fits(keys, bytes) {
			w.commit() // What the step saw is what is committed now: its writes lead the next group.
			w.newGroup()
		}
		w.group.take(s.writes.All(), keys, bytes)
	}
	w.group.answers = append(w.group.answers, r)
}

// admit says why a step is not even run.
func (w *writer) admit(r *request) error {
	if err := w.e.Err(); err != nil {
		return err
	}
	if err := r.ctx.Err(); err != nil {
		return err
	}
	return w.e.space.refuse(w.e.space.look(0), r.intake)
}

// commit makes the group durable and answers its callers.
func (w *writer) commit() {
	g := w.group
	w.group = nil
	g.txn.Discard()
	err := w.e.Err()
	if g.keys > 0 && err == nil {
		if err = w.durable(g); err != nil {
			err = w.e.fail(err)
		}
	}
	for _, r := range g.answers {
		if err != nil && r.err == nil {
			r.err = err
		}
		r.done <- struct{}{}
	}
}

// durable writes the group with its commit record, and the mark after it.
func (w *writer) durable(g *group) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("writing a commit panicked: %v", p)
		}
	}()
	from, to := w.trail.add(g.bytes)
	n := w.trail.last()
	txn := w.e.db.NewTransactionAt(n-1, true)
	defer txn.Discard()
	if err := w.fill(txn, g, from, to); err != nil {
		return fmt.Errorf("preparing commit %d: %w", n, err)
	}
	if err := txn.CommitAt(n, nil); err != nil {
		return fmt.Errorf("writing commit %d: %w", n, err)
	}
	if err := w.e.mark.write(n); err != nil {
		return fmt.Errorf("writing the mark of commit %d: %w", n, err)
	}
	w.e.recent.committed(n, g.over)
	w.e.published(n)
	if n-w.discarded >= 64 {
		w.discarded = w.e.discard()
	}
	w.e.space.look(g.bytes)
	if w.e.opts.OnCommit != nil {
		w.e.opts.OnCommit(Commit{Number: n, Steps: len(g.answers), Bytes: g.bytes, Duration: time.Since(g.begun)})
	}
	return nil
}

func (w *writer) fill(txn *badger.Txn, g *group, from, to uint64) error {
	n := w.trail.last()
	if err := g.fill(txn, n, &w.sheet); err != nil {
		return err
	}
	for old := from; old < to; old++ {
		if err := txn.Delete(trailKey(old)); err != nil {
			return err
		}
	}
	record := commitRecord{first: to, bytes: uint64(g.bytes), steps: uint64(len(g.answers))}
	key := trailKey(n)
	return txn.Set(key, encodeValue(key, n, record.encode()))
}
