package cli

import (
	"os"
	"path/filepath"

	"github.com/BurntSushi/toml"
)

const (
	defaultConfig = "/etc/atssync/atssync.toml"
	defaultSocket = "/run/atssync/atssync.sock"
)

// configPath is where the config file lies: the flag, the environment, the usual place.
func (c *command) configPath() string {
	return first(c.config, os.Getenv("ATSSYNC_CONFIG"), defaultConfig)
}

// socketPath is where the daemon answers: the flag, the environment, what the config file says, the usual place.
func (c *command) socketPath() string {
	return first(c.socket, os.Getenv("ATSSYNC_SOCKET"), socketOf(c.configPath()), defaultSocket)
}

// socketOf reads the one key of a config file that a client needs. The whole file is the daemon's to check: a client may not be
// allowed to read the secrets that it refers to.
func socketOf(path string) string {
	var file struct {
		Daemon struct {
			Socket     string `toml:"socket"`
			RuntimeDir string `toml:"runtime_dir"`
		} `toml:"daemon"`
	}
	if _, err := toml.DecodeFile(path, &file); err != nil {
		return ""
	}
	socket := file.Daemon.Socket
	if socket == "" && file.Daemon.RuntimeDir != "" {
		socket = filepath.Join(file.Daemon.RuntimeDir, "atssync.sock")
	}
	if socket == "" || filepath.IsAbs(socket) {
		return socket
	}
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return ""
	}
	return filepath.Join(dir, socket)
}
