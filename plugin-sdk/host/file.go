package host

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// MaxRuntimeDir is the longest Options.RuntimeDir in bytes: the socket's own folder and name follow it, and
// the kernel's limit for the whole is about a hundred.
const MaxRuntimeDir = maxSocketPath - len("/plugin-dir4294967295/plugin4294967295")

const maxSocketPath = 100

// inspect refuses a file that is not there, not pinned as it is, or replaceable by a third user. The
// checksum is compared before the start: only those who may write the file could change it in between.
func inspect(path, sum string) error {
	if !filepath.IsAbs(path) {
		return fmt.Errorf("%w: %q is not an absolute path", ErrMissing, path)
	}
	file, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: there is nothing at %s", ErrMissing, path)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrMissing, err)
	}
	f, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrMissing, err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrMissing, err)
	}
	if err := safe(file, info); err != nil {
		return err
	}
	return verify(f, sum)
}

func safe(path string, info fs.FileInfo) error {
	switch {
	case !info.Mode().IsRegular():
		return fmt.Errorf("%w: %s is not a file", ErrExecute, path)
	case info.Mode()&0o111 == 0:
		return fmt.Errorf("%w: %s is not executable; run chmod 755 on it", ErrExecute, path)
	case info.Mode()&0o002 != 0:
		return fmt.Errorf("%w: %s can be written by everybody; run chmod o-w on it", ErrUnsafe, path)
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && !trusted(st.Uid) {
		return fmt.Errorf("%w: %s belongs to user %d, neither root nor the user of this process", ErrUnsafe, path, st.Uid)
	}
	dir, err := os.Stat(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrMissing, err)
	}
	if dir.Mode()&0o002 != 0 && dir.Mode()&fs.ModeSticky == 0 {
		return fmt.Errorf("%w: its folder %s can be written by everybody; run chmod o-w on it", ErrUnsafe, filepath.Dir(path))
	}
	return nil
}

// trusted reports whether a file of that user may be run: root's, or our own.
func trusted(uid uint32) bool { return uid == 0 || int(uid) == os.Geteuid() }

func verify(f io.Reader, sum string) error {
	if sum == "" {
		return nil
	}
	want, err := hex.DecodeString(sum)
	if err != nil || len(want) != sha256.Size {
		return fmt.Errorf("%w: %q is not the 64 hexadecimal digits of a SHA-256", ErrChecksum, brief(sum))
	}
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return fmt.Errorf("%w: read the file: %w", ErrChecksum, err)
	}
	if got := h.Sum(nil); subtle.ConstantTimeCompare(got, want) != 1 {
		return fmt.Errorf("%w: it has %x and %x is pinned", ErrChecksum, got, want)
	}
	return nil
}

// socketDir returns the folder in which go-plugin makes its own.
func socketDir(dir string) (string, error) {
	if dir == "" {
		dir = os.TempDir()
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrSocketPath, err)
	}
	if len(dir) > MaxRuntimeDir {
		return "", fmt.Errorf("%w: %s has %d bytes and at most %d leave room for a socket's name; choose a shorter folder",
			ErrSocketPath, dir, len(dir), MaxRuntimeDir)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("%w: %w", ErrSocketPath, err)
	}
	return dir, nil
}
