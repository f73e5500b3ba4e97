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
	"github.com/dgraph-io/badger/v4/table"
	"golang.org/x/sys/unix"

	"github.com/atssync/atssync/daemon/internal/store/kv"
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
	if err := inspectLogs(dir); err != nil {
		return err
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

// logHeader is what stands in a log before its first record.
const logHeader = 20

// emptyLog says whether a value log has no first record: Badger keeps zeros after the last one.
func emptyLog(path string) (bool, error) {
	const record = 16
	data := make([]byte, logHeader+record)
	file, err := os.Open(path)
	if err != nil {
		return false, err
	}
	n, _ := file.Read(data)
	for _, b := range data[min(logHeader, n):n] {
		if b != 0 {
			return false, file.Close()
		}
	}
	return true, file.Close()
}

// inspectLogs refuses write-ahead logs with a record that claims an impossible length: Badger takes as much
// memory as it says. Whether the first record that cannot be read is the torn end that a crash leaves or
// damage with acknowledged commits behind it is not to be seen in the log: the trail tells that.
func inspectLogs(dir string) error {
	logs, err := filepath.Glob(filepath.Join(dir, "*.mem"))
	if err != nil {
		return err
	}
	for _, path := range logs {
		if err := mapped(path, checkLog); err != nil {
			return fmt.Errorf("the file %s is damaged: %w", path, err)
		}
	}
	return nil
}

// checkLog walks the records of a log up to the first one that is not whole. A record is two bytes of
// flags, the lengths of key and value and an expiry as varints, key, value, and the CRC-32C (4) of all that.
func checkLog(data []byte) error {
	at := min(logHeader, len(data))
	for {
		rest := data[at:]
		size := 2
		var fields [3]uint64
		for i := range fields {
			v, n := binary.Uvarint(rest[min(size, len(rest)):])
			if n <= 0 {
				return nil
			}
			fields[i], size = v, size+n
		}
		key, value := fields[0], fields[1]
		if key == 0 {
			return nil
		}
		if key > kv.MaxKey+64 || value > kv.MaxValue+64 {
			return fmt.Errorf("the record at byte %d claims a key of %d and a value of %d bytes", at, key, value)
		}
		size += int(key + value)
		if size+4 > len(rest) || crc32.Checksum(rest[:size], castagnoli) != binary.BigEndian.Uint32(rest[size:]) {
			return nil
		}
		at += size + 4
	}
}

// mapped calls check with the bytes of a file.
func mapped(path string, check func(data []byte) error) error {
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
	return errors.Join(check(data), unix.Munmap(data))
}
