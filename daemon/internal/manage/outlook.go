package manage

import (
	"context"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// Outlook is how things stand for submissions to one platform job on one connection.
type Outlook struct {
	Lane           atssync.Lane
	Link           *atssync.JobLink // nil: not linked
	Job            *atssync.ATSJob  // nil: never listed
	Manifest       *sdk.Manifest    // nil: the adapter never ran
	AdapterTrouble string           // why the adapter does not run now
	QuietUntil     time.Time        // when the ATS takes calls again; zero: now
}

// Outlook gathers what decides whether a submission would go out now. It asks nobody outside of the daemon.
func (s *Service) Outlook(ctx context.Context, c atssync.Connection, platformJob string) (Outlook, error) {
	var out Outlook
	lane, err := s.o.Store.Lane(ctx, c.ID)
	if err != nil && atssync.CodeOf(err) != atssync.CodeNotFound {
		return out, err
	}
	out.Lane = lane
	if out.Link, out.Job, err = s.linkedTo(ctx, c.ID, platformJob); err != nil {
		return out, err
	}
	if m, err := s.o.Adapters.Manifest(c.Adapter); err == nil {
		out.Manifest = &m
	}
	out.AdapterTrouble = s.adapterTrouble(c.Adapter)
	if s.o.QuietUntil != nil && out.AdapterTrouble == "" && c.State != atssync.ConnectionRemoved {
		sc, err := s.OpenConnection(c)
		if err != nil {
			return out, err
		}
		out.QuietUntil = s.o.QuietUntil(c.Adapter, sc)
	}
	return out, nil
}

// linkedTo finds the link of a platform job and the ATS job that it leads to.
func (s *Service) linkedTo(ctx context.Context, connection, platformJob string) (*atssync.JobLink, *atssync.ATSJob, error) {
	l, err := s.o.Store.JobLink(ctx, connection, platformJob)
	switch {
	case atssync.CodeOf(err) == atssync.CodeNotFound || platformJob == "":
		return nil, nil, nil
	case err != nil:
		return nil, nil, err
	case l.ATSJob == "":
		return &l, nil, nil
	}
	jobs, err := s.jobsOf(ctx, connection)
	if err != nil {
		return nil, nil, err
	}
	if j, ok := jobs[l.ATSJob]; ok {
		return &l, &j, nil
	}
	return &l, nil, nil
}

// adapterTrouble says why an adapter does not run, "" when it does.
func (s *Service) adapterTrouble(name string) string {
	for _, st := range s.o.Adapters.List() {
		switch {
		case st.Name != name:
		case st.State == "running":
			return ""
		default:
			return "the adapter " + name + " is " + st.State
		}
	}
	return "the adapter " + name + " is not installed"
}
