package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/atssync/atssync/config"
	"github.com/atssync/atssync/daemon/internal/atssync"
)

// dropShare is how many documents or events are dropped in one commit, so that nothing else waits for long.
const dropShare = 200

// dropped is what retention dropped.
type dropped struct{ payloads, events, links int }

// linksKept is how long an ended connect link can still be looked at.
const linksKept = 90 * 24 * time.Hour

func (d dropped) String() string {
	return fmt.Sprintf("%d documents, %d events and %d ended connect links dropped", d.payloads, d.events, d.links)
}

// dropOld drops what is older than the config wants it kept. A pass that was interrupted leaves nothing half done: the next
// one finds what is left.
func dropOld(ctx context.Context, store atssync.Retention, c config.Retention, now time.Time) (dropped, error) {
	var out dropped
	var err, eerr, lerr error
	out.payloads, err = dropAll(ctx, now.Add(-c.Payload), now, store.DropPayloads)
	out.events, eerr = dropAll(ctx, now.Add(-c.Events), now, store.DropEvents)
	out.links, lerr = dropAll(ctx, now.Add(-linksKept), now, store.DropConnectLinks)
	return out, errors.Join(err, eerr, lerr)
}

func dropAll(
	ctx context.Context, before, now time.Time, share func(context.Context, atssync.DropQuery, time.Time) (int, string, error),
) (int, error) {
	total := 0
	q := atssync.DropQuery{Before: before, Limit: dropShare}
	for {
		n, next, err := share(ctx, q, now)
		if total += n; err != nil || next == "" {
			return total, err
		}
		q.After = next
	}
}

// workErasures goes on with the erasures that wait for an outcome, those that a crash interrupted among them.
func (a *App) workErasures(ctx context.Context, now time.Time) error {
	var errs []error
	q := atssync.ErasureQuery{Pending: true}
	for {
		page, err := a.store.Erasures(ctx, q)
		if err != nil {
			return errors.Join(append(errs, err)...)
		}
		for _, e := range page.Items {
			done, err := a.store.WorkErasure(ctx, e.ID, now)
			errs = append(errs, err)
			if done {
				a.log.Info("an erasure is done", "erasure", e.ID)
			}
		}
		if q.After = page.Next; q.After == "" {
			return errors.Join(errs...)
		}
	}
}
