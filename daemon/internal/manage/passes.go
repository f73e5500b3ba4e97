package manage

import (
	"context"
	"slices"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// Pass is one named pass of the schedule.
type Pass struct {
	Name    string       `json:"name"`
	Spec    string       `json:"spec"`
	Zone    string       `json:"zone"`
	Running bool         `json:"running"`
	Last    *atssync.Run `json:"last,omitempty"`
	Next    []time.Time  `json:"next,omitempty"`
	Skipped int          `json:"skipped,omitempty"`
}

// Schedule lists the passes.
func (s *Service) Schedule(ctx context.Context) ([]Pass, error) {
	if s.o.Schedule == nil {
		return nil, errNoSchedule()
	}
	return s.o.Schedule.Passes(ctx)
}

// RunNow starts a pass and returns the id of its run.
func (s *Service) RunNow(ctx context.Context, pass string) (string, error) {
	if s.o.Schedule == nil {
		return "", errNoSchedule()
	}
	run, err := s.o.Schedule.RunNow(ctx, pass)
	if err != nil {
		return "", err
	}
	if actor, ok := atssync.ActorOf(ctx); ok {
		now := time.Now().UTC()
		err = s.o.Store.AppendAudit(ctx, atssync.Audit{
			ID: atssync.NewID(atssync.PrefixAudit, now), At: now, Actor: actor, Action: "pass.run", Object: run, Detail: pass,
		})
	}
	return run, err
}

func errNoSchedule() error {
	return atssync.Errorf(atssync.CodeUnavailable, "this daemon has no schedule")
}

// Runs lists the runs of a pass, newest first; "" for all.
func (s *Service) Runs(ctx context.Context, q atssync.RunQuery) (atssync.Page[atssync.Run], error) {
	page, err := s.o.Store.Runs(ctx, q)
	if err != nil || q.Pass == "" || len(page.Items) > 0 || s.o.Schedule == nil {
		return page, err
	}
	passes, err := s.o.Schedule.Passes(ctx)
	if err == nil && !slices.ContainsFunc(passes, func(x Pass) bool { return x.Name == q.Pass }) {
		err = invalid("the query", []atssync.FieldError{{Path: "query.pass", Message: "there is no pass " + q.Pass + "; see: atssync schedule list"}})
	}
	return page, err
}
