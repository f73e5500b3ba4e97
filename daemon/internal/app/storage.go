package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/atssync/atssync/config"
	"github.com/atssync/atssync/daemon/internal/seal"
	"github.com/atssync/atssync/daemon/internal/store/badger"
	"github.com/atssync/atssync/daemon/internal/store/kv"
	"github.com/atssync/atssync/daemon/internal/store/memory"
)

// checkFile holds the key check value beside the store: it tells the right key from another one before
// anything is opened, and says nothing about either.
const checkFile = "seal.check"

// openKeys loads the keyset, or makes one at the first start. A store that was sealed with another key, or whose
// key is gone, is refused: what it holds could not be read, and what would be written could not be read later.
func openKeys(c config.Store) (*seal.Keys, error) {
	check := filepath.Join(filepath.Dir(c.Dir), checkFile)
	want, err := os.ReadFile(check)
	first := errors.Is(err, fs.ErrNotExist)
	if err != nil && !first {
		return nil, fmt.Errorf("read the key check value: %w", err)
	}
	k, err := seal.Load(c.KeyFile)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !first:
		return nil, fmt.Errorf("the key file %s is missing, and the data in %s cannot be read without it: put it back from where you keep it", c.KeyFile, c.Dir)
	case errors.Is(err, fs.ErrNotExist):
		if k, err = seal.Create(c.KeyFile); err != nil {
			return nil, err
		}
	case err != nil:
		return nil, err
	}
	if c.Engine == "memory" {
		return k, nil
	}
	if first {
		return k, writeCheck(check, k.CheckValue())
	}
	if err := k.Recognise(strings.TrimSpace(string(want))); err != nil {
		return nil, fmt.Errorf("the key in %s is not the one that sealed the data in %s: %w", c.KeyFile, c.Dir, err)
	}
	return k, nil
}

func writeCheck(path, value string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("write the key check value: %w", err)
	}
	_, err = f.WriteString(value + "\n")
	return errors.Join(err, f.Sync(), f.Close())
}

// openStore opens the configured engine and puts the business steps on it. The memory engine forgets everything
// at the end and is for trying out.
func (a *App) openStore(ctx context.Context) error {
	c := a.config.Store
	var engine kv.Engine
	a.space = func() error { return nil }
	if c.Engine == "memory" {
		a.log.Warn("the store is in memory: everything is lost when the daemon ends")
		engine = memory.New()
	} else {
		e, err := badger.Open(ctx, badger.Options{
			Dir: c.Dir, Logger: a.log.With("component", "store"), MinFree: uint64(c.MinFree), Ballast: ballast(c.Ballast),
			KindOf: kv.KindOf, OnCommit: a.observeCommit, Scratch: a.config.Daemon.RuntimeDir,
		})
		if err != nil {
			return err
		}
		engine, a.failed, a.failure = e, e.Failed(), e.Err
		a.space = func() error {
			if s := e.Space(); s.State != badger.SpaceOK {
				return fmt.Errorf("%d MiB are free in %s", s.Free>>20, c.Dir)
			}
			return nil
		}
	}
	if err := kv.Prepare(ctx, engine); err != nil {
		return errors.Join(err, engine.Close())
	}
	a.store = kv.New(engine, kv.Options{ReleasePerMinute: a.config.Submissions.ReleasePace, SoleOwner: true})
	a.stops.add("store", func(context.Context) error { return a.store.Close() })
	return nil
}

func (a *App) observeCommit(c badger.Commit) {
	if a.metrics != nil { // the store is opened first
		a.metrics.committed(c)
	}
}

// ballast is the config's, where 0 is none; to the engine 0 is its default.
func ballast(n int64) int64 {
	if n == 0 {
		return -1
	}
	return n
}
