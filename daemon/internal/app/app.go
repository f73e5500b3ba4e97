package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/atssync/atssync/config"
	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/collect"
	"github.com/atssync/atssync/daemon/internal/console"
	"github.com/atssync/atssync/daemon/internal/deliver"
	"github.com/atssync/atssync/daemon/internal/fleet"
	"github.com/atssync/atssync/daemon/internal/hook"
	"github.com/atssync/atssync/daemon/internal/intake"
	"github.com/atssync/atssync/daemon/internal/journal"
	"github.com/atssync/atssync/daemon/internal/manage"
	"github.com/atssync/atssync/daemon/internal/store/badger"
	"github.com/atssync/atssync/daemon/internal/submit"
	"github.com/atssync/atssync/daemon/internal/web"
)

// Options are what a person gives when starting the daemon.
type Options struct {
	ConfigPath string
	// Log gets the log; a terminal gets text unless the config says otherwise.
	Log io.Writer
	// Version is the daemon's own.
	Version string
	// Ready, when set, is called once everything runs.
	Ready func(a *App)
}

// App is one daemon.
type App struct {
	config  atomic.Pointer[config.Config] // in force
	file    string                        // where it was read from
	log     *slog.Logger
	level   *logLevel
	lines   *logLines
	version string
	stops   stops

	store    atssync.Store
	engine   *badger.Engine   // nil in memory
	journal  *journal.Journal // nil in memory
	fleet    *fleet.Fleet
	leases   *leaseKeeper
	submit   *submit.Worker
	collect  *collect.Worker
	hooks    *hook.Handler
	deliver  *deliver.Worker
	upkeep   *upkeep
	keyring  *keyring
	teller   *teller
	passes   *passes
	manage   *manage.Service
	console  *console.Console // nil when none is served
	intake   *intake.Service
	metrics  *metrics
	fresh    freshness
	registry *prometheus.Registry
	backups  *backups
	doors    atomic.Pointer[doors]
	// reloading is held while the config file is made so.
	reloading sync.Mutex
	socket    *web.Server
	http      *web.Server // nil when there is none
	ops       *web.Server // nil when there is none
	space     func() error
	failed    <-chan struct{}
	failure   func() error
	started   atomic.Bool
}

// Run runs the daemon until ctx ends, and drains it then.
func Run(ctx context.Context, o Options) error {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	c, err := LoadConfig(o.ConfigPath)
	if err != nil {
		return err
	}
	s := newService(o.Log, c)
	a, err := s.start(ctx, func() (*App, error) { return New(ctx, c, o) })
	if err != nil {
		return err
	}
	a.Start(ctx)
	s.running(a)
	if o.Ready != nil {
		o.Ready(a)
	}
	feeding, fed := context.WithCancel(context.WithoutCancel(ctx)) // a drain is fed as well
	var feeder sync.WaitGroup
	feeder.Go(func() { s.manager.Feed(feeding, a.moves) })
	err = a.wait(ctx, hangups, s.reload)
	s.manager.Stopping(a.conf().Daemon.ShutdownTimeout + afterDrain)
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.conf().Daemon.ShutdownTimeout)
	defer cancel()
	err = errors.Join(err, a.Stop(stop))
	fed()
	feeder.Wait()
	return err
}

// New builds the daemon: everything that can fail, listeners bound, nothing running yet but the lease. What was
// built is undone when it fails.
func New(ctx context.Context, c *config.Config, o Options) (*App, error) {
	a := &App{file: o.ConfigPath, version: o.Version, level: new(logLevel), lines: new(logLines)}
	a.config.Store(c)
	a.level.configure(c.Daemon.LogLevel)
	a.log = newLogger(o.Log, c.Daemon, &a.level.level, a.lines)
	a.stops.log = a.log
	for _, w := range c.Warnings {
		a.log.Warn("the config file is good, but", "problem", w.String())
	}
	if err := a.setup(ctx); err != nil {
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.Daemon.ShutdownTimeout)
		defer cancel()
		return nil, errors.Join(err, a.stops.run(stop))
	}
	return a, nil
}

// conf is the configuration in force. What a reload does not change is the same for ever.
func (a *App) conf() *config.Config { return a.config.Load() }

// Start lets everything run and returns.
func (a *App) Start(ctx context.Context) {
	a.started.Store(true)
	a.fleet.Start() //nolint:contextcheck // the processes outlive the start.
	a.teller.start(ctx)
	a.stops.addFunc("teller", func(context.Context) { a.teller.stop() })
	a.startDeliver(ctx)
	a.stops.addFunc("deliver", a.deliver.Stop)
	a.upkeep.start(ctx)
	a.stops.addFunc("upkeep", func(context.Context) { a.upkeep.stop() })
	a.keyring.start(ctx)
	a.stops.addFunc("keys", func(context.Context) { a.keyring.stop() })
	a.stops.addFunc("collect", func(context.Context) { a.collect.Stop() })
	a.stops.addFunc("submit", a.submit.Stop)
	if err := a.passes.runner.Start(ctx); err != nil {
		a.log.Error("start the schedule", "err", err)
	}
	a.stops.addFunc("schedule", func(context.Context) { a.passes.runner.Stop() })
	a.socket.Start()
	a.stops.add("socket", a.socket.Stop)
	a.startHTTP()
	go a.afterAdapters(ctx)
	a.log.Info("atssync is running", "version", a.version, "socket", a.conf().Daemon.Socket, "ops", a.opsAddress(), "connections", len(a.leases.Held()))
}

// afterAdapters does what has to wait for the adapters' first start.
func (a *App) afterAdapters(ctx context.Context) {
	a.fleet.Ready(ctx)
	if ctx.Err() != nil {
		return
	}
	a.applyFile(ctx)
	for _, id := range a.leases.Held() {
		a.submit.Wake(id)
	}
	a.collect.Sweep()
	// So that the first who opens the console, or scrapes, need not wait for the counting: from now on only what changes is read.
	if _, err := a.manage.SurveyNow(ctx); err != nil && ctx.Err() == nil {
		a.log.Error("survey the connections", "err", err)
	}
	if n, err := a.upkeep.checkLedger(ctx); err != nil && ctx.Err() == nil {
		a.log.Error("check the ledger", "err", err)
	} else if err == nil {
		a.log.Info("ledger checked", "connections", n, "unbalanced", a.upkeep.unbalanced.Load())
	}
}

// wait reloads at each hangup, and returns when ctx ends or a part fails that the daemon cannot run without.
func (a *App) wait(ctx context.Context, hangups <-chan os.Signal, reload func(context.Context, *App)) error {
	var ops, platform <-chan error
	if a.ops != nil {
		ops = a.ops.Failed()
	}
	if a.http != nil {
		platform = a.http.Failed()
	}
	for {
		select {
		case <-ctx.Done():
			a.log.Info("stopping: calls in flight end first")
			return nil
		case <-hangups:
			reload(ctx, a)
		case err := <-a.socket.Failed():
			return err
		case err := <-ops:
			return err
		case err := <-platform:
			return err
		case <-a.failed:
			return fmt.Errorf("the store failed, and nothing may be accepted or sent without it: %w", a.failure())
		}
	}
}

// Stop drains and ends everything; it may be called twice.
func (a *App) Stop(ctx context.Context) error { return a.stops.run(ctx) }

// OpsAddr is where metrics and probes are served, nil when there is no such listener.
func (a *App) OpsAddr() net.Addr {
	if a.ops == nil {
		return nil
	}
	return a.ops.Addr()
}

// opsAddress is OpsAddr as a text, "" for none.
func (a *App) opsAddress() string {
	if addr := a.OpsAddr(); addr != nil {
		return addr.String()
	}
	return ""
}

// ready lists what must be so for /readyz.
func (a *App) ready() []web.Check {
	return []web.Check{
		{Name: "store", Ready: a.leases.alive},
		{Name: "journal", Ready: func(context.Context) error {
			if a.journal == nil {
				return nil
			}
			return a.journal.Err()
		}},
		{Name: "space", Ready: func(context.Context) error { return a.space() }},
		{Name: "adapters", Ready: func(context.Context) error {
			list := a.fleet.List()
			for _, s := range list {
				if s.State == fleet.StateRunning {
					return nil
				}
			}
			if len(list) == 0 {
				return errors.New("no adapter is installed")
			}
			return errors.New("no adapter is running: " + list[0].Error)
		}},
	}
}

// live says whether the process is worth keeping.
func (a *App) live() []web.Check {
	return []web.Check{{Name: "store", Ready: func(context.Context) error {
		select {
		case <-a.failed:
			return a.failure()
		default:
			return nil
		}
	}}}
}

// clock is the instant that steps of people and passes are made at.
func clock() time.Time { return time.Now().UTC() }
