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
	"os/user"
	"path/filepath"
	"strconv"
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
	}
	if err := unreplaceable("", path, info); err != nil {
		return err
	}
	folder := filepath.Dir(path)
	dir, err := os.Stat(folder)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrMissing, err)
	}
	return unreplaceable("its folder ", folder, dir)
}

// unreplaceable refuses what another user could put a program of their own in the place of. In a folder with the sticky
// bit, such as /tmp, others cannot touch what is not theirs.
func unreplaceable(what, path string, info fs.FileInfo) error {
	mode := info.Mode()
	if mode&0o002 != 0 && mode&fs.ModeSticky == 0 {
		return fmt.Errorf("%w: %s%s can be written by everybody (mode %04o); run chmod o-w %s, and think whether somebody changed it",
			ErrUnsafe, what, path, mode.Perm(), path)
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && !trusted(st.Uid) {
		return fmt.Errorf("%w: %s%s belongs to the user %s (mode %04o), neither root nor the user of this process; run chown root %s",
			ErrUnsafe, what, path, userName(st.Uid), mode.Perm(), path)
	}
	return nil
}

// userName is the name of a user for a person, or the number where it has none.
func userName(uid uint32) string {
	id := strconv.FormatUint(uint64(uid), 10)
	if u, err := user.LookupId(id); err == nil {
		return u.Username + " (" + id + ")"
	}
	return id
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
