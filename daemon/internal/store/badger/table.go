package badger

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/fb"
	"github.com/dgraph-io/badger/v4/options"
	"github.com/dgraph-io/badger/v4/pb"
	"google.golang.org/protobuf/proto"
)

// inspectTable checks every checksum of a table without trusting any length in it. The layout, from the
// end: length of the checksum (4), checksum of the index, length of the index (4), index; from the start:
// the blocks, each ending with its own checksum and the length of that (4).
func inspectTable(path string, entry badger.TableManifest) error {
	if entry.Compression != options.None || entry.KeyID != 0 {
		return errors.New("MANIFEST says that it is compressed or encrypted, which this store never does")
	}
	return mapped(path, checkTable)
}

// checkTable is inspectTable on the bytes of a table.
func checkTable(data []byte) (err error) {
	defer func() {
		if p := recover(); p != nil { // A length in the index that is checked already: not reached by damage.
			err = fmt.Errorf("its index cannot be read: %v", p)
		}
	}()
	rest, want, err := cutChecksum(data)
	if err != nil {
		return fmt.Errorf("its end: %w", err)
	}
	rest, size, ok := cutLength(rest)
	if !ok || size > len(rest) || size < 8 {
		return errors.New("the length of its index is wrong")
	}
	index := rest[len(rest)-size:]
	if err := want.check(index); err != nil {
		return fmt.Errorf("its index: %w", err)
	}
	blocks := rest[:len(rest)-size]
	tableIndex := fb.GetRootAsTableIndex(index, 0)
	var offset fb.BlockOffset
	for i := range tableIndex.OffsetsLength() {
		if !tableIndex.Offsets(&offset, i) {
			return errors.New("its index is incomplete")
		}
		begin, end := int(offset.Offset()), int(offset.Offset())+int(offset.Len())
		if begin > end || end > len(blocks) {
			return fmt.Errorf("block %d lies outside of it", i)
		}
		body, want, err := cutChecksum(blocks[begin:end])
		if err == nil {
			err = want.check(body)
		}
		if err != nil {
			return fmt.Errorf("block %d at byte %d: %w", i, begin, err)
		}
	}
	return nil
}

// checksum is one of Badger's.
type checksum uint64

func (c checksum) check(data []byte) error {
	if uint64(crc32.Checksum(data, castagnoli)) != uint64(c) {
		return errors.New("the checksum does not match")
	}
	return nil
}

// cutChecksum takes the checksum and its length off the end of data.
func cutChecksum(data []byte) (rest []byte, sum checksum, err error) {
	rest, size, ok := cutLength(data)
	if !ok || size > len(rest) {
		return nil, 0, errors.New("the length of the checksum is wrong")
	}
	var message pb.Checksum
	if err := proto.Unmarshal(rest[len(rest)-size:], &message); err != nil {
		return nil, 0, errors.New("the checksum cannot be read")
	}
	if message.GetAlgo() != pb.Checksum_CRC32C {
		return nil, 0, errors.New("the checksum is of an unknown kind")
	}
	return rest[:len(rest)-size], checksum(message.GetSum()), nil
}

func cutLength(data []byte) (rest []byte, length int, ok bool) {
	if len(data) < 4 {
		return nil, 0, false
	}
	at := len(data) - 4
	length = int(binary.BigEndian.Uint32(data[at:]))
	return data[:at], length, true
}
