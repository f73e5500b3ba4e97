package web

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/user"
	"strconv"
	"syscall"
	"time"
)

const (
	maxSocketPath = 100 // the kernel takes 107; backups and tests in deep folders would meet that limit by surprise
	socketMode    = 0o660
	probeTimeout  = time.Second
)

// ErrSocketInUse says that somebody answers on the socket: another daemon runs.
var ErrSocketInUse = errors.New("another process answers on it")

// unixListener removes its socket when it closes, unless another has taken the place.
type unixListener struct {
	*net.UnixListener
	path string
	own  fs.FileInfo
}

// listenUnix binds a unix socket that only owner and group may use. What a dead process left there is replaced; a socket that
// answers, and anything that is no socket, is left alone and refused.
func listenUnix(ctx context.Context, path, group string) (net.Listener, error) {
	if len(path) > maxSocketPath {
		return nil, fmt.Errorf("socket path %s has %d bytes, at most %d work everywhere: choose a shorter one", path, len(path), maxSocketPath)
	}
	gid := -1
	if group != "" {
		var err error
		if gid, err = groupID(group); err != nil {
			return nil, err
		}
	}
	if err := clearStale(path); err != nil {
		return nil, fmt.Errorf("socket %s: %w", path, err)
	}
	// The node is born closed to all others, so that nobody gets in before group and mode are set.
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var chmod error
		if err := c.Control(func(fd uintptr) { chmod = syscall.Fchmod(int(fd), 0o600) }); err != nil {
			return err
		}
		return chmod
	}}
	l, err := config.Listen(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("listen on socket %s: %w", path, err)
	}
	ul, ok := l.(*net.UnixListener)
	if !ok {
		return nil, errors.Join(fmt.Errorf("listen on socket %s: not a unix socket", path), l.Close())
	}
	ul.SetUnlinkOnClose(false)
	own, err := secure(path, gid)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("socket %s: %w", path, err), l.Close(), os.Remove(path))
	}
	return &unixListener{UnixListener: ul, path: path, own: own}, nil
}

func secure(path string, gid int) (fs.FileInfo, error) {
	if gid >= 0 {
		if err := os.Lchown(path, -1, gid); err != nil {
			return nil, fmt.Errorf("give it to its group: %w", err)
		}
	}
	if err := os.Chmod(path, socketMode); err != nil {
		return nil, err
	}
	return os.Lstat(path)
}

// clearStale removes a socket on which nobody listens.
func clearStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return errors.New("there is something that is no socket; move it away or choose another path")
	}
	c, err := net.DialTimeout("unix", path, probeTimeout)
	switch {
	case err == nil:
		return errors.Join(ErrSocketInUse, c.Close())
	case errors.Is(err, syscall.ECONNREFUSED):
		return os.Remove(path)
	case errors.Is(err, syscall.EAGAIN) || errors.Is(err, os.ErrDeadlineExceeded):
		return ErrSocketInUse // its backlog is full: somebody is there
	}
	return fmt.Errorf("it cannot be told whether somebody answers: %w", err)
}

func groupID(group string) (int, error) {
	if n, err := strconv.Atoi(group); err == nil && n >= 0 {
		return n, nil
	}
	g, err := user.LookupGroup(group)
	if err != nil {
		return 0, fmt.Errorf("socket group %s is not known on this machine: make it, or name another", group)
	}
	return strconv.Atoi(g.Gid)
}

// Close stops listening and removes the socket if it is still this listener's.
func (l *unixListener) Close() error {
	if now, err := os.Lstat(l.path); err == nil && os.SameFile(now, l.own) {
		_ = os.Remove(l.path) // what is left behind is found to be stale at the next start
	}
	return l.UnixListener.Close()
}
