package backup

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Save puts what write writes into a new file for its owner only. It appears whole, checked and safely on disk, or not
// at all, and never replaces another file.
func Save(path string, write func(io.Writer) error) (h Header, size int64, err error) {
	if _, err := os.Lstat(path); err == nil {
		return h, 0, fmt.Errorf("there is a file %s already, and a backup replaces none: name another one, or a folder", path)
	}
	dir := filepath.Dir(path)
	f, temp, err := partial(dir, filepath.Base(path))
	if err != nil {
		return h, 0, fmt.Errorf("make the file of the backup: %w", err)
	}
	defer func() {
		_ = f.Close()
		if temp == "" {
			return
		}
		if removed := os.Remove(temp); removed != nil && !errors.Is(removed, fs.ErrNotExist) {
			err = errors.Join(err, removed)
		}
	}()
	if err := write(f); err != nil {
		return h, 0, err
	}
	if err := f.Sync(); err != nil {
		return h, 0, fmt.Errorf("write the backup to disk: %w", err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return h, 0, fmt.Errorf("read the backup again: %w", err)
	}
	if h, size, err = Check(f); err != nil {
		return h, 0, err
	}
	if err := link(f, temp, path); err != nil { // unlike a rename it replaces nothing
		return h, 0, fmt.Errorf("put the backup in place: %w", err)
	}
	return h, size, syncDir(dir)
}

// partial makes the file that a backup is written to until it is whole. It has no name, so that nothing is left of it
// however its writer ends; where the file system has no such files it has a hidden one.
func partial(dir, base string) (f *os.File, temp string, err error) {
	if fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o600); err == nil {
		return os.NewFile(uintptr(fd), filepath.Join(dir, base)), "", nil
	}
	temp = filepath.Join(dir, fmt.Sprintf(".%s.%s.partial", base, rand.Text()[:8]))
	f, err = os.OpenFile(temp, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	return f, temp, err
}

// link gives a file its name; one without a name is reached by its descriptor.
func link(f *os.File, temp, path string) error {
	if temp != "" {
		return os.Link(temp, path)
	}
	from := fmt.Sprintf("/proc/self/fd/%d", f.Fd())
	if err := unix.Linkat(unix.AT_FDCWD, from, unix.AT_FDCWD, path, unix.AT_SYMLINK_FOLLOW); err != nil {
		return &os.LinkError{Op: "link", Old: from, New: path, Err: err}
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync the folder of the backup: %w", err)
	}
	return errors.Join(d.Sync(), d.Close())
}
