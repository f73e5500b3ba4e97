package badger

import (
	"fmt"
	"runtime/debug"
	"time"

	"github.com/dgraph-io/badger/v4"

	"github.com/atssync/atssync/daemon/internal/store/kv"
)

// entryExtra is what Badger counts for one entry of a transaction beside key and value.
const entryExtra = 12

// group is the steps of one commit. Each step reads the store as it was before the group, with the writes
// of the steps before it laid over; what it writes is laid over when it is not refused.
type group struct {
	txn     *badger.Txn // reads at the commit before
	over    *overlay
	keys    int
	bytes   int64
	begun   time.Time
	answers []*request
}

// step is one step that runs: what it reads comes from its own writes first.
type step struct {
	reader
	writes kv.Writes
}

// Value implements kv.Reader.
func (s *step) Value(key []byte) ([]byte, error) {
	if body, known := s.writes.Lookup(key); known {
		return body, nil
	}
	return s.reader.Value(key)
}

// Set implements kv.Writer.
func (s *step) Set(key, value []byte) { s.writes.Set(key, value) }

// Delete implements kv.Writer.
func (s *step) Delete(key []byte) { s.writes.Delete(key) }

// run calls fn and returns why its writes are not to be taken. A panic is an error like any other; ended is
// false until fn has returned or panicked, and stays so when fn ended its goroutine.
func (s *step) run(fn func(kv.Writer) error, ended *bool) (err error) {
	defer func() {
		if p := recover(); p != nil {
			*ended = true
			err = fmt.Errorf("the step panicked: %v\n%s", p, debug.Stack())
		}
	}()
	err = fn(s)
	*ended = true
	switch {
	case s.err != nil:
		return s.err
	case err != nil:
		return err
	}
	return s.writes.Err()
}

// cost returns what the writes of a step add to a transaction.
func cost(writes []kv.Write) (keys int, bytes int64) {
	for _, w := range writes {
		bytes += int64(1 + len(w.Key) + valueExtra + len(w.Value) + entryExtra)
	}
	return len(writes), bytes
}

// take lays the writes of a step over.
func (g *group) take(writes []kv.Write, keys int, bytes int64) {
	for _, w := range writes {
		g.over.Set(w.Key, w.Value)
	}
	g.keys += keys
	g.bytes += bytes
}

// sheet is the memory in which one group is handed to Badger, which copies it before a commit returns: it is used
// again for the next.
type sheet struct {
	bytes   []byte
	entries []badger.Entry
}

// maxSheet is above what a usual group takes; what a larger one took is given back.
const maxSheet = 2 << 20

// fill writes the group into txn as commit number n.
func (g *group) fill(txn *badger.Txn, n uint64, s *sheet) error {
	s.ready(g)
	for key, body := range g.over.values {
		full := s.key(key)
		var err error
		if body == nil {
			err = txn.Delete(full)
		} else {
			err = txn.SetEntry(s.entry(full, n, body))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// ready makes room for a group. What was handed out before is not valid any more.
func (s *sheet) ready(g *group) {
	if cap(s.bytes) < int(g.bytes) || cap(s.bytes) > maxSheet {
		s.bytes = make([]byte, 0, g.bytes)
	}
	if cap(s.entries) < g.over.Len() {
		s.entries = make([]badger.Entry, 0, g.over.Len())
	}
	s.bytes, s.entries = s.bytes[:0], s.entries[:0]
}

// key returns the key as Badger has it.
func (s *sheet) key(key string) []byte {
	from := len(s.bytes)
	s.bytes = append(append(s.bytes, stepSpace), key...)
	return s.bytes[from:len(s.bytes):len(s.bytes)]
}

// entry returns the entry of a key, which has its space byte, in commit n.
func (s *sheet) entry(full []byte, n uint64, body []byte) *badger.Entry {
	from := len(s.bytes)
	s.bytes = appendValue(s.bytes, full, n, body)
	s.entries = append(s.entries, badger.Entry{Key: full, Value: s.bytes[from:len(s.bytes):len(s.bytes)]})
	return &s.entries[len(s.entries)-1]
}
