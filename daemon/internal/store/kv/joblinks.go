package kv

import (
	"context"
	"slices"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// maxBacklog is where counting a backlog stops.
const maxBacklog = 10_000

// linkReasons are what submissions of one platform job are held for that its link can end.
var linkReasons = [...]atssync.HeldReason{
	atssync.HeldJobNotLinked, atssync.HeldJobClosed, atssync.HeldJobNotAccessible,
}

// PutJobLink makes or changes one link.
func (s *Store) PutJobLink(ctx context.Context, p atssync.PutJobLink, releasePerMinute int, now time.Time) (atssync.JobLink, bool, error) {
	var out atssync.JobLink
	var created bool
	err := s.update(ctx, now, func(st *step) error {
		c, err := st.needConn(p.Link.Connection)
		if err != nil {
			return err
		}
		was, err := st.mayLink(c, &p)
		if err != nil {
			return err
		}
		next := p.Link
		next.Account, next.UpdatedAt, created = c.Account, st.now, was == nil
		if created {
			next.Version, next.CreatedAt = 1, st.now
			if next.ID == "" {
				next.ID = atssync.NewID(atssync.PrefixJobLink, now)
			}
		} else {
			next.ID, next.Version, next.CreatedAt = was.ID, was.Version+1, was.CreatedAt
			if sameLink(was, &next) && p.Backlog == nil {
				out = *was
				return nil
			}
		}
		if err := st.releaseBacklog(&p, was, releasePerMinute); err != nil {
			return err
		}
		if err := st.holdClosed(&next); err != nil {
			return err
		}
		if err := st.tryAgain(c, was, &p); err != nil {
			return err
		}
		st.saveLink(was, &next)
		action := "job_link.change"
		if created {
			action = "job_link.create"
		}
		st.note(action, next.ID, next.PlatformJob+" → "+next.ATSJob)
		out = next
		return nil
	})
	return out, created, err
}

func sameLink(a, b *atssync.JobLink) bool {
	x, y := *a, *b
	x.Version, x.UpdatedAt = y.Version, y.UpdatedAt
	return x == y
}

// mayLink checks all that can refuse a link, but for the backlog, and returns the link as it is.
func (st *step) mayLink(c *atssync.Connection, p *atssync.PutJobLink) (*atssync.JobLink, error) {
	l := &p.Link
	if err := notRemoved(c); err != nil {
		return nil, err
	}
	if l.Account != "" && l.Account != c.Account {
		return nil, atssync.Errorf(atssync.CodeAccountMismatch, "connection %s belongs to another account", c.ID)
	}
	if l.PlatformJob == "" {
		return nil, atssync.Errorf(atssync.CodeInvalid, "a job link needs a platform job")
	}
	if err := st.checkOwner(c.Account, l.PlatformJob, p.Within); err != nil {
		return nil, err
	}
	was, err := record[atssync.JobLink](st.w, keyLink(l.Connection, l.PlatformJob))
	if err != nil {
		return nil, err
	}
	if p.IfMatch == atssync.IfNone {
		if was != nil {
			return nil, atssync.Errorf(atssync.CodeChanged, "platform job %s was linked to the ATS job %s meanwhile", l.PlatformJob, was.ATSJob).
				WithRemedy("look at that link, and change it if another one is meant")
		}
		return nil, nil
	}
	if p.IfMatch != 0 && (was == nil || was.Version != p.IfMatch) {
		if was == nil {
			return nil, atssync.Errorf(atssync.CodeChanged, "the link of platform job %s was removed meanwhile", l.PlatformJob).
				WithRemedy("link the job anew")
		}
		return nil, changed("job link", was.ID, was.Version)
	}
	return was, nil
}

// releaseBacklog asks the backlog question where it is not answered, and persists the release where it is.
func (st *step) releaseBacklog(p *atssync.PutJobLink, was *atssync.JobLink, perMinute int) error {
	l := &p.Link
	if p.Backlog == nil {
		if was != nil && was.ATSJob == l.ATSJob {
			return nil
		}
		n, oldest, err := st.backlog(l.Connection, l.PlatformJob)
		if err != nil || n == 0 {
			return err
		}
		return atssync.Errorf(atssync.CodeConflict, "%d submissions wait for platform job %s to be linked, the oldest since %s",
			n, l.PlatformJob, oldest.Format(time.RFC3339)).
			WithRemedy("say what becomes of them: all, since a date, or none")
	}
	t := atssync.Task{
		Kind: atssync.TaskRelease, Connection: l.Connection, PlatformJob: l.PlatformJob, PerMinute: perMinute,
	}
	switch p.Backlog.Mode {
	case atssync.BacklogNone:
		return nil
	case atssync.BacklogSince:
		t.Since = p.Backlog.Since
	case atssync.BacklogAll:
	default:
		return atssync.Errorf(atssync.CodeInvalid, "%q is no answer to the backlog question", p.Backlog.Mode).
			WithRemedy("say all, since or none")
	}
	for _, reason := range linkReasons {
		_, ok, err := st.firstAt(heldFor(l.Connection, reason, l.PlatformJob))
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		t.Reason = reason
		if _, err := st.putTask(t); err != nil {
			return err
		}
	}
	return nil
}

// tryAgain forgets the trouble of the ATS job when a person mends the link that leads to it, or answers that what waits
// is to go: otherwise it would be judged by the trouble and stay. The first that goes brings the trouble back if it is
// still there.
func (st *step) tryAgain(c *atssync.Connection, was *atssync.JobLink, p *atssync.PutJobLink) error {
	l := &p.Link
	if was == nil || was.ATSJob != l.ATSJob || l.ATSJob == "" || p.Backlog != nil && p.Backlog.Mode == atssync.BacklogNone {
		return nil
	}
	links, err := st.platformJobs(c.ID, l.ATSJob)
	if err != nil {
		return err
	}
	if p.Backlog != nil { // its own release is persisted already, as it was answered
		links = slices.DeleteFunc(links, func(job string) bool { return job == l.PlatformJob })
	}
	return st.forgetJobTrouble(c, l.ATSJob, links)
}

func heldFor(connection string, reason atssync.HeldReason, platformJob string) key {
	return table(tabHeld).text(connection).text(string(reason)).text(platformJob)
}

// holdClosed persists the hold of what is queued for a platform job whose link now leads to a closed job.
func (st *step) holdClosed(l *atssync.JobLink) error {
	job, err := record[atssync.ATSJob](st.w, keyATSJob(l.Connection, l.ATSJob))
	if err != nil || job == nil || job.Takes() {
		return err
	}
	_, err = st.putTask(atssync.Task{
		Kind: atssync.TaskHold, Connection: l.Connection, PlatformJob: l.PlatformJob, Reason: atssync.HeldJobClosed,
	})
	return err
}

func (st *step) saveLink(was, l *atssync.JobLink) {
	if was != nil && was.ATSJob != l.ATSJob {
		st.w.Delete(keyLinkByATSJob(was))
	}
	st.w.Set(keyLinkByATSJob(l), []byte{})
	if was == nil {
		st.w.Set(keyLinkByJob(l), []byte{})
	}
	st.put(keyLink(l.Connection, l.PlatformJob), l)
	clear(st.verdicts)
}

func (st *step) deleteLink(l *atssync.JobLink) {
	st.w.Delete(keyLinkByATSJob(l))
	st.w.Delete(keyLinkByJob(l))
	st.w.Delete(keyLink(l.Connection, l.PlatformJob))
	clear(st.verdicts)
}

// RemoveJobLink removes a link and persists the task that holds what is queued for it.
func (s *Store) RemoveJobLink(ctx context.Context, connection, platformJob string, ifMatch int64, now time.Time) error {
	return s.update(ctx, now, func(st *step) error {
		l, err := st.needLink(connection, platformJob)
		if err != nil {
			return err
		}
		if ifMatch != 0 && ifMatch != l.Version {
			return changed("job link", l.ID, l.Version)
		}
		if _, err := st.putTask(atssync.Task{
			Kind: atssync.TaskHold, Connection: connection, PlatformJob: platformJob, Reason: atssync.HeldJobNotLinked,
		}); err != nil {
			return err
		}
		st.deleteLink(l)
		st.note("job_link.remove", l.ID, platformJob)
		return nil
	})
}

func (r reader) needLink(connection, platformJob string) (*atssync.JobLink, error) {
	l, err := record[atssync.JobLink](r.r, keyLink(connection, platformJob))
	if err == nil && l == nil {
		err = atssync.Errorf(atssync.CodeNotFound, "platform job %s is not linked on connection %s", platformJob, connection)
	}
	return l, err
}

// JobLink returns the link of a platform job on a connection.
func (s *Store) JobLink(ctx context.Context, connection, platformJob string) (atssync.JobLink, error) {
	var out atssync.JobLink
	err := s.view(ctx, func(r reader) error {
		l, err := r.needLink(connection, platformJob)
		if err == nil {
			out = *l
		}
		return err
	})
	return out, err
}

// JobLinks lists links by connection and then by platform job.
func (s *Store) JobLinks(ctx context.Context, q atssync.LinkQuery) (atssync.Page[atssync.JobLink], error) {
	var out atssync.Page[atssync.JobLink]
	err := s.view(ctx, func(r reader) error {
		l, err := r.linkListing(q)
		if err != nil {
			return err
		}
		out, err = page(ctx, r.r, q.Paging, l)
		return err
	})
	return out, err
}

func (r reader) linkListing(q atssync.LinkQuery) (listing[atssync.JobLink], error) {
	keep := func(l *atssync.JobLink, err error) (*atssync.JobLink, error) {
		if err != nil || l == nil || q.Account != "" && l.Account != q.Account || q.Connection != "" && l.Connection != q.Connection ||
			q.PlatformJob != "" && l.PlatformJob != q.PlatformJob || q.ATSJob != "" && l.ATSJob != q.ATSJob ||
			!q.Within.Covers(l.Account, l.Connection) {
			return nil, err
		}
		return l, nil
	}
	switch {
	case q.Connection != "" && q.ATSJob != "":
		prefix := table(tabLinkByATSJob).text(q.Connection).text(q.ATSJob)
		return listing[atssync.JobLink]{spans: []span{{prefix: prefix}}, load: func(k, _ []byte) (*atssync.JobLink, error) {
			f := fieldsOf(k, len(prefix))
			return keep(record[atssync.JobLink](r.r, keyLink(q.Connection, f.text())))
		}}, nil
	case q.Connection == "" && q.PlatformJob != "":
		prefix := table(tabLinkByJob).text(q.PlatformJob)
		return listing[atssync.JobLink]{spans: []span{{prefix: prefix}}, load: func(k, _ []byte) (*atssync.JobLink, error) {
			f := fieldsOf(k, len(prefix))
			return keep(record[atssync.JobLink](r.r, keyLink(f.text(), q.PlatformJob)))
		}}, nil
	}
	one := func(id string) span {
		k := table(tabLink).text(id)
		if q.PlatformJob != "" {
			k = k.text(q.PlatformJob)
		}
		return span{prefix: k}
	}
	spans, err := r.perConnection(q.Connection, q.Account, q.Within, one)
	return listing[atssync.JobLink]{spans: spans, load: func(k, v []byte) (*atssync.JobLink, error) {
		return keep(decode[atssync.JobLink](k, v))
	}}, err
}

// Backlog counts what waits for the link of a platform job.
func (s *Store) Backlog(ctx context.Context, connection, platformJob string) (int, time.Time, error) {
	var count int
	var oldest time.Time
	err := s.view(ctx, func(r reader) error {
		var err error
		count, oldest, err = r.backlog(connection, platformJob)
		return err
	})
	return count, oldest, err
}

func (r reader) backlog(connection, platformJob string) (count int, oldest time.Time, err error) {
	for _, reason := range linkReasons {
		prefix := heldFor(connection, reason, platformJob)
		first := true
		if err := r.r.Scan(prefix, nil, func(k, _ []byte) bool {
			if first {
				first = false
				f := fieldsOf(k, len(prefix))
				if at := f.at(); oldest.IsZero() || at.Before(oldest) {
					oldest = at
				}
			}
			count++
			return count < maxBacklog
		}); err != nil {
			return 0, time.Time{}, err
		}
		if count >= maxBacklog {
			break
		}
	}
	return count, oldest, nil
}
