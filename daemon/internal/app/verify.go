package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/atssync/atssync/config"
	"github.com/atssync/atssync/daemon/internal/backup"
	"github.com/atssync/atssync/daemon/internal/seal"
	"github.com/atssync/atssync/daemon/internal/store/badger"
	"github.com/atssync/atssync/daemon/internal/store/kv"
)

// VerifyReport is what a backup or a data folder was found to hold. All of it was read, and fits together.
type VerifyReport struct {
	Path string `json:"path"`
	// Backup is nil for a data folder.
	Backup *backup.Header `json:"backup,omitempty"`
	Commit uint64         `json:"commit,omitempty"`
	kv.Verified
}

// VerifyBackup reads a whole backup: every part of it is what was written, every record can be read, and the ledger adds up.
// It needs the key file and no daemon.
func VerifyBackup(ctx context.Context, c *config.Config, path string, tell func(read int64)) (VerifyReport, error) {
	v := kv.NewVerifier()
	h, m, err := readBackup(path, c.Store.KeyFile, tell, func(_ backup.Header, stream io.Reader) error {
		_, err := badger.ReadBackup(ctx, stream, v.Add)
		return err
	})
	out := VerifyReport{Path: path, Backup: &h, Commit: m.Commit}
	if err != nil {
		return out, err
	}
	if out.Verified, err = v.Result(); err != nil {
		return out, fmt.Errorf("%s: %w", path, err)
	}
	if uint64(out.Records) != m.Records {
		return out, fmt.Errorf("%s: %w: its manifest says %d records and there are %d", path, backup.ErrDamaged, m.Records, out.Records)
	}
	return out, nil
}

// VerifyStore reads the whole data folder, which no daemon has open.
func VerifyStore(ctx context.Context, c *config.Config, tell func(records int64)) (out VerifyReport, err error) {
	out.Path = c.Store.Dir
	if c.Store.Engine == "memory" || !badger.Exists(c.Store.Dir) {
		return out, fmt.Errorf("there is no store in %s", c.Store.Dir)
	}
	e, err := badger.Open(ctx, engineOptions(c, slog.New(slog.DiscardHandler)))
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	v := kv.NewVerifier()
	if err := e.View(ctx, func(r kv.Reader) error {
		var failed error
		var n int64
		err := r.Scan(nil, nil, func(k, value []byte) bool {
			if n++; tell != nil {
				tell(n)
			}
			failed = v.Add(k, value)
			return failed == nil
		})
		return errors.Join(err, failed)
	}); err != nil {
		return out, err
	}
	if out.Verified, err = v.Result(); err != nil {
		return out, err
	}
	if k, err := seal.Load(c.Store.KeyFile); err != nil {
		return out, fmt.Errorf("the data is as it was written, and the key that it needs (fingerprint %s) is not there: %w", out.Key, err)
	} else if out.Key != "" && k.CheckValue() != out.Key {
		return out, fmt.Errorf("the data is as it was written, and the key file %s is not its own: it has the fingerprint %s and %s is needed", c.Store.KeyFile, k.CheckValue(), out.Key)
	}
	return out, nil
}

// RestoreOptions say what is restored.
type RestoreOptions struct {
	Path string
	// Journal is the journal of attempts; "" is the config's, if there is one.
	Journal string
	// NoJournal leaves everything held, whatever the journal says.
	NoJournal bool
	Version   string
	Tell      func(doing string, read int64)
	now       time.Time
}
