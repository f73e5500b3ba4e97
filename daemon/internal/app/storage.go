package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/atssync/atssync/config"
	"github.com/atssync/atssync/daemon/internal/journal"
	"github.com/atssync/atssync/daemon/internal/seal"
	"github.com/atssync/atssync/daemon/internal/store/badger"
	"github.com/atssync/atssync/daemon/internal/store/kv"
	"github.com/atssync/atssync/daemon/internal/store/memory"
)

// markerFile says, beside the store's folder, that data was kept there, and under which key: a folder that is empty
// all the same was lost or is not mounted.
const markerFile = "seal.check"

// Marker is where the marker of the store of a config lies.
func Marker(c *config.Config) string { return filepath.Join(filepath.Dir(c.Store.Dir), markerFile) }

// openData opens the store and the key that seals what is in it, or makes both at the first start. A store that is
// gone, whose key is gone, or that was sealed with another key is refused: what it holds could not be read, what it
// knows would be forgotten, and people would be sent twice.
func (a *App) openData(ctx context.Context) (*seal.Keys, error) {
	c := a.conf().Store
	marker := Marker(a.conf())
	marked, err := os.ReadFile(marker)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the marker of the store: %w", err)
	}
	lasts := c.Engine != "memory"
	exists := lasts && badger.Exists(c.Dir)
	k, err := seal.Load(c.KeyFile)
	missing := errors.Is(err, fs.ErrNotExist)
	switch {
	case err != nil && !missing:
		return nil, err
	case exists && missing:
		return nil, fmt.Errorf("the key file %s is missing, and the data in %s cannot be read without it: put it back from where you keep it", c.KeyFile, c.Dir)
	case lasts && !exists && len(marked) > 0:
		return nil, fmt.Errorf("the data folder %s is empty, but data was kept there before, as %s says: mount or put back the folder; "+
			"starting empty would forget everybody who was sent, and send them twice. To begin anew on purpose, remove %s", c.Dir, marker, marker)
	}
	engine, err := a.openEngine(ctx)
	if err != nil {
		return nil, err
	}
	a.stops.add("store", func(context.Context) error { return engine.Close() })
	if missing {
		if k, err = seal.Create(c.KeyFile); err != nil {
			return nil, err
		}
	}
	if err := kv.Prepare(ctx, engine); err != nil {
		return nil, err
	}
	if err := kv.BindKey(ctx, engine, k.CheckValue()); err != nil {
		return nil, fmt.Errorf("the key in %s is not the one that sealed the data in %s; put the right key file back: %w", c.KeyFile, c.Dir, err)
	}
	if err := kv.BindKeys(ctx, engine, k.IDs()); err != nil {
		return nil, fmt.Errorf("%s is not the newest key file of the data in %s; put the copy back that was made after the last atssync keys rotate: %w", c.KeyFile, c.Dir, err)
	}
	a.store = kv.New(engine, kv.Options{ReleasePerMinute: func() int { return a.conf().Submissions.ReleasePace }, SoleOwner: true, Told: a.told, Touched: a.touched})
	a.keyring = newKeyring(k, a.store, c.KeyFile, a.log.With("component", "keys"))
	if lasts {
		if err := a.openJournal(); err != nil {
			return nil, err
		}
	}
	if lasts && len(marked) == 0 {
		return k, writeMarker(marker, k.CheckValue())
	}
	return k, nil
}

// openJournal puts the journal of attempts around the store, whose lock keeps other daemons from it, too.
func (a *App) openJournal() error {
	j, err := journal.Open(journal.Options{
		Path: a.conf().Store.Journal, MaxSize: a.conf().Store.JournalSize, Log: a.log.With("component", "journal"),
	})
	if err != nil {
		return err
	}
	a.stops.add("journal", func(context.Context) error { return j.Close() })
	a.journal, a.store = j, journal.NewStore(a.store, j)
	return nil
}

func writeMarker(path, value string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("write the marker of the store: %w", err)
	}
	_, err = f.WriteString(value + "\n")
	return errors.Join(err, f.Sync(), f.Close())
}

// openEngine opens the configured engine. The memory engine forgets everything at the end and is for trying out.
func (a *App) openEngine(ctx context.Context) (kv.Engine, error) {
	c := a.conf().Store
	a.space = func() error { return nil }
	if c.Engine == "memory" {
		a.log.Warn("the store is in memory: everything is lost when the daemon ends")
		return memory.New(), nil
	}
	o := engineOptions(a.conf(), a.log)
	o.OnCommit, o.Scratch = a.observeCommit, a.conf().Daemon.RuntimeDir
	e, err := badger.Open(ctx, o)
	if err != nil {
		return nil, err
	}
	a.engine = e
	a.failed, a.failure = e.Failed(), e.Err
	a.space = func() error {
		if s := e.Space(); s.State != badger.SpaceOK {
			return fmt.Errorf("%d MiB are free in %s", s.Free>>20, c.Dir)
		}
		return nil
	}
	return e, nil
}

// DiskOf measures the disk of a folder by the marks of the store of a config.
func DiskOf(c *config.Config, dir string) (badger.Disk, error) {
	return badger.MeasureDisk(engineOptions(c, slog.New(slog.DiscardHandler)), dir)
}

// FreeBallast gives back what the store of a config file set aside for a full disk, whether or not a daemon runs.
func FreeBallast(path string) (int64, error) {
	c, problems := ReadConfig(path) // a secret that this user may not read is no reason to leave the disk full
	if c == nil {
		return 0, problems
	}
	return badger.FreeBallast(c.Store.Dir)
}

func engineOptions(c *config.Config, log *slog.Logger) badger.Options {
	return badger.Options{
		Dir: c.Store.Dir, Logger: log.With("component", "store"), MinFree: uint64(c.Store.MinFree), Ballast: ballast(c.Store.Ballast),
		KindOf: kv.KindOf,
	}
}

// touched is called after each commit that writes what surveys show.
func (a *App) touched(connections []string) {
	if a.manage != nil { // the store is opened first
		a.manage.Touched(connections)
	}
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
