//go:build !linux

package host

import "syscall"

// attributes make the child a group of its own. Without the parent-death signal of Linux the adapter's
// own watch over its parent ends it.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// awaitExit leaves the waiting to the one who reaps the child.
func awaitExit(int) {}

// expendable leaves who is ended when memory runs out to the system.
func expendable(int) {}
