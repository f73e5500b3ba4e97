package badger

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/atssync/atssync/daemon/internal/store/kv"
)

// Badger's keys: one byte that tells whose key it is, then the key.
const (
	engineSpace byte = 0x00 // the engine's own records
	stepSpace   byte = 0x01 // what steps read and write
)

// A stored value is version (1 byte), number of the commit that wrote it (8), body, CRC-32C (4) over key
// and all the rest. The key is in the sum because Badger can hand out the value of another key when one of
// its blocks is damaged.
const (
	valueVersion byte = 1
	valueHead         = 1 + 8
	valueSum          = 4
	valueExtra        = valueHead + valueSum
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// CorruptError is the damage of one record; errors.Is(err, kv.ErrCorrupt) holds.
type CorruptError struct {
	// Kind is the kind of the record, without what could tell which one it is.
	Kind string
	// Reason says what does not fit.
	Reason string
}

// Error returns both fields in a sentence.
func (e *CorruptError) Error() string {
	return fmt.Sprintf("%v: a record of kind %s is not what was written: %s", kv.ErrCorrupt, e.Kind, e.Reason)
}

// Is makes it one of kv.ErrCorrupt.
func (e *CorruptError) Is(target error) bool { return target == kv.ErrCorrupt }

// encodeValue returns the stored form of body under key, which has its space byte.
func encodeValue(key []byte, commit uint64, body []byte) []byte {
	return appendValue(make([]byte, 0, valueExtra+len(body)), key, commit, body)
}

// appendValue is encodeValue at the end of out.
func appendValue(out, key []byte, commit uint64, body []byte) []byte {
	from := len(out)
	out = append(out, valueVersion)
	out = binary.BigEndian.AppendUint64(out, commit)
	out = append(out, body...)
	return binary.BigEndian.AppendUint32(out, sum(key, out[from:]))
}

// decodeValue returns what encodeValue was given, or why stored cannot be that. The body is part of stored.
func decodeValue(key, stored []byte) (commit uint64, body []byte, err error) {
	if len(stored) < valueExtra {
		return 0, nil, fmt.Errorf("%d bytes are too few", len(stored))
	}
	if stored[0] != valueVersion {
		return 0, nil, fmt.Errorf("version %d is unknown", stored[0])
	}
	end := len(stored) - valueSum
	if sum(key, stored[:end]) != binary.BigEndian.Uint32(stored[end:]) {
		return 0, nil, errors.New("the checksum does not match")
	}
	return binary.BigEndian.Uint64(stored[1:]), stored[valueHead:end:end], nil
}

func sum(key, rest []byte) uint32 {
	return crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, rest)
}
