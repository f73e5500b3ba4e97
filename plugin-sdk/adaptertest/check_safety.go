package adaptertest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"time"

	sdk "github.com/atssync/atssync/plugin-sdk"
)

const (
	parallelCalls = 32
	// slowAnswer is how long the fake lets a cancelled call wait, and soon how quickly it must end.
	slowAnswer = 15 * time.Second
	soon       = 4 * time.Second
)

// safetyChecks come last: they look at what all others left behind.
func safetyChecks() []check {
	return []check{
		{name: "cancelled call", run: cancelledCall},
		{name: "parallel calls", run: parallel},
		{name: "endpoints are templates", needs: []sdk.Power{sdk.PowerSubmit}, writes: true, run: endpointsAreTemplates},
		{name: "nothing secret is said", run: nothingSecretIsSaid},
		{name: "no panic, no race", run: noPanic},
	}
}

// cancelledCall: the handler ends when its call is cancelled. Its process is then told to end; it would
// wait for a handler that goes on.
func cancelledCall(ctx context.Context, s *suite) error {
	p, err := s.launch(ctx)
	if err != nil {
		return fmt.Errorf("start the adapter again: %w", err)
	}
	defer s.stop(ctx, p)
	if err := s.fake.fault(ctx, faultDelay, slowAnswer); err != nil {
		return err
	}
	short, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err = p.Client().Check(short, sdk.CheckRequest{Connection: s.conn(nil)})
	if err == nil {
		return errors.New("a call that had to wait for the ATS came back before its time")
	}
	if err := syscall.Kill(p.PID(), syscall.SIGTERM); err != nil {
		return fmt.Errorf("tell the adapter to end: %w", err)
	}
	select {
	case <-p.Done():
		return nil
	case <-time.After(soon):
		return fmt.Errorf("%s after its call was cancelled the handler still runs", time.Since(began).Round(time.Millisecond))
	}
}

// parallel: many calls at once answer each its own question.
func parallel(ctx context.Context, s *suite) error {
	errs := make([]error, parallelCalls)
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() { errs[i] = s.oneOfMany(ctx, i) })
	}
	all.Wait()
	return errors.Join(errs...)
}

func (s *suite) oneOfMany(ctx context.Context, i int) error {
	if i%2 == 0 {
		c := s.conn(nil)
		bad := i%4 == 0
		if bad {
			c = s.badConn()
		}
		r, err := s.check(ctx, c)
		if err != nil {
			return err
		}
		if r.OK() == bad {
			return errors.New("a call was answered with the credentials of another")
		}
		return nil
	}
	if !s.mayWrite() || !s.manifest.Has(sdk.PowerSubmit) {
		return nil
	}
	item, _, err := s.submitted(ctx)
	if err != nil {
		return s.uncounted(err)
	}
	return s.uncounted(s.once(ctx, item.ExternalID))
}

// endpointsAreTemplates: an exchange names what was asked without whom it was asked about.
func endpointsAreTemplates(ctx context.Context, s *suite) error {
	job, err := s.job(ctx)
	if err != nil {
		return err
	}
	item := s.item(job)
	r, err := bounded(ctx, s, s.client.Submit, sdk.SubmitRequest{Connection: s.conn(nil), Items: []sdk.SubmitItem{item}})
	if err := s.heard(r.Meta, err); err != nil {
		return err
	}
	for _, x := range r.Exchanges {
		switch {
		case x.Method == "" || x.Endpoint == "" || x.StartedAt.IsZero():
			return errors.New("an exchange lacks method, endpoint or time")
		case strings.Contains(x.Endpoint, item.ExternalID) || strings.Contains(x.Endpoint, "?"):
			return fmt.Errorf("the endpoint %q is not a template", x.Endpoint)
		}
	}
	return nil
}

// nothingSecretIsSaid: no credential and no person is in an error, an exchange or a line of the log.
func nothingSecretIsSaid(_ context.Context, s *suite) error {
	s.mu.Lock()
	said := strings.Join(s.texts, "\n")
	s.mu.Unlock()
	printed := s.printed.text()
	for name, secret := range s.credentials {
		if len(secret) < 6 {
			continue
		}
		if strings.Contains(said, secret.Reveal()) {
			return fmt.Errorf("the credential %q is in an error or an exchange", name)
		}
		if strings.Contains(printed, secret.Reveal()) {
			return fmt.Errorf("the credential %q is in what the adapter prints", name)
		}
	}
	if strings.Contains(said, canaryEmail) {
		return errors.New("an applicant's e-mail address is in an error or an exchange")
	}
	if strings.Contains(printed, canaryEmail) {
		return errors.New("an applicant's e-mail address is in what the adapter prints")
	}
	return nil
}

// noPanic: the process is still the first one, and the runtime had nothing to complain about.
func noPanic(ctx context.Context, s *suite) error {
	if err := s.process.Ping(ctx); err != nil {
		return fmt.Errorf("the adapter does not answer any more: %w", err)
	}
	printed := s.printed.text()
	for _, sign := range []string{"WARNING: DATA RACE", "panic: ", "fatal error: ", "a call panicked"} {
		if strings.Contains(printed, sign) {
			return fmt.Errorf("the adapter printed %q", sign)
		}
	}
	return nil
}
