package badger

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/atssync/atssync/daemon/internal/store/kv"
)

// SpaceState says which steps the free space allows.
type SpaceState string

// The states of the disk.
const (
	SpaceOK       SpaceState = "ok"
	SpaceLow      SpaceState = "low"      // steps of intake are refused
	SpaceCritical SpaceState = "critical" // all steps that write are refused
)

// Space is the room on the disk of the data folder, in bytes.
type Space struct {
	Free, Total uint64
	State       SpaceState
	// Low and Critical are below how much free space its states begin.
	Low, Critical uint64
}

const (
	spaceInterval = time.Second
	spaceBytes    = 8 << 20 // written since the last look
)

// Badger writes through memory maps: a full disk is a SIGBUS that nobody can catch, and so is the next
// start. That is why steps are refused long before it, and a start that has too little room as well.
type spaceWatch struct {
	dir      string
	statfs   func(dir string) (free, total uint64, err error)
	low      uint64
	percent  float64
	critical uint64
	log      *slog.Logger

	mu      sync.Mutex
	at      time.Time
	written int64
	space   Space
}

// look returns the space, at most spaceInterval old. wrote is the number of bytes that the caller wrote
// since its last look.
func (s *spaceWatch) look(wrote int64) Space {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.written += wrote
	if time.Since(s.at) < spaceInterval && s.written < spaceBytes {
		return s.space
	}
	s.measure()
	return s.space
}

// fresh measures now.
func (s *spaceWatch) fresh() (Space, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.measure()
	return s.space, err
}

func (s *spaceWatch) measure() error {
	s.at, s.written = time.Now(), 0
	free, total, err := s.statfs(s.dir)
	if err != nil {
		s.log.Warn("the free space cannot be read", "folder", s.dir, "error", err)
		return fmt.Errorf("reading the free space of %s: %w", s.dir, err)
	}
	state := SpaceOK
	switch {
	case free < s.critical:
		state = SpaceCritical
	case free < s.lowMark(total):
		state = SpaceLow
	}
	if state != s.space.State && s.space.State != "" {
		s.log.Warn("the state of the disk changed", "folder", s.dir, "state", state, "free_bytes", free, "low_bytes", s.lowMark(total), "critical_bytes", s.critical)
	}
	s.space = Space{Free: free, Total: total, State: state, Low: s.lowMark(total), Critical: s.critical}
	return nil
}

func (s *spaceWatch) lowMark(total uint64) uint64 {
	return max(s.low, uint64(s.percent/100*float64(total)))
}

// refuse returns the error for a step that this space does not allow, nil for one that it does.
func (s *spaceWatch) refuse(space Space, intake bool) error {
	switch {
	case space.State == SpaceCritical:
		return fmt.Errorf("%w: %s are free for %s and nothing is written below %s: free some, or give the ballast back with `atssync doctor --free-ballast`",
			kv.ErrLowSpace, bytesText(space.Free), s.dir, bytesText(s.critical))
	case space.State == SpaceLow && intake:
		return fmt.Errorf("%w: %s are free for %s and nothing new is taken in below %s",
			kv.ErrLowSpace, bytesText(space.Free), s.dir, bytesText(s.lowMark(space.Total)))
	}
	return nil
}

func statfs(dir string) (free, total uint64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, 0, err
	}
	size := uint64(st.Bsize)
	return st.Bavail * size, st.Blocks * size, nil
}

func bytesText(n uint64) string {
	if n < 10<<20 {
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d MiB", n>>20)
}

// ballast is a file of real blocks that can be given back when a disk is full.
type ballast struct {
	path string
	size int64 // 0: none
}

// FreeBallast gives back the ballast of the store in dir, whether or not a process has it open, and returns
// how many bytes that were; 0 when there was none.
func FreeBallast(dir string) (int64, error) {
	if _, found, err := readFormat(dir); err != nil || !found {
		return 0, errors.Join(err, fmt.Errorf("there is no store in %s", dir))
	}
	return ballast{path: filepath.Join(dir, ballastFile)}.free()
}

// free removes the ballast and returns how many bytes that gave back.
func (b ballast) free() (int64, error) {
	info, err := os.Stat(b.path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	if err := os.Remove(b.path); err != nil {
		return 0, err
	}
	return realSize(info), syncDir(filepath.Dir(b.path))
}

// fill makes the ballast when it is missing or of another size and room, in bytes, is plenty.
func (b ballast) fill(room int64) error {
	_ = os.Remove(b.path + newSuffix)
	info, err := os.Stat(b.path)
	if err == nil && realSize(info) >= b.size && info.Size() == b.size {
		return nil
	}
	if err == nil {
		if err := os.Remove(b.path); err != nil {
			return err
		}
	}
	if b.size <= 0 || room < 2*b.size {
		return nil
	}
	file, err := os.OpenFile(b.path+newSuffix, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = allocate(file, b.size)
	err = errors.Join(err, file.Sync())
	err = errors.Join(err, file.Close())
	if err == nil {
		err = os.Rename(b.path+newSuffix, b.path)
	}
	if err != nil {
		_ = os.Remove(b.path + newSuffix)
		return fmt.Errorf("making the ballast %s: %w", b.path, err)
	}
	return nil
}

// allocate gives the file real blocks, by writing them where the file system cannot do it.
func allocate(file *os.File, size int64) error {
	err := unix.Fallocate(int(file.Fd()), 0, 0, size)
	if !errors.Is(err, unix.EOPNOTSUPP) && !errors.Is(err, unix.ENOSYS) {
		return err
	}
	chunk := make([]byte, 1<<20)
	for i := range chunk {
		chunk[i] = byte(i*7 + i>>8) // No zeros, which some file systems do not store.
	}
	for at := int64(0); at < size; at += int64(len(chunk)) {
		if _, err := file.WriteAt(chunk[:min(int64(len(chunk)), size-at)], at); err != nil {
			return err
		}
	}
	return nil
}

// realSize returns the bytes of the blocks that a file really has.
func realSize(info fs.FileInfo) int64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Blocks * 512
	}
	return info.Size()
}
