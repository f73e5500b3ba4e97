package app

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"sync"
	"time"

	"github.com/atssync/atssync/config"
	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/collect"
	"github.com/atssync/atssync/daemon/internal/manage"
	"github.com/atssync/atssync/daemon/internal/schedule"
)

// perConnection is how much of a pass's interval each connection widens its spread by.
const perConnection = 100 * time.Millisecond

// passes are the daemon's named passes.
type passes struct {
	app    *App
	runner *schedule.Runner
	specs  map[string]schedule.Spec

	mu    sync.Mutex
	asked map[string]bool // a person asked: no spreading
	turn  int             // of the pass submit
}

func newPasses(a *App, c config.Schedules) (*passes, error) {
	p := &passes{app: a, specs: make(map[string]schedule.Spec), asked: make(map[string]bool)}
	var list []schedule.Pass
	do := map[string]func(context.Context) (string, error){
		"submit": p.submit, "status": p.reading("status", a.collect.StatusPass, a.collect.StatusPassAsked),
		"jobs": p.reading("jobs", a.collect.JobsPass, a.collect.JobsPass), "check": p.reading("check", a.collect.CheckPass, a.collect.CheckPass),
		"maintenance": p.maintain, passBackups: p.backup,
	}
	for _, x := range scheduled(c) {
		spec, err := schedule.Parse(x.s.Spec, x.s.Zone)
		if err != nil {
			return nil, fmt.Errorf("schedules.%s: %w", x.name, err)
		}
		p.specs[x.name] = spec
		list = append(list, schedule.Pass{Name: x.name, Spec: spec, Do: do[x.name]})
	}
	var err error
	p.runner, err = schedule.New(schedule.Options{
		Passes: list, Runs: a.store, Log: a.log.With("component", "schedule"), Observe: a.metrics.ran,
	})
	return p, err
}

// scheduled lists the passes with when they are due.
func scheduled(c config.Schedules) []struct {
	name string
	s    config.Schedule
} {
	return []struct {
		name string
		s    config.Schedule
	}{
		{"submit", c.Submit},
		{"status", c.Status},
		{"jobs", c.Jobs},
		{"check", c.Check},
		{"maintenance", c.Maintenance},
		{passBackups, c.Backups},
	}
}

// respecify has passes run by other specs from now on.
func (p *passes) respecify(specs map[string]schedule.Spec) {
	p.mu.Lock()
	p.specs = specs
	p.mu.Unlock()
	for name, s := range specs {
		if err := p.runner.Reschedule(name, s); err != nil {
			p.app.log.Error("give a pass another schedule", "pass", name, "err", err) // only one that there is not
		}
	}
}

// wholeRound is how long the pass submit takes to come to every connection, those at rest too.
const wholeRound = 15 * time.Minute

// submit wakes the lanes that have something to do: due retries, probes, canaries. New work wakes its lane by itself. Lanes
// at rest take turns, for the case that something was missed; a person has all of them woken.
func (p *passes) submit(ctx context.Context) (string, error) {
	held, asked := p.app.leases.Held(), p.wasAsked("submit")
	parts := max(1, uint64(wholeRound/p.interval("submit")))
	p.turn++
	for _, id := range held {
		if !asked && part(id, parts) != uint64(p.turn)%parts {
			p.app.submit.Nudge(id)
			continue
		}
		p.app.submit.Wake(id)
		p.app.collect.Revisit(id)
	}
	return fmt.Sprintf("%d connections", len(held)), p.app.upkeep.expire(ctx)
}

// part is which of so many parts a connection belongs to, always the same.
func part(connection string, parts uint64) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(connection))
	return h.Sum64() % parts
}

func (p *passes) maintain(ctx context.Context) (string, error) {
	n, err := p.app.upkeep.checkLedger(ctx)
	pruned, perr := p.app.pruneDeliveries(ctx)
	old, rerr := dropOld(ctx, p.app.store, p.app.conf().Retention, clock())
	return fmt.Sprintf("%d ledgers checked, %d do not add up; %d records of deliveries forgotten; %s", n, p.app.upkeep.unbalanced.Load(), pruned, old),
		errors.Join(err, perr, rerr)
}

// reading makes a pass of a walk over all connections, spread over a part of its interval. One that a person asks for is
// not spread, and walks by asked.
func (p *passes) reading(name string, walk, asked func(context.Context, time.Duration) (collect.Summary, error)) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		interval := p.interval(name)
		spread := min(time.Duration(len(p.app.leases.Held()))*perConnection, interval*8/10)
		walk := walk
		if p.wasAsked(name) {
			spread, walk = 0, asked
		}
		ctx, cancel := context.WithTimeout(ctx, max(interval, time.Minute))
		defer cancel()
		sum, err := walk(ctx, spread)
		return sum.String(), err
	}
}

// interval is the time between the next two runs of a pass.
func (p *passes) interval(name string) time.Duration {
	p.mu.Lock()
	spec := p.specs[name]
	p.mu.Unlock()
	next := spec.Next(time.Now())
	return spec.Next(next).Sub(next)
}

func (p *passes) wasAsked(name string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	asked := p.asked[name]
	delete(p.asked, name)
	return asked
}

// Passes lists the passes for people.
func (p *passes) Passes(context.Context) ([]manage.Pass, error) {
	var out []manage.Pass
	for _, s := range p.runner.List(time.Now()) {
		m := manage.Pass{Name: s.Name, Spec: s.Spec, Zone: s.Zone, Running: s.Running, Next: s.Next, Skipped: s.Skipped}
		if s.Last.ID != "" {
			last := s.Last
			m.Last = &last
		}
		out = append(out, m)
	}
	return out, nil
}

// lookBack is how many runs of a pass are looked through for one that ended well.
const lookBack = 100

// lastRuns tells the metrics of the runs of earlier lives of the daemon: a pass that ran yesterday is not one that never did.
func (a *App) lastRuns(ctx context.Context) error {
	for _, name := range passNames {
		page, err := a.store.Runs(ctx, atssync.RunQuery{Pass: name, Paging: atssync.Paging{Limit: lookBack}})
		if err != nil {
			return fmt.Errorf("read the runs of the pass %s: %w", name, err)
		}
		var ended []atssync.Run
		for _, r := range page.Items {
			if !r.FinishedAt.IsZero() {
				ended = append(ended, r)
			}
		}
		if i := slices.IndexFunc(ended, func(r atssync.Run) bool { return r.Error == "" }); i > 0 {
			a.metrics.lastRun(ended[i])
		}
		if len(ended) > 0 {
			a.metrics.lastRun(ended[0])
		}
	}
	return nil
}

// RunNow starts a pass for a person.
func (p *passes) RunNow(ctx context.Context, name string) (string, error) {
	p.mu.Lock()
	p.asked[name] = true
	p.mu.Unlock()
	id, err := p.runner.Trigger(ctx, name)
	if err == nil {
		return id, nil
	}
	p.wasAsked(name)
	switch {
	case errors.Is(err, schedule.ErrUnknown):
		return "", atssync.Errorf(atssync.CodeNotFound, "there is no pass %q", name).WithRemedy("see: atssync schedule list")
	case errors.Is(err, schedule.ErrRunning):
		return "", atssync.Errorf(atssync.CodeConflict, "the pass %s is running already", name)
	}
	return "", atssync.Errorf(atssync.CodeUnavailable, "the schedule is stopped")
}
