package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"
)

const (
	// powerLife is how many cuts one data folder lives through: everything that was ever acknowledged is looked for after each.
	powerLife = 25
	// powerMiB is the size of its disk, which what is accepted between so many cuts does not fill up.
	powerMiB = 768
)

// powerCuts has the power fail under a daemon that accepts and sends, and looks at what was acknowledged. The run that must
// lose, to show that these cuts are real, is the one without the guard sync: torture -bite sync.
func powerCuts(ctx context.Context, t *trial) error {
	acked := 0
	for from := 0; from < t.n && t.part.failed() == 0; from += powerLife {
		n, err := powerCutsOf(ctx, t, from, min(from+powerLife, t.n))
		if err != nil {
			return t.orNotRun(err)
		}
		acked += n
	}
	t.note("%d cuts, %d applications acknowledged", t.n, acked)
	return nil
}

// powerCutsOf makes some of the cuts, with a data folder of their own.
func powerCutsOf(ctx context.Context, t *trial, from, to int) (acked int, err error) {
	name := fmt.Sprintf("p%d", from/powerLife)
	d, err := newDisk(ctx, t, "disk"+name, powerMiB)
	if err != nil {
		return 0, err
	}
	defer d.remove(ctx)
	w, err := newWorld(ctx, t, name, options{connections: 20, data: filepath.Join(d.dir, "data"), store: "ballast = \"0B\"\nmin_free = \"64MiB\"\n"})
	if err != nil {
		return 0, err
	}
	defer w.end()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // of what is still being sent when something went wrong
	for i := from; i < to; i++ {
		stop := w.stream(ctx, 16, time.Millisecond)
		r := t.random("power", i)
		if err := sleep(ctx, time.Duration(300+r.IntN(1200))*time.Millisecond); err != nil {
			return 0, err
		}
		if err := d.cut(); err != nil {
			return 0, err
		}
		w.kill()
		when := fmt.Sprintf("cut %d", i)
		w.gone(ctx, when)
		if err := d.unmount(ctx); err != nil {
			return 0, err
		}
		if err := d.mount(ctx); err != nil {
			return 0, err
		}
		if err := w.start(ctx); err != nil {
			t.check(promiseKept, false, "%s: %v", when, err)
			return 0, nil // a store that is refused says that it lost something
		}
		w.balanced(ctx, when)
		if _, err := w.present(ctx, when); err != nil {
			return 0, err
		}
		if t.part.failed() > 0 {
			return 0, nil // with what is lost, nothing that follows would go well
		}
		if err := stop(); err != nil {
			return 0, err
		}
		w.undoubled(when)
		t.done(1)
	}
	_, acked = w.sent.counts()
	return acked, nil
}
