package host

import (
	"os/exec"
	"runtime"
	"sync"
)

// spawner hands out the one thread that starts every adapter. The kernel's parent-death signal fires when
// the thread that forked ends, not when the process does, and Go ends threads as it likes; so the thread
// is locked to a goroutine that never returns. It belongs to the process and not to a value, because a
// thread a launcher would be a thread that nobody may ever end.
var spawner = sync.OnceValue(func() chan<- func() {
	work := make(chan func())
	go spawnThread(work)
	return work
})

func spawnThread(work <-chan func()) {
	runtime.LockOSThread()
	for f := range work {
		f()
	}
}

// spawn starts cmd from that thread.
func spawn(cmd *exec.Cmd) error {
	err := make(chan error, 1)
	spawner() <- func() { err <- cmd.Start() }
	return <-err
}
