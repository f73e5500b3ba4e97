package badger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/dgraph-io/badger/v4"

	"github.com/atssync/atssync/daemon/internal/store/kv"
)

// ctxEvery is after how many pairs a scan looks whether its ctx ended.
const ctxEvery = 256

// snapshots counts who reads at which commit, so that Badger keeps the versions that they may still ask for.
type snapshots struct {
	mu     sync.Mutex
	idle   sync.Cond
	active map[uint64]int // readers by commit
	newest uint64
	closed bool
}

func (s *snapshots) init() {
	s.active = map[uint64]int{}
	s.idle.L = &s.mu
}

// acquire returns the newest commit, which stays readable until release.
func (s *snapshots) acquire() (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return 0, kv.ErrClosed
	}
	s.active[s.newest]++
	return s.newest, nil
}

func (s *snapshots) release(commit uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.active[commit]--; s.active[commit] == 0 {
		delete(s.active, commit)
	}
	if len(s.active) == 0 {
		s.idle.Broadcast()
	}
}

// publish makes commit the newest one.
func (s *snapshots) publish(commit uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.newest = commit
}

// oldest returns the oldest commit that somebody reads or will read.
func (s *snapshots) oldest() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	oldest := s.newest
	for commit := range s.active {
		oldest = min(oldest, commit)
	}
	return oldest
}

// close refuses new readers and waits for those under way.
func (s *snapshots) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for len(s.active) > 0 {
		s.idle.Wait()
	}
}

// reader implements kv.Reader at one commit, with the writes of the steps before it in the same group laid
// over when there are any.
type reader struct {
	ctx    context.Context
	txn    *badger.Txn
	commit uint64 // that txn reads at
	recent *recent
	over   *overlay // may be nil
	kind   func(key []byte) string

	key []byte // room for one key
	// err is the first damage or failure met. The step is refused with it even when fn did not pass it on.
	err error
}

// Value implements kv.Reader.
func (r *reader) Value(key []byte) (body []byte, err error) {
	if len(key) == 0 {
		return nil, nil
	}
	if r.over != nil {
		if body, known := r.over.Get(key); known {
			return body, nil
		}
	}
	if body, known := r.recent.get(key, r.commit); known {
		return body, nil
	}
	defer r.damaged(&err, key)
	r.key = append(append(r.key[:0], stepSpace), key...)
	item, err := r.txn.Get(r.key)
	if errors.Is(err, badger.ErrKeyNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, r.corrupt(key, err.Error())
	}
	if body, err = r.body(r.key, item); err == nil {
		r.recent.read(key, r.commit, item.Version(), body)
	}
	return body, err
}

// body returns the checked value of an item; it stays valid as long as the item.
func (r *reader) body(full []byte, item *badger.Item) (body []byte, err error) {
	var stored []byte
	if err := item.Value(func(v []byte) error { stored = v; return nil }); err != nil {
		return nil, r.corrupt(full[1:], err.Error())
	}
	commit, body, err := decodeValue(full, stored)
	if err == nil && commit != item.Version() {
		err = fmt.Errorf("it belongs to commit %d and stands in commit %d", commit, item.Version())
	}
	if err != nil {
		return nil, r.corrupt(full[1:], err.Error())
	}
	return body, nil
}

// corrupt notes and returns the damage of the record with that key.
func (r *reader) corrupt(key []byte, reason string) error {
	err := &CorruptError{Kind: r.kind(key), Reason: reason}
	if r.err == nil {
		r.err = err
	}
	return err
}

// damaged is deferred, itself and not in a function, around calls into Badger, which panics on some damaged
// blocks.
func (r *reader) damaged(err *error, key []byte) {
	if p := recover(); p != nil {
		*err = r.corrupt(key, fmt.Sprint(p))
	}
}

// Scan implements kv.Reader.
func (r *reader) Scan(prefix, from []byte, fn func(key, value []byte) bool) error {
	start := prefix
	if from != nil && bytes.Compare(from, start) > 0 {
		start = from
	}
	return r.walk(prefix, start, false, fn)
}

// ScanBack implements kv.Reader.
func (r *reader) ScanBack(prefix, from []byte, fn func(key, value []byte) bool) error {
	return r.walk(prefix, from, true, fn)
}

// walk merges the pairs of Badger with those of the overlay, which wins. start is where it begins, nil for
// the end of the prefix.
func (r *reader) walk(prefix, start []byte, back bool, fn func(key, value []byte) bool) error {
	base := newTableCursor(r, prefix, start, back)
	defer base.close()
	var over cursor = noCursor{}
	if r.over != nil && r.over.Len() > 0 {
		over = newOverlayCursor(r.over, prefix, start, back)
	}
	for n := 1; ; n++ {
		if n%ctxEvery == 0 && r.ctx.Err() != nil {
			return r.ctx.Err()
		}
		baseKey, overKey := base.peek(), over.peek()
		if base.err != nil {
			return base.err
		}
		next, key := cursor(base), baseKey
		if overKey != nil {
			order := bytes.Compare(overKey, baseKey)
			if baseKey == nil || order == 0 || (order < 0) != back {
				next, key = over, overKey
			}
			if baseKey != nil && order == 0 {
				base.move()
			}
		}
		if key == nil {
			return nil
		}
		value, err := next.value()
		if err != nil {
			return err
		}
		if value != nil && !fn(key, value) {
			return nil
		}
		next.move()
	}
}
