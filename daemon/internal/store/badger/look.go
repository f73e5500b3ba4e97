package badger

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Disk is the room on the disk of a folder, and the marks by which a store would judge it.
type Disk struct {
	Space
	// Low is what must be free for intake, Critical for anything that writes.
	Low, Critical uint64
}

// MeasureDisk measures the disk of a folder as a store with these options would.
func MeasureDisk(o Options, dir string) (Disk, error) {
	o = o.withDefaults()
	w := o.watch(dir)
	s, err := w.fresh()
	return Disk{Space: s, Low: w.lowMark(s.Total), Critical: w.critical}, err
}

// Glance is what can be told of a store without opening it.
type Glance struct {
	Found   bool
	Version int    // of its format
	ID      string // the store's for life
	State   string
	// Holder is the process that has the store open; 0 when none has, or the system does not tell.
	Holder int
}

// Look tells of the store in dir without opening it, whether or not a daemon has it open. The error names the folder or the
// file, as that of Open does.
func Look(dir string) (Glance, error) {
	f, found, err := readFormat(dir)
	if err != nil {
		return Glance{}, err
	}
	g := Glance{Found: found, Version: f.version, ID: f.id, State: f.state}
	g.Holder, err = holder(filepath.Join(dir, lockFile))
	return g, err
}

// holder finds the process that has the lock. Taking it for a moment would tell as well, and could refuse a daemon that starts
// in that moment.
func holder(path string) (pid int, err error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("look at the lock of the store: %w", err)
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, nil
	}
	locks, err := os.Open("/proc/locks")
	if err != nil {
		return 0, nil //nolint:nilerr // a system that does not tell.
	}
	defer func() { _ = locks.Close() }()
	for lines := bufio.NewScanner(locks); lines.Scan(); {
		if n, ok := lockOf(lines.Text(), st.Ino); ok {
			return n, nil
		}
	}
	return 0, nil
}

// lockOf reads a line of /proc/locks, such as "1: FLOCK  ADVISORY  WRITE 4711 fd:01:123456 0 EOF". The device is not compared:
// some file systems tell another one there than to those who ask for a file.
func lockOf(line string, inode uint64) (pid int, ok bool) {
	f := strings.Fields(line)
	if len(f) < 6 || f[1] != "FLOCK" {
		return 0, false
	}
	at := strings.LastIndexByte(f[5], ':')
	n, err := strconv.ParseUint(f[5][at+1:], 10, 64)
	if err != nil || n != inode {
		return 0, false
	}
	pid, err = strconv.Atoi(f[4])
	return pid, err == nil && pid > 0
}
