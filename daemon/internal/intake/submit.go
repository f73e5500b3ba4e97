package intake

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// Submit accepts one document. What is refused is an *atssync.Error: CodeInvalid with every field,
// CodeNotFound for the connection, CodeAccountMismatch for the job, CodeConflict when the submission can no
// longer be changed. A replay and a revision are no errors.
func (s *Service) Submit(ctx context.Context, doc atssync.Document) (a atssync.Accepted, err error) {
	began := time.Now()
	defer func() { s.o.Metrics.judged(began, a, err) }()
	return s.submit(ctx, doc, nil, 0)
}

// SubmitJSON is Decode and Submit, with the problems of both at once.
func (s *Service) SubmitJSON(ctx context.Context, data []byte) (a atssync.Accepted, err error) {
	began := time.Now()
	defer func() { s.o.Metrics.judged(began, a, err) }()
	doc, problems, followed := decode(data, s.o.MaxDocument)
	if !followed {
		return atssync.Accepted{}, invalid(problems)
	}
	return s.submit(ctx, doc, problems, 0)
}

// submit lets the store judge what is valid: whose the job is, whether the external id is known, whether it is held.
func (s *Service) submit(ctx context.Context, doc atssync.Document, problems []atssync.FieldError, ifRevision int) (atssync.Accepted, error) {
	now := time.Now().UTC()
	in, again, err := s.prepare(ctx, s.places(), doc, problems, now)
	switch {
	case err != nil:
		return atssync.Accepted{}, err
	case again != nil:
		return *again, nil
	}
	in.IfRevision = ifRevision
	out, err := s.o.Store.Accept(ctx, []atssync.NewSubmission{in}, now)
	switch {
	case err != nil:
		return atssync.Accepted{}, err
	case len(out) != 1:
		return atssync.Accepted{}, errors.New("the store answered for another number of submissions than it was given")
	case out[0].Err != nil:
		return out[0], out[0].Err
	}
	s.wake(out)
	return out[0], nil
}

// wake wakes the lanes of what was queued, each once.
func (s *Service) wake(accepted []atssync.Accepted) {
	var woken []string
	for i := range accepted {
		sub := &accepted[i].Submission
		if accepted[i].Err == nil && sub.State == atssync.StateQueued && !slices.Contains(woken, sub.Connection) {
			woken = append(woken, sub.Connection)
			s.o.Wake(sub.Connection)
		}
	}
}

// prepare judges a document and makes of it what the store accepts. problems are what the decoder found; what
// lies below a field that it refused is not told again. again is set when it is a repetition that came after its time.
func (s *Service) prepare(ctx context.Context, at *places, doc atssync.Document, problems []atssync.FieldError, now time.Time) (in atssync.NewSubmission, again *atssync.Accepted, err error) {
	c, missing := at.connection(ctx, doc.Connection)
	if missing != nil && doc.Connection != "" && !aboutInput(atssync.CodeOf(missing)) {
		return in, nil, missing
	}
	fallback := cmp.Or(c.LastNameFallback, s.policy.Load().LastNameFallback)
	if missing != nil {
		fallback = "unknown" // nobody can say yet whether a last name is needed
	}
	problems = merge(problems, Validate(doc, Rules{Now: now, LastNameFallback: fallback}))
	switch {
	case len(problems) > 0 && missing == nil && overdue(problems):
		if again, err = s.known(ctx, c, doc); err != nil || again != nil {
			return in, again, err
		}
		return in, nil, invalid(problems)
	case len(problems) > 0:
		return in, nil, invalid(problems)
	case missing != nil:
		return in, nil, missing
	}
	in, err = s.seal(c, doc, now)
	return in, nil, err
}

// overdue reports whether nothing is wrong but that an instant has passed, or what was taken before it was looked at as it is now.
func overdue(problems []atssync.FieldError) bool {
	return !slices.ContainsFunc(problems, func(p atssync.FieldError) bool {
		return !strings.HasPrefix(p.Message, inThePast) && !strings.HasPrefix(p.Message, spoilt) && !strings.HasPrefix(p.Message, unseen)
	})
}

// known finds the submission that the same content made before. A repetition is no request to do something, so it is
// answered even when its time is over: its sender asks only because an answer was lost.
func (s *Service) known(ctx context.Context, c atssync.Connection, doc atssync.Document) (*atssync.Accepted, error) {
	doc.Connection = c.ID
	page, err := s.o.Store.Submissions(ctx, atssync.SubmissionQuery{ExternalKey: s.vault.ExternalKey(c.ID, doc.ExternalID)})
	if err != nil || len(page.Items) == 0 || page.Items[0].Fingerprint != s.vault.Fingerprint(doc) {
		return nil, err
	}
	return &atssync.Accepted{Result: atssync.AcceptedReplay, Submission: page.Items[0]}, nil
}

// seal keys and seals a valid document.
func (s *Service) seal(c atssync.Connection, doc atssync.Document, now time.Time) (atssync.NewSubmission, error) {
	doc.Connection = c.ID
	sub := atssync.Submission{
		ID: atssync.NewID(atssync.PrefixSubmission, now), Connection: c.ID, Account: c.Account,
		ExternalID: doc.ExternalID, ExternalKey: s.vault.ExternalKey(c.ID, doc.ExternalID),
		AccountKey: s.vault.AccountKey(c, doc.ExternalID), Fingerprint: s.vault.Fingerprint(doc), ResumeKey: s.vault.ResumeKey(doc.Resume),
		PersonKeys:  s.vault.PersonKeys(c.Account, doc.Person),
		PlatformJob: doc.Job, State: atssync.StateQueued, Revision: 1, NextAt: now,
		AcceptedAt: now, UpdatedAt: now, ExpiresAt: now.Add(s.policy.Load().ExpireAfter),
	}
	if doc.ExpiresAt != nil {
		sub.ExpiresAt = *doc.ExpiresAt
	}
	if atssync.Blank(doc.Person.LastName) && c.LastNameFallback == "" {
		doc.Person.LastName = s.policy.Load().LastNameFallback // the connection's own is filled in when it is sent
	}
	payload, err := s.vault.SealDocument(c.ID, sub.ExternalKey, doc)
	if err != nil {
		return atssync.NewSubmission{}, err
	}
	return atssync.NewSubmission{Submission: sub, Payload: payload, Within: s.scope}, nil
}

// merge adds to what the decoder told what the validator found elsewhere.
func merge(decoded, found []atssync.FieldError) []atssync.FieldError {
	told := len(decoded)
	for _, f := range found {
		if !slices.ContainsFunc(decoded[:told], func(d atssync.FieldError) bool { return covers(d.Path, f.Path) }) {
			decoded = append(decoded, f)
		}
	}
	return decoded
}

// covers reports whether inner is outer or lies below it.
func covers(outer, inner string) bool {
	rest, ok := strings.CutPrefix(inner, outer)
	return ok && (rest == "" || outer != "" && (rest[0] == '.' || rest[0] == '['))
}
