package kv

import (
	"bytes"
	"maps"
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
	c.keep(k, raw, v)
	return v, nil
}

// keep notes what raw decodes to. A step that writes a record which the next one reads spares that one the decoding;
// whether the step succeeds does not matter, as only equal bytes are answered for. v is nobody's to change.
func (c *cache[T]) keep(k key, raw []byte, v *T) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.records == nil || len(c.records) >= maxCached {
		c.records = make(map[string]cached[T], 64)
	}
	c.records[string(k)] = cached[T]{slices.Clone(raw), v}
}

// caches are those of a Store.
type caches struct {
	connections cache[atssync.Connection]
	links       cache[atssync.JobLink]
	jobs        cache[atssync.ATSJob]
	leases      cache[leaseRecord]
	ledgers     cache[atssync.Ledger]
	submissions cache[atssync.Submission]
	attempts    cache[atssync.Attempt]
}

// ownSubmission copies a shared submission for somebody who changes it.
func ownSubmission(s *atssync.Submission) *atssync.Submission {
	c := *s
	c.PersonKeys, c.Continuation = slices.Clone(s.PersonKeys), slices.Clone(s.Continuation)
	c.Receipt, c.Proposal = copyOf(s.Receipt), copyOf(s.Proposal)
	if c.Trouble = copyOf(s.Trouble); c.Trouble != nil {
		c.Trouble.Fields = slices.Clone(c.Trouble.Fields)
	}
	return &c
}

// ownLedger copies a shared ledger for somebody who changes it.
func ownLedger(l *atssync.Ledger) *atssync.Ledger {
	c := *l
	c.States = maps.Clone(l.States)
	return &c
}

func copyOf[T any](v *T) *T {
	if v == nil {
		return nil
	}
	c := *v
	return &c
}
