// Package memory is the store's engine that keeps everything in the process and nothing on disk: the store
// of the unit tests, below the same business steps as the one on disk.
package memory

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"github.com/tidwall/btree"

	"github.com/atssync/atssync/daemon/internal/store/kv"
)

// tree is a copy-on-write ordered map: one that was published is only read from then on.
type tree = btree.Map[string, []byte]

// Engine implements kv.Engine. Views read the tree that was current when they began; Update writes into a
// copy that shares all that it does not change, and publishes it.
type Engine struct {
	updating sync.Mutex // serialises the steps and Close
	current  atomic.Pointer[tree]
	closed   atomic.Bool
}

// New returns an empty engine.
func New() *Engine {
	e := &Engine{}
	e.current.Store(&tree{})
	return e
}

// View implements kv.Engine.
func (e *Engine) View(ctx context.Context, fn func(kv.Reader) error) error {
	if err := e.open(ctx); err != nil {
		return err
	}
	return fn(&step{ctx: ctx, base: e.current.Load()})
}

// Update implements kv.Engine.
func (e *Engine) Update(ctx context.Context, fn func(kv.Writer) error) error {
	e.updating.Lock()
	defer e.updating.Unlock()
	if err := e.open(ctx); err != nil {
		return err
	}
	base := e.current.Load()
	s := &step{ctx: ctx, base: base}
	if err := s.run(fn); err != nil {
		return err
	}
	if len(s.writes.All()) == 0 {
		return nil
	}
	next := base.Copy()
	for _, w := range s.writes.All() {
		if w.Value == nil {
			next.Delete(w.Key)
		} else {
			next.Set(w.Key, w.Value)
		}
	}
	e.current.Store(next)
	return nil
}

// Close implements kv.Engine; it waits for the step that is under way.
func (e *Engine) Close() error {
	e.updating.Lock()
	defer e.updating.Unlock()
	e.closed.Store(true)
	return nil
}

func (e *Engine) open(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if e.closed.Load() {
		return kv.ErrClosed
	}
	return nil
}

// step is one transaction: the tree as it was before, and what the step writes beside it.
type step struct {
	ctx    context.Context
	base   *tree
	writes kv.Writes
}

// run calls fn and turns a panic into an error, as the engine on disk does.
func (s *step) run(fn func(kv.Writer) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the step panicked: %v\n%s", p, debug.Stack())
		}
	}()
	if err := fn(s); err != nil {
		return err
	}
	return s.writes.Err()
}

// Value implements kv.Reader.
func (s *step) Value(key []byte) ([]byte, error) {
	if value, known := s.writes.Lookup(key); known {
		return value, nil
	}
	value, _ := s.base.Get(string(key))
	return value, nil
}

// Scan implements kv.Reader.
func (s *step) Scan(prefix, from []byte, fn func(key, value []byte) bool) error {
	start := string(prefix)
	if from != nil && string(from) > start {
		start = string(from)
	}
	it := s.base.Iter()
	return s.walk(prefix, fn, &it, it.Seek(start), it.Next)
}

// ScanBack implements kv.Reader.
func (s *step) ScanBack(prefix, from []byte, fn func(key, value []byte) bool) error {
	it := s.base.Iter()
	end := kv.PrefixEnd(prefix)
	found := false
	switch {
	case from != nil && (end == nil || string(from) < string(end)):
		found = it.Seek(string(from)) && it.Key() == string(from)
		if !found {
			found = lastBefore(&it, string(from))
		}
	case end != nil:
		found = lastBefore(&it, string(end))
	default:
		found = it.Last()
	}
	return s.walk(prefix, fn, &it, found, it.Prev)
}

// Set implements kv.Writer.
func (s *step) Set(key, value []byte) { s.writes.Set(key, value) }

// Delete implements kv.Writer.
func (s *step) Delete(key []byte) { s.writes.Delete(key) }

type iterator = btree.MapIter[string, []byte]

// lastBefore moves it to the last key before limit.
func lastBefore(it *iterator, limit string) bool {
	if it.Seek(limit) {
		return it.Prev()
	}
	return it.Last()
}

// walk calls fn from the key it stands on while keys have the prefix.
func (s *step) walk(prefix []byte, fn func(key, value []byte) bool, it *iterator, found bool, move func() bool) error {
	var key []byte
	for n := 1; found; n++ {
		if len(it.Key()) < len(prefix) || it.Key()[:len(prefix)] != string(prefix) {
			return nil
		}
		if n%256 == 0 && s.ctx.Err() != nil {
			return s.ctx.Err()
		}
		key = append(key[:0], it.Key()...)
		if !fn(key, it.Value()) {
			return nil
		}
		found = move()
	}
	return nil
}
