package intake

import (
	"context"
	"errors"
	"fmt"
	gopath "path"
	"slices"
	"strings"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// Outlook is how things stand for a submission to one platform job on one connection.
type Outlook struct {
	Lane atssync.Lane
	Link *atssync.JobLink // nil: not linked
	Job  *atssync.ATSJob  // nil: the ATS job was never listed
	// Manifest is nil when the adapter never ran; AdapterTrouble says why it does not run now, "" when it does.
	Manifest       *sdk.Manifest
	AdapterTrouble string
	// QuietUntil is when the ATS takes calls again, zero when it does now.
	QuietUntil time.Time
}

// Preflight is what would become of a document if it were handed over now. Nothing was stored.
type Preflight struct {
	// OK says that it would be put into the ATS now, or that it is there already.
	OK bool `json:"ok" doc:"it would be put into the ATS now, or is on its way or there already"`
	// Result is what handing it over would answer, with the state that the submission would be in.
	Result     atssync.AcceptResult `json:"result" enum:"accepted,revised,unchanged,refused" doc:"what handing it over would answer"`
	State      atssync.State        `json:"state,omitempty" doc:"the state it would be in"`
	HeldReason atssync.HeldReason   `json:"held_reason,omitempty" doc:"what it would wait for"`
	// Submission is the one that is known by this external id.
	Submission string                `json:"submission,omitempty" doc:"id of the submission that has this external id already"`
	Connection string                `json:"connection,omitempty"`
	ExternalID string                `json:"external_id,omitempty"`
	Job        string                `json:"job,omitempty"`
	Checks     []atssync.CheckResult `json:"checks" doc:"everything that was looked at, with whose turn it is and what to do where it is not ok"`
	Errors     []atssync.FieldError  `json:"errors,omitempty" doc:"every refused field"`
}

// Ids of what a preflight looks at, in this order.
const (
	checkDocument   = "document"
	checkConnection = "connection"
	checkAdapter    = "adapter"
	checkHealth     = "health"
	checkJob        = "job"
	checkFields     = "fields"
	checkKnown      = "known"
	checkPerson     = "person"
	checkQuota      = "quota"
)

// PreflightJSON says what would become of a document now, and creates nothing. What is wrong with it is in the answer; an
// error is a fault, or a connection that there is not.
func (s *Service) PreflightJSON(ctx context.Context, data []byte) (Preflight, error) {
	now := time.Now().UTC()
	doc, problems, followed := decode(data, s.o.MaxDocument)
	p := &preflight{s: s, doc: doc, now: now, out: Preflight{
		Result: atssync.AcceptRefused, Connection: doc.Connection, ExternalID: doc.ExternalID, Job: doc.Job,
	}}
	if !followed {
		p.invalid(problems)
		return p.out, nil
	}
	at := s.places()
	in, again, err := s.prepare(ctx, at, doc, problems, now)
	c, missing := at.connection(ctx, doc.Connection)
	switch e, refused := errors.AsType[*atssync.Error](err); {
	case refused && e.Code == atssync.CodeInvalid:
		p.invalid(e.Fields)
	case err != nil:
		return Preflight{}, err
	default:
		p.found(checkDocument, "The document is valid")
	}
	if missing != nil && doc.Connection != "" {
		return Preflight{}, missing
	}
	if missing != nil {
		return p.out, nil // it is told among the fields
	}
	p.out.Connection = c.ID
	if len(p.out.Errors) > 0 {
		in.Submission = atssync.Submission{} // nothing to judge by the store
	}
	return p.out, p.judge(ctx, c, in, again)
}

// preflight collects findings.
type preflight struct {
	s   *Service
	doc atssync.Document
	now time.Time
	out Preflight
}

func (p *preflight) add(r atssync.CheckResult) { p.out.Checks = append(p.out.Checks, r) }

func (p *preflight) found(id, label string) {
	p.add(atssync.CheckResult{ID: id, Label: label, OK: true})
}

func (p *preflight) warn(id, label, cause, remedy string) {
	p.add(atssync.CheckResult{ID: id, Label: label, OK: true, Warning: true, Cause: cause, Remedy: remedy})
}

func (p *preflight) fail(id, label, cause string, turn sdk.Turn, remedy string) {
	p.add(atssync.CheckResult{ID: id, Label: label, Cause: cause, WhoseTurn: turn, Remedy: remedy})
}

func (p *preflight) refuse(id, label string, err error, turn sdk.Turn) {
	cause, remedy := err.Error(), ""
	if e, ok := errors.AsType[*atssync.Error](err); ok {
		e = p.s.scope.Shown(e)
		cause, remedy = e.Message, e.Remedy
	}
	p.fail(id, label, cause, turn, remedy)
}

func (p *preflight) invalid(problems []atssync.FieldError) {
	p.out.Errors = problems
	p.fail(checkDocument, "The document is valid", fmt.Sprintf("%d of its fields are refused", len(problems)), sdk.TurnPlatform, "mend what errors names, and send it again")
}

// judge asks the store, the connection and the world around, each for its part.
func (p *preflight) judge(ctx context.Context, c atssync.Connection, in atssync.NewSubmission, again *atssync.Accepted) error {
	var a atssync.Accepted
	judged := true
	switch {
	case again != nil:
		a = *again
	case in.Submission.ID == "":
		judged = false
	default:
		got, err := p.s.o.Store.Preview(ctx, []atssync.NewSubmission{in}, p.now)
		if err != nil {
			return err
		}
		a = got[0]
	}
	o, err := p.outlook(ctx, c)
	if err != nil {
		return err
	}
	p.connection(c, o)
	p.job(c, o)
	if judged {
		p.known(a)
		if err := p.person(ctx, c, in.Submission); err != nil {
			return err
		}
	}
	p.resume(ctx, c, o)
	p.quota(o)
	p.conclude(a, judged)
	return nil
}

// conclude sums up: what is on its way or arrived is well whatever was found; all else needs every finding to be.
func (p *preflight) conclude(a atssync.Accepted, judged bool) {
	if !judged || a.Err != nil {
		return
	}
	sub := a.Submission
	p.out.Result, p.out.State, p.out.HeldReason = a.Result, sub.State, sub.HeldReason
	if a.Result != atssync.AcceptedNew {
		p.out.Submission = sub.ID
	}
	switch sub.State {
	case atssync.StateSubmitted, atssync.StateAlreadyApplied, atssync.StateSending:
		p.out.OK = true
	case atssync.StateQueued:
		p.out.OK = !slices.ContainsFunc(p.out.Checks, func(r atssync.CheckResult) bool { return !r.OK })
	}
}

// known says whether the platform's id was handed over before.
func (p *preflight) known(a atssync.Accepted) {
	const label = "The external id is free"
	sub := a.Submission
	switch {
	case atssync.CodeOf(a.Err) == atssync.CodeAccountMismatch && !p.s.scope.Whole(): // whose it is, is not theirs to know
		p.fail(checkJob, "The job is the account's", fmt.Sprintf("there is no platform job %q for this caller", p.doc.Job), sdk.TurnPlatform, "name a job of the connection's own account")
	case a.Err != nil:
		p.refuse(checkKnown, label, a.Err, sdk.TurnPlatform)
	case a.Result == atssync.AcceptedReplay:
		p.warn(checkKnown, label, fmt.Sprintf("the same content was accepted before, as submission %s, which is %s: handing it over again changes nothing", sub.ID, sub.State), "")
	case a.Result == atssync.AcceptedRevision:
		p.warn(checkKnown, label, fmt.Sprintf("submission %s has this external id with other content; this would be its revision %d", sub.ID, sub.Revision), "")
	case sub.PossibleDuplicate:
		p.warn(checkKnown, label, "it was given up on another connection of the account while nobody knew whether the ATS has it: it may be a duplicate", "look for the person in the ATS first")
	default:
		p.found(checkKnown, label)
	}
}

// mostPeople bounds how many earlier submissions of one person are looked at.
const mostPeople = 20

// person warns when the same person was handed over on this connection under another external id.
func (p *preflight) person(ctx context.Context, c atssync.Connection, sub atssync.Submission) error {
	const label = "The person was not sent here before"
	seen := make(map[string]atssync.Submission)
	for _, k := range sub.PersonKeys {
		page, err := p.s.o.Store.Submissions(ctx, atssync.SubmissionQuery{
			Connection: c.ID, PersonKey: k, Within: p.s.scope, Paging: atssync.Paging{Limit: mostPeople},
		})
		if err != nil {
			return err
		}
		for _, s := range page.Items {
			if s.ExternalKey != sub.ExternalKey {
				seen[s.ID] = s
			}
		}
	}
	if len(seen) == 0 {
		p.found(checkPerson, label)
		return nil
	}
	var last atssync.Submission
	jobs := make(map[string]bool)
	for _, s := range seen {
		if s.AcceptedAt.After(last.AcceptedAt) {
			last = s
		}
		jobs[s.PlatformJob] = true
	}
	cause := fmt.Sprintf("this person (by id or e-mail address) was sent on this connection %d times before; the last one is submission %s for job %s, which is %s",
		len(seen), last.ID, last.PlatformJob, last.State)
	if jobs[p.doc.Job] {
		cause += "; one of them is for this job"
	}
	p.warn(checkPerson, label, cause, "see whether a second application is meant")
	return nil
}

// outlook asks how things stand; without anybody to ask nothing is known to be wrong.
func (p *preflight) outlook(ctx context.Context, c atssync.Connection) (Outlook, error) {
	if p.s.o.Outlook == nil {
		return Outlook{}, nil
	}
	return p.s.o.Outlook(ctx, c, p.doc.Job)
}

// extension is the lower-case ending of a resume's file name, or of its address.
func extension(r atssync.Resume) string {
	name := r.FileName
	if name == "" {
		name, _, _ = strings.Cut(r.URL, "?")
		name, _, _ = strings.Cut(name, "#")
	}
	return strings.ToLower(strings.TrimPrefix(gopath.Ext(name), "."))
}
