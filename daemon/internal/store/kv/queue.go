package kv

import (
	"context"
	"slices"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// NextSubmissions reads what is due. A connection that is not active has nothing due.
func (s *Store) NextSubmissions(ctx context.Context, l atssync.Lease, limit int, now time.Time) ([]atssync.Due, time.Time, error) {
	var out []atssync.Due
	var next time.Time
	limit = min(max(limit, 0), MaxItems)
	err := s.view(ctx, func(r reader) error {
		if err := r.fenced(l); err != nil {
			return err
		}
		c, err := r.connection(l.Connection)
		if err != nil {
			return err
		}
		if c == nil || c.State != atssync.ConnectionActive {
			return nil
		}
		ids, at, err := r.queue(l.Connection, limit, now)
		if err != nil {
			return err
		}
		next = at
		out, err = r.due(l.Connection, ids)
		return err
	})
	return out, next, err
}

// queue reads which queued submissions are due, at most limit, and when the next one is.
func (r reader) queue(connection string, limit int, now time.Time) (ids []string, next time.Time, err error) {
	var ahead []string
	prefix := table(tabQueue).text(connection)
	err = r.r.Scan(prefix, nil, func(k, _ []byte) bool {
		f := fieldsOf(k, len(prefix))
		at := f.at()
		if len(ids) == limit || at.After(now) {
			if next.IsZero() {
				next = at
			}
			if len(ids) > 0 || len(ahead) == limit {
				return false
			}
			ahead = append(ahead, f.text())
			return true
		}
		ids = append(ids, f.text())
		return true
	})
	if err == nil && len(ids) == 0 {
		ids, err = r.fromTheFuture(ahead, now)
	}
	return ids, next, err
}

// skew is how much later than now a record may say that it was written before its clock is called wrong.
const skew = time.Minute

// fromTheFuture keeps those that a clock queued which was ahead and is right by now: they would wait for as long as it
// was wrong, a year if it was a year.
func (r reader) fromTheFuture(ids []string, now time.Time) ([]string, error) {
	var out []string
	for _, id := range ids {
		s, err := r.needSubmission(id)
		if err != nil {
			return nil, err
		}
		if s.UpdatedAt.Sub(now) > skew {
			out = append(out, id)
		}
	}
	return out, nil
}

func (r reader) due(connection string, ids []string) ([]atssync.Due, error) {
	out := make([]atssync.Due, 0, len(ids))
	type jobOf struct {
		link *atssync.JobLink
		job  *atssync.ATSJob
	}
	jobs := make(map[string]jobOf)
	for _, id := range ids {
		s, err := r.needSubmission(id)
		if err != nil {
			return nil, err
		}
		if s.Erasure != "" {
			continue // it is about to be cancelled
		}
		p, err := r.r.Value(keyPayload(id))
		if err != nil {
			return nil, err
		}
		j, ok := jobs[s.PlatformJob]
		if !ok {
			if j.link, j.job, err = r.linked(connection, s.PlatformJob); err != nil {
				return nil, err
			}
			jobs[s.PlatformJob] = j
		}
		d := atssync.Due{Submission: *s, Payload: slices.Clone(p)}
		if j.link != nil {
			link := *j.link
			d.Link = &link
		}
		if j.job != nil {
			job := *j.job
			d.Job = &job
		}
		out = append(out, d)
	}
	return out, nil
}
