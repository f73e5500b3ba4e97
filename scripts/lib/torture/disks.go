package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// disk is a file system in a file, which can be cut off and filled up. Only root can make one.
type disk struct {
	image, dir string
	mounted    bool
}

// newDisk makes and mounts an ext4 of some MiB. An errNoDisk says why this machine does not have one.
func newDisk(ctx context.Context, t *trial, name string, mib int64) (*disk, error) {
	if os.Geteuid() != 0 {
		return nil, errNoDisk{"mounting needs root"}
	}
	d := &disk{image: filepath.Join(t.root, name+".img"), dir: filepath.Join(t.root, name)}
	f, err := os.Create(d.image)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(f.Truncate(mib<<20), f.Close(), os.Mkdir(d.dir, 0o700)); err != nil {
		return nil, err
	}
	if _, err := command(ctx, "", nil, "mkfs.ext4", "-q", "-m", "0", d.image); err != nil {
		return nil, errNoDisk{fmt.Sprintf("no ext4 can be made: %v", err)}
	}
	if err := d.mount(ctx); err != nil {
		return nil, errNoDisk{fmt.Sprintf("no file can be mounted: %v", err)}
	}
	t.undo(func() { _ = d.unmount(context.WithoutCancel(ctx)) })
	return d, nil
}

// errNoDisk says why a part is not run.
type errNoDisk struct{ why string }

// Error is the reason.
func (e errNoDisk) Error() string { return e.why }

// orNotRun turns a machine without such disks into a note, except where nothing may be left out.
func (t *trial) orNotRun(err error) error {
	if none, ok := errors.AsType[errNoDisk](err); ok && os.Getenv("CI") != "true" {
		t.notRun(none.why)
		return nil
	}
	return err
}

func (d *disk) mount(ctx context.Context) error {
	_, err := command(ctx, "", nil, "mount", "-o", "loop", d.image, d.dir)
	d.mounted = err == nil
	return err
}

// unmount waits a little for the last process to let go.
func (d *disk) unmount(ctx context.Context) error {
	if !d.mounted {
		return nil
	}
	var err error
	for range 100 {
		if _, err = command(ctx, "", nil, "umount", d.dir); err == nil {
			d.mounted = false
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return err
}

// remove unmounts it and gives its room back.
func (d *disk) remove(ctx context.Context) {
	if d.unmount(context.WithoutCancel(ctx)) == nil {
		_ = os.Remove(d.image)
	}
}

const (
	// ext4Shutdown is EXT4_IOC_SHUTDOWN: nothing reaches the disk any more, as when the power fails.
	ext4Shutdown = 0x8004587D
	// noLogFlush leaves out what is in the journal and not on the disk.
	noLogFlush = 2
)

// cut fails the power: what was not synced is gone.
func (d *disk) cut() error {
	f, err := os.Open(d.dir)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	flag := uint32(noLogFlush)
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), ext4Shutdown, uintptr(unsafe.Pointer(&flag)))
	runtime.KeepAlive(&flag)
	if errno != 0 {
		return errNoDisk{fmt.Sprintf("the file system does not shut down: %v", errno)}
	}
	return nil
}

// free is the room in bytes.
func (d *disk) free() (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(d.dir, &st); err != nil {
		return 0, err
	}
	return int64(st.Bavail) * st.Bsize, nil
}

// fill takes all room but what is left, at once.
func (d *disk) fill(left int64) error {
	room, err := d.free()
	if err != nil || room <= left {
		return err
	}
	f, err := os.OpenFile(filepath.Join(d.dir, "filler"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil {
		err = unix.Fallocate(int(f.Fd()), 0, info.Size(), room-left)
	}
	if errors.Is(err, unix.ENOSPC) {
		err = nil // the last blocks belong to the file system's own
	}
	return errors.Join(err, f.Close())
}

// empty gives the room back.
func (d *disk) empty() error { return os.Remove(filepath.Join(d.dir, "filler")) }
