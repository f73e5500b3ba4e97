package cli

import (
	"errors"
	"fmt"
	"io/fs"
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
	if named := first(c.socket, os.Getenv("ATSSYNC_SOCKET")); named != "" {
		return named
	}
	path := c.configPath()
	socket, err := socketOf(path)
	if err != nil && (path != defaultConfig || !errors.Is(err, fs.ErrNotExist)) {
		c.guessed = fmt.Sprintf("what socket the daemon has is not known, so the usual one was asked: the config file cannot be read: %v; "+
			"mend it, or name the socket with --socket", err)
	}
	return first(socket, defaultSocket)
}

// socketOf reads the one key of a config file that a client needs. The whole file is the daemon's to check: a client may not be
// allowed to read the secrets that it refers to. It is "" where the file says nothing.
func socketOf(path string) (string, error) {
	var file struct {
		Daemon struct {
			Socket     string `toml:"socket"`
			RuntimeDir string `toml:"runtime_dir"`
		} `toml:"daemon"`
	}
	if _, err := toml.DecodeFile(path, &file); err != nil {
		if bad, ok := errors.AsType[toml.ParseError](err); ok {
			return "", fmt.Errorf("%s:%d: %s", path, bad.Position.Line, bad.Message)
		}
		return "", err
	}
	socket := file.Daemon.Socket
	if socket == "" && file.Daemon.RuntimeDir != "" {
		socket = filepath.Join(file.Daemon.RuntimeDir, "atssync.sock")
	}
	if socket == "" || filepath.IsAbs(socket) {
		return socket, nil
	}
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, socket), nil
}
