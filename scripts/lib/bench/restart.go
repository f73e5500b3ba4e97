package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"

	"github.com/atssync/atssync/scripts/lib/rig"
)

// restart measures how long the daemon takes to be ready after it was killed.
func restart(ctx context.Context, b *bench) (result, error) {
	w, err := b.reading(ctx)
	if err != nil {
		return result{}, err
	}
	w.daemon.Kill()
	took, err := w.start(ctx)
	if err != nil {
		return result{}, err
	}
	r, err := rig.MemoryOf(w.daemon.PID())
	if err != nil {
		return result{}, err
	}
	if err := w.honest(ctx); err != nil {
		return result{}, err
	}
	w.daemon.Kill()
	floor, err := w.bareOpen(b.root)
	if err != nil {
		return result{}, fmt.Errorf("bare Badger: %w", err)
	}
	return result{
		Target: "1,000,000: ≤ 5 s", Measured: fmt.Sprintf("%s: %.2f s", thousands(w.written), took.Seconds()), Met: took <= 5*time.Second,
		Floor: fmt.Sprintf("%.2f s", floor.Seconds()),
		How: fmt.Sprintf("from the start after kill -9 until /readyz says 200, with every document still kept; then %s are resident, and the ledger, counted anew, "+
			"balances; floor: bare Badger opens the same folder after another kill -9", mib(r.All)),
		Numbers: map[string]float64{
			"applications": float64(w.written), "ready": took.Seconds(), "floor": floor.Seconds(), "resident": float64(r.All), "own": float64(r.Own),
		},
	}, ctx.Err()
}

// bareOpen is how long Badger alone takes to open the store of a daemon that was killed. The daemon must not be started on
// it again.
func (w *world) bareOpen(root string) (took time.Duration, err error) {
	log := filepath.Join(root, "value-log") // nothing is ever written to it
	if err := os.Mkdir(log, 0o700); err != nil {
		return 0, err
	}
	dir := filepath.Join(w.dir, "data", "store", "badger")
	head, err := os.ReadFile(filepath.Join(dir, badger.ManifestFilename))
	if err != nil {
		return 0, err
	}
	magic := binary.BigEndian.Uint16(head[4:]) // the daemon's format, which Badger insists on
	began := time.Now()
	db, err := badger.OpenManaged(bareOptions(dir).WithValueDir(log).WithExternalMagic(magic).WithChecksumVerificationMode(options.NoVerification))
	if err != nil {
		return 0, err
	}
	took = time.Since(began)
	return took, errors.Join(db.Close(), os.RemoveAll(log))
}
