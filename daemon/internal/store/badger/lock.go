package badger

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// dropLock gives the lock back at once, also when a child process that is just being started has the file
// open still.
func dropLock(file *os.File) error {
	return errors.Join(unix.Flock(int(file.Fd()), unix.LOCK_UN), file.Close())
}

// takeLock locks the file for this process and writes the process id into it. The lock ends with the file
// or the process, however it ends.
func takeLock(path, dir string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		holder := ""
		if data, readErr := io.ReadAll(io.LimitReader(file, 32)); readErr == nil {
			if pid, numErr := strconv.Atoi(strings.TrimSpace(string(data))); numErr == nil {
				holder = fmt.Sprintf(" (pid %d)", pid)
			}
		}
		_ = file.Close()
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("locking %s: %w", path, err)
		}
		return nil, fmt.Errorf("another atssync%s has the data folder %s open: stop it first, or name another folder", holder, dir)
	}
	// Over what is there, and without regard to a full disk: the id only makes an error more helpful.
	_, _ = file.WriteAt(fmt.Appendf(nil, "%-10d\n", os.Getpid()), 0)
	return file, nil
}
