package web

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// TLS are the files of a certificate and its key, as PEM. They are read again when they change, so that whoever renews
// them needs to tell nobody.
type TLS struct{ Cert, Key string }

// lookAtFiles is how often handshakes look whether the files changed.
const lookAtFiles = time.Second

// load reads the files for the first time; nil for no TLS.
func (t *TLS) load(log *slog.Logger) (*tls.Config, error) {
	if t == nil {
		return nil, nil //nolint:nilnil // no TLS is no fault.
	}
	c := &certificates{files: *t, log: log}
	if err := c.renew(); err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return c.current(time.Now()), nil
		},
	}, nil
}

// certificates keeps the certificate that is served.
type certificates struct {
	files TLS
	log   *slog.Logger

	mu     sync.Mutex
	now    *tls.Certificate
	states [2]fileState // of what is served
	failed [2]fileState // of what could not be served
	told   string       // the trouble that was told, so that it is told once
	looked time.Time
}

// fileState tells one version of a file from another.
type fileState struct {
	modified time.Time
	size     int64
	inode    uint64
}

// current returns the certificate to serve, the old one while the files are being exchanged.
func (c *certificates) current(now time.Time) *tls.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.Sub(c.looked) < lookAtFiles {
		return c.now
	}
	c.looked = now
	states, err := c.look()
	if err == nil && (states == c.states || states == c.failed) {
		return c.now
	}
	if err == nil {
		err = c.read(states)
	}
	if err == nil {
		c.told = ""
		c.log.Info("certificate renewed", "file", c.files.Cert, "not_after", c.now.Leaf.NotAfter)
		return c.now
	}
	c.failed = states
	if c.told != err.Error() {
		c.told = err.Error()
		c.log.Warn("the certificate could not be renewed; the one before is served on", "err", err)
	}
	return c.now
}

func (c *certificates) renew() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	states, err := c.look()
	if err != nil {
		return err
	}
	return c.read(states)
}

func (c *certificates) look() (out [2]fileState, err error) {
	for i, path := range []string{c.files.Cert, c.files.Key} {
		info, statErr := os.Stat(path)
		if statErr != nil {
			err = errors.Join(err, fmt.Errorf("read the certificate: %w", statErr))
			continue
		}
		out[i] = fileState{info.ModTime(), info.Size(), inode(info)}
	}
	return out, err
}

func (c *certificates) read(states [2]fileState) error {
	pair, err := tls.LoadX509KeyPair(c.files.Cert, c.files.Key)
	if err != nil {
		return fmt.Errorf("read the certificate %s and its key %s: %w", c.files.Cert, c.files.Key, err)
	}
	c.now, c.states = &pair, states
	return nil
}
