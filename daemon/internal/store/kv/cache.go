package kv

import (
	"bytes"
	"slices"
	"sync"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// maxCached bounds the records of one kind that a cache keeps decoded.
const maxCached = 4096

// cache keeps decoded records that nearly every step reads and few change. It never answers for the engine:
// a record is read each time and only its decoding is spared, when the bytes are the ones that were decoded
// before. What it returns is shared and nobody's to change.
type cache[T any] struct {
	mu      sync.RWMutex
	records map[string]cached[T]
}

type cached[T any] struct {
	raw []byte
	v   *T
}

// record reads one record, nil when there is none.
func (c *cache[T]) record(r Reader, k key) (*T, error) {
	raw, err := r.Value(k)
	if err != nil || raw == nil {
		return nil, err
	}
	c.mu.RLock()
	have, ok := c.records[string(k)]
	c.mu.RUnlock()
	if ok && bytes.Equal(have.raw, raw) {
		return have.v, nil
	}
	v, err := decode[T](k, raw)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	if c.records == nil || len(c.records) >= maxCached {
		c.records = make(map[string]cached[T], 64)
	}
	c.records[string(k)] = cached[T]{slices.Clone(raw), v}
	c.mu.Unlock()
	return v, nil
}

// caches are those of a Store.
type caches struct {
	connections cache[atssync.Connection]
	links       cache[atssync.JobLink]
	jobs        cache[atssync.ATSJob]
}
