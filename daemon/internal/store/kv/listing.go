package kv

import (
	"context"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// seenEvery is how often an unchanged job's SeenAt is written.
const seenEvery = 24 * time.Hour

// jobChange is one job of a listing to judge in a step: seen as in, or missing when in is nil.
type jobChange struct {
	id   string
	in   *sdk.Job
	mass bool // missing together with too many others
}

// PutATSJobs takes a whole listing. A listing that changes nothing writes nothing; one that changes more jobs
// than one commit takes is applied in several, each whole for the jobs in it, and the next listing does what
// a crash left out.
func (s *Store) PutATSJobs(ctx context.Context, l atssync.Lease, in atssync.JobListing, now time.Time) (atssync.JobsSummary, error) {
	changes, sum, err := s.jobChanges(ctx, l, in, now)
	if err != nil {
		return atssync.JobsSummary{}, err
	}
	err = inParts(len(changes), partItems, func(from, to int) error {
		var part atssync.JobsSummary
		err := s.update(ctx, now, func(st *step) error {
			part = atssync.JobsSummary{}
			if err := st.fenced(l); err != nil {
				return err
			}
			c, err := st.needConn(l.Connection)
			if err != nil {
				return err
			}
			for _, ch := range changes[from:to] {
				if err := st.changeJob(c, ch, in.OnlyOpen, &part); err != nil {
					return err
				}
			}
			return nil
		})
		if err == nil {
			sum.New, sum.Missing = sum.New+part.New, sum.Missing+part.Missing
			sum.Closed, sum.Reopened = sum.Closed+part.Closed, sum.Reopened+part.Reopened
		}
		return err
	})
	return sum, err
}

// jobChanges compares a listing with what is known.
func (s *Store) jobChanges(ctx context.Context, l atssync.Lease, in atssync.JobListing, now time.Time) (changes []jobChange, sum atssync.JobsSummary, err error) {
	listed := make(map[string]*sdk.Job, len(in.Jobs))
	for i := range in.Jobs {
		if in.Jobs[i].ID != "" {
			listed[in.Jobs[i].ID] = &in.Jobs[i]
		}
	}
	sum.Listed = len(listed)
	err = s.view(ctx, func(r reader) error {
		if err := r.fenced(l); err != nil {
			return err
		}
		known, err := all[atssync.ATSJob](r.r, table(tabATSJob).text(l.Connection))
		if err != nil {
			return err
		}
		if in.Complete {
			sum.Vanished = vanished(known, listed)
		}
		changes = changes[:0]
		seen := make(map[string]bool, len(known))
		for _, j := range known {
			seen[j.ID] = true
			switch job := listed[j.ID]; {
			case job != nil:
				if !asSeen(j, j.Seen(l.Connection, *job, now)) {
					changes = append(changes, jobChange{id: j.ID, in: job})
				}
			case in.Complete:
				mass := sum.Vanished && (j.Visibility == atssync.Visible || massMissing(j))
				if next := j.MissedBy(in.OnlyOpen, mass); next != j && (j.Takes() || j.Visibility == atssync.Visible) {
					changes = append(changes, jobChange{id: j.ID, mass: mass})
				}
			}
		}
		for i := range in.Jobs {
			if id := in.Jobs[i].ID; id != "" && !seen[id] {
				seen[id] = true
				changes = append(changes, jobChange{id: id, in: listed[id]})
			}
		}
		return nil
	})
	return changes, sum, err
}

// massMissing reports whether a job went out of sight together with too many others: its listings are not counted.
func massMissing(j atssync.ATSJob) bool {
	return j.Visibility == atssync.NotVisible && j.MissingListings == 0
}

// vanished judges a complete listing: of the open jobs that were in sight, or went out of it together, are
// too many missing? Jobs that are missing one by one are not looked at: they are closing.
func vanished(known []atssync.ATSJob, listed map[string]*sdk.Job) bool {
	before, gone := 0, 0
	for _, j := range known {
		if !j.Takes() || j.Visibility != atssync.Visible && !massMissing(j) {
			continue
		}
		before++
		if listed[j.ID] == nil {
			gone++
		}
	}
	return atssync.Vanished(before, gone)
}

// asSeen reports whether a job as listed is as it is known, but for a SeenAt that is fresh enough.
func asSeen(was, next atssync.ATSJob) bool {
	if next.SeenAt.Sub(was.SeenAt) >= seenEvery {
		return false
	}
	next.SeenAt = was.SeenAt
	return next == was
}

// changeJob stores one job and what follows from its change for the links that lead to it.
func (st *step) changeJob(c *atssync.Connection, ch jobChange, onlyOpen bool, sum *atssync.JobsSummary) error {
	was, err := record[atssync.ATSJob](st.w, keyATSJob(c.ID, ch.id))
	if err != nil {
		return err
	}
	links, err := st.platformJobs(c.ID, ch.id)
	if err != nil {
		return err
	}
	if ch.in == nil {
		if was == nil {
			return nil
		}
		next := was.MissedBy(onlyOpen, ch.mass)
		st.put(keyATSJob(c.ID, ch.id), next)
		return st.jobMissed(c, was, &next, links, sum)
	}
	next := atssync.ATSJob{}.Seen(c.ID, *ch.in, st.now)
	st.put(keyATSJob(c.ID, ch.id), next)
	return st.jobSeen(c, was, &next, links, sum)
}

// platformJobs lists the platform jobs that are linked to an ATS job.
func (r reader) platformJobs(connection, atsJob string) ([]string, error) {
	prefix := table(tabLinkByATSJob).text(connection).text(atsJob)
	var out []string
	err := r.r.Scan(prefix, nil, func(k, _ []byte) bool {
		f := fieldsOf(k, len(prefix))
		out = append(out, f.text())
		return true
	})
	return out, err
}

func (st *step) jobSeen(c *atssync.Connection, was, next *atssync.ATSJob, links []string, sum *atssync.JobsSummary) error {
	took := was == nil || was.Takes()
	back := was != nil && was.Visibility != atssync.Visible
	if was == nil {
		sum.New++
	}
	clear(st.verdicts)
	switch {
	case took && !next.Takes():
		if was != nil {
			sum.Closed++
		}
		st.jobEvent(c, atssync.EventJobClosed, next, links, "the ATS says that the job is closed")
		return st.jobTasks(c, links, atssync.TaskHold, atssync.HeldJobClosed)
	case !took && next.Takes():
		sum.Reopened++
		st.jobEvent(c, atssync.EventJobOpened, next, links, "the job is open again")
		if err := st.jobTasks(c, links, atssync.TaskRelease, atssync.HeldJobClosed); err != nil {
			return err
		}
	case back && next.Takes() && !massMissing(*was):
		st.jobEvent(c, atssync.EventJobOpened, next, links, "the job is visible again")
	}
	if took && !back || !next.Takes() {
		return nil
	}
	return st.forgetJobTrouble(c, next.ID, links)
}

// forgetJobTrouble lets the submissions of a job that opened or came back into sight be tried again.
func (st *step) forgetJobTrouble(c *atssync.Connection, job string, links []string) error {
	lane, err := st.lane(c.ID)
	if err != nil {
		return err
	}
	t, ok := lane.Jobs[job]
	if !ok {
		return nil
	}
	if err := st.changeLane(c, func(l *atssync.Lane) []atssync.EventDraft {
		delete(l.Jobs, job)
		return nil
	}); err != nil {
		return err
	}
	return st.jobTasks(c, links, atssync.TaskRelease, t.Reason)
}

func (st *step) jobMissed(c *atssync.Connection, was, next *atssync.ATSJob, links []string, sum *atssync.JobsSummary) error {
	clear(st.verdicts)
	if was.Visibility == atssync.Visible {
		sum.Missing++
		if was.Takes() && next.MissingListings > 0 { // a mass is told once, as the connection's trouble
			st.jobEvent(c, atssync.EventJobNotVisible, next, links, "the ATS no longer lists the job")
		}
	}
	if !was.Takes() || next.Takes() {
		return nil
	}
	sum.Closed++
	const reason = "the job is missing from three complete lists of open jobs"
	st.jobEvent(c, atssync.EventJobClosed, next, links, reason)
	st.jobEvent(c, atssync.EventLinkBroken, next, links, reason)
	return st.jobTasks(c, links, atssync.TaskHold, atssync.HeldJobClosed)
}

// jobEvent tells the platform about a linked job; one that nothing is linked to is nobody's news.
func (st *step) jobEvent(c *atssync.Connection, t atssync.EventType, j *atssync.ATSJob, links []string, reason string) {
	if len(links) == 0 {
		return
	}
	d := atssync.JobEvent{ATSJob: j.ID, Name: j.Name, PlatformJobs: links, Reason: reason}
	switch t {
	case atssync.EventJobClosed:
		_, d.Remedy = atssync.HeldJobClosed.Remedy()
	case atssync.EventJobNotVisible:
		_, d.Remedy = atssync.HeldJobNotAccessible.Remedy()
	case atssync.EventLinkBroken:
		d.Remedy = "link the platform job to another job of the ATS, or remove the link"
	}
	st.emit(c, atssync.EventDraft{Type: t, At: st.now, Data: d})
}

func (st *step) jobTasks(c *atssync.Connection, links []string, kind atssync.TaskKind, reason atssync.HeldReason) error {
	for _, job := range links {
		t := atssync.Task{Kind: kind, Connection: c.ID, PlatformJob: job, Reason: reason}
		if kind == atssync.TaskRelease {
			t.PerMinute = st.o.pace()
		}
		if _, err := st.putTask(t); err != nil {
			return err
		}
	}
	return nil
}
