package support

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/atssync/atssync/daemon/internal/store/badger"
)

// process is what the system tells of a process.
type process struct {
	PID         int               `json:"pid"`
	ResidentKiB int64             `json:"resident_kib,omitempty"`
	PeakKiB     int64             `json:"peak_kib,omitempty"`
	SwapKiB     int64             `json:"swap_kib,omitempty"`
	Threads     int64             `json:"threads,omitempty"`
	OpenFiles   int               `json:"open_files,omitempty"`
	Limits      map[string]string `json:"limits,omitempty"` // soft / hard
}

// processOf looks at a process; what may not be looked at is left out.
func processOf(pid int) *process {
	p := &process{PID: pid, Limits: map[string]string{}}
	dir := fmt.Sprintf("/proc/%d/", pid)
	status := fieldsOf(dir + "status")
	p.ResidentKiB, p.PeakKiB, p.SwapKiB, p.Threads = status["VmRSS"], status["VmHWM"], status["VmSwap"], status["Threads"]
	if open, err := os.ReadDir(dir + "fd"); err == nil {
		p.OpenFiles = len(open)
	}
	b, _ := os.ReadFile(dir + "limits") // none are told when it may not be read
	for line := range strings.Lines(string(b)) {
		for _, name := range []string{"Max open files", "Max processes", "Max address space", "Max locked memory", "Max core file size"} {
			if rest, ok := strings.CutPrefix(line, name); ok {
				if f := strings.Fields(rest); len(f) > 1 {
					p.Limits[strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(name, "Max "), " ", "_"))] = f[0] + " / " + f[1]
				}
			}
		}
	}
	return p
}

// fieldsOf reads the numbers of a file like /proc/meminfo.
func fieldsOf(path string) map[string]int64 {
	out := map[string]int64{}
	b, _ := os.ReadFile(path) // a system that does not tell
	for line := range strings.Lines(string(b)) {
		name, rest, ok := strings.Cut(line, ":")
		f := strings.Fields(rest)
		if !ok || len(f) == 0 {
			continue
		}
		if n, err := strconv.ParseInt(f[0], 10, 64); err == nil {
			out[name] = n
		}
	}
	return out
}

// disk is the room on the disk of a folder.
type disk struct {
	Of         string `json:"of"`
	Path       string `json:"path"`
	TotalMiB   uint64 `json:"total_mib,omitempty"`
	FreeMiB    uint64 `json:"free_mib,omitempty"`
	Files      uint64 `json:"files,omitempty"`
	FilesFree  uint64 `json:"files_free,omitempty"`
	FileSystem string `json:"file_system,omitempty"` // its magic number
	Error      string `json:"error,omitempty"`
}

func (b *bundle) disk(of, at string) disk {
	d := disk{Of: of, Path: b.mask.Text(at)}
	var s unix.Statfs_t
	if err := unix.Statfs(at, &s); err != nil {
		d.Error = err.Error()
		return d
	}
	size := uint64(s.Bsize) //nolint:gosec // a size
	d.TotalMiB, d.FreeMiB, d.Files, d.FilesFree = s.Blocks*size>>20, s.Bavail*size>>20, s.Files, s.Ffree
	d.FileSystem = fmt.Sprintf("%#x", s.Type)
	return d
}

func makeSystem(_ context.Context, b *bundle) ([]byte, error) {
	out := struct {
		Kernel       string            `json:"kernel"`
		Machine      string            `json:"machine"`
		Distribution map[string]string `json:"distribution"`
		CPUs         int               `json:"cpus"`
		Load         string            `json:"load"`
		UptimeS      int64             `json:"uptime_s"`
		MemoryKiB    map[string]int64  `json:"memory_kib"`
		Clock        string            `json:"clock"`
		Zone         string            `json:"zone_offset"`
		Disks        []disk            `json:"disks"`
		Daemon       *process          `json:"daemon,omitempty"`
	}{Distribution: distribution(), CPUs: runtime.NumCPU(), MemoryKiB: map[string]int64{}, Clock: clock(), Zone: time.Now().Format("-07:00")}
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		out.Kernel, out.Machine = text(u.Release[:]), text(u.Machine[:])
	}
	load, _ := os.ReadFile("/proc/loadavg") // a system that does not tell
	out.Load = strings.TrimSpace(string(load))
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) == nil {
		out.UptimeS = info.Uptime
	}
	memory := fieldsOf("/proc/meminfo")
	for _, name := range []string{"MemTotal", "MemFree", "MemAvailable", "Cached", "Dirty", "Writeback", "SwapTotal", "SwapFree"} {
		out.MemoryKiB[name] = memory[name]
	}
	if c := b.config; c != nil {
		out.Disks = []disk{b.disk("data_dir", c.Daemon.DataDir), b.disk("store", c.Store.Dir), b.disk("journal", filepath.Dir(c.Store.Journal))}
		if c.Backup.Dir != "" {
			out.Disks = append(out.Disks, b.disk("backup", c.Backup.Dir))
		}
	}
	if pid := b.daemonPID(); pid > 0 {
		out.Daemon = processOf(pid)
	}
	return asJSON(out)
}

func text(b []byte) string { return string(bytes.TrimRight(b, "\x00")) }

// distribution is what the system is, by the keys that name no machine.
func distribution() map[string]string {
	out := map[string]string{}
	f, err := os.Open("/etc/os-release")
	if err != nil {
		return out
	}
	defer func() { _ = f.Close() }()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), "=")
		switch name {
		case "ID", "VERSION_ID", "PRETTY_NAME", "VERSION_CODENAME":
			out[strings.ToLower(name)] = strings.Trim(value, `"`)
		}
	}
	return out
}

func clock() string {
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	switch {
	case err != nil:
		return "the system does not tell"
	case state == unix.TIME_ERROR || t.Status&unix.STA_UNSYNC != 0:
		return "not synchronised"
	}
	return "synchronised"
}

// daemonPID is the daemon's process: the one that answers, else the one that has the store open; 0 for none.
func (b *bundle) daemonPID() int {
	if d, err := b.diag(); err == nil {
		return d.PID
	}
	if b.config == nil {
		return 0
	}
	g, err := badger.Look(b.config.Store.Dir)
	if err != nil {
		return 0
	}
	return g.Holder
}

// variables are the names in an environment that can make a difference. Values are told of none.
var variables = []string{
	"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "no_proxy", "all_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR", "GODEBUG",
	"GOMAXPROCS", "GOMEMLIMIT", "GOGC", "GOTRACEBACK", "TZ", "LANG", "LC_ALL", "TMPDIR", "CREDENTIALS_DIRECTORY", "NOTIFY_SOCKET", "WATCHDOG_USEC", "INVOCATION_ID",
	"ATSSYNC_CONFIG", "ATSSYNC_SOCKET", "LD_PRELOAD", "LD_LIBRARY_PATH", "RES_OPTIONS", "LOCALDOMAIN", "HOSTALIASES",
}

func makeEnvironment(_ context.Context, b *bundle) ([]byte, error) {
	out := struct {
		Command     map[string]bool `json:"command"`
		Daemon      map[string]bool `json:"daemon,omitempty"`
		DaemonError string          `json:"daemon_error,omitempty"`
	}{Command: setOf(os.Environ())}
	pid := b.daemonPID()
	env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	switch {
	case pid == 0:
		out.DaemonError = "there is no daemon"
	case err != nil:
		out.DaemonError = "this user may not look at it"
	default:
		out.Daemon = setOf(strings.Split(string(env), "\x00"))
	}
	return asJSON(out)
}

func setOf(environ []string) map[string]bool {
	out := map[string]bool{}
	for _, name := range variables {
		out[name] = false
	}
	for _, e := range environ {
		name, value, _ := strings.Cut(e, "=")
		if _, asked := out[name]; asked {
			out[name] = value != ""
		}
	}
	return out
}

// storedFile is a file by its name and size.
type storedFile struct {
	Name    string    `json:"name"`
	Bytes   int64     `json:"bytes"`
	Mode    string    `json:"mode"`
	Changed time.Time `json:"changed_at"`
}

func makeStore(ctx context.Context, b *bundle) ([]byte, error) {
	if b.config == nil {
		return nil, errors.New("the config file cannot be read, so that it is not known where the store is")
	}
	s := b.config.Store
	out := struct {
		Engine string       `json:"engine"`
		Format int          `json:"format,omitempty"`
		Knows  int          `json:"format_of_this_program"`
		State  string       `json:"state,omitempty"`
		Open   bool         `json:"open"` // a process has it open
		Error  string       `json:"error,omitempty"`
		Bytes  int64        `json:"bytes"`
		Total  int          `json:"total"`
		Files  []storedFile `json:"files"`
		Beside []storedFile `json:"beside"` // journal and key file
	}{Engine: s.Engine, Knows: badger.FormatVersion(), Files: []storedFile{}, Beside: []storedFile{}}
	g, err := badger.Look(s.Dir)
	if err != nil {
		out.Error = b.mask.Text(err.Error())
	}
	out.Format, out.State, out.Open = g.Version, g.State, g.Holder > 0
	err = filepath.WalkDir(s.Dir, func(at string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || ctx.Err() != nil {
			return cmp.Or(ctx.Err(), err)
		}
		info, err := d.Info()
		if err != nil {
			return nil //nolint:nilerr // it was merged away in this moment
		}
		name, _ := filepath.Rel(s.Dir, at) // the walk is below it
		out.Bytes += info.Size()
		if out.Total++; len(out.Files) < maxListed {
			out.Files = append(out.Files, storedFile{b.mask.Text(name), info.Size(), info.Mode().String(), info.ModTime().UTC()})
		}
		return nil
	})
	if err != nil && out.Error == "" {
		out.Error = b.mask.Text(err.Error())
	}
	for name, at := range map[string]string{"journal": s.Journal, "key_file": s.KeyFile} {
		if info, err := os.Stat(at); err == nil {
			out.Beside = append(out.Beside, storedFile{name, info.Size(), info.Mode().String(), info.ModTime().UTC()})
		}
	}
	return asJSON(out)
}
