package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

func checkPermissions(_ context.Context, p *patient) []Finding {
	if p.config == nil {
		return p.withoutConfig("files")
	}
	c := p.config
	out := []Finding{
		p.guarded(p.o.ConfigPath, 0o022, "whoever may change it decides which programs run with the employers' keys", "chmod go-w "+p.o.ConfigPath),
		p.guarded(c.Daemon.DataDir, 0o077, "others can look into the data folder", "chmod 700 "+c.Daemon.DataDir),
	}
	if _, err := os.Lstat(c.Store.KeyFile); !errors.Is(err, fs.ErrNotExist) {
		out = append(out, p.guarded(c.Store.KeyFile, 0o077, "others can read or change the key file", "chmod 600 "+c.Store.KeyFile+", and think whether somebody copied it"))
	}
	for _, path := range p.secretFiles() {
		out = append(out, p.guarded(path, 0o007, "everybody on this machine can read or change it, and it holds a secret", "chmod o= "+path+", and think whether the secret has to be replaced"))
	}
	if c.Backup.Dir != "" {
		out = append(out, p.writable(c.Backup.Dir))
	}
	return append(out, p.socket())
}

// secretFiles are those that the config refers to, each once.
func (p *patient) secretFiles() []string {
	var out []string
	met := map[string]bool{"": true}
	add := func(path string) {
		if !met[path] {
			met[path] = true
			out = append(out, path)
		}
	}
	for _, c := range p.config.Connections {
		for _, s := range c.Credentials {
			add(s.File())
		}
	}
	for _, w := range p.config.Webhooks {
		add(w.Secret.File())
		add(w.OldSecret.File())
	}
	add(p.config.HTTP.TLSKey)
	return out
}

// guarded looks whether a file or folder has none of the mode bits, and belongs to the daemon's user or root.
func (p *patient) guarded(path string, bits fs.FileMode, message, remedy string) Finding {
	info, err := os.Stat(path)
	switch {
	case mayNotLook(err):
		return notRun(path, "this user may not look at it", asRoot)
	case errors.Is(err, fs.ErrNotExist):
		return notRun(path, "it is not there", "the daemon makes its folders at its first start; a file has to be put there")
	case err != nil:
		return trouble(path, err.Error(), "see why it cannot be looked at")
	}
	if bad := info.Mode().Perm() & bits; bad != 0 {
		return trouble(path, fmt.Sprintf("%s (mode %04o)", message, info.Mode().Perm()), remedy)
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Uid != 0 {
		if uid, known := p.uid(); known && int(st.Uid) != uid {
			return trouble(path, fmt.Sprintf("it belongs to %s, and neither to root nor to the daemon's user, %s", userName(int(st.Uid)), userName(uid)), "chown "+userName(uid)+" "+path)
		}
	}
	return well(path, fmt.Sprintf("mode %04o", info.Mode().Perm()))
}

// writable looks whether the daemon may write into a folder.
func (p *patient) writable(dir string) Finding {
	info, err := os.Stat(dir)
	switch {
	case mayNotLook(err):
		return notRun(dir, "this user may not look at it", asRoot)
	case err != nil:
		return trouble(dir, "no backup can be made there: "+err.Error(), "make the folder for the daemon's user: mkdir -p -m 700 "+dir)
	case !info.IsDir():
		return trouble(dir, "it is no folder, and [backup] dir names it", "name a folder")
	}
	uid, known := p.uid()
	st, ok := info.Sys().(*syscall.Stat_t)
	if !known || !ok || uid == os.Geteuid() {
		if err := unix.Access(dir, unix.W_OK|unix.X_OK); err != nil {
			return trouble(dir, "no backup can be made there: "+err.Error(), "give it to the daemon's user")
		}
		return well(dir, "it can be written to")
	}
	if mine := int(st.Uid) == uid; uid != 0 && (mine && info.Mode()&0o300 != 0o300 || !mine && info.Mode()&0o003 != 0o003 && !inGroup(uid, int(st.Gid), info.Mode())) {
		return trouble(dir, fmt.Sprintf("the daemon's user, %s, may not write there (mode %04o)", userName(uid), info.Mode().Perm()), "chown "+userName(uid)+" "+dir)
	}
	return well(dir, "the daemon's user may write there")
}

// inGroup reports whether a folder lets a user write for being in its group.
func inGroup(uid, gid int, mode fs.FileMode) bool {
	u, err := user.LookupId(strconv.Itoa(uid))
	if err != nil || mode&0o030 != 0o030 {
		return false
	}
	ids, err := u.GroupIds()
	if err != nil {
		return false
	}
	for _, id := range ids {
		if id == strconv.Itoa(gid) {
			return true
		}
	}
	return false
}

// socket looks who may speak to the daemon: whoever may is let in as its operator.
func (p *patient) socket() Finding {
	path := p.config.Daemon.Socket
	info, err := os.Stat(path)
	switch {
	case mayNotLook(err):
		return notRun(path, "this user may not look at it", asRoot)
	case errors.Is(err, fs.ErrNotExist):
		return notRun(path, "there is no socket, as no daemon runs", "see the check service")
	case err != nil:
		return trouble(path, err.Error(), "see why it cannot be looked at")
	case info.Mode()&fs.ModeSocket == 0:
		return trouble(path, "it is no socket", "move it away, or name another [daemon] socket")
	case info.Mode().Perm()&0o007 != 0:
		return trouble(path, fmt.Sprintf("everybody on this machine may command the daemon (mode %04o)", info.Mode().Perm()), "chmod 660 "+path)
	}
	want := p.config.Daemon.SocketGroup
	st, ok := info.Sys().(*syscall.Stat_t)
	if want == "" || !ok {
		return well(path, fmt.Sprintf("mode %04o", info.Mode().Perm()))
	}
	gid := want
	if g, err := user.LookupGroup(want); err == nil {
		gid = g.Gid
	}
	if have := strconv.Itoa(int(st.Gid)); have != gid {
		return trouble(path, fmt.Sprintf("its group is %s, and [daemon] socket_group says %s", have, want), "restart the daemon: the group of the socket is set at its start")
	}
	return well(path, fmt.Sprintf("mode %04o, group %s", info.Mode().Perm(), want))
}

func userName(uid int) string {
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		return u.Username
	}
	return strconv.Itoa(uid)
}

// existing is a folder or the nearest one above it that is there.
func existing(dir string) string {
	for dir != filepath.Dir(dir) {
		if _, err := os.Stat(dir); err == nil {
			return dir
		}
		dir = filepath.Dir(dir)
	}
	return dir
}
