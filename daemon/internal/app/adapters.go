package app

import (
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/atssync/atssync/config"
	"github.com/atssync/atssync/daemon/internal/fleet"
	"github.com/atssync/atssync/daemon/internal/manage"
)

// adapterPrefix may stand before an adapter's name in its file name, so that it can lie in a common folder.
const adapterPrefix = "atssync-adapter-"

// adapterSpecs lists the adapters of the config and those that lie in the adapters folder.
func adapterSpecs(c config.Adapters, log *slog.Logger) []fleet.Spec {
	found := make(map[string]fleet.Spec)
	entries, err := os.ReadDir(c.Dir)
	if err != nil { // a folder that is not there holds no adapters; the config may name some elsewhere
		log.Warn("read the adapters folder", "folder", c.Dir, "err", err)
	} else {
		for _, e := range entries {
			info, err := e.Info()
			if err != nil || info.IsDir() {
				continue
			}
			if info.Mode().Perm()&0o111 == 0 {
				log.Warn("a file in the adapters folder is not executable and was left out", "folder", c.Dir, "file", e.Name())
				continue
			}
			name := strings.TrimPrefix(e.Name(), adapterPrefix)
			found[name] = fleet.Spec{Name: name, Path: filepath.Join(c.Dir, e.Name())}
		}
	}
	for name, a := range c.Named {
		if !a.Enabled {
			delete(found, name)
			continue
		}
		s := found[name]
		s.Name, s.SHA256 = name, a.SHA256
		if a.Path != "" && (s.Path == "" || a.Path != filepath.Join(c.Dir, name)) {
			s.Path = a.Path
		}
		s.Limits = fleet.Limits{
			RequestsPerSecond: a.Limits.RequestsPerSecond, Burst: a.Limits.Burst,
			MaxInFlight: a.Limits.MaxInFlight, CallTimeout: a.Limits.CallTimeout,
		}
		found[name] = s
	}
	out := make([]fleet.Spec, 0, len(found))
	for _, name := range slices.Sorted(maps.Keys(found)) {
		out = append(out, found[name])
	}
	return out
}

// clearSockets removes the folders that the adapters of a killed daemon left. The store's lock says that no other
// daemon uses them.
func clearSockets(runtimeDir string) {
	left, err := filepath.Glob(filepath.Join(runtimeDir, "plugin-dir*"))
	if err != nil {
		return // only a malformed pattern is an error
	}
	for _, dir := range left {
		_ = os.RemoveAll(dir) // what stays is empty and in nobody's way
	}
}

// adapterEnv is the whole environment of the adapter processes.
func adapterEnv(c config.Adapters) []string {
	env := []string{"LANG=C.UTF-8", "TZ=UTC"}
	if c.Proxy != "" {
		env = append(env, "HTTPS_PROXY="+c.Proxy, "HTTP_PROXY="+c.Proxy)
	}
	if c.CAFile != "" {
		env = append(env, "ATSSYNC_CA_FILE="+c.CAFile)
	}
	return env
}

// adapterSettings are the operator's values for the fields of each adapter.
func adapterSettings(c config.Adapters) map[string]map[string]string {
	out := make(map[string]map[string]string, len(c.Named))
	for name, a := range c.Named {
		out[name] = textValues(a.Settings)
	}
	return out
}

func textValues(in map[string]any) map[string]string {
	out := make(map[string]string, len(in))
	for k, v := range in {
		out[k] = fmt.Sprint(v)
	}
	return out
}

// managedFleet shows the fleet to people in package manage's words.
type managedFleet struct{ *fleet.Fleet }

// List returns every adapter.
func (f managedFleet) List() []manage.AdapterStatus {
	var out []manage.AdapterStatus
	for _, s := range f.Fleet.List() {
		out = append(out, manage.AdapterStatus{
			Name: s.Name, Path: s.Path, State: string(s.State), PID: s.PID, Since: s.Since.UTC(),
			Restarts: s.Restarts, Error: s.Error, Stderr: s.Stderr,
		})
	}
	return out
}

// surroundings are what all adapter processes are given.
func surroundings(c *config.Config) fleet.Surroundings {
	return fleet.Surroundings{Env: adapterEnv(c.Adapters), PartnerName: partnerName(c.Platform)}
}
