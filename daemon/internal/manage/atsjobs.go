package manage

import (
	"context"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// JobsRefresh tells what a listing of the ATS's jobs changed.
type JobsRefresh struct {
	Listed   int `json:"listed"` // the jobs that are visible now
	New      int `json:"new"`
	Missing  int `json:"missing"` // visible before and not any more
	Closed   int `json:"closed"`
	Reopened int `json:"reopened"`
	// Vanished says that so many were missing at once that the listing says more about permissions than jobs.
	Vanished bool `json:"vanished,omitempty"`
}

// ATSJobs lists the jobs of a connection as they were last seen. q.Connection may be a name.
func (s *Service) ATSJobs(ctx context.Context, q atssync.JobQuery) (atssync.Page[atssync.ATSJob], error) {
	c, err := s.find(ctx, q.Connection)
	if err != nil {
		return atssync.Page[atssync.ATSJob]{}, err
	}
	q.Connection = c.ID
	return s.o.Store.ATSJobs(ctx, q)
}

// RefreshJobs has the ATS's jobs listed now, and tells what changed.
func (s *Service) RefreshJobs(ctx context.Context, connection string) (JobsRefresh, error) {
	c, err := s.find(ctx, connection)
	if err != nil {
		return JobsRefresh{}, err
	}
	m, err := s.manifest(c.Adapter)
	switch {
	case err != nil:
		return JobsRefresh{}, err
	case c.State == atssync.ConnectionRemoved:
		return JobsRefresh{}, removed(c)
	case c.State != atssync.ConnectionActive:
		return JobsRefresh{}, atssync.Errorf(atssync.CodeConflict, "connection %s is %s; its jobs are not read", c.ID, c.State).
			WithRemedy("resume it first")
	case !m.Has(sdk.PowerListJobs):
		return JobsRefresh{}, atssync.Errorf(atssync.CodeConflict, "%s lists no jobs: its adapter does not announce %s", m.Label, sdk.PowerListJobs)
	}
	before, err := s.jobsOf(ctx, c.ID)
	if err != nil {
		return JobsRefresh{}, err
	}
	if err := s.o.RefreshJobs(ctx, c.ID); err != nil {
		return JobsRefresh{}, s.withTrouble(ctx, c.ID, err)
	}
	after, err := s.jobsOf(ctx, c.ID)
	if err != nil {
		return JobsRefresh{}, err
	}
	out := compare(before, after)
	lane, err := s.o.Store.Lane(ctx, c.ID)
	out.Vanished = err == nil && lane.Health(atssync.OpJobs).Cause == atssync.CauseJobsVanished
	return out, err
}

// withTrouble says of a failed listing what the lane knows about it.
func (s *Service) withTrouble(ctx context.Context, connection string, err error) error {
	lane, laneErr := s.o.Store.Lane(ctx, connection)
	if laneErr != nil {
		return err
	}
	t := lane.Health(atssync.OpJobs).Trouble
	if t == nil || atssync.CodeOf(err) != atssync.CodeATS {
		return err
	}
	e := atssync.Errorf(atssync.CodeATS, "the jobs of connection %s could not be listed: %s", connection, t.Message)
	e.Remedy = t.Remedy
	return e
}

func compare(before, after map[string]atssync.ATSJob) JobsRefresh {
	var out JobsRefresh
	for id, now := range after {
		was, known := before[id]
		if now.Visibility == atssync.Visible {
			out.Listed++
		}
		switch {
		case !known:
			out.New++
			continue
		case was.Visibility == atssync.Visible && now.Visibility != atssync.Visible:
			out.Missing++
		}
		switch {
		case was.Takes() && !now.Takes():
			out.Closed++
		case !was.Takes() && now.Takes():
			out.Reopened++
		}
	}
	return out
}

// jobsOf returns all jobs of a connection by id.
func (s *Service) jobsOf(ctx context.Context, connection string) (map[string]atssync.ATSJob, error) {
	out := make(map[string]atssync.ATSJob)
	err := each(func(p atssync.Paging) (atssync.Page[atssync.ATSJob], error) {
		return s.o.Store.ATSJobs(ctx, atssync.JobQuery{Connection: connection, Paging: p})
	}, func(j atssync.ATSJob) error {
		out[j.ID] = j
		return nil
	})
	return out, err
}
