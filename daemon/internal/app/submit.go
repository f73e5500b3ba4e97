package app

import (
	"time"

	"github.com/atssync/atssync/daemon/internal/submit"
)

// newSubmit makes the worker of the lanes.
func (a *App) newSubmit(open vault, out *doors, adapters []string) *submit.Worker {
	c := a.conf()
	return submit.New(submit.Options{
		Store: a.store, Uncertain: a.store, Waiting: a.store, Tasks: a.store, Connections: a.store, Leases: a.leases,
		Adapters: a.fleet, Vault: open, Log: a.log.With("component", "submit"), Metrics: submit.NewMetrics(a.registry, adapters),
		Platform: c.Platform.Name, Policy: submitPolicy(c, out), Arrived: a.collect.Follow,
	})
}

func drainEvery(perMinute int) time.Duration {
	if perMinute <= 0 {
		return time.Millisecond
	}
	return time.Minute / time.Duration(perMinute)
}
