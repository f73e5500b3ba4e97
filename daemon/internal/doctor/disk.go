package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/atssync/atssync/daemon/internal/app"
	"github.com/atssync/atssync/daemon/internal/store/badger"
)

const (
	// syncWrites are made to measure a disk, within syncTime; slowSync is a median that is worth a word.
	syncWrites = 25
	syncTime   = 5 * time.Second
	slowSync   = 20 * time.Millisecond
	// fewInodes is a share of the inodes below which making files will soon fail.
	fewInodes = 0.02
)

func checkDisk(ctx context.Context, p *patient) []Finding {
	if p.config == nil {
		return p.withoutConfig("disks")
	}
	c := p.config
	out := p.disk(c.Daemon.DataDir, "data")
	out = append(out, p.speed(ctx, c.Daemon.DataDir))
	if journal := filepath.Dir(c.Store.Journal); !sameDisk(journal, c.Daemon.DataDir) {
		out = append(out, p.disk(journal, "journal")...)
		out = append(out, p.speed(ctx, journal))
	}
	if c.Backup.Dir == "" {
		return out
	}
	if sameDisk(c.Backup.Dir, c.Daemon.DataDir) {
		return append(out, warning(c.Backup.Dir, "the backups lie on the same disk as the data, and are lost with it", "put [backup] dir on another disk, or copy the backups elsewhere"))
	}
	return append(out, p.disk(c.Backup.Dir, "backups")...)
}

// disk looks at the room of a folder's disk.
func (p *patient) disk(dir, what string) []Finding {
	dir = existing(dir)
	d, err := app.DiskOf(p.config, dir)
	if mayNotLook(err) {
		return []Finding{notRun(dir, "this user may not look at it", asRoot)}
	}
	if err != nil {
		return []Finding{trouble(dir, err.Error(), "see whether the disk is mounted and well")}
	}
	return append(space(dir, what, d), inodes(dir)...)
}

func space(dir, what string, d badger.Disk) []Finding {
	room := fmt.Sprintf("%s free of %s for the %s", size(d.Free), size(d.Total), what)
	remedy := "free some room"
	if what == "data" {
		remedy = "free some room; what was set aside is given back by atssync doctor --free-ballast"
	}
	switch {
	case d.State == badger.SpaceCritical:
		return []Finding{trouble(dir, fmt.Sprintf("%s: below %s nothing is written", room, size(d.Critical)), remedy)}
	case d.State == badger.SpaceLow:
		return []Finding{trouble(dir, fmt.Sprintf("%s: below %s nothing new is taken in", room, size(d.Low)), remedy)}
	case d.Free < 2*max(d.Low, d.Critical):
		return []Finding{warning(dir, fmt.Sprintf("%s: below %s nothing new is taken in", room, size(max(d.Low, d.Critical))), remedy)}
	}
	return []Finding{well(dir, room)}
}

func inodes(dir string) []Finding {
	var st unix.Statfs_t
	if unix.Statfs(dir, &st) != nil || st.Files == 0 { // some file systems have no such number
		return nil
	}
	if float64(st.Ffree) < fewInodes*float64(st.Files) {
		return []Finding{trouble(dir, fmt.Sprintf("%d of %d inodes are free: soon no file can be made", st.Ffree, st.Files), "remove what fills the disk with small files")}
	}
	return nil
}

// speed measures what every accepted application waits for.
func (p *patient) speed(ctx context.Context, dir string) Finding {
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		return notRun(dir, "the folder is not there yet, so that its sync speed cannot be measured", "the daemon makes it at its first start")
	}
	took, err := syncs(ctx, dir)
	switch {
	case mayNotLook(err):
		return notRun(dir, "this user may not write there, so that its sync speed cannot be measured", asRoot)
	case err != nil:
		return trouble(dir, "a file cannot be written there and synced: "+err.Error(), "see whether the disk is well: dmesg, df")
	case len(took) == 0:
		return trouble(dir, "not even one small write reached the disk in time", "see whether the disk is well: dmesg, iostat -x")
	}
	return judgeSpeed(dir, took)
}

func judgeSpeed(dir string, took []time.Duration) Finding {
	slices.Sort(took)
	median, worst := took[len(took)/2], took[len(took)-1]
	text := fmt.Sprintf("a synced write of 4 KiB takes %s (median), %s (worst of %d)", short(median), short(worst), len(took))
	if median > slowSync {
		return warning(dir, fmt.Sprintf("%s: who sends one application after the other gets at most some %d a second accepted; many at once share a sync",
			text, int(time.Second/(2*median))), "use a local disk, best an SSD with its own power reserve, and no network file system")
	}
	return well(dir, text)
}

// syncs writes to a file of its own, which has no name on most file systems, and returns how long each sync took.
func syncs(ctx context.Context, dir string) (took []time.Duration, err error) {
	f, name, err := scratch(dir)
	if err != nil {
		return nil, err
	}
	defer func() {
		err = errors.Join(err, f.Close())
		if name != "" {
			err = errors.Join(err, os.Remove(name))
		}
	}()
	block := make([]byte, 4<<10)
	for i := range block {
		block[i] = byte(i * 7)
	}
	for began := time.Now(); len(took) < syncWrites && time.Since(began) < syncTime && ctx.Err() == nil; {
		at := time.Now()
		if _, err := f.Write(block); err != nil {
			return took, err
		}
		if err := unix.Fdatasync(int(f.Fd())); err != nil {
			return took, err
		}
		took = append(took, time.Since(at))
	}
	return took, nil
}

func scratch(dir string) (f *os.File, name string, err error) {
	if fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_WRONLY|unix.O_CLOEXEC, 0o600); err == nil {
		return os.NewFile(uintptr(fd), dir), "", nil
	}
	f, err = os.CreateTemp(dir, ".atssync-doctor-*")
	if err != nil {
		return nil, "", err
	}
	return f, f.Name(), nil
}

func sameDisk(a, b string) bool {
	x, errA := os.Stat(existing(a))
	y, errB := os.Stat(existing(b))
	if errA != nil || errB != nil {
		return false
	}
	s, okA := x.Sys().(*syscall.Stat_t)
	t, okB := y.Sys().(*syscall.Stat_t)
	return okA && okB && s.Dev == t.Dev
}

func size(n uint64) string {
	switch {
	case n >= 10<<30:
		return fmt.Sprintf("%d GiB", n>>30)
	case n >= 10<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%d KiB", n>>10)
}

// short shows a duration as people say it.
func short(d time.Duration) string {
	switch {
	case d >= time.Second:
		return d.Round(100 * time.Millisecond).String()
	case d >= 10*time.Millisecond:
		return d.Round(time.Millisecond).String()
	}
	return d.Round(10 * time.Microsecond).String()
}
