package app

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// The heartbeat says that this daemon lives; its leases end with it.
const (
	heartbeatEvery = 10 * time.Second
	heartbeatFor   = 30 * time.Second
	// leaseMargin is how long before its end a heartbeat is no longer trusted to cover a new piece of work.
	leaseMargin = 5 * time.Second
	// acquireMost is how many connections a look at all of them takes at a time, acquireFew how many each heartbeat looks at
	// for leases that became free. Where there are ten thousand, to look at all of them each time costs more than everything
	// else that an idle daemon does.
	acquireMost, acquireFew = 500, 100
)

// leaseStore is what the keeper needs of the store.
type leaseStore interface {
	atssync.Leases
	Connections(ctx context.Context, q atssync.ConnectionQuery) (atssync.Page[atssync.Connection], error)
}

// leaseKeeper takes the lease of every connection it can get and keeps it alive.
type leaseKeeper struct {
	store leaseStore
	log   *slog.Logger
	owner string
	// got is called with connections whose lease was just taken.
	got func(connections []string)

	mu    sync.Mutex
	held  map[string]atssync.Lease
	until time.Time // the heartbeat's end
	whole bool      // the next heartbeat looks at every connection
	after string    // the page that it looks at otherwise
	last  time.Time // when the heartbeat was last written

	metrics *leaseMetrics // nil: none

	cancel context.CancelFunc
	done   chan struct{}
}

func newLeaseKeeper(store leaseStore, log *slog.Logger, got func([]string)) *leaseKeeper {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return &leaseKeeper{
		store: store, log: log, got: got, held: make(map[string]atssync.Lease),
		owner: fmt.Sprintf("%s/%d/%s", host, os.Getpid(), rand.Text()),
	}
}

// start registers the owner, takes every lease that is free, and keeps them until stop.
func (k *leaseKeeper) start(ctx context.Context) error {
	if err := k.beat(ctx); err != nil {
		return err
	}
	if err := k.acquireAll(ctx); err != nil {
		return err
	}
	if err := k.acquireRemoved(ctx); err != nil {
		return err
	}
	ctx, k.cancel = context.WithCancel(context.WithoutCancel(ctx))
	k.done = make(chan struct{})
	go k.run(ctx)
	return nil
}

// stop gives every lease back. The workers must have stopped.
func (k *leaseKeeper) stop(ctx context.Context) error {
	if k.cancel == nil {
		return nil
	}
	k.cancel()
	<-k.done
	k.mu.Lock()
	k.held = make(map[string]atssync.Lease)
	k.mu.Unlock()
	return k.store.Release(ctx, k.owner, time.Now().UTC())
}

func (k *leaseKeeper) run(ctx context.Context) {
	defer close(k.done)
	t := time.NewTicker(heartbeatEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		if err := k.beat(ctx); err != nil && ctx.Err() == nil {
			k.log.Error("renew the heartbeat", "err", err)
			continue
		}
		if err := k.acquireSome(ctx); err != nil && ctx.Err() == nil {
			k.log.Error("acquire leases", "err", err)
			k.lookSoon()
		}
	}
}

func (k *leaseKeeper) beat(ctx context.Context) error {
	now := time.Now()
	until := now.Add(heartbeatFor)
	if err := k.store.Heartbeat(ctx, k.owner, until.UTC(), now.UTC()); err != nil {
		return fmt.Errorf("write the heartbeat: %w", err)
	}
	k.mu.Lock()
	last, held := k.last, len(k.held)
	k.until, k.last = until, now
	k.mu.Unlock()
	k.metrics.beat(now)
	k.metrics.holds(held)
	if jump := jumped(now.Round(0).Sub(last.Round(0)), now.Sub(last)); jump != 0 && !last.IsZero() {
		k.metrics.clock(jump)
		k.log.Warn("the clock of this machine was set, or it slept", "by", jump)
	}
	return nil
}

// lookSoon has the next heartbeat look at every connection.
func (k *leaseKeeper) lookSoon() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.whole = true
}

// acquireSome takes what is free of the next page of connections, or of all when a lease was lost or not got.
func (k *leaseKeeper) acquireSome(ctx context.Context) error {
	k.mu.Lock()
	whole := k.whole
	k.whole = false
	k.mu.Unlock()
	if whole {
		return k.acquireAll(ctx)
	}
	var err error
	k.after, err = k.acquirePage(ctx, k.after, acquireFew)
	return err
}

// acquireAll takes what is free of all connections.
func (k *leaseKeeper) acquireAll(ctx context.Context) error {
	for after := ""; ; {
		next, err := k.acquirePage(ctx, after, acquireMost)
		if err != nil || next == "" {
			return err
		}
		after = next
	}
}

// acquirePage takes what is free of a page of connections, and returns the next page.
func (k *leaseKeeper) acquirePage(ctx context.Context, after string, most int) (next string, err error) {
	page, err := k.store.Connections(ctx, atssync.ConnectionQuery{Paging: atssync.Paging{After: after, Limit: most}})
	if err != nil {
		return "", fmt.Errorf("list connections: %w", err)
	}
	var want []string
	k.mu.Lock()
	for _, c := range page.Items {
		if _, ok := k.held[c.ID]; !ok && c.State != atssync.ConnectionRemoved {
			want = append(want, c.ID)
		}
	}
	k.mu.Unlock()
	return page.Next, k.acquire(ctx, want)
}

// acquireRemoved takes the leases of removed connections, once: nobody works them, but what was being sent on one when
// its daemon died has to become uncertain, and a lease that changes hands is what does that.
func (k *leaseKeeper) acquireRemoved(ctx context.Context) error {
	q := atssync.ConnectionQuery{State: atssync.ConnectionRemoved, Paging: atssync.Paging{Limit: acquireMost}}
	for {
		page, err := k.store.Connections(ctx, q)
		if err != nil {
			return fmt.Errorf("list removed connections: %w", err)
		}
		ids := make([]string, len(page.Items))
		for i, c := range page.Items {
			ids[i] = c.ID
		}
		if _, err := k.store.Acquire(ctx, k.owner, ids, time.Now().UTC()); err != nil {
			return fmt.Errorf("acquire the leases of removed connections: %w", err)
		}
		if page.Next == "" {
			return nil
		}
		q.After = page.Next
	}
}

func (k *leaseKeeper) acquire(ctx context.Context, connections []string) error {
	if len(connections) == 0 {
		return nil
	}
	got, err := k.store.Acquire(ctx, k.owner, connections, time.Now().UTC())
	if err != nil {
		return fmt.Errorf("acquire leases: %w", err)
	}
	ids := make([]string, len(got))
	k.mu.Lock()
	for i, l := range got {
		k.held[l.Connection], ids[i] = l, l.Connection
	}
	k.metrics.holds(len(k.held))
	k.mu.Unlock()
	if len(ids) > 0 && k.got != nil {
		k.got(ids)
	}
	return nil
}

// Ensure takes the lease of a connection that was just made, if it is free.
func (k *leaseKeeper) Ensure(ctx context.Context, connection string) {
	k.mu.Lock()
	_, ok := k.held[connection]
	k.mu.Unlock()
	if ok {
		return
	}
	if err := k.acquire(ctx, []string{connection}); err != nil {
		k.log.Error("acquire the lease of a connection", "connection", connection, "err", err)
		k.lookSoon()
	}
}

// Lease returns the lease on a connection; ok is false when another daemon has it, or when our own heartbeat
// is too old to begin anything under it.
func (k *leaseKeeper) Lease(connection string) (atssync.Lease, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if time.Now().After(k.until.Add(-leaseMargin)) {
		return atssync.Lease{}, false
	}
	l, ok := k.held[connection]
	return l, ok
}

// Lost forgets a lease that was fenced.
func (k *leaseKeeper) Lost(l atssync.Lease) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.held[l.Connection].Epoch == l.Epoch {
		delete(k.held, l.Connection)
	}
	k.whole = true
	k.metrics.lost()
}

// Held returns the connections whose leases this daemon holds.
func (k *leaseKeeper) Held() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	out := make([]string, 0, len(k.held))
	for id := range k.held {
		out = append(out, id)
	}
	return out
}

// alive reports whether the heartbeat was written lately: the store takes writes.
func (k *leaseKeeper) alive(context.Context) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if time.Now().After(k.until) {
		return fmt.Errorf("the store took no heartbeat since %s", k.until.Add(-heartbeatFor).UTC().Format(time.RFC3339))
	}
	return nil
}
