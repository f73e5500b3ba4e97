package app

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/atssync/atssync/config"
	"github.com/atssync/atssync/daemon/internal/api"
	"github.com/atssync/atssync/daemon/internal/fleet"
	"github.com/atssync/atssync/daemon/internal/intake"
	"github.com/atssync/atssync/daemon/internal/manage"
	"github.com/atssync/atssync/daemon/internal/web"
)

// setup builds every part in the order in which they need each other. It is long and straight on purpose: this
// is the one place that shows how the house is put together.
func (a *App) setup(ctx context.Context) error {
	c := a.conf()
	if err := makeFolders(c.Daemon); err != nil {
		return err
	}
	secrets, err := a.openData(ctx)
	if err != nil {
		return err
	}
	clearSockets(c.Daemon.RuntimeDir)

	a.registry = prometheus.NewRegistry()
	a.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	specs := adapterSpecs(c.Adapters, a.log)
	names := make([]string, len(specs))
	for i, s := range specs {
		names[i] = s.Name
	}
	a.metrics = newMetrics(a.registry, a.version)
	a.stops.addFunc("log level", func(context.Context) { a.level.stop() })

	a.fleet, err = fleet.New(fleet.Options{
		Adapters: specs, RuntimeDir: c.Daemon.RuntimeDir, Surroundings: surroundings(c),
		Log: a.log.With("component", "fleet"), Metrics: fleet.NewMetrics(a.registry, names), Changed: a.adapterChanged,
	})
	if err != nil {
		return err
	}
	a.stops.addFunc("adapters", a.fleet.Stop)

	a.leases = newLeaseKeeper(a.store, a.log.With("component", "leases"), a.leased)
	a.leases.metrics = a.metrics.leases
	k := keys{secrets}
	documents := intake.Vault{Keys: k, Sealer: k}
	out, err := openDoors(c)
	if err != nil {
		return err
	}
	a.doors.Store(out)
	a.backups = &backups{a: a, keys: secrets}
	a.manage = manage.New(manage.Options{
		Store: a.store, Adapters: managedFleet{a.fleet}, Leases: a.leases, Keys: k, Sealer: k, Documents: documents,
		Schedule: scheduleOf{a}, File: a.file, Policy: managePolicy(c), Wake: a.wake, Changed: a.connectionChanged, Touches: true,
		Webhooks:   &manage.WebhookOptions{Store: a.store, Deliver: delivererOf{a}, CheckURL: func(u string) error { return a.doors.Load().webhooks.CheckURL(u) }},
		Hooks:      manage.HookOptions{PublicURL: c.HTTP.PublicURL, Closed: c.HTTP.Listen == ""},
		QuietUntil: a.fleet.QuietUntil, Reload: a.Reload, Backups: a.backups, KeyRing: a.keyring, Log: a.level,
		RefreshJobs: func(ctx context.Context, connection string) error { return a.collect.RefreshJobs(ctx, connection) },
	})
	a.stops.addFunc("manage", func(context.Context) { a.manage.Stop() })
	a.intake = intake.New(intake.Options{
		Store: a.store, Connections: a.store, Keys: k, Sealer: k, Wake: a.wake,
		Policy: intakePolicy(c, out), MaxDocument: int(c.Submissions.MaxDocument), Outlook: a.outlook, Metrics: intake.NewMetrics(a.registry),
	})
	open := vault{Vault: documents, open: a.manage.OpenConnection}
	a.deliver = a.newDeliver(out)

	a.collect = a.newCollect(open, names)
	a.hooks = a.newHooks(k, names)
	a.submit = a.newSubmit(open, out, names)
	a.upkeep = newUpkeep(a.store, a.log.With("component", "upkeep"), a.wake, a.workErasures)
	if a.passes, err = newPasses(a, c.Schedules); err != nil {
		return err
	}
	a.metrics.watch(a)
	if err := errors.Join(a.lastBackup(ctx), a.lastRuns(ctx)); err != nil {
		return err
	}

	if a.teller, err = newTeller(ctx, a.store, a.log.With("component", "events")); err != nil {
		return err
	}
	if err := a.leases.start(ctx); err != nil {
		return err
	}
	a.stops.add("leases", a.leases.stop)
	return a.listen() //nolint:contextcheck // the listeners outlive the setup's context.
}

func makeFolders(c config.Daemon) error {
	for _, dir := range []string{c.DataDir, c.RuntimeDir} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("make the folder %s: %w", dir, err)
		}
	}
	return nil
}

// listen binds the listeners, so that a taken address shows before anything runs.
func (a *App) listen() error {
	c := a.conf()
	handler, err := api.New(api.Options{
		Manage: a.manage, Intake: a.intake, Authenticate: api.Socket, Logger: a.log, Version: a.version,
		MaxDocument: c.Submissions.MaxDocument, Console: a.consoles(), Ops: a.opsAddress,
	})
	if err != nil {
		return fmt.Errorf("build the API: %w", err)
	}
	a.socket, err = web.New(web.Options{
		Name: "socket", Socket: c.Daemon.Socket, SocketGroup: c.Daemon.SocketGroup, Handler: handler, Logger: a.log,
		Observe: a.metrics.answers("socket"),
	})
	if err != nil {
		return err
	}
	a.stops.add("socket", a.socket.Stop)
	if err := a.listenHTTP(); err != nil {
		return err
	}
	if c.Ops.Listen == "" {
		return nil
	}
	a.ops, err = web.New(web.Options{
		Name: "ops", Listen: c.Ops.Listen, Logger: a.log, MaxRequests: opsRequests, Observe: a.metrics.answers("ops"),
		Handler: web.NewOps(web.Ops{Metrics: metricsHandler(a.registry), Live: a.live(), Ready: a.ready(), Pprof: c.Ops.Pprof}),
	})
	if err != nil {
		return err
	}
	a.stops.add("ops", a.ops.Stop)
	a.ops.Start() // a probe may ask while the adapters start
	return nil
}

// opsRequests is how many requests of probes and scrapes may be under way.
const opsRequests = 64

// scheduleOf shows the passes to manage, which is built before them.
type scheduleOf struct{ a *App }

func (s scheduleOf) Passes(ctx context.Context) ([]manage.Pass, error) { return s.a.passes.Passes(ctx) }

func (s scheduleOf) RunNow(ctx context.Context, pass string) (string, error) {
	return s.a.passes.RunNow(ctx, pass)
}

// wake has a lane worked and the tasks looked at.
func (a *App) wake(connection string) {
	a.submit.Wake(connection)
	a.upkeep.soon()
}

// connectionChanged is called after a connection was made, changed or removed.
func (a *App) connectionChanged(connection string) {
	a.leases.Ensure(context.Background(), connection)
	a.collect.ListJobsSoon(connection)
	a.collect.Revisit(connection) // a pause may have ended
	a.collect.ReadSoon(connection)
	a.wake(connection)
}

// adapterChanged is called when an adapter comes or goes: its lanes have work to take up or to put aside.
func (a *App) adapterChanged(string) {
	if a.leases == nil || a.submit == nil {
		return
	}
	for _, id := range a.leases.Held() {
		a.submit.Wake(id)
		a.collect.Revisit(id)
	}
}

// leased is called with connections whose lease was just taken while the daemon runs.
func (a *App) leased(connections []string) {
	if !a.started.Load() {
		return // Start wakes them all
	}
	for _, id := range connections {
		a.submit.Wake(id)
		a.collect.Revisit(id)
	}
}
