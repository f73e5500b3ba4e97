package badger

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Commit is what OnCommit is told of one commit.
type Commit struct {
	Number uint64
	// Steps is how many callers it answered, those whose steps were refused included.
	Steps int
	// Bytes is what it wrote, Badger's overhead included.
	Bytes int64
	// Duration is from the beginning of its first step until it was durable.
	Duration time.Duration
}

// Stats are the sizes of the store.
type Stats struct {
	// Commit is the number of the last acknowledged commit.
	Commit uint64
	// Tables is how many sorted tables there are, TableBytes their size, StaleBytes how much of that the
	// next compaction can drop, by Badger's estimate.
	Tables     int
	TableBytes int64
	StaleBytes int64
	// DiskBytes is what the folder occupies in blocks, ballast included. The apparent sizes of Badger's
	// files say nothing: they are made large and empty.
	DiskBytes int64
	// Ballast is the size of the file that FreeBallast gives back, 0 when there is none.
	Ballast int64
}

// Stats measures; it reads the folder's entries and no data.
func (e *Engine) Stats() (Stats, error) {
	commit, err := e.snapshots.acquire() // Keeps Badger open.
	if err != nil {
		return Stats{}, err
	}
	defer e.snapshots.release(commit)
	s := Stats{Commit: e.commits.Load()}
	for _, t := range e.db.Tables() {
		s.Tables++
		s.TableBytes += int64(t.OnDiskSize)
		s.StaleBytes += int64(t.StaleDataSize)
	}
	if info, err := os.Stat(e.ballast.path); err == nil {
		s.Ballast = realSize(info)
	}
	s.DiskBytes, err = realTree(e.opts.Dir)
	return s, err
}

// realTree adds up the blocks of all files below dir; files that vanish meanwhile count nothing.
func realTree(dir string) (total int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			var info fs.FileInfo
			if info, err = entry.Info(); err == nil {
				total += realSize(info)
			}
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
	return total, err
}

// Stale data is worth a rewrite of everything when it is this much and this part of the tables.
const (
	flattenBytes = 64 << 20
	flattenPart  = 4 // a quarter
)

// worthCompacting says whether a rewrite of all tables pays and fits.
func (s Stats) worthCompacting(space Space) bool {
	return s.StaleBytes >= flattenBytes && s.StaleBytes*flattenPart >= s.TableBytes &&
		space.State == SpaceOK && space.Free >= 2*uint64(s.TableBytes)
}

// Maintain does what is to be done now and then, nightly say: it lets old versions go, makes the ballast
// when it is missing and there is room, and compacts when much of the tables is stale and the disk has room
// for a second copy. Badger compacts by itself otherwise, and its value log is never written to, so that
// there is nothing to collect. A compaction that has begun does not end with ctx.
func (e *Engine) Maintain(ctx context.Context) error {
	if err := errors.Join(ctx.Err(), e.Err()); err != nil {
		return err
	}
	stats, err := e.Stats()
	if err != nil {
		return err
	}
	e.discard()
	if err := e.fillBallast(); err != nil {
		return err
	}
	if !stats.worthCompacting(e.Space()) {
		return nil
	}
	began := time.Now()
	if err := e.compact(); err != nil {
		return err
	}
	e.opts.Logger.Info("the store was compacted", "stale_bytes", stats.StaleBytes, "table_bytes", stats.TableBytes, "duration", time.Since(began))
	return nil
}

// compact rewrites all tables into one level.
func (e *Engine) compact() error {
	commit, err := e.snapshots.acquire() // Keeps Badger open.
	if err != nil {
		return err
	}
	defer e.snapshots.release(commit)
	if err := e.db.Flatten(1); err != nil {
		return fmt.Errorf("compacting the store: %w", err)
	}
	return nil
}
