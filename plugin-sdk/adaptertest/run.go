package adaptertest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	sdk "github.com/atssync/atssync/plugin-sdk"
	"github.com/atssync/atssync/plugin-sdk/host"
)

const (
	defaultTimeout = 20 * time.Second // of one call
	defaultReadLag = 15 * time.Second
)

// Options say what is tested and against what.
type Options struct {
	// Path is the adapter's file, absolute.
	Path string
	// Fake is the URL of a fake ATS; empty for a real one.
	Fake string
	// Settings and Credentials are the connection's values by field name. What they lack is asked from the
	// fake.
	Settings    map[string]string
	Credentials map[string]sdk.Secret
	// BadCredentials are refused by the ATS. When nil, the good ones are spoilt.
	BadCredentials map[string]sdk.Secret
	// TwoStep are the settings under which a submission takes several writes.
	TwoStep map[string]string
	// JobID is the ATS job that takes applications; the first open one of the listing when empty.
	JobID string
	// Write allows to make people where there is no fake.
	Write bool
	// RuntimeDir and Env are the process's; see host.Options.
	RuntimeDir string
	Env        []string
	// Timeout bounds each call; 20 s when 0.
	Timeout time.Duration
	// ReadLag is how long the ATS may take to show what was written; 15 s when 0.
	ReadLag time.Duration
}

// T is what Test needs of *testing.T.
type T interface {
	Helper()
	Context() context.Context
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
}

// Test runs the suite within a test: a failed check is an error, a skipped one a line in the log.
func Test(t T, o Options) Verdict {
	t.Helper()
	v, err := Run(t.Context(), o, func(r Result) {
		if r.Outcome == Failed {
			t.Errorf("%s: %s", r.Name, r.Reason)
			return
		}
		t.Logf("%s", r)
	})
	if err != nil {
		t.Errorf("run the conformance suite: %v", err)
	}
	return v
}

// Run runs the suite and reports each result as it is there; report may be nil. An error means that the
// suite could not be run at all: no such file, no credentials. That an adapter does not start is a verdict.
func Run(ctx context.Context, o Options, report func(Result)) (Verdict, error) {
	if report == nil {
		report = func(Result) {}
	}
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	if o.ReadLag <= 0 {
		o.ReadLag = defaultReadLag
	}
	s := &suite{opts: o, fake: newFakeATS(o.Fake), printed: &sink{}}
	if err := s.connect(ctx); err != nil {
		return Verdict{}, err
	}
	v := Verdict{Path: o.Path}
	add := func(r Result) {
		v.Results = append(v.Results, r)
		report(r)
	}
	began := time.Now()
	p, err := s.launch(ctx)
	if errors.Is(err, host.ErrMissing) {
		return Verdict{}, err
	}
	add(result("start", began, err))
	if err != nil {
		return v, nil
	}
	s.process, s.client, s.manifest = p, p.Client(), p.Manifest()
	v.Manifest = s.manifest
	defer s.stop(ctx, p)
	defer s.fake.mend(ctx)
	for _, c := range checks() {
		if ctx.Err() != nil {
			return v, ctx.Err()
		}
		began := time.Now()
		s.remark = ""
		r := result(c.name, began, s.run(ctx, c))
		if r.Outcome == Passed {
			r.Reason = s.remark
		}
		add(r)
	}
	return v, nil
}

// check is one entry of the suite. It is skipped unless the manifest announces needs and, when it writes,
// writing is allowed.
type check struct {
	name   string
	needs  []sdk.Power
	writes bool
	run    func(context.Context, *suite) error
}

func checks() []check {
	return slices.Concat(describeChecks(), connectionChecks(), readChecks(), submitChecks(), safetyChecks())
}

// skip is a reason why a check was not made.
type skip string

func (s skip) Error() string { return string(s) }

func (s *suite) run(ctx context.Context, c check) error {
	for _, p := range c.needs {
		if !s.manifest.Has(p) {
			return skip("the manifest does not announce " + string(p))
		}
	}
	if c.writes && !s.mayWrite() {
		return skip("nobody is made in a real ATS without leave to write")
	}
	select {
	case <-s.process.Done():
		return fmt.Errorf("the adapter's process is gone: %w", s.process.Err())
	default:
	}
	return c.run(ctx, s)
}

// connect completes the connection from the fake and makes bad credentials out of good ones.
func (s *suite) connect(ctx context.Context) error {
	offer, err := s.fake.connection(ctx)
	if err != nil {
		return err
	}
	s.settings, s.credentials, s.twoStep = offer.Settings, map[string]sdk.Secret{}, offer.TwoStep
	if s.settings == nil {
		s.settings = map[string]string{}
	}
	for k, v := range offer.Credentials {
		s.credentials[k] = sdk.Secret(v)
	}
	maps.Copy(s.settings, s.opts.Settings)
	maps.Copy(s.credentials, s.opts.Credentials)
	if s.opts.TwoStep != nil {
		s.twoStep = s.opts.TwoStep
	}
	if len(s.credentials) == 0 {
		return errors.New("there are no credentials: give some, or a fake that offers them at /adaptertest")
	}
	return nil
}
