package torture

import (
	"context"
	"errors"
	"hash/crc32"
	"sync/atomic"

	"github.com/atssync/atssync/daemon/internal/store/kv"
)

// errDead is what a daemon gets that is no more.
var errDead = errors.New("this daemon was killed")

// engine is the disk as one daemon sees it, until it is killed: at a step, before its commit or between the commit and
// the answer.
type engine struct {
	kv.Engine
	m    *model
	dead atomic.Bool
}

func (e *engine) View(ctx context.Context, fn func(kv.Reader) error) error {
	if e.dead.Load() {
		return errDead
	}
	return e.Engine.View(ctx, fn)
}

func (e *engine) Update(ctx context.Context, fn func(kv.Writer) error) error {
	if e.m.point(e, "commit") {
		return errDead
	}
	var s *sum
	err := e.Engine.Update(ctx, func(w kv.Writer) error {
		s = &sum{Writer: w}
		return fn(s)
	})
	if err != nil || s.n == 0 {
		return err
	}
	e.m.trace("commit %d %08x", s.n, s.of)
	if e.m.point(e, "committed") {
		return errDead
	}
	return nil
}

// Close leaves the disk to the next daemon.
func (e *engine) Close() error { return nil }

// sum is a check sum of what a step writes, whatever the order of its writes.
type sum struct {
	kv.Writer
	n  int
	of uint32
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func (s *sum) Set(key, value []byte) {
	s.n++
	s.of += crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, value)
	s.Writer.Set(key, value)
}

func (s *sum) Delete(key []byte) {
	s.n++
	s.of += ^crc32.Checksum(key, castagnoli)
	s.Writer.Delete(key)
}
