package collect

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	"github.com/atssync/atssync/daemon/internal/retry"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// maxPages ends a listing whose pages never end.
const maxPages = 2000

// JobsPass reads the job list of every connection.
func (w *Worker) JobsPass(ctx context.Context, spread time.Duration) (Summary, error) {
	return w.pass(ctx, spread, operation{op: atssync.OpJobs, do: w.jobs})
}

// ListJobsSoon reads the job list of one connection in the background: of one that was just made, so that its
// jobs can be linked and named without waiting for the next pass.
func (w *Worker) ListJobsSoon(connection string) {
	w.spawn(func() { w.one(operation{op: atssync.OpJobs, do: w.jobs}, connection) })
}

// RefreshJobs reads the job list of one connection now, or waits for the reading that is under way. Where the ATS was not asked
// the error says so: what is known of before is no answer of the ATS.
func (w *Worker) RefreshJobs(ctx context.Context, connection string) error {
	err := w.tryOrJoin(ctx, operation{atssync.OpJobs, w.jobs, true}, connection)
	e := sdk.AsError(err)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case e.Kind == sdk.KindRateLimited:
		until := time.Now().Add(retry.Wait(e, retry.Failure{Key: connection}))
		t := atssync.ThrottledTrouble(e, until)
		return atssync.Errorf(atssync.CodeATS, "the jobs of connection %s were not listed: %s", connection, t.Message).
			WithRemedy("try again after %s; if this happens often, ask the ATS for a higher limit", until.UTC().Format(time.RFC3339))
	case errors.Is(err, sdk.ErrNotRunning):
		return atssync.Errorf(atssync.CodeAdapter, "the jobs of connection %s were not listed: its adapter does not run", connection).
			WithRemedy("see why: atssync adapters list")
	case errors.Is(err, errSkip):
		return atssync.Errorf(atssync.CodeUnavailable, "the jobs of connection %s were not listed: this daemon does not work it at the moment", connection).
			WithRemedy("try again in a minute")
	}
	w.o.Log.Warn("read from an ATS", "connection", connection, "operation", string(atssync.OpJobs), "kind", string(e.Kind), "err", err)
	return atssync.Errorf(atssync.CodeATS, "the job list of connection %s could not be read", connection).
		WithRemedy("see: atssync connections show %s", connection)
}

func (w *Worker) jobs(ctx context.Context, v *visit) (Summary, error) {
	if !v.manifest.Has(sdk.PowerListJobs) {
		return Summary{}, errSkip
	}
	listing, listed, err := w.list(ctx, v)
	if e := sdk.AsError(err); e != nil && e.Kind == sdk.KindRateLimited { // the next pass may be an hour away
		id := v.c.ID
		w.appoint("jobs/"+id, v.now().Add(retry.Wait(e, retry.Failure{Key: id})+time.Second), func() {
			w.one(operation{op: atssync.OpJobs, do: w.jobs}, id)
		})
	}
	if err != nil {
		return Summary{}, w.failed(ctx, v, atssync.OpJobs, err)
	}
	sum, err := w.o.Jobs.PutATSJobs(ctx, v.lease, listing, v.now())
	if err != nil {
		return Summary{}, err
	}
	if err := w.freeJobs(ctx, v, listing); err != nil {
		return Summary{}, err
	}
	if sum.Vanished {
		return Summary{Read: sum.Listed}, w.trouble(ctx, v, atssync.OpJobs, atssync.CauseJobsVanished, &atssync.Trouble{
			Kind: sdk.KindPermission, Turn: sdk.TurnEmployer,
			Message: fmt.Sprintf("%d jobs are no longer listed for %s", sum.Missing, actingUser(v.c)),
			Remedy:  "check that this user still has access to the jobs; nothing was closed on our side",
		})
	}
	if !listing.Complete {
		return Summary{Read: sum.Listed}, w.hamper(ctx, v, atssync.OpJobs, atssync.CauseUnreadable, &atssync.Trouble{
			Kind: sdk.KindRemoteChanged, Turn: sdk.TurnAdapter,
			Message: "a part of the job list cannot be read, so that no job that is not in it is taken for closed" + remarkOf(listed),
			Remedy:  "look for a newer version of the adapter, and tell its author what is said here; it is listed again by itself",
		})
	}
	return Summary{Read: sum.Listed}, w.well(ctx, v, atssync.OpJobs)
}

// remarkOf is what the adapter remarked at the last exchange of a listing.
func remarkOf(m sdk.Meta) string {
	if n := len(m.Exchanges); n > 0 && m.Exchanges[n-1].Excerpt != "" {
		return ": " + m.Exchanges[n-1].Excerpt
	}
	return ""
}

// list reads the whole job list, and returns what the last call of it exchanged beside it.
func (w *Worker) list(ctx context.Context, v *visit) (atssync.JobListing, sdk.Meta, error) {
	listing := atssync.JobListing{OnlyOpen: v.manifest.JobsListOnlyOpen}
	next := ""
	for range maxPages {
		client, done, err := w.reserve(ctx, v, sdk.PowerListJobs)
		if err != nil {
			return listing, sdk.Meta{}, err
		}
		reply, err := client.ListJobs(ctx, sdk.ListJobsRequest{Connection: v.sc, Page: next})
		done()
		if err != nil {
			return listing, sdk.Meta{}, err
		}
		listing.Jobs = append(listing.Jobs, reply.Jobs...)
		if reply.Next == "" {
			listing.Complete = reply.Complete
			return listing, reply.Meta, nil
		}
		if reply.Next == next {
			break
		}
		next = reply.Next
	}
	return listing, sdk.Meta{}, &sdk.Error{
		Kind: sdk.KindRemoteChanged, Turn: sdk.TurnAdapter,
		Message: "the pages of the job list do not end",
	}
}

// freeJobs ends the trouble of jobs that are listed again and whose time has come (or that a person asked
// for). The release of what waits for them, at the usual pace, is owed by the lane: the first of them is the canary,
// which brings the trouble back if it is refused.
func (w *Worker) freeJobs(ctx context.Context, v *visit, listing atssync.JobListing) error {
	now := v.now()
	free := make(map[string]bool)
	for _, j := range listing.Jobs {
		if t, ok := v.lane.Jobs[j.ID]; ok && j.State != sdk.JobClosed && (v.asked || !now.Before(t.NextAt)) {
			free[j.ID] = true
		}
	}
	if len(free) == 0 {
		return nil
	}
	if _, err := w.o.Lanes.UpdateLane(ctx, v.lease, func(l *atssync.Lane) []atssync.EventDraft {
		for id := range free {
			if t, ok := l.Jobs[id]; ok {
				l.Owe(t.Reason, w.policy.Load().ReleasePerMinute)
				delete(l.Jobs, id)
			}
		}
		return nil
	}, now); err != nil {
		return err
	}
	w.o.Wake(v.c.ID)
	return nil
}
