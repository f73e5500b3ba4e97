package manage

import (
	"context"
	"errors"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// submission returns a stored submission within the scope. A submission never leaves its connection, so what is judged
// here holds for the step that follows.
func (s *Service) submission(ctx context.Context, id string) (atssync.Submission, error) {
	sub, err := s.o.Store.Submission(ctx, id)
	if err == nil && !s.scope.Covers(sub.Account, sub.Connection) {
		return atssync.Submission{}, atssync.Errorf(atssync.CodeNotFound, "there is no submission %s", id)
	}
	return sub, err
}

// mayConnect refuses to make a connection of an account outside of the scope, or where the scope is some connections.
func (s *Service) mayConnect(account string) error {
	switch {
	case !s.scope.Account(account):
		return noAccount(account)
	case len(s.scope.Connections) > 0:
		return atssync.Errorf(atssync.CodeForbidden, "this caller is limited to some connections and makes no new one").
			WithRemedy("use a token for the account %s as a whole", account)
	}
	return nil
}

// ownsJobs refuses to change platform jobs outside of the scope. They are the account's, so that a caller who is limited
// to some of its connections only looks at them.
func (s *Service) ownsJobs(account string) error {
	switch {
	case account == "":
		return nil // it is told as what it is, a field that is missing
	case !s.scope.Account(account):
		return noAccount(account)
	case len(s.scope.Connections) > 0:
		return atssync.Errorf(atssync.CodeForbidden, "this caller is limited to some connections, and platform jobs belong to the account").
			WithRemedy("use a token for the account %s as a whole", account)
	}
	return nil
}

// told is an error as the caller may see it, for reports that are told as a whole.
func (s *Service) told(err error) error {
	if e, ok := errors.AsType[*atssync.Error](err); ok {
		return s.scope.Shown(e)
	}
	return err
}

func noAccount(account string) *atssync.Error {
	return atssync.Errorf(atssync.CodeNotFound, "there is no account %q for this caller", account)
}

// coverage returns a function that tells whether a connection lies within the scope; it asks for each once.
func (s *Service) coverage() func(ctx context.Context, connection string) (bool, error) {
	known := make(map[string]bool)
	return func(ctx context.Context, connection string) (bool, error) {
		if ok, asked := known[connection]; asked {
			return ok, nil
		}
		c, err := s.o.Store.Connection(ctx, connection)
		if err != nil && atssync.CodeOf(err) != atssync.CodeNotFound {
			return false, err
		}
		known[connection] = err == nil && s.scope.Covers(c.Account, c.ID)
		return known[connection], nil
	}
}
