package manage

import (
	"context"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

const (
	storyEvents = 500 // of one submission
	storyActs   = 200
)

// Story is everything that is known of one submission, for a person who has to understand it.
type Story struct {
	SubmissionDetail
	Connection  Connection
	Job         *atssync.ATSJob // that it is for: the one it went to, or the one that the platform job leads to now
	PlatformJob *atssync.PlatformJob
	Events      []atssync.Event // the first one first
	// Deliveries are those of its events, by event; only for a caller who sees everything, as webhooks are the daemon's.
	Deliveries map[string][]atssync.Delivery
	// People are acts that people did to it, the newest first; only for a caller who sees everything.
	People []atssync.Audit
	// Acts are what may be done to it now.
	Acts []atssync.ActKind
	// Uncertain says that it may be resolved.
	Uncertain bool
}

// Story tells everything of one submission. withDocument opens what is personal, which is written into the audit record.
func (s *Service) Story(ctx context.Context, id string, withDocument bool) (Story, error) {
	detail, err := s.Submission(ctx, id, withDocument)
	if err != nil {
		return Story{}, err
	}
	sub, err := s.submission(ctx, id)
	if err != nil {
		return Story{}, err
	}
	out := Story{SubmissionDetail: detail, Acts: sub.Acts(), Uncertain: sub.State == atssync.StateUncertain && sub.Erasure == ""}
	c, err := s.o.Store.Connection(ctx, sub.Connection)
	if err != nil {
		return Story{}, err
	}
	if out.Connection, err = s.shown(ctx, c); err != nil {
		return Story{}, err
	}
	if err := s.storyJobs(ctx, &out, sub); err != nil {
		return Story{}, err
	}
	out.Events, _, err = s.o.Store.Events(ctx, atssync.EventQuery{Subject: id, After: atssync.FromFirst, Within: s.scope, Limit: storyEvents})
	if err != nil || !s.scope.Whole() {
		return out, err
	}
	if s.o.Webhooks != nil {
		out.Deliveries = make(map[string][]atssync.Delivery, len(out.Events))
		for _, e := range out.Events {
			page, err := s.o.Webhooks.Store.Deliveries(ctx, atssync.DeliveryQuery{Event: e.ID})
			if err != nil {
				return Story{}, err
			}
			out.Deliveries[e.ID] = page.Items
		}
	}
	page, err := s.o.Store.AuditRecords(ctx, id, atssync.Paging{Limit: storyActs})
	out.People = page.Items
	return out, err
}

// storyJobs finds the two jobs of a submission, where they are known.
func (s *Service) storyJobs(ctx context.Context, out *Story, sub atssync.Submission) error {
	j, err := s.o.Store.PlatformJob(ctx, sub.Account, sub.PlatformJob)
	switch atssync.CodeOf(err) {
	case "":
		out.PlatformJob = &j
	case atssync.CodeNotFound:
	default:
		return err
	}
	id := sub.ATSJob
	if id == "" {
		l, err := s.o.Store.JobLink(ctx, sub.Connection, sub.PlatformJob)
		if err != nil && atssync.CodeOf(err) != atssync.CodeNotFound {
			return err
		}
		id = l.ATSJob
	}
	if id == "" {
		return nil
	}
	page, err := s.o.Store.ATSJobs(ctx, atssync.JobQuery{Connection: sub.Connection, ID: id, Paging: atssync.Paging{Limit: 1}})
	if err == nil && len(page.Items) == 1 {
		out.Job = &page.Items[0]
	}
	return err
}

// LatestEvents returns a page of events, the newest first, and where older ones go on: 0 at the end.
func (s *Service) LatestEvents(ctx context.Context, q atssync.EventQuery) ([]atssync.Event, int64, error) {
	q.Newest = true
	page, err := s.Events(ctx, q)
	return page.Events, page.After, err
}
