package manage

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// Submission is a submission as people see it: without keys.
type Submission struct {
	ID          string             `json:"id"`
	Connection  string             `json:"connection"`
	Account     string             `json:"account"`
	ExternalID  string             `json:"external_id"`
	PlatformJob string             `json:"job"`
	State       atssync.State      `json:"state"`
	HeldReason  atssync.HeldReason `json:"held_reason,omitempty"`
	Revision    int                `json:"revision"`
	Attempt     int                `json:"attempts,omitempty"`
	NextAt      time.Time          `json:"next_at,omitzero"` // queued: not before
	ATSJob      string             `json:"ats_job,omitempty"`
	As          sdk.As             `json:"as,omitempty"`
	Receipt     *atssync.Receipt   `json:"receipt,omitempty"`
	Proposal    *atssync.Receipt   `json:"proposal,omitempty"`
	Trouble     *atssync.Trouble   `json:"trouble,omitempty"`
	// Warning is what did not keep it from being sent and should be known, such as a resume that is too large to be parsed.
	Warning           string `json:"warning,omitempty"`
	PossibleDuplicate bool   `json:"possible_duplicate,omitempty"`
	// Partial says that the ATS holds a part of it: one write of several was done.
	Partial    bool      `json:"partial,omitempty"`
	AcceptedAt time.Time `json:"accepted_at"`
	UpdatedAt  time.Time `json:"updated_at"`
	ExpiresAt  time.Time `json:"expires_at,omitzero"`
	// PayloadGoneAt and ErasedAt are since when the document is kept no more, and since when nothing is.
	PayloadGoneAt time.Time `json:"payload_gone_at,omitzero"`
	ErasedAt      time.Time `json:"erased_at,omitzero"`
	// Erasure is the erasure that did it, or that waits for the outcome.
	Erasure string `json:"erasure,omitempty"`
	// WhoseTurn and Remedy say what a held, refused or uncertain one needs.
	WhoseTurn sdk.Turn `json:"whose_turn,omitempty"`
	Remedy    string   `json:"remedy,omitempty"`
}

// SubmissionDetail is one submission with its attempts, and what was asked for.
type SubmissionDetail struct {
	Submission
	Attempts    []Attempt            `json:"attempts_made"`
	Application *atssync.Application `json:"application,omitempty"`
	// Document is personal data: it is opened only when asked for, and that is audited.
	Document *atssync.Document `json:"document,omitempty"`
}

// Attempt is one try to put a submission into the ATS. Note is the text as it was sent, with the document only.
type Attempt struct {
	Number    int              `json:"number"`
	StartedAt time.Time        `json:"started_at"`
	EndedAt   time.Time        `json:"ended_at,omitzero"`
	Outcome   atssync.State    `json:"outcome,omitempty"`
	Kind      sdk.Kind         `json:"kind,omitempty"`
	ATSJob    string           `json:"ats_job"`
	As        sdk.As           `json:"as"`
	Note      string           `json:"note,omitempty"`
	Exchanges []sdk.Exchange   `json:"exchanges,omitempty"`
	Trouble   *atssync.Trouble `json:"trouble,omitempty"`
}

// ReleaseRequest releases many held submissions of a connection.
type ReleaseRequest struct {
	Connection  string             `json:"connection"`
	Reason      atssync.HeldReason `json:"reason"`
	PlatformJob string             `json:"job,omitempty"`
	Since       time.Time          `json:"since,omitzero"`       // accepted at or after
	PerMinute   int                `json:"per_minute,omitempty"` // 0 is the configured pace, ReleaseAtOnce no pace
}

// ReleaseAtOnce is the pace of a release that is worked off as fast as it can be.
const ReleaseAtOnce = -1

// Submissions lists submissions. q.Connection may be a name.
func (s *Service) Submissions(ctx context.Context, q atssync.SubmissionQuery) (atssync.Page[Submission], error) {
	var out atssync.Page[Submission]
	var err error
	if q.Connection, err = s.idOf(ctx, q.Connection); err != nil {
		return out, err
	}
	q.Within = s.scope
	page, err := s.o.Store.Submissions(ctx, q)
	if err != nil {
		return out, err
	}
	out.Items, out.Next = make([]Submission, len(page.Items)), page.Next
	v := s.viewer()
	for i := range page.Items {
		if out.Items[i], err = v.show(ctx, page.Items[i]); err != nil {
			return atssync.Page[Submission]{}, err
		}
	}
	return out, nil
}

// SubmissionsOf lists what was accepted on a connection of one person, whom its id or the first e-mail address names. No document is opened.
func (s *Service) SubmissionsOf(ctx context.Context, connection string, p atssync.Person, at atssync.Paging) (atssync.Page[Submission], error) {
	c, err := s.find(ctx, connection)
	if err != nil {
		return atssync.Page[Submission]{}, err
	}
	keys := s.o.Documents.PersonKeys(c.Account, p)
	if len(keys) == 0 {
		return atssync.Page[Submission]{}, nil
	}
	return s.Submissions(ctx, atssync.SubmissionQuery{Connection: c.ID, PersonKey: keys[0], Paging: at})
}

// Submission returns one submission with its attempts. withDocument opens the document and the notes that were
// sent, which is written into the audit record.
func (s *Service) Submission(ctx context.Context, id string, withDocument bool) (SubmissionDetail, error) {
	sub, err := s.submission(ctx, id)
	if err != nil {
		return SubmissionDetail{}, err
	}
	attempts, err := s.o.Store.Attempts(ctx, id)
	if err != nil {
		return SubmissionDetail{}, err
	}
	out := SubmissionDetail{Attempts: make([]Attempt, len(attempts))}
	if out.Submission, err = s.shownSubmission(ctx, sub); err != nil {
		return SubmissionDetail{}, err
	}
	for i, a := range attempts {
		out.Attempts[i] = Attempt{
			Number: a.Number, StartedAt: a.StartedAt, EndedAt: a.EndedAt, Outcome: a.Outcome, Kind: a.Kind, ATSJob: a.ATSJob,
			As: a.As, Exchanges: a.Exchanges, Trouble: a.Trouble,
		}
	}
	app, err := s.o.Store.Application(ctx, id)
	switch {
	case err == nil:
		out.Application = &app
	case atssync.CodeOf(err) != atssync.CodeNotFound:
		return SubmissionDetail{}, err
	}
	if withDocument {
		err = s.openInto(ctx, &out, sub, attempts)
	} else {
		err = nil
	}
	return out, err
}

// ApplicantName opens the name of who applied, and nothing else; "" when it is kept no more. That somebody looked is written into the audit
// record once an hour for the same person and the same name: a page that is read again tells whoever reads the record nothing new, and would
// hide there what is.
func (s *Service) ApplicantName(ctx context.Context, id string) (string, error) {
	sub, err := s.submission(ctx, id)
	if err != nil {
		return "", err
	}
	payload, err := s.o.Store.Payload(ctx, sub.ID)
	if atssync.CodeOf(err) == atssync.CodeNotFound || err == nil && len(payload) == 0 {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	if actor, ok := atssync.ActorOf(ctx); ok {
		key := strings.Join([]string{actor.Via, actor.Name, sub.ID}, "\x00")
		err := s.looked.lately(key, time.Now(), func() error {
			now := time.Now().UTC()
			return s.o.Store.AppendAudit(ctx, atssync.Audit{
				ID: atssync.NewID(atssync.PrefixAudit, now), At: now, Actor: actor, Action: "submission.open", Object: sub.ID, Detail: "name",
			})
		})
		if err != nil {
			s.looked.forget(key)
			return "", err
		}
	}
	doc, err := s.o.Documents.OpenDocument(sub, payload)
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(doc.Person.FirstName + " " + doc.Person.LastName), nil
}

// openInto opens what is personal of a submission, after writing down that somebody looked.
func (s *Service) openInto(ctx context.Context, out *SubmissionDetail, sub atssync.Submission, attempts []atssync.Attempt) error {
	payload, err := s.o.Store.Payload(ctx, sub.ID)
	if err != nil && atssync.CodeOf(err) != atssync.CodeNotFound {
		return err
	}
	if actor, ok := atssync.ActorOf(ctx); ok {
		now := time.Now().UTC()
		err := s.o.Store.AppendAudit(ctx, atssync.Audit{
			ID: atssync.NewID(atssync.PrefixAudit, now), At: now, Actor: actor, Action: "submission.open", Object: sub.ID,
		})
		if err != nil {
			return err
		}
	}
	if len(payload) > 0 {
		doc, err := s.o.Documents.OpenDocument(sub, payload)
		if err != nil {
			return err
		}
		out.Document = &doc
	}
	for i, a := range attempts {
		if out.Attempts[i].Note, err = s.o.Documents.OpenNote(sub, a.Note); err != nil {
			return err
		}
	}
	return nil
}

// SubmissionID finds a submission by the platform's id.
func (s *Service) SubmissionID(ctx context.Context, connection, externalID string) (string, error) {
	c, err := s.find(ctx, connection)
	if err != nil {
		return "", err
	}
	page, err := s.o.Store.Submissions(ctx, atssync.SubmissionQuery{ExternalKey: s.o.Documents.ExternalKey(c.ID, externalID)})
	if err != nil {
		return "", err
	}
	if len(page.Items) == 0 {
		return "", atssync.Errorf(atssync.CodeNotFound, "connection %s never accepted a submission with external_id %q", c.ID, externalID).
			WithRemedy("look for it: atssync submissions list --connection %s", c.ID)
	}
	return page.Items[0].ID, nil
}

// Act holds, releases, retries or cancels one submission.
func (s *Service) Act(ctx context.Context, id string, kind atssync.ActKind) (Submission, error) {
	if _, err := s.submission(ctx, id); err != nil {
		return Submission{}, err
	}
	sub, err := s.o.Store.Act(ctx, id, kind, time.Now().UTC())
	if err != nil {
		return Submission{}, err
	}
	s.o.Wake(sub.Connection)
	return s.shownSubmission(ctx, sub)
}

// Release releases the held submissions of a connection that wait for one reason, by a task: each is judged again, so
// that those whose reason still stands stay held. The answer tells how many will, as things are now.
func (s *Service) Release(ctx context.Context, req ReleaseRequest) (ReleaseResult, error) {
	if !slices.Contains(atssync.HeldReasons(), req.Reason) {
		return ReleaseResult{}, invalid("the release", []atssync.FieldError{{Path: "reason", Message: "must be one of " + joined(atssync.HeldReasons())}})
	}
	if req.PerMinute < ReleaseAtOnce {
		return ReleaseResult{}, invalid("the release", []atssync.FieldError{{Path: "per_minute", Message: "must be a number a minute, 0 for the configured pace, or -1 for at once"}})
	}
	c, err := s.find(ctx, req.Connection)
	if err == nil && req.Reason == atssync.HeldRestored {
		err = s.notHeldForRestore(ctx, c)
	}
	if err != nil {
		return ReleaseResult{}, err
	}
	switch req.PerMinute {
	case 0:
		req.PerMinute = s.policy.Load().ReleasePerMinute
	case ReleaseAtOnce:
		req.PerMinute = 0 // of a task
	}
	t := atssync.Task{
		Kind: atssync.TaskRelease, Connection: c.ID, Reason: req.Reason, PlatformJob: req.PlatformJob, Since: req.Since, PerMinute: req.PerMinute,
	}
	out, err := s.foresee(ctx, c, t) // before the task is there to be worked off
	if err != nil {
		return ReleaseResult{}, err
	}
	if out.Task, err = s.o.Store.PutTask(ctx, t, time.Now().UTC()); err != nil {
		return ReleaseResult{}, err
	}
	s.o.Wake(c.ID)
	return out, nil
}

// Tasks lists the work on many submissions that is under way; "" for all connections.
func (s *Service) Tasks(ctx context.Context, connection string) ([]atssync.Task, error) {
	id, err := s.idOf(ctx, connection)
	if err != nil {
		return nil, err
	}
	tasks, err := s.o.Store.Tasks(ctx, id)
	if err != nil || s.scope.Whole() {
		return tasks, err
	}
	covers := s.coverage()
	out := tasks[:0]
	for _, t := range tasks {
		ok, err := covers(ctx, t.Connection)
		if err != nil {
			return nil, err
		}
		if ok {
			out = append(out, t)
		}
	}
	return out, nil
}

// submissionView leaves out what is for machines, and says whose turn it is.
func submissionView(s atssync.Submission) Submission {
	v := Submission{
		ID: s.ID, Connection: s.Connection, Account: s.Account, ExternalID: s.ExternalID, PlatformJob: s.PlatformJob,
		State: s.State, HeldReason: s.HeldReason, Revision: s.Revision, Attempt: s.Attempt, ATSJob: s.ATSJob, As: s.As,
		Receipt: s.Receipt, Proposal: s.Proposal, Trouble: s.Trouble, Warning: s.Warning, PossibleDuplicate: s.PossibleDuplicate,
		Partial: len(s.Continuation) > 0, AcceptedAt: s.AcceptedAt, UpdatedAt: s.UpdatedAt, ExpiresAt: s.ExpiresAt,
		PayloadGoneAt: s.PayloadGoneAt, ErasedAt: s.ErasedAt, Erasure: s.Erasure,
	}
	if s.State == atssync.StateQueued {
		v.NextAt = s.NextAt
	}
	v.WhoseTurn, v.Remedy = s.Next()
	return v
}
