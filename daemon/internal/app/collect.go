package app

import "github.com/atssync/atssync/daemon/internal/collect"

// newCollect makes the worker that reads from the ATSes.
func (a *App) newCollect(open vault, adapters []string) *collect.Worker {
	c := a.conf()
	return collect.New(collect.Options{
		Store: a.store, Lanes: a.store, Jobs: a.store, Connections: a.store, Hints: a.store, Submissions: a.store,
		Leases: a.leases, Adapters: a.fleet, Vault: open, Log: a.log.With("component", "collect"),
		Metrics: collect.NewMetrics(a.registry, adapters), Dated: a.fresh.saw, Platform: partnerName(c.Platform), Wake: a.wake,
		Policy: collectPolicy(c),
	})
}
