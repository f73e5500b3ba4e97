package app

import (
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/submit"
)

// newSubmit makes the worker of the lanes.
func (a *App) newSubmit(open vault, look submit.Resumes, adapters []string) *submit.Worker {
	c := a.config
	return submit.New(submit.Options{
		Store: a.store, Uncertain: a.store, Waiting: a.store, Tasks: a.store, Connections: a.store, Leases: a.leases,
		Adapters: a.fleet, Vault: open, Log: a.log.With("component", "submit"), Metrics: submit.NewMetrics(a.registry, adapters),
		Platform: c.Platform.Name, Note: c.Submissions.NoteTemplate,
		OnUncertain: atssync.OnUncertain(c.Submissions.OnUncertain),
		Resumes:     look, ResumeCheck: atssync.ResumeCheck(c.Submissions.ResumeCheck),
		Arrived: a.collect.Follow, DrainEvery: drainEvery(c.Submissions.ReleasePace),
	})
}

func drainEvery(perMinute int) time.Duration {
	if perMinute <= 0 {
		return time.Millisecond
	}
	return time.Minute / time.Duration(perMinute)
}
