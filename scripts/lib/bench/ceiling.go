package main

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"sync/atomic"
	"time"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
)

// write is what one caller wants to have on disk.
type write struct {
	values [][]byte
	done   chan error
}

// bareOptions are those of the small memory profile of the daemon's store.
func bareOptions(dir string) badger.Options {
	return badger.DefaultOptions(dir).WithLogger(nil).WithSyncWrites(true).
		WithMemTableSize(16 << 20).WithNumMemtables(1).WithNumLevelZeroTables(2).WithNumLevelZeroTablesStall(4).
		WithNumCompactors(2).WithCompression(options.None).WithBlockCacheSize(0).WithIndexCacheSize(0).
		WithValueLogFileSize(16 << 20).WithValueThreshold(1 << 20).WithDetectConflicts(false).WithMetricsEnabled(false)
}

// commits measures what Badger takes with the small memory profile of the daemon's store: each caller hands values over
// and waits until they are synced; what several want at the same time goes into one transaction.
func commits(ctx context.Context, dir string, d time.Duration, callers int, values func() [][]byte) (got load, err error) {
	db, err := badger.Open(bareOptions(dir))
	if err != nil {
		return got, err
	}
	defer func() { err = errors.Join(err, db.Close(), os.RemoveAll(dir)) }()
	queue := make(chan write, callers)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		commitAll(db, queue)
	}()
	list := make([]caller, callers)
	for i := range list {
		done := make(chan error, 1)
		list[i] = func(context.Context) (int, error) {
			v := values()
			queue <- write{v, done}
			return len(v), <-done
		}
	}
	got, err = drive(ctx, d, list)
	close(queue)
	<-stopped
	return got, err
}

// commitAll makes what waits in the queue durable, together, until the queue is closed.
func commitAll(db *badger.DB, queue <-chan write) {
	var number atomic.Uint64
	for first := range queue {
		group := []write{first}
		txn := db.NewTransaction(true)
		err := put(txn, first.values, &number)
		for size := len(first.values); err == nil && size < 1500 && len(queue) > 0; {
			next := <-queue
			group = append(group, next)
			size += len(next.values)
			err = put(txn, next.values, &number)
		}
		if err == nil {
			err = txn.Commit()
		}
		txn.Discard()
		for _, w := range group {
			w.done <- err
		}
	}
}

func put(txn *badger.Txn, values [][]byte, number *atomic.Uint64) error {
	for _, v := range values {
		key := binary.BigEndian.AppendUint64([]byte("bench/"), number.Add(1))
		if err := txn.Set(key, v); err != nil {
			return err
		}
	}
	return nil
}
