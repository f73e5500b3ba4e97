package backup

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Save puts what write writes into a new file for its owner only. It appears whole, checked and safely on disk, or not
// at all, and never replaces another file.
func Save(path string, write func(io.Writer) error) (h Header, size int64, err error) {
	if _, err := os.Lstat(path); err == nil {
		return h, 0, fmt.Errorf("there is a file %s already, and a backup replaces none: name another one, or a folder", path)
	}
	dir := filepath.Dir(path)
	temp := filepath.Join(dir, fmt.Sprintf(".%s.%s.partial", filepath.Base(path), rand.Text()[:8]))
	f, err := os.OpenFile(temp, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return h, 0, fmt.Errorf("make the file of the backup: %w", err)
	}
	defer func() {
		_ = f.Close()
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
	if err := os.Link(temp, path); err != nil { // unlike a rename it replaces nothing
		return h, 0, fmt.Errorf("put the backup in place: %w", err)
	}
	return h, size, syncDir(dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync the folder of the backup: %w", err)
	}
	return errors.Join(d.Sync(), d.Close())
}
