package manage

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// another reports whether a check reached another user or ATS account than the connection is known for. It refuses one that is not
// meant: meant is the identity that an earlier refusal told, so that nobody says yes to somebody who was not shown.
func (s *Service) another(ctx context.Context, c atssync.Connection, r sdk.CheckReply, meant string) (bool, error) {
	was, is := c.ActingUser, r.ActingUser
	other := c.Host != "" && r.Host != "" && c.Host != r.Host ||
		c.AccountID != "" && r.AccountID != "" && c.AccountID != r.AccountID ||
		c.AccountName != "" && r.AccountName != "" && c.AccountName != r.AccountName ||
		was.ID != "" && is.ID != "" && was.ID != is.ID
	if was.ID == "" || is.ID == "" {
		other = other || was.Email != "" && is.Email != "" && was.Email != is.Email
	}
	identity := s.reachedKey(c, r)
	if !other || meant == identity {
		return other, nil
	}
	reached := &atssync.Reached{User: atssync.User{ID: is.ID, Name: is.Name, Email: is.Email}, AccountName: r.AccountName, Host: r.Host, Identity: identity}
	then := "what was submitted before is then followed by the new one"
	if !sameATSAccount(c, r) {
		links, err := s.linksOn(ctx, c.ID)
		if err != nil {
			return true, err
		}
		if reached.JobLinks = len(links); reached.JobLinks > 0 {
			then += fmt.Sprintf(", and its %d job links end, since they lead to jobs of the ATS account of before", len(links))
		}
	}
	e := atssync.Errorf(atssync.CodeConflict, "the new credentials are good, but they reach %s, and connection %s is %s; nothing was saved",
		whom(is.Name, is.Email, r.AccountName, r.Host), c.ID, whom(was.Name, was.Email, c.AccountName, c.Host)).
		WithRemedy("use credentials of the same ATS user, or say that this one is meant (--other-account %s): %s", identity, then)
	e.Reached = reached
	return true, e
}

// reachedKey names whom a check reached, for this connection alone.
func (s *Service) reachedKey(c atssync.Connection, r sdk.CheckReply) string {
	return s.o.Keys.Index(kindIdentity, strings.Join([]string{
		"reached", c.ID, strings.ToLower(r.Host), r.AccountID, r.AccountName, r.ActingUser.ID, strings.ToLower(r.ActingUser.Email), r.ActingUser.Name,
	}, "\x00"))
}

// sameATSAccount reports whether a check is known to have reached the ATS account of before. An ATS that tells no account tells nothing
// by its user: the jobs of another account may have the same numbers.
func sameATSAccount(c atssync.Connection, r sdk.CheckReply) bool {
	return c.AccountID != "" && c.AccountID == r.AccountID && strings.EqualFold(c.Host, r.Host)
}

func (s *Service) linksOn(ctx context.Context, connection string) ([]atssync.JobLink, error) {
	var out []atssync.JobLink
	err := each(func(p atssync.Paging) (atssync.Page[atssync.JobLink], error) {
		return s.o.Store.JobLinks(ctx, atssync.LinkQuery{Connection: connection, Paging: p})
	}, func(l atssync.JobLink) error {
		out = append(out, l)
		return nil
	})
	return out, err
}

// dropLinks ends the job links of a connection before it reaches another ATS account: they would lead to whatever has the same numbers
// there. They end before the new credentials are saved, so that a crash between the two leaves applications held and none on its way into
// a wrong job.
func (s *Service) dropLinks(ctx context.Context, c atssync.Connection, version int64) (int, error) {
	now, err := s.o.Store.Connection(ctx, c.ID)
	if err != nil {
		return 0, err
	}
	if !sameValues(now, c) || version != 0 && version != now.Version {
		return 0, changedMeanwhile(c)
	}
	links, err := s.linksOn(ctx, c.ID)
	if err != nil {
		return 0, err
	}
	for _, l := range links {
		if l.ManagedBy == atssync.ManagedByFile { // the next reload would bring it back as it was
			return 0, atssync.Errorf(atssync.CodeForbidden, "the link of platform job %s stands in the configuration file, and leads to a job of the ATS account of before; nothing was saved", l.PlatformJob).
				WithRemedy("take [[job_links]] with connection = %q out of %s and reload the daemon first", c.ID, s.file())
		}
	}
	return s.unlinkAll(ctx, links)
}

func (s *Service) unlinkAll(ctx context.Context, links []atssync.JobLink) (int, error) {
	done := 0
	for _, l := range links {
		err := s.o.Store.RemoveJobLink(ctx, l.Connection, l.PlatformJob, 0, time.Now().UTC())
		switch {
		case err == nil:
			done++
		case atssync.CodeOf(err) != atssync.CodeNotFound: // somebody unlinked it meanwhile
			return done, err
		}
	}
	return done, nil
}

// beginAnew ends the links that were made while the new credentials were saved, for they were made with the jobs of before, writes down
// what ended, and has the jobs of the new account listed, so that they can be suggested.
func (s *Service) beginAnew(ctx context.Context, c atssync.Connection, r *rewritten) error {
	links, err := s.linksOn(ctx, c.ID)
	if err != nil {
		return err
	}
	n, err := s.unlinkAll(ctx, links)
	if r.unlinked += n; err != nil {
		return err
	}
	if actor, ok := atssync.ActorOf(ctx); ok {
		now := time.Now().UTC()
		if err := s.o.Store.AppendAudit(ctx, atssync.Audit{
			ID: atssync.NewID(atssync.PrefixAudit, now), At: now, Actor: actor, Action: "connection.other_account", Object: c.ID,
			Detail: fmt.Sprintf("%d job links removed", r.unlinked),
		}); err != nil {
			return err
		}
	}
	// What cannot be listed now is listed by the next pass, and the connection's health says why.
	_, _ = s.RefreshJobs(ctx, c.ID)
	return nil
}
