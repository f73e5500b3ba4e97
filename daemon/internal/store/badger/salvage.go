package badger

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// keptLogs are copies of the write-ahead logs that a crash left. Badger cuts a log off at the first record
// that it cannot read, which takes away what follows it: a start that is refused keeps the copies, for
// whoever wants to read the rest.
type keptLogs struct {
	dir    string // "" when nothing was copied
	target string
}

// keepLogs copies the logs when there are any and there is room.
func keepLogs(dir string, space *spaceWatch) (keptLogs, error) {
	target := filepath.Join(dir, salvageDir)
	temporary := target + newSuffix
	if err := os.RemoveAll(temporary); err != nil {
		return keptLogs{}, err
	}
	logs, err := filepath.Glob(filepath.Join(dir, badgerDir, "*.mem"))
	if err != nil || len(logs) == 0 {
		return keptLogs{}, err
	}
	if _, err := os.Stat(target); !errors.Is(err, fs.ErrNotExist) {
		return keptLogs{}, err // The first refusal has kept what was there first.
	}
	now, err := space.fresh()
	if err != nil || now.State == SpaceCritical {
		return keptLogs{}, err
	}
	if err := os.Mkdir(temporary, 0o700); err != nil {
		return keptLogs{}, err
	}
	for _, log := range logs {
		if err := copyUsed(filepath.Join(temporary, filepath.Base(log)), log); err != nil {
			return keptLogs{}, errors.Join(fmt.Errorf("keeping a copy of %s: %w", log, err), os.RemoveAll(temporary))
		}
	}
	return keptLogs{dir: temporary, target: target}, nil
}

// keep makes the copies lasting and returns a sentence about them, "" when there are none.
func (k keptLogs) keep() string {
	if k.dir == "" {
		return ""
	}
	if err := os.Rename(k.dir, k.target); err != nil {
		return fmt.Sprintf("the write-ahead logs as they were are in %s", k.dir)
	}
	return fmt.Sprintf("the write-ahead logs as they were are in %s", k.target)
}

// drop removes the copies.
func (k keptLogs) drop() error {
	if k.dir == "" {
		return nil
	}
	return os.RemoveAll(k.dir)
}

// copyUsed copies a file and leaves its holes: most of a log is one.
func copyUsed(target, source string) error {
	in, err := os.Open(source)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	out, err := os.OpenFile(target, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = out.Truncate(info.Size())
	for at := int64(0); err == nil; {
		var from, to int64
		if from, err = unix.Seek(int(in.Fd()), at, unix.SEEK_DATA); err != nil {
			break
		}
		if to, err = unix.Seek(int(in.Fd()), from, unix.SEEK_HOLE); err == nil {
			_, err = io.Copy(io.NewOffsetWriter(out, from), io.NewSectionReader(in, from, to-from))
			at = to
		}
	}
	if errors.Is(err, unix.ENXIO) { // There is no more data.
		err = nil
	}
	return errors.Join(err, out.Close())
}
