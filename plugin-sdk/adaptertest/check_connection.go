package adaptertest

import (
	"context"
	"errors"
	"fmt"

	sdk "github.com/atssync/atssync/plugin-sdk"
)

func connectionChecks() []check {
	return []check{
		{name: "check accepts", run: checkAccepts},
		{name: "check refuses", run: checkRefuses},
		{name: "check of nothing", run: checkOfNothing},
		{name: "bad credentials", needs: []sdk.Power{sdk.PowerListJobs}, run: badCredentials},
	}
}

// checkAccepts: good credentials pass, and the reply says what they open.
func checkAccepts(ctx context.Context, s *suite) error {
	r, err := s.check(ctx, s.conn(nil))
	if err != nil {
		return fmt.Errorf("good credentials are not checked: %w", err)
	}
	var errs []error
	for _, i := range r.Items {
		if !i.OK && !i.Warning {
			errs = append(errs, fmt.Errorf("good credentials fail %q: %s", i.ID, i.Cause))
		}
	}
	if len(r.Items) == 0 {
		errs = append(errs, errors.New("a check without items says nothing"))
	}
	if r.Host == "" {
		errs = append(errs, errors.New("the reply does not name the ATS host, which is part of a connection's identity"))
	}
	if len(r.Exchanges) == 0 {
		errs = append(errs, errors.New("the reply tells no exchange with the ATS"))
	}
	return errors.Join(errs...)
}

// checkRefuses: bad credentials are a failed item that tells a person what to do, not an error.
func checkRefuses(ctx context.Context, s *suite) error {
	r, err := s.check(ctx, s.badConn())
	if err != nil {
		return fmt.Errorf("bad credentials are an error instead of a failed item: %w", err)
	}
	if r.OK() {
		return errors.New("bad credentials pass the check")
	}
	return wellSaid(r, sdk.KindAuth, sdk.KindPermission)
}

// checkOfNothing: a connection without any value is refused in words.
func checkOfNothing(ctx context.Context, s *suite) error {
	r, err := s.check(ctx, sdk.Connection{ID: "con_empty"})
	if err != nil {
		if k := sdk.KindOf(err); k != sdk.KindConfigRequired && k != sdk.KindAuth {
			return fmt.Errorf("an empty connection is an error of kind %q: %w", k, err)
		}
		return nil
	}
	if r.OK() {
		return errors.New("an empty connection passes the check")
	}
	return wellSaid(r, sdk.KindAuth, sdk.KindConfigRequired)
}

// wellSaid wants each failed item to be complete, and one of them to be of the kinds.
func wellSaid(r sdk.CheckReply, kinds ...sdk.Kind) error {
	found := false
	for _, i := range r.Items {
		if i.OK {
			continue
		}
		if i.ID == "" || i.Label == "" || i.Kind == "" || i.Cause == "" || i.Turn == "" || i.Remedy == "" {
			return fmt.Errorf("the failed item %q lacks one of id, label, kind, cause, turn and remedy", i.ID)
		}
		for _, k := range kinds {
			found = found || i.Kind == k
		}
	}
	if !found {
		return fmt.Errorf("no failed item is of the kinds %v", kinds)
	}
	return nil
}

// badCredentials: a call with them is an error of kind auth whose turn somebody has.
func badCredentials(ctx context.Context, s *suite) error {
	r, err := bounded(ctx, s, s.client.ListJobs, sdk.ListJobsRequest{Connection: s.badConn()})
	if err := s.heard(r.Meta, err); err == nil {
		return errors.New("jobs are listed with bad credentials")
	}
	e := sdk.AsError(err)
	if e.Kind != sdk.KindAuth && e.Kind != sdk.KindPermission {
		return fmt.Errorf("bad credentials are an error of kind %q", e.Kind)
	}
	if e.Message == "" || e.Turn == "" || e.Remedy == "" {
		return errors.New("the error of bad credentials lacks message, turn or remedy")
	}
	return nil
}
