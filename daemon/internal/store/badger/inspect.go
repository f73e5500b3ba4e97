package badger

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/fb"
	"github.com/dgraph-io/badger/v4/options"
	"github.com/dgraph-io/badger/v4/pb"
	"github.com/dgraph-io/badger/v4/table"
	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/proto"
)

// inspect looks at Badger's files before Badger does. Badger ends the process on some damaged tables,
// deletes every table that a missing or shortened MANIFEST does not name, and fails on files that carry no
// data. Files of the last kind are removed here, the rest is an error that names the file.
func inspect(ctx context.Context, dir string, log *bridge) error {
	if err := sweep(dir); err != nil {
		return err
	}
	path := filepath.Join(dir, badger.ManifestFilename)
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the file %s is missing", path)
	}
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	manifest, _, err := replay(file, dir, log)
	if err != nil {
		return fmt.Errorf("the file %s is damaged: %w", path, err)
	}
	for id, entry := range manifest.Tables {
		if err := ctx.Err(); err != nil {
			return err
		}
		path := table.NewFilename(id, dir)
		if err := inspectTable(path, entry); err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("the file %s is missing", path)
			}
			return fmt.Errorf("the file %s is damaged: %w", path, err)
		}
	}
	return nil
}

func replay(file *os.File, dir string, log *bridge) (m badger.Manifest, end int64, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("reading it panicked: %v", p)
		}
	}()
	return badger.ReplayManifestFile(file, formatVersion, badgerOptions(dir, log))
}

// sweep removes the files that carry nothing of ours: the statistics of a value log that is never written
// to, the registry of encryption keys that are not used, value logs without an entry, and logs of zero bytes,
// which a crash between two calls leaves and on which Badger's first start fails.
func sweep(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		path := filepath.Join(dir, entry.Name())
		var idle bool
		switch {
		case entry.Name() == "DISCARD" || entry.Name() == badger.KeyRegistryFileName:
			idle = true
		case filepath.Ext(path) == ".vlog":
			idle, err = emptyLog(path)
		case filepath.Ext(path) == ".mem":
			var info fs.FileInfo
			if info, err = entry.Info(); err == nil {
				idle = info.Size() == 0
			}
		}
		if err == nil && idle {
			err = os.Remove(path)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// emptyLog says whether a value log has no first entry: Badger keeps zeros after the last one.
func emptyLog(path string) (bool, error) {
	const header, entry = 20, 16
	data := make([]byte, header+entry)
	file, err := os.Open(path)
	if err != nil {
		return false, err
	}
	n, _ := file.Read(data)
	for _, b := range data[min(header, n):n] {
		if b != 0 {
			return false, file.Close()
		}
	}
	return true, file.Close()
}

// inspectTable checks every checksum of a table without trusting any length in it. The layout, from the
// end: length of the checksum (4), checksum of the index, length of the index (4), index; from the start:
// the blocks, each ending with its own checksum and the length of that (4).
func inspectTable(path string, entry badger.TableManifest) error {
	if entry.Compression != options.None || entry.KeyID != 0 {
		return errors.New("MANIFEST says that it is compressed or encrypted, which this store never does")
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if info.Size() == 0 {
		return errors.New("it is empty")
	}
	data, err := unix.Mmap(int(file.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Munmap(data) }()
	return checkTable(data)
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
