package adaptertest

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	sdk "github.com/atssync/atssync/plugin-sdk"
)

// maxSteps bounds the writes of one submission.
const maxSteps = 10

func submitChecks() []check {
	submit := []sdk.Power{sdk.PowerSubmit}
	return []check{
		{name: "submit", needs: submit, writes: true, run: submitOne},
		{name: "submit: batch", needs: submit, writes: true, run: submitBatch},
		{name: "submit: refused item", needs: submit, writes: true, run: submitRefused},
		{name: "submit: repetition", needs: submit, writes: true, run: submitTwice},
		{name: "submit: lost answer", needs: submit, writes: true, run: submitLost},
		{name: "submit: failed answer", needs: submit, writes: true, run: submitFailed},
		{name: "submit: two steps", needs: submit, writes: true, run: submitInSteps},
		{name: "read back", needs: []sdk.Power{sdk.PowerSubmit, sdk.PowerReadStatuses}, writes: true, run: readBack},
		{name: "find", needs: []sdk.Power{sdk.PowerSubmit, sdk.PowerFind}, writes: true, run: find},
	}
}

// submitOne: somebody new is in the ATS once, with a receipt.
func submitOne(ctx context.Context, s *suite) error {
	item, receipt, err := s.submitted(ctx)
	if err != nil {
		return err
	}
	if receipt.CandidateID == "" && receipt.ApplicationID == "" && receipt.Pending == "" {
		return errors.New("the receipt is empty")
	}
	return s.uncounted(s.once(ctx, item.ExternalID))
}

// uncounted forgives a fake that does not count where the count is only a part of a check.
func (s *suite) uncounted(err error) error {
	if _, ok := errors.AsType[skip](err); ok {
		return nil
	}
	return err
}

// submitBatch: each item of a call has its own outcome and its own receipt.
func submitBatch(ctx context.Context, s *suite) error {
	n := min(s.manifest.Batch.Submit, 5)
	if n < 2 {
		return skip("the manifest takes one item a call")
	}
	job, err := s.job(ctx)
	if err != nil {
		return err
	}
	items := make([]sdk.SubmitItem, n)
	for i := range items {
		items[i] = s.item(job)
	}
	items[1].JobID = nobody
	outcomes, err := s.submit(ctx, s.conn(nil), items...)
	if err != nil {
		return fmt.Errorf("one bad item fails its neighbours: %w", err)
	}
	seen := map[sdk.Receipt]bool{}
	for i, o := range outcomes {
		if i == 1 {
			if o.Kind != sdk.OutcomeFailed {
				return fmt.Errorf("an item for a job that is not there ends as %q", o.Kind)
			}
			continue
		}
		if o.Kind == sdk.OutcomeFailed {
			return fmt.Errorf("one bad item fails its neighbours: %w", o.Err)
		}
		if seen[o.Receipt] {
			return errors.New("two items of a call have one receipt")
		}
		seen[o.Receipt] = true
		if err := s.uncounted(s.once(ctx, items[i].ExternalID)); err != nil {
			return err
		}
	}
	return nil
}

// refusals are the kinds that say no without doubt.
func refusals() []sdk.Kind {
	return []sdk.Kind{
		sdk.KindNotFound, sdk.KindJobClosed, sdk.KindInvalid, sdk.KindPermission, sdk.KindConfigRequired, sdk.KindDuplicate,
		sdk.KindAttachment,
	}
}

// submitRefused: what the ATS refuses is a typed refusal with words, and makes nobody.
func submitRefused(ctx context.Context, s *suite) error {
	item := s.item(nobody)
	outcomes, err := s.submit(ctx, s.conn(nil), item)
	if err == nil {
		if outcomes[0].Kind != sdk.OutcomeFailed {
			return fmt.Errorf("an application for a job that is not there ends as %q", outcomes[0].Kind)
		}
		err = outcomes[0].Err
	}
	e := sdk.AsError(err)
	typed := false
	for _, k := range refusals() {
		typed = typed || e.Kind == k
	}
	if !typed {
		return fmt.Errorf("a refusal is of kind %q: %w", e.Kind, err)
	}
	if e.Message == "" || e.Turn == "" {
		return errors.New("a refusal lacks message or turn")
	}
	n, err := s.fake.people(ctx, item.ExternalID)
	if err != nil {
		return s.uncounted(err)
	}
	if n != 0 {
		return fmt.Errorf("a refused application made %d people", n)
	}
	return nil
}

// submitTwice: where the ATS knows a repetition, the second write has the first one's receipt.
func submitTwice(ctx context.Context, s *suite) error {
	if s.manifest.Dedupe != sdk.DedupeExternalID {
		return skip("the manifest does not promise that a repetition is known")
	}
	item, receipt, err := s.submitted(ctx)
	if err != nil {
		return err
	}
	item.Continuation = nil
	outcomes, err := s.submit(ctx, s.conn(nil), item)
	if err != nil {
		return err
	}
	o := outcomes[0]
	if o.Kind != sdk.OutcomeAlreadyApplied {
		return fmt.Errorf("a repetition ends as %q", o.Kind)
	}
	if o.Receipt.ApplicationID != receipt.ApplicationID || o.Receipt.CandidateID != receipt.CandidateID {
		return errors.New("a repetition has another receipt than the first write")
	}
	return s.uncounted(s.once(ctx, item.ExternalID))
}

// submitLost: when the answer to a write is lost, nobody is made twice and nothing is claimed.
func submitLost(ctx context.Context, s *suite) error { return s.submitBroken(ctx, faultCutAfter) }

// submitFailed: a 5xx after the write was applied is no proof that it was not.
func submitFailed(ctx context.Context, s *suite) error { return s.submitBroken(ctx, faultFailAfter) }

func (s *suite) submitBroken(ctx context.Context, fault string) error {
	job, err := s.job(ctx)
	if err != nil {
		return err
	}
	if err := s.fake.fault(ctx, fault, 0); err != nil {
		return err
	}
	item := s.item(job)
	outcomes, err := s.submit(ctx, s.conn(nil), item)
	if err == nil {
		if outcomes[0].Kind != sdk.OutcomeFailed {
			return fmt.Errorf("a write without an answer ends as %q: was it sent again?", outcomes[0].Kind)
		}
		err = outcomes[0].Err
	}
	e := sdk.AsError(err)
	if e.NotApplied {
		return fmt.Errorf("a write without an answer is said to be not applied: %w", err)
	}
	switch e.Kind {
	case sdk.KindAmbiguous, sdk.KindTransient, sdk.KindRemoteChanged, sdk.KindInternal:
	default:
		return fmt.Errorf("a write without an answer is of the kind %q, which reads as a refusal", e.Kind)
	}
	return s.once(ctx, item.ExternalID)
}

// submitInSteps: the adapter is killed between the writes of a submission, started again and told to go on;
// there is one person in the end.
func submitInSteps(ctx context.Context, s *suite) error {
	job, err := s.job(ctx)
	if err != nil {
		return err
	}
	item, conn := s.item(job), s.conn(s.twoStep)
	outcome, kills := sdk.SubmitOutcome{}, 0
	for range maxSteps {
		p, err := s.launch(ctx)
		if err != nil {
			return fmt.Errorf("start the adapter again: %w", err)
		}
		outcomes, err := s.submitWith(ctx, p.Client(), conn, item)
		_ = syscall.Kill(p.PID(), syscall.SIGKILL)
		<-p.Done()
		s.stop(ctx, p)
		if err != nil {
			return err
		}
		if outcome = outcomes[0]; outcome.Kind != sdk.OutcomeContinue {
			break
		}
		item.Continuation = outcome.Continuation
		kills++
	}
	switch {
	case outcome.Err != nil:
		return fmt.Errorf("after %d kills: %w", kills, outcome.Err)
	case kills == 0:
		return skip("a submission is one write, or the settings for several are not given")
	case outcome.Kind == sdk.OutcomeContinue:
		return fmt.Errorf("a submission takes more than %d steps", maxSteps)
	}
	return s.once(ctx, item.ExternalID)
}

// readBack: what was submitted can be read, with the ids of the receipt and words of the ATS.
func readBack(ctx context.Context, s *suite) error {
	item, receipt, err := s.submitted(ctx)
	if err != nil {
		return err
	}
	ref := sdk.ApplicationRef{
		CandidateID: receipt.CandidateID, ApplicationID: receipt.ApplicationID, ExternalID: item.ExternalID,
		JobID: item.JobID, Pending: receipt.Pending,
	}
	return s.shows(ctx, "what was submitted is not read back", func() (bool, error) {
		r, err := bounded(ctx, s, s.client.ReadStatuses, sdk.ReadStatusesRequest{
			Connection: s.conn(nil), Applications: []sdk.ApplicationRef{ref},
		})
		if err := s.heard(r.Meta, err); err != nil {
			return false, err
		}
		for _, one := range r.Readings {
			if one.ApplicationID != "" && (one.ApplicationID == receipt.ApplicationID || receipt.ApplicationID == "") {
				return true, sameReading(one, item, receipt)
			}
		}
		return false, nil
	})
}

// sameReading wants a reading to be of this submission, and to say something.
func sameReading(r sdk.Reading, item sdk.SubmitItem, receipt sdk.Receipt) error {
	switch {
	case r.ExternalID != "" && r.ExternalID != item.ExternalID:
		return errors.New("the reading has another external id than the submission")
	case r.CandidateID != receipt.CandidateID:
		return errors.New("the reading has another candidate id than the receipt")
	case r.Raw == (sdk.RawStatus{}):
		return errors.New("the reading has no word of the ATS")
	}
	return nil
}

// find: a submission is found by its external id, with its own receipt.
func find(ctx context.Context, s *suite) error {
	item, receipt, err := s.submitted(ctx)
	if err != nil {
		return err
	}
	req := sdk.FindRequest{
		Connection: s.conn(nil), ExternalID: item.ExternalID, JobID: item.JobID, Emails: []string{item.Person.Emails[0].Address},
	}
	return s.shows(ctx, fmt.Sprintf("what was submitted is not found by %s", s.manifest.Find), func() (bool, error) {
		r, err := bounded(ctx, s, s.client.Find, req)
		if err := s.heard(r.Meta, err); err != nil {
			return false, err
		}
		for _, m := range r.Matches {
			if m.By == sdk.FindExternalID && m.ExternalID != item.ExternalID {
				return false, errors.New("a match by external id has another one")
			}
			if m.By == s.manifest.Find && m.Receipt.CandidateID == receipt.CandidateID {
				return true, nil
			}
		}
		return false, nil
	})
}
