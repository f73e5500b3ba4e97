package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"
)

// powerGrowth is more MiB than what is accepted between two cuts takes of the disk: a full one would end the part.
const powerGrowth = 10

// powerCuts has the power fail under a daemon that accepts and sends, and looks at what was acknowledged. The run that must
// lose, to show that these cuts are real, is the one without the guard sync: torture -bite sync.
func powerCuts(ctx context.Context, t *trial) error {
	d, err := newDisk(ctx, t, "disk", 512+powerGrowth*int64(t.n))
	if err != nil {
		return t.orNotRun(err)
	}
	w, err := newWorld(ctx, t, "p", options{connections: 20, data: filepath.Join(d.dir, "data"), store: "ballast = \"0B\"\nmin_free = \"64MiB\"\n"})
	if err != nil {
		return err
	}
	defer w.end()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // of what is still being sent when something went wrong
	for i := range t.n {
		stop := w.stream(ctx, 16, time.Millisecond)
		r := t.random("power", i)
		if err := sleep(ctx, time.Duration(300+r.IntN(1200))*time.Millisecond); err != nil {
			return err
		}
		if err := d.cut(); err != nil {
			return t.orNotRun(err)
		}
		w.kill()
		when := fmt.Sprintf("cut %d", i)
		w.gone(ctx, when)
		if err := d.unmount(ctx); err != nil {
			return err
		}
		if err := d.mount(ctx); err != nil {
			return err
		}
		if err := w.start(ctx); err != nil {
			t.check(promiseKept, false, "%s: %v", when, err)
			return nil // a store that is refused says that it lost something
		}
		w.balanced(ctx, when)
		if _, err := w.present(ctx, when); err != nil {
			return err
		}
		if t.part.failed() > 0 {
			return nil // with what is lost, nothing that follows would go well
		}
		if err := stop(); err != nil {
			return err
		}
		w.undoubled(when)
		t.done(1)
	}
	_, acked := w.sent.counts()
	t.note("%d cuts, %d applications acknowledged", t.n, acked)
	return nil
}
