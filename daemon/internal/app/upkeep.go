package app

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

const (
	taskEvery  = time.Second
	taskShare  = 500
	expireMost = 500
	// longestShare is longer than a share of a task ever waits: one that waits longer was written by a clock that was ahead.
	longestShare = 2 * time.Minute
)

// upkeepStore is what upkeep needs of the store.
type upkeepStore interface {
	atssync.Tasks
	Expire(ctx context.Context, limit int, now time.Time) (int, error)
	Ledgers(ctx context.Context, q atssync.LedgerQuery) (atssync.Page[atssync.Ledger], error)
	Recount(ctx context.Context, connection string) (atssync.LedgerLine, error)
}

// upkeep works persisted tasks off, ends what waited too long, checks that the ledger adds up, and gives memory back.
type upkeep struct {
	store upkeepStore
	log   *slog.Logger
	wake  func(connection string)
	kick  chan struct{}
	// erase goes on with the erasures that wait for an outcome.
	erase func(ctx context.Context, now time.Time) error
	// unbalanced counts the connections whose ledger did not add up at the last check.
	unbalanced atomic.Int64
	checkedAt  atomic.Int64 // unix seconds of the last whole check
	turnedAt   atomic.Int64 // unix seconds of the loop's last turn
	slack      *slack

	cancel context.CancelFunc
	done   chan struct{}
}

func newUpkeep(store upkeepStore, log *slog.Logger, wake func(string), erase func(context.Context, time.Time) error) *upkeep {
	return &upkeep{store: store, log: log, wake: wake, erase: erase, kick: make(chan struct{}, 1), slack: newSlack()}
}

func (u *upkeep) start(ctx context.Context) {
	ctx, u.cancel = context.WithCancel(context.WithoutCancel(ctx))
	u.done = make(chan struct{})
	go u.run(ctx)
}

func (u *upkeep) stop() {
	if u.cancel != nil {
		u.cancel()
		<-u.done
	}
}

// soon has the tasks looked at without waiting for the next second.
func (u *upkeep) soon() {
	select {
	case u.kick <- struct{}{}:
	default:
	}
}

func (u *upkeep) run(ctx context.Context) {
	defer close(u.done)
	t := time.NewTicker(taskEvery)
	defer t.Stop()
	for {
		u.turnedAt.Store(time.Now().Unix())
		if err := u.work(ctx, time.Now().UTC()); err != nil && ctx.Err() == nil {
			u.log.Error("work a task off", "err", err)
		}
		if err := u.erase(ctx, time.Now().UTC()); err != nil && ctx.Err() == nil {
			u.log.Error("go on with an erasure", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			u.slack.look()
		case <-u.kick:
		}
	}
}

// work does a share of every task that is due.
func (u *upkeep) work(ctx context.Context, now time.Time) error {
	tasks, err := u.store.Tasks(ctx, "")
	if err != nil {
		return err
	}
	var errs []error
	for _, t := range tasks {
		if wait := t.NextAt.Sub(now); wait > 0 && wait < longestShare {
			continue
		}
		done, wake, err := u.store.WorkTask(ctx, t.ID, taskShare, now)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if wake {
			u.wake(t.Connection)
		}
		if !done && t.PerMinute == 0 {
			u.soon()
		}
	}
	return errors.Join(errs...)
}

// expire ends what waited too long.
func (u *upkeep) expire(ctx context.Context) error {
	for {
		n, err := u.store.Expire(ctx, expireMost, time.Now().UTC())
		if err != nil || n < expireMost {
			return err
		}
	}
}

// checkLedger recounts every connection and complains of each that does not add up.
func (u *upkeep) checkLedger(ctx context.Context) (checked int, err error) {
	after, wrong := "", 0
	for {
		page, err := u.store.Ledgers(ctx, atssync.LedgerQuery{Paging: atssync.Paging{After: after, Limit: 500}})
		if err != nil {
			return checked, err
		}
		for _, l := range page.Items {
			line, err := u.store.Recount(ctx, l.Connection)
			if err != nil {
				return checked, err
			}
			checked++
			if !line.OK {
				wrong++
				u.log.Error("the ledger does not add up", "connection", l.Connection, "accepted", line.Accepted, "sum", line.Sum())
			}
		}
		if page.Next == "" {
			break
		}
		after = page.Next
	}
	u.unbalanced.Store(int64(wrong))
	u.checkedAt.Store(time.Now().Unix())
	return checked, nil
}
