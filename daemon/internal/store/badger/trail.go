package badger

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/dgraph-io/badger/v4"
)

// trailBytes is how many written bytes the commit records that are kept span at least. A damaged write-ahead
// log loses all that follows the damage in that file, a damaged MANIFEST the tables that were flushed last:
// both lie within the logs that Badger may hold, three of memTableSize and one transaction each, and the
// table that was flushed last, so that a loss leaves a hole in the trail or takes its end.
const trailBytes = 8 * memTableSize

// trailPrune bounds how many old records one commit deletes.
const trailPrune = 256

// trail is the unbroken row of the last commits: what is known of each is how many bytes it wrote.
type trail struct {
	first  uint64 // number of the first commit that has a record
	sizes  []uint32
	bytes  int64
	pruned int // records at the start of sizes that are dropped already
}

func (t *trail) last() uint64 { return t.first + uint64(len(t.sizes)-t.pruned) - 1 }

// add appends the next commit and returns the numbers of the records that may go.
func (t *trail) add(size int64) (from, to uint64) {
	t.sizes = append(t.sizes, uint32(min(size, math.MaxUint32)))
	t.bytes += size
	from = t.first
	for n := 0; n < trailPrune && t.bytes-int64(t.sizes[t.pruned]) >= trailBytes; n++ {
		t.bytes -= int64(t.sizes[t.pruned])
		t.pruned++
		t.first++
	}
	if t.pruned > 4096 && t.pruned > len(t.sizes)/2 {
		t.sizes = append([]uint32(nil), t.sizes[t.pruned:]...)
		t.pruned = 0
	}
	return from, t.first
}

// commitRecord is the body of one record of the trail: it is written in the commit that it is about.
type commitRecord struct {
	first uint64 // the first commit that has a record, seen from this one
	bytes uint64 // that the commit wrote
	steps uint64
}

func (c commitRecord) encode() []byte {
	out := binary.AppendUvarint(nil, c.first)
	out = binary.AppendUvarint(out, c.bytes)
	return binary.AppendUvarint(out, c.steps)
}

func decodeCommitRecord(body []byte) (c commitRecord, err error) {
	for _, field := range []*uint64{&c.first, &c.bytes, &c.steps} {
		v, n := binary.Uvarint(body)
		if n <= 0 {
			return c, errors.New("the commit record is too short")
		}
		*field, body = v, body[n:]
	}
	if len(body) > 0 {
		return c, errors.New("the commit record is too long")
	}
	return c, nil
}

const trailKeySize = 2 + 8

func trailKey(commit uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{engineSpace, 'c'}, commit)
}

// errTrail is damage that the trail shows.
type errTrail struct{ found string }

// Error returns what was found.
func (e *errTrail) Error() string { return e.found }

// readTrail returns the trail of a store and checks that it has no hole and ends with the newest write.
func readTrail(db *badger.DB) (*trail, error) {
	txn := db.NewTransactionAt(math.MaxUint64, false)
	defer txn.Discard()
	newest := db.MaxVersion()
	last, record, err := lastCommit(txn)
	if err != nil {
		return nil, err
	}
	if newest > last {
		return nil, &errTrail{fmt.Sprintf("there are writes of commit %d and the record of the last commit is %d", newest, last)}
	}
	t := &trail{first: 1}
	if last == 0 {
		return t, nil
	}
	if record.first == 0 || record.first > last {
		return nil, &errTrail{fmt.Sprintf("commit %d names %d as the first one on record", last, record.first)}
	}
	t.first = record.first
	it := txn.NewIterator(badger.IteratorOptions{Prefix: trailKey(0)[:2]})
	defer it.Close()
	next := t.first
	for it.Seek(trailKey(next)); it.Valid(); it.Next() {
		commit, record, err := readCommit(it.Item())
		if err != nil {
			return nil, err
		}
		if commit != next {
			return nil, &errTrail{fmt.Sprintf("the commits from %d to %d are missing, and there is a later one", next, commit-1)}
		}
		t.sizes = append(t.sizes, uint32(min(record.bytes, math.MaxUint32)))
		t.bytes += int64(record.bytes)
		next++
	}
	if next != last+1 {
		return nil, &errTrail{fmt.Sprintf("the commits from %d to %d are missing", next, last)}
	}
	return t, nil
}

// lastCommit returns the newest commit on record, 0 for none.
func lastCommit(txn *badger.Txn) (uint64, commitRecord, error) {
	it := txn.NewIterator(badger.IteratorOptions{Reverse: true})
	defer it.Close()
	it.Seek(trailKey(math.MaxUint64))
	if !it.ValidForPrefix(trailKey(0)[:2]) {
		return 0, commitRecord{}, nil
	}
	return readCommit(it.Item())
}

func readCommit(item *badger.Item) (uint64, commitRecord, error) {
	key := item.KeyCopy(nil)
	if len(key) != trailKeySize {
		return 0, commitRecord{}, &errTrail{"a commit record has a key of the wrong length"}
	}
	number := binary.BigEndian.Uint64(key[2:])
	stored, err := item.ValueCopy(nil)
	if err != nil {
		return 0, commitRecord{}, fmt.Errorf("reading the record of commit %d: %w", number, err)
	}
	commit, body, err := decodeValue(key, stored)
	if err == nil && (commit != number || item.Version() != number) {
		err = errors.New("it was written by another commit")
	}
	var record commitRecord
	if err == nil {
		record, err = decodeCommitRecord(body)
	}
	if err != nil {
		return 0, commitRecord{}, &errTrail{fmt.Sprintf("the record of commit %d is damaged: %v", number, err)}
	}
	return number, record, nil
}
