package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/atssync/atssync/daemon/internal/backup"
)

// passBackups is the pass that makes the scheduled backups. What it makes is a run of atssync.PassBackup of its own, as is
// what a person makes.
const passBackups = "backups"

// backup makes a backup into the folder of the config, reads it again, and removes the oldest beyond those that are kept.
func (p *passes) backup(ctx context.Context) (string, error) {
	c := p.app.conf().Backup
	if c.Dir == "" {
		return "none is made: [backup] dir names no folder", nil
	}
	if p.app.engine == nil {
		return "none is made: the store is in memory", nil
	}
	file, err := SaveBackup(c.Dir, func(w io.Writer) error {
		_, err := p.app.backups.make(ctx, w, "schedule")
		return err
	})
	if err != nil {
		return "", fmt.Errorf("make a backup in %s: %w", c.Dir, err)
	}
	gone, err := pruneBackups(c.Dir, p.app.engine.ID(), c.Keep)
	return fmt.Sprintf("%s, %d bytes; %d old ones removed", filepath.Base(file.Path), file.Size, gone), err
}

// scheduledName is how a backup is called in a folder, whoever had it made.
var scheduledName = regexp.MustCompile(`^atssync-\d{8}T\d{6}Z` + regexp.QuoteMeta(backup.Suffix) + `$`)

// pruneBackups removes the oldest backups of a store from a folder, beyond keep. What is not ours is left alone: other
// files, backups of other stores, and such as cannot be read.
func pruneBackups(dir, store string, keep int) (removed int, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, fmt.Errorf("list the backups in %s: %w", dir, err)
	}
	type old struct {
		path string
		h    backup.Header
	}
	var ours []old
	for _, e := range entries {
		if !e.Type().IsRegular() || !scheduledName.MatchString(e.Name()) {
			continue
		}
		o := old{path: filepath.Join(dir, e.Name())}
		if o.h, err = peekBackup(o.path); err == nil && o.h.StoreID == store {
			ours = append(ours, o)
		}
	}
	slices.SortFunc(ours, func(a, b old) int { return b.h.MadeAt.Compare(a.h.MadeAt) })
	var errs []error
	for _, o := range ours[min(keep, len(ours)):] {
		if err := os.Remove(o.path); err != nil {
			errs = append(errs, fmt.Errorf("remove an old backup: %w", err))
			continue
		}
		removed++
	}
	return removed, errors.Join(errs...)
}

func peekBackup(path string) (backup.Header, error) {
	f, err := os.Open(path)
	if err != nil {
		return backup.Header{}, fmt.Errorf("open a backup: %w", err)
	}
	defer func() { _ = f.Close() }()
	h, err := backup.Peek(f)
	if err != nil {
		return h, fmt.Errorf("%s: %w", path, err)
	}
	return h, nil
}

// Backup writes a backup of the store as it is now, for a person, while everything goes on.
func (b *backups) Backup(ctx context.Context, w io.Writer) (id string, err error) {
	return b.make(ctx, w, "person")
}
