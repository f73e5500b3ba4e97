// Package badger is the store's engine on disk: an ordered key space in a data folder, below the business
// steps of package kv. Badger keeps the keys; what Badger does not do is done here: concurrent steps share
// one durable commit (writer.go), damage and loss are found and never taken for absence (value.go, trail.go,
// mark.go, inspect.go), and a full disk refuses work instead of killing the process (space.go).
package badger

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"

	"github.com/dgraph-io/badger/v4"

	"github.com/atssync/atssync/daemon/internal/store/kv"
)

// Engine implements kv.Engine on a data folder that it alone has open.
type Engine struct {
	opts    Options
	db      *badger.DB
	lock    *os.File
	mark    *mark
	space   *spaceWatch
	ballast ballast
	format  format

	snapshots snapshots
	recent    recent
	commits   atomic.Uint64 // number of the last commit that was acknowledged
	queue     queue
	writer    *writer

	failure  atomic.Pointer[error]
	failed   chan struct{}
	failOnce sync.Once

	closing  sync.Once
	closeErr error
}

// View implements kv.Engine.
func (e *Engine) View(ctx context.Context, fn func(kv.Reader) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	commit, err := e.snapshots.acquire()
	if err != nil {
		return err
	}
	defer e.snapshots.release(commit)
	r := e.reader(ctx, commit)
	defer r.txn.Discard()
	err = fn(r)
	if r.err != nil {
		_ = e.fail(r.err)
		return r.err
	}
	return err
}

// reader reads at a commit that the caller has acquired; the caller discards its transaction.
func (e *Engine) reader(ctx context.Context, commit uint64) *reader {
	return &reader{
		ctx: ctx, txn: e.db.NewTransactionAt(commit, false), commit: commit, recent: &e.recent, kind: e.opts.KindOf,
	}
}

// Update implements kv.Engine. Under kv.Intake it is refused with kv.ErrLowSpace while space is low.
func (e *Engine) Update(ctx context.Context, fn func(kv.Writer) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r := &request{ctx: ctx, fn: fn, intake: kv.IsIntake(ctx), done: make(chan struct{}, 1)}
	if err := e.queue.push(r); err != nil {
		return err
	}
	select {
	case <-r.done:
		return r.err
	case <-ctx.Done():
	}
	if r.begun.CompareAndSwap(false, true) {
		return ctx.Err() // The writer will pass over it.
	}
	<-r.done
	return r.err
}

// Failed is closed when the engine has failed: nothing is written any more, and the process should end and
// start again, which judges the state on disk anew.
func (e *Engine) Failed() <-chan struct{} { return e.failed }

// Err returns why the engine has failed, an error of kv.ErrFailed, and nil while it has not.
func (e *Engine) Err() error {
	if err := e.failure.Load(); err != nil {
		return *err
	}
	return nil
}

// Space returns the room on the disk, at most a second old.
func (e *Engine) Space() Space { return e.space.look(0) }

// FreeBallast gives the ballast's space back to the disk and returns how many bytes that were. Maintain
// makes it again when there is room.
func (e *Engine) FreeBallast() (int64, error) {
	freed, err := e.ballast.free()
	_, spaceErr := e.space.fresh()
	return freed, errors.Join(err, spaceErr)
}

// fillBallast makes the ballast when the disk has plenty of room for it.
func (e *Engine) fillBallast() error {
	space, err := e.space.fresh()
	if err != nil {
		return err
	}
	return e.ballast.fill(int64(space.Free) - int64(e.space.lowMark(space.Total)))
}

// Close ends the engine: steps that did not begin are refused, steps and views that did are waited for.
func (e *Engine) Close() error {
	e.closing.Do(func() {
		e.queue.refuse(kv.ErrClosed)
		<-e.writer.stopped
		e.snapshots.close()
		e.closeErr = errors.Join(e.closeBadger(), e.mark.close())
	})
	return e.closeErr
}

// closeBadger turns what is in memory into a table, unless the disk has no room for one: everything is in
// the write-ahead log as well, and the next start takes it from there as after a crash. Badger then still
// has the folder open, and the lock is held until the process ends.
func (e *Engine) closeBadger() error {
	if space, err := e.space.fresh(); err == nil && space.Free < closeReserve {
		e.opts.Logger.Warn("the store was left as after a crash because the disk is full", "folder", e.opts.Dir, "free_bytes", space.Free)
		return nil
	}
	return errors.Join(e.db.Close(), e.clearScratch(), dropLock(e.lock))
}

// fail ends all writing for good: after a failed sync nobody knows what is on the disk, and a second try
// that succeeds would say nothing about the first.
func (e *Engine) fail(cause error) error {
	e.failOnce.Do(func() {
		err := fmt.Errorf("%w and nothing more is written to %s until atssync starts again: %w", kv.ErrFailed, e.opts.Dir, cause)
		if errors.Is(cause, kv.ErrCorrupt) {
			err = fmt.Errorf("%w; %s", err, remedy)
		}
		e.failure.Store(&err)
		e.opts.Logger.Error("the store has failed", "folder", e.opts.Dir, "error", cause)
		e.queue.refuse(err)
		close(e.failed)
	})
	return e.Err()
}

// published makes a commit the one that views see.
func (e *Engine) published(commit uint64) {
	e.commits.Store(commit)
	e.recent.published(commit)
	e.snapshots.publish(commit)
}

// discard lets Badger drop the versions that nobody can read any more and returns up to which commit.
func (e *Engine) discard() uint64 {
	oldest := e.snapshots.oldest()
	e.db.SetDiscardTs(oldest)
	return oldest
}
