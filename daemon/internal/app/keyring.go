package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/intake"
	"github.com/atssync/atssync/daemon/internal/manage"
	"github.com/atssync/atssync/daemon/internal/seal"
)

const (
	// settleFor is how long after a rotation a value that was sealed before it may still be on its way into the store. What
	// comes later is refused by the store, and made again by whoever made it.
	settleFor = 10 * time.Second
	// resealRetry is how long a sealing anew waits that failed.
	resealRetry = 30 * time.Second
)

// keyring exchanges the sealing keys. What is under older keys is sealed anew by walks over everything, until one finds
// nothing; then the older keys are refused, looked for once more, and dropped. It needs no record of how far it came: a
// walk after a restart passes quickly over what was done.
type keyring struct {
	keys   *seal.Keys
	store  atssync.Sealed
	file   string
	log    *slog.Logger
	settle time.Duration
	retry  time.Duration

	mu       sync.Mutex
	rotation *manage.Rotation // nil: nothing is under way
	kick     chan struct{}
	cancel   context.CancelFunc
	done     chan struct{}
}

func newKeyring(k *seal.Keys, store atssync.Sealed, file string, log *slog.Logger) *keyring {
	return &keyring{keys: k, store: store, file: file, log: log, settle: settleFor, retry: resealRetry, kick: make(chan struct{}, 1)}
}

// start goes on with what a crash interrupted.
func (r *keyring) start(ctx context.Context) {
	ctx, r.cancel = context.WithCancel(context.WithoutCancel(ctx))
	r.done = make(chan struct{})
	if len(r.keys.IDs()) > 1 {
		r.begin()
	}
	go r.run(ctx)
}

func (r *keyring) stop() {
	if r.cancel != nil {
		r.cancel()
		<-r.done
	}
}

func (r *keyring) begin() {
	r.rotation = &manage.Rotation{StartedAt: clock()}
	r.kick <- struct{}{}
}

// Rotate implements manage.KeyRing.
func (r *keyring) Rotate(ctx context.Context) (manage.KeysView, error) {
	r.mu.Lock()
	if r.rotation != nil {
		defer r.mu.Unlock()
		return manage.KeysView{}, atssync.Errorf(atssync.CodeConflict, "the keys are being exchanged since %s, and older ones are still in use", r.rotation.StartedAt.Format(time.RFC3339)).
			WithRemedy("wait until only one key is left: atssync keys list")
	}
	made, err := r.keys.Rotate(clock(), func(ids []string) error { return r.store.NeedKeys(ctx, ids, clock()) })
	if err == nil {
		r.begin()
	}
	r.mu.Unlock()
	if err != nil {
		return manage.KeysView{}, atssync.Errorf(atssync.CodeUnavailable, "the sealing key was not exchanged: %v", err).
			WithRemedy("the old key goes on sealing; mend it and try again")
	}
	r.log.Info("a new key seals from now on; keep a copy of the key file", "key", made.ID, "file", r.file)
	return r.Keys(ctx)
}

// Keys implements manage.KeyRing.
func (r *keyring) Keys(ctx context.Context) (manage.KeysView, error) {
	keys, removed := r.keys.List()
	v := manage.KeysView{File: r.file}
	var marks [][]byte
	for _, k := range keys {
		mark, err := seal.Mark(k.ID)
		if err != nil {
			return v, err
		}
		marks = append(marks, mark)
		use := "opens"
		if k.Primary {
			use = "seals"
		}
		v.Keys = append(v.Keys, manage.SealingKey{ID: k.ID, Use: use, MadeAt: k.MadeAt})
	}
	found, _, err := r.walk(ctx, marks, nil)
	if err != nil {
		return v, err
	}
	for i, n := range found {
		v.Keys[i].Records = n
	}
	for _, k := range removed {
		v.Keys = append(v.Keys, manage.SealingKey{ID: k.ID, Use: "removed", MadeAt: k.MadeAt, RemovedAt: k.RemovedAt})
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.rotation != nil {
		now := *r.rotation
		v.Rotation = &now
	}
	return v, nil
}

// walk looks at everything once.
func (r *keyring) walk(ctx context.Context, marks [][]byte, reseal func(atssync.SealedValue) ([]byte, error)) (found []int, resealed int, err error) {
	found = make([]int, len(marks))
	q := atssync.SealedQuery{Marks: marks, Reseal: reseal}
	for {
		if ctx.Err() != nil {
			return found, resealed, ctx.Err()
		}
		share, err := r.store.WalkSealed(ctx, q, clock())
		if err != nil {
			return found, resealed, err
		}
		for i, n := range share.Found {
			found[i] += n
		}
		if resealed += share.Resealed; share.Resealed > 0 {
			r.progress(share.Resealed, nil)
		}
		if share.Next == "" {
			return found, resealed, nil
		}
		q.After = share.Next
	}
}

func (r *keyring) progress(n int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.rotation == nil {
		return
	}
	r.rotation.Resealed += n
	r.rotation.Error = ""
	if err != nil {
		r.rotation.Error = err.Error()
	}
}

func (r *keyring) run(ctx context.Context) {
	defer close(r.done)
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.kick:
		}
		for wait := r.settle; ; wait = r.retry {
			err := r.exchange(ctx, wait)
			if err == nil || ctx.Err() != nil {
				break
			}
			r.progress(0, err)
			r.log.Error("seal everything with the new key; trying again", "in", r.retry, "err", err)
		}
		if ctx.Err() != nil {
			return
		}
		r.mu.Lock()
		r.rotation = nil
		r.mu.Unlock()
	}
}

// exchange seals everything anew and drops the older keys. It is done when only one key is left.
func (r *keyring) exchange(ctx context.Context, wait time.Duration) error {
	keys, _ := r.keys.List()
	if len(keys) == 1 {
		return nil
	}
	var old []string
	var marks [][]byte
	for _, k := range keys[1:] {
		mark, err := seal.Mark(k.ID)
		if err != nil {
			return err
		}
		old, marks = append(old, k.ID), append(marks, mark)
	}
	if _, _, err := r.walk(ctx, marks, r.reseal); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(wait):
	}
	r.store.RefuseSealed(marks)
	if err := r.store.NeedKeys(ctx, r.keys.IDs(), clock()); err != nil { // a step of our own: those before it are stored
		return err
	}
	_, resealed, err := r.walk(ctx, marks, r.reseal)
	if err != nil {
		return err
	}
	found, _, err := r.walk(ctx, marks, nil)
	if err != nil {
		return err
	}
	for i, n := range found {
		if n > 0 {
			return fmt.Errorf("%d values are still sealed with the key %s", n, old[i])
		}
	}
	if err := r.keys.Remove(old, clock(), func(ids []string) error { return r.store.NeedKeys(ctx, ids, clock()) }); err != nil {
		return err
	}
	r.log.Info("nothing is sealed with older keys any more, and they left the key file", "keys", old, "late", resealed)
	return nil
}

// reseal opens a value with whichever key it was sealed and seals it with the primary one.
func (r *keyring) reseal(v atssync.SealedValue) ([]byte, error) {
	at := seal.AAD{Connection: v.Connection}
	switch v.Kind {
	case atssync.SealedDocument, atssync.SealedNote, atssync.SealedContinuation:
		at.Record, at.Field = intake.SealedAt(v)
	case atssync.SealedCredentials, atssync.SealedSecret, atssync.SealedHook:
		at.Record, at.Field = manage.SealedAt(v)
	default:
		return nil, errors.New("a value of an unknown kind cannot be sealed anew")
	}
	plain, err := r.keys.Open(v.Sealed, at)
	if err != nil {
		return nil, fmt.Errorf("seal a value of %s anew: %w", v.Connection, err)
	}
	return r.keys.Seal(plain, at)
}
