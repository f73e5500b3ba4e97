package fleet

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"
)

// stamp tells one content of a file from another without reading it.
type stamp struct {
	inode    uint64
	size     int64
	modified time.Time
}

// stampOf is the zero stamp for a file that is not there.
func stampOf(path string) stamp {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{}
	}
	s := stamp{size: info.Size(), modified: info.ModTime()}
	if sys, ok := info.Sys().(*syscall.Stat_t); ok {
		s.inode = sys.Ino
	}
	return s
}

// Change is another set of adapters, ready to be put in the place of the one in force: every process that it needs runs
// already and has told its manifest. Exactly one of Apply and Abandon is called.
type Change struct {
	// Added, Replaced and Removed are names of adapters. A replaced one goes on in a process of its own: its program, its
	// settings or its surroundings are others, or it did not run.
	Added, Replaced, Removed []string

	fleet    *Fleet
	specs    []Spec
	around   Surroundings
	launched map[string]Process
	programs map[string]stamp
}

// Prepare does all of a change that can fail. Its error joins what is wrong with each adapter, and leaves everything as it
// is. An adapter that did not run, whose program and settings are the same, is no reason to refuse the rest.
func (f *Fleet) Prepare(ctx context.Context, specs []Spec, around Surroundings) (*Change, error) {
	c := &Change{fleet: f, specs: specs, around: around, launched: make(map[string]Process), programs: make(map[string]stamp)}
	moved := !slices.Equal(around.Env, f.surroundings().Env) || around.PartnerName != f.surroundings().PartnerName
	var mu sync.Mutex
	var failed []error
	var launches sync.WaitGroup
	names := make(map[string]bool, len(specs))
	for _, s := range specs {
		if names[s.Name] {
			failed = append(failed, fmt.Errorf("adapter %s stands twice in the config", s.Name))
			continue
		}
		names[s.Name] = true
		need, same := f.needs(s, moved)
		if !need {
			continue
		}
		launches.Go(func() {
			program := stampOf(s.Path)
			p, err := f.launch(ctx, s, around)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				c.launched[s.Name], c.programs[s.Name] = p, program
			case !same:
				failed = append(failed, err)
			}
		})
	}
	launches.Wait()
	if len(failed) > 0 {
		c.Abandon(ctx)
		return nil, errors.Join(failed...)
	}
	for _, s := range specs {
		switch _, there := f.adapter(s.Name); {
		case !there:
			c.Added = append(c.Added, s.Name)
		case c.launched[s.Name] != nil:
			c.Replaced = append(c.Replaced, s.Name)
		}
	}
	for _, a := range f.all() {
		if !names[a.name] {
			c.Removed = append(c.Removed, a.name)
		}
	}
	return c, nil
}

// needs reports whether an adapter needs a new process, and whether everything about it is the same as before.
func (f *Fleet) needs(s Spec, moved bool) (need, same bool) {
	a, ok := f.adapter(s.Name)
	if !ok {
		return true, false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	same = !moved && a.spec.Path == s.Path && a.spec.SHA256 == s.SHA256
	if a.process == nil || a.state != StateRunning {
		return true, same
	}
	same = same && a.program == stampOf(s.Path)
	return !same, same
}

// Abandon ends what Prepare launched.
func (c *Change) Abandon(ctx context.Context) {
	var stops sync.WaitGroup
	for _, p := range c.launched {
		stops.Go(func() {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pingDeadline)
			defer cancel()
			_ = p.Stop(ctx) // nobody has called it
		})
	}
	stops.Wait()
}

// Apply puts the change in force. Calls under way end where they are; calls from now on go to the new processes. It
// waits for neither.
func (c *Change) Apply(ctx context.Context) { //nolint:contextcheck // the processes outlive the change.
	f := c.fleet
	f.mu.Lock()
	if f.ctx == nil {
		f.mu.Unlock()
		c.Abandon(ctx)
		return
	}
	running := f.ctx
	f.around, f.order = c.around, nil
	old := f.adapters
	f.adapters = make(map[string]*adapter, len(c.specs))
	for _, s := range c.specs {
		a := old[s.Name]
		p := c.launched[s.Name]
		if a == nil {
			a = newAdapter(s)
			a.program = c.programs[s.Name]
			f.wg.Go(func() { f.supervise(running, a, p) })
		} else {
			a.respecify(ctx, s, c.programs[s.Name], p)
		}
		f.adapters[s.Name], f.order = a, append(f.order, s.Name)
	}
	var gone []*adapter
	for _, name := range c.Removed {
		gone = append(gone, old[name])
	}
	f.mu.Unlock()
	for _, a := range gone {
		close(a.gone)
		f.wg.Go(func() { f.remove(running, a) })
	}
}

// respecify takes a spec, and a process that relieves the one that runs; nil leaves it.
func (a *adapter) respecify(ctx context.Context, s Spec, program stamp, p Process) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.spec.Limits != s.Limits {
		a.limiters = newLimiters(s.Limits)
		if a.manifest != nil {
			a.limiters.describe(*a.manifest)
		}
	}
	a.spec = s
	if p != nil {
		a.program, a.crashes = program, nil
		a.relieve(ctx, p)
	}
}

// remove ends an adapter that left the config, once its calls are over.
func (f *Fleet) remove(ctx context.Context, a *adapter) {
	a.mu.Lock()
	c := a.calls
	a.state, a.err = StateStopped, fmt.Errorf("the adapter %s is no longer in the config", a.name)
	a.mu.Unlock()
	f.o.Changed(a.name)
	if c != nil {
		c.wait(ctx)
	}
	sctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pingDeadline)
	defer cancel()
	a.stop(sctx)
	f.o.Metrics.forget(a.name)
}
