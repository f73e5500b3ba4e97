package host

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

// attributes make the child a group of its own, so that a terminal's Ctrl-C does not reach it and what it
// started can be ended with it, and let the kernel kill it when this process dies.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// awaitExit returns when the child has ended and leaves it to be waited for, so that its number cannot be
// given to another process before its group is killed.
func awaitExit(pid int) {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return
		}
	}
}
