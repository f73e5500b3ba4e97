package kv

import (
	"context"
	"fmt"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// migration makes what one format holds into the next format. It may be cut off anywhere and is begun anew then, so that it
// leaves alone what it has made already; it commits in steps of the engine's size.
type migration func(ctx context.Context, engine Engine) error

// migrations lead from each format that was ever released to the next one, by the format that they begin with. Who adds one
// also commits a data folder of the format that it leaves, to daemon/internal/app/testdata/formats.
var migrations = map[int]migration{}

// Prepare readies an engine's key space: it marks a new one with the format of this code, brings an older one forward, and
// refuses one that a newer program wrote. What it says of an error is for a person.
func Prepare(ctx context.Context, engine Engine) error {
	return prepare(ctx, engine, format, migrations)
}

func prepare(ctx context.Context, engine Engine, current int, steps map[int]migration) error {
	found, err := begin(ctx, engine, current)
	if err != nil {
		return err
	}
	for ; found < current; found++ {
		step, ok := steps[found]
		if !ok {
			return atssync.Errorf(atssync.CodeConflict, "the data has format %d, which this program cannot bring to %d", found, current).
				WithRemedy("start the release between that one and this one first")
		}
		if err := step(ctx, engine); err != nil {
			return fmt.Errorf("bring the data from format %d to %d; the next start goes on with it: %w", found, found+1, err)
		}
		next := key{}.num(int64(found + 1))
		if err := engine.Update(ctx, func(w Writer) error { w.Set(keyFormat(), next); return nil }); err != nil {
			return fmt.Errorf("mark the data with format %d: %w", found+1, err)
		}
	}
	return nil
}

// begin returns the format of what is there, which for a new key space is the current one.
func begin(ctx context.Context, engine Engine, current int) (found int, err error) {
	err = engine.Update(ctx, func(w Writer) error {
		v, err := w.Value(keyFormat())
		if err != nil {
			return fmt.Errorf("read the store's format: %w", err)
		}
		found = int(number(v))
		switch {
		case v == nil:
			found = current
			w.Set(keyFormat(), key{}.num(int64(current)))
		case found > current:
			return atssync.Errorf(atssync.CodeConflict, "the data was written by a newer atssync (format %d, this one reads up to %d)", found, current).
				WithRemedy("start the newer program, or restore a backup made by this one")
		}
		return nil
	})
	return found, err
}
