package host

import (
	"errors"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// attributes make the child a group of its own, so that a terminal's Ctrl-C does not reach it and what it
// started can be ended with it, and let the kernel kill it when this process dies.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// expendable makes the child the one that the kernel ends when memory runs out, before this process, whose calls to
// it would only be lost. Where that cannot be said it stays as it is.
func expendable(pid int) {
	_ = os.WriteFile("/proc/"+strconv.Itoa(pid)+"/oom_score_adj", []byte(oomScore), 0)
}

// oomScore is as if the child had half of all memory more than it has.
const oomScore = "500"

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
