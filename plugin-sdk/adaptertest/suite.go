package adaptertest

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	sdk "github.com/atssync/atssync/plugin-sdk"
	"github.com/atssync/atssync/plugin-sdk/host"
)

const (
	maxTries = 3
	maxPause = 30 * time.Second
	// readAgain is how long to wait before an ATS is asked again for what was written.
	readAgain = 250 * time.Millisecond
)

// canaryEmail is in every submission and in no text that an adapter may write.
const canaryEmail = "person-canary@example.com"

// suite is one run.
type suite struct {
	opts        Options
	fake        *fakeATS
	settings    map[string]string
	credentials map[string]sdk.Secret
	twoStep     map[string]string

	process  *host.Process
	client   sdk.Client
	manifest sdk.Manifest
	printed  *sink  // all that the adapter's processes printed
	remark   string // what the check under way has to say although it passes

	mu    sync.Mutex
	texts []string // all that errors and exchanges said
	jobID string
}

// sink is a bounded buffer for many goroutines.
type sink struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write keeps the first 8 MiB.
func (s *sink) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.b.Len() < 8<<20 {
		s.b.Write(p)
	}
	return len(p), nil
}

func (s *sink) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func (s *suite) launch(ctx context.Context) (*host.Process, error) {
	return host.Launch(ctx, host.Options{
		Path: s.opts.Path, Env: s.opts.Env, RuntimeDir: s.opts.RuntimeDir, PartnerName: partner,
		Stderr: s.printed, CallTimeout: s.opts.Timeout,
	})
}

// stop ends a process, also when the run was cancelled.
func (s *suite) stop(ctx context.Context, p *host.Process) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_ = p.Stop(ctx)
}

func (s *suite) mayWrite() bool { return s.opts.Write || s.opts.Fake != "" }

// conn is the connection; extra settings win.
func (s *suite) conn(extra map[string]string) sdk.Connection {
	settings := maps.Clone(s.settings)
	maps.Copy(settings, extra)
	return sdk.Connection{ID: "con_adaptertest", Settings: settings, Credentials: maps.Clone(s.credentials)}
}

// badConn has credentials that the ATS does not know.
func (s *suite) badConn() sdk.Connection {
	c := s.conn(nil)
	if s.opts.BadCredentials != nil {
		c.Credentials = s.opts.BadCredentials
		return c
	}
	for k, v := range c.Credentials {
		c.Credentials[k] = v + "-wrong"
	}
	return c
}

// heard keeps what a call said, for the check that no secret is in it, and passes the error on.
func (s *suite) heard(meta sdk.Meta, err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		e := sdk.AsError(err)
		s.texts = append(s.texts, err.Error(), e.Message, e.Remedy)
		for _, f := range e.Fields {
			s.texts = append(s.texts, f.Path, f.Code, f.Message)
		}
		meta.Exchanges = append(slices.Clip(meta.Exchanges), e.Exchanges...)
	}
	for _, x := range meta.Exchanges {
		s.texts = append(s.texts, x.Endpoint, x.Excerpt, x.RequestID)
	}
	return err
}

// bounded gives a call its deadline. As the host would, it waits where the ATS says that there are too many:
// what is rate_limited was not processed.
func bounded[Req, Rep any](
	ctx context.Context, s *suite, call func(context.Context, Req) (Rep, error), req Req,
) (Rep, error) {
	for tries := 0; ; tries++ {
		one, cancel := context.WithTimeout(ctx, s.opts.Timeout)
		r, err := call(one, req)
		cancel()
		if tries == maxTries || sdk.KindOf(err) != sdk.KindRateLimited {
			return r, err
		}
		select {
		case <-ctx.Done():
			return r, err
		case <-time.After(min(maxPause, max(time.Second, sdk.AsError(err).RetryAfter))):
		}
	}
}

func (s *suite) check(ctx context.Context, c sdk.Connection) (sdk.CheckReply, error) {
	r, err := bounded(ctx, s, s.client.Check, sdk.CheckRequest{Connection: c, PartnerName: partner})
	err = s.heard(r.Meta, err)
	for _, i := range r.Items {
		_ = s.heard(sdk.Meta{}, &sdk.Error{Message: i.Cause, Remedy: i.Remedy})
	}
	return r, err
}

// shows waits until the ATS shows what was just written: an ATS may show it late. look reports whether it is there; an error
// ends the wait. A late sight is remarked on, none within Options.ReadLag is the error that missing says.
func (s *suite) shows(ctx context.Context, missing string, look func() (bool, error)) error {
	began := time.Now()
	for tries := 1; ; tries++ {
		there, err := look()
		switch {
		case err != nil:
			return err
		case there && tries > 1:
			s.remark = fmt.Sprintf("shown %s after it was written", time.Since(began).Round(100*time.Millisecond))
			return nil
		case there:
			return nil
		case time.Since(began) > s.opts.ReadLag:
			return fmt.Errorf("%s within %s", missing, s.opts.ReadLag)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(readAgain):
		}
	}
}

// job returns the job to apply to.
func (s *suite) job(ctx context.Context) (string, error) {
	if s.jobID != "" || s.opts.JobID != "" {
		return s.jobID + s.opts.JobID, nil
	}
	if !s.manifest.Has(sdk.PowerListJobs) {
		return "", skip("the manifest does not announce list_jobs and no job is given")
	}
	jobs, err := s.allJobs(ctx)
	if err != nil {
		return "", err
	}
	for _, j := range jobs {
		if j.State == sdk.JobOpen {
			s.jobID = j.ID
			return j.ID, nil
		}
	}
	return "", skip("the ATS has no open job")
}

// item makes an application of a new person to a job.
func (s *suite) item(job string) sdk.SubmitItem {
	id := strings.ToLower(rand.Text())
	item := sdk.SubmitItem{
		SubmissionID: "sub_" + id, ExternalID: "adaptertest-" + id, JobID: job, As: sdk.AsCandidate,
		Person: sdk.Person{
			ID: "p-" + id, FirstName: "Ida", LastName: "Sample " + id[:6],
			Emails: []sdk.Email{{Address: id + "-" + canaryEmail, Type: "personal"}},
			Phones: []sdk.Phone{{Number: "+1 555 0100", Type: "mobile"}},
		},
		ApplicationURL: "https://talent.example.com/applications/" + id,
	}
	if s.manifest.Note.Max > 0 {
		item.Note = "Why do you apply?\nBecause."
		item.Note = item.Note[:min(len(item.Note), s.manifest.Note.Max)]
	}
	return item
}

// submit submits items and returns one outcome each.
func (s *suite) submit(ctx context.Context, c sdk.Connection, items ...sdk.SubmitItem) ([]sdk.SubmitOutcome, error) {
	return s.submitWith(ctx, s.client, c, items...)
}

func (s *suite) submitWith(
	ctx context.Context, client sdk.Client, c sdk.Connection, items ...sdk.SubmitItem,
) ([]sdk.SubmitOutcome, error) {
	r, err := bounded(ctx, s, client.Submit, sdk.SubmitRequest{Connection: c, Items: items})
	if err := s.heard(r.Meta, err); err != nil {
		return nil, err
	}
	for _, o := range r.Outcomes {
		if o.Err != nil {
			_ = s.heard(sdk.Meta{}, o.Err)
		}
	}
	if len(r.Exchanges) == 0 {
		return nil, fmt.Errorf("the reply of submit tells no exchange with the ATS")
	}
	return r.Outcomes, nil
}

// submitted submits one new person in as many steps as it takes and wants it to be in the ATS.
func (s *suite) submitted(ctx context.Context) (sdk.SubmitItem, sdk.Receipt, error) {
	job, err := s.job(ctx)
	if err != nil {
		return sdk.SubmitItem{}, sdk.Receipt{}, err
	}
	item := s.item(job)
	for range maxSteps {
		outcomes, err := s.submit(ctx, s.conn(nil), item)
		if err != nil {
			return item, sdk.Receipt{}, fmt.Errorf("a good submission is refused: %w", err)
		}
		o := outcomes[0]
		switch o.Kind {
		case sdk.OutcomeCreated, sdk.OutcomeCreatedOnExisting, sdk.OutcomePending:
			return item, o.Receipt, nil
		case sdk.OutcomeContinue:
			item.Continuation = o.Continuation
			continue
		case sdk.OutcomeFailed:
			return item, o.Receipt, fmt.Errorf("a good submission is refused: %w", o.Err)
		}
		return item, o.Receipt, fmt.Errorf("a good submission of somebody new ends as %q", o.Kind)
	}
	return item, sdk.Receipt{}, fmt.Errorf("a submission takes more than %d steps", maxSteps)
}

// once wants the fake to hold exactly one person of an external id. A fake that does not count is no fault.
func (s *suite) once(ctx context.Context, externalID string) error {
	n, err := s.fake.people(ctx, externalID)
	if err != nil {
		return err
	}
	if n != 1 {
		return fmt.Errorf("the ATS holds %d people of one submission", n)
	}
	return nil
}
