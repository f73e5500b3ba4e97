package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/backup"
	"github.com/atssync/atssync/daemon/internal/manage"
	"github.com/atssync/atssync/daemon/internal/seal"
	"github.com/atssync/atssync/daemon/internal/store/badger"
)

// backups makes backups of the running daemon's store.
type backups struct {
	a    *App
	keys *seal.Keys
	busy sync.Mutex
}

// make writes a backup of the store as it is now, while everything goes on. trigger says who wanted it.
func (b *backups) make(ctx context.Context, w io.Writer, trigger string) (id string, err error) {
	if b.a.engine == nil {
		return "", atssync.Errorf(atssync.CodeConflict, "the store is in memory: there is nothing that a backup could bring back").
			WithRemedy(`set engine = "badger" in [store]`)
	}
	if !b.busy.TryLock() {
		return "", atssync.Errorf(atssync.CodeConflict, "a backup is being made already").WithRemedy("wait until it is done")
	}
	defer b.busy.Unlock()
	at := time.Now().UTC()
	out := &counted{w: w}
	h := backup.Header{
		ID: backup.NewID(at), MadeAt: at, Version: b.a.version, StoreID: b.a.engine.ID(), StoreFormat: badger.FormatVersion(), Key: b.keys.CheckValue(),
	}
	defer func() { b.note(ctx, h, trigger, out.n, err) }()
	h.Journal, h.JournalAt = b.a.journal.Position() // before the backup begins: what comes later is told by the journal
	m, err := backup.Write(out, keys{b.keys}, h, func(w io.Writer) (backup.Manifest, error) {
		info, err := b.a.engine.Backup(ctx, w)
		return backup.Manifest{Commit: info.Commit, Records: info.Records, Bytes: info.Bytes, Stream: info.SHA256}, err
	})
	if err != nil {
		return "", err
	}
	b.a.log.Info("backup made", "id", h.ID, "records", m.Records, "bytes", m.Bytes, "commit", m.Commit, "duration_ms", time.Since(at).Milliseconds())
	return h.ID, nil
}

// note keeps how a backup went, so that its age is known over restarts.
func (b *backups) note(ctx context.Context, h backup.Header, trigger string, bytes int64, failed error) {
	run := atssync.Run{
		ID: atssync.NewID(atssync.PrefixRun, h.MadeAt), Pass: atssync.PassBackup, Trigger: trigger, StartedAt: h.MadeAt, FinishedAt: time.Now().UTC(), Bytes: bytes,
	}
	if run.Summary = h.ID; failed != nil {
		run.Error, run.Summary = "it was cut off or could not be written", ""
	}
	b.a.metrics.backedUp(run)
	if err := b.a.store.PutRun(context.WithoutCancel(ctx), run, run.FinishedAt); err != nil {
		b.a.log.Error("a backup was made and cannot be noted: its age is not known after a restart", "err", err)
	}
}

// lastBackup tells the metrics of the last backup of earlier lives of the daemon.
func (a *App) lastBackup(ctx context.Context) error {
	run, ok, err := manage.LastBackup(ctx, a.store)
	if err == nil && ok {
		a.metrics.lastBackup(run)
	}
	return err
}

// counted counts what is written.
type counted struct {
	w io.Writer
	n int64
}

// Write writes on.
func (c *counted) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// BackupFile is a backup on disk.
type BackupFile struct {
	Path   string        `json:"path"`
	Size   int64         `json:"size"`
	Backup backup.Header `json:"backup"`
}

// SaveBackup puts what receive writes, a backup on its way from the daemon, into a new file: under path, or under a name of
// its own where path is a folder.
func SaveBackup(path string, receive func(io.Writer) error) (BackupFile, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, backup.FileName(time.Now()))
	}
	h, size, err := backup.Save(path, receive)
	return BackupFile{Path: path, Size: size, Backup: h}, err
}

// reporting tells how much of a file was read.
type reporting struct {
	r    io.Reader
	n    int64
	tell func(read int64)
}

// Read reads on.
func (r *reporting) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	r.n += int64(n)
	if r.tell != nil {
		r.tell(r.n)
	}
	return n, err
}

// readBackup reads a whole backup file with the keys of the config's key file.
func readBackup(path, keyFile string, tell func(read int64), use func(h backup.Header, stream io.Reader) error) (backup.Header, backup.Manifest, error) {
	f, err := os.Open(path)
	if err != nil {
		return backup.Header{}, backup.Manifest{}, fmt.Errorf("open the backup: %w", err)
	}
	defer func() { _ = f.Close() }()
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return backup.Header{}, backup.Manifest{}, fmt.Errorf("%s is a folder and no backup: name a file in it; atssync verify without one checks the data folder of the config", path)
	}
	h, err := backup.Peek(f)
	if err != nil {
		return h, backup.Manifest{}, fmt.Errorf("%s: %w", path, err)
	}
	if h.StoreFormat > badger.FormatVersion() {
		return h, backup.Manifest{}, fmt.Errorf("%s holds a store of a newer atssync (format %d, this one knows %d): use that program", path, h.StoreFormat, badger.FormatVersion())
	}
	k, err := keysOf(path, h, keyFile)
	if err != nil {
		return h, backup.Manifest{}, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return h, backup.Manifest{}, fmt.Errorf("read the backup: %w", err)
	}
	h, m, err := backup.Read(&reporting{r: f, tell: tell}, k, use)
	if err != nil {
		err = fmt.Errorf("%s: %w", path, err)
	}
	return h, m, err
}

// keysOf loads the key file that a backup needs.
func keysOf(path string, h backup.Header, keyFile string) (keys, error) {
	k, err := seal.Load(keyFile)
	if errors.Is(err, os.ErrNotExist) {
		return keys{}, fmt.Errorf("%s needs the key file with the fingerprint %s, and there is none at %s: put your copy of it there, it is in no backup", path, h.Key, keyFile)
	}
	if err != nil {
		return keys{}, err
	}
	if k.CheckValue() != h.Key {
		return keys{}, fmt.Errorf("%s needs the key file with the fingerprint %s, and the one at %s has %s: put the right one there", path, h.Key, keyFile, k.CheckValue())
	}
	return keys{k}, nil
}
