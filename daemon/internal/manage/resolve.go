package manage

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// ResolveRequest settles an uncertain submission. It is named by ID, or by Connection and ExternalID.
type ResolveRequest struct {
	ID         string             `json:"submission,omitempty"`
	Connection string             `json:"connection,omitempty"`
	ExternalID string             `json:"external_id,omitempty"`
	Action     atssync.Resolution `json:"action"`
	// ProfileURL is the candidate's page in the ATS, with ResolvedSubmitted.
	ProfileURL string `json:"profile_url,omitempty"`
	// Attempt is the one that was looked for: an answer to an earlier one is refused. ResolvedSendAgain needs it, and for
	// ResolvedGiveUp 0 is whichever was the last.
	Attempt int `json:"attempt,omitempty"`
}

// Resolve settles an uncertain submission as a person says, or one that is held for a restore and stands in the ATS. That it was submitted is not taken on trust: the
// candidate behind ProfileURL is read back, and must carry our external id.
func (s *Service) Resolve(ctx context.Context, req ResolveRequest) (Submission, error) {
	if problems := resolveProblems(req); len(problems) > 0 {
		return Submission{}, invalid("the resolution", problems)
	}
	if req.ID == "" {
		id, err := s.SubmissionID(ctx, req.Connection, req.ExternalID)
		if err != nil {
			return Submission{}, err
		}
		req.ID = id
	}
	sub, err := s.submission(ctx, req.ID)
	if err != nil {
		return Submission{}, err
	}
	if sub.State == atssync.StateHeld && sub.HeldReason == atssync.HeldRestored && req.Action == atssync.ResolvedSubmitted {
		return s.resolveRestored(ctx, sub, req.ProfileURL)
	}
	if sub.State != atssync.StateUncertain {
		return Submission{}, atssync.Errorf(atssync.CodeConflict, "submission %s is %s; only an uncertain one is resolved", sub.ID, sub.State)
	}
	if req.Action == atssync.ResolvedSendAgain && req.Attempt == 0 {
		return Submission{}, notLookedFor(sub)
	}
	how := atssync.SettleUncertain{Resolution: req.Action, By: "person", Attempt: req.Attempt}
	now := time.Now().UTC()
	if req.Action == atssync.ResolvedSubmitted {
		receipt, job, err := s.readBack(ctx, sub, req.ProfileURL)
		if err != nil {
			return Submission{}, err
		}
		app := atssync.NewApplication(sub, receipt, job, now)
		how.Receipt, how.Application = &receipt, &app
	}
	sub, err = s.o.Store.Resolve(ctx, sub.ID, how, now)
	if err != nil {
		return Submission{}, err
	}
	s.o.Wake(sub.Connection)
	return s.shownSubmission(ctx, sub)
}

// resolveRestored settles a submission that is held for a restore and was found in the ATS: it was sent after the backup.
func (s *Service) resolveRestored(ctx context.Context, sub atssync.Submission, address string) (Submission, error) {
	l, err := s.o.Store.JobLink(ctx, sub.Connection, sub.PlatformJob)
	if err != nil && atssync.CodeOf(err) != atssync.CodeNotFound {
		return Submission{}, err
	}
	if sub.ATSJob == "" {
		sub.ATSJob, sub.As = l.ATSJob, l.As
	}
	receipt, _, err := s.readBack(ctx, sub, address)
	if err != nil {
		return Submission{}, err
	}
	now := time.Now().UTC()
	got, err := s.o.Store.Learn(ctx, []atssync.Evidence{{
		Connection: sub.Connection, Submission: sub.ID, ExternalKey: sub.ExternalKey, AccountKey: sub.AccountKey,
		State: atssync.StateSubmitted, Receipt: &receipt, ATSJob: sub.ATSJob, As: sub.As, At: now, Source: "person",
	}}, now)
	if err != nil {
		return Submission{}, err
	}
	if got[0] != atssync.LearnedSettled {
		return Submission{}, atssync.Errorf(atssync.CodeConflict, "submission %s was released meanwhile", sub.ID).
			WithRemedy("see what became of it: atssync submissions show %s", sub.ID)
	}
	if actor, ok := atssync.ActorOf(ctx); ok {
		if err := s.o.Store.AppendAudit(ctx, atssync.Audit{
			ID: atssync.NewID(atssync.PrefixAudit, now), At: now, Actor: actor, Action: "submission.resolve", Object: sub.ID, Detail: string(atssync.ResolvedSubmitted),
		}); err != nil {
			return Submission{}, err
		}
	}
	if sub, err = s.submission(ctx, sub.ID); err != nil {
		return Submission{}, err
	}
	return s.shownSubmission(ctx, sub)
}

// notLookedFor refuses to send again for somebody who does not say which attempt was looked for: it may have been sent once more
// between looking and saying so, and would go in a second time.
func notLookedFor(sub atssync.Submission) error {
	return invalid("the resolution of submission "+sub.ID, []atssync.FieldError{{Path: "attempt", Message: fmt.Sprintf(
		"is required to send it again: the last attempt is %d; look into the ATS whether it is there, and if it is not, say attempt %[1]d", sub.Attempt)}})
}

func resolveProblems(req ResolveRequest) []atssync.FieldError {
	var out []atssync.FieldError
	refuse := func(path, message string) {
		out = append(out, atssync.FieldError{Path: path, Message: message})
	}
	if req.ID == "" && req.ExternalID == "" {
		refuse("submission", "is required: give the submission's id, or its external_id and connection")
	}
	if req.ID == "" && req.ExternalID != "" && req.Connection == "" {
		refuse("connection", "is required with external_id")
	}
	if req.Attempt < 0 {
		refuse("attempt", "must be the number of an attempt, from 1")
	}
	switch req.Action {
	case atssync.ResolvedSubmitted:
		if req.ProfileURL == "" {
			refuse("profile_url", "is required: give the address of the candidate's page in the ATS")
		}
	case atssync.ResolvedSendAgain, atssync.ResolvedGiveUp:
		if req.ProfileURL != "" {
			refuse("profile_url", "is for submitted only")
		}
	default:
		refuse("action", "must be submitted, send_again or give_up")
	}
	return out
}

// readBack reads the candidate behind a profile address and returns its receipt, if it is this submission's.
func (s *Service) readBack(ctx context.Context, sub atssync.Submission, address string) (receipt atssync.Receipt, job string, err error) {
	c, err := s.o.Store.Connection(ctx, sub.Connection)
	if err != nil {
		return receipt, "", err
	}
	m, err := s.manifest(c.Adapter)
	if err != nil {
		return receipt, "", err
	}
	candidate, application, err := profileIDs(m, address)
	if err != nil {
		return receipt, "", err
	}
	ref := sdk.ApplicationRef{CandidateID: candidate, ApplicationID: application, ExternalID: sub.ExternalID, JobID: sub.ATSJob}
	reply, err := call(ctx, s, c, sdk.PowerReadStatuses, func(cl sdk.Client, sc sdk.Connection) (sdk.ReadStatusesReply, error) {
		return cl.ReadStatuses(ctx, sdk.ReadStatusesRequest{Connection: sc, Applications: []sdk.ApplicationRef{ref}})
	})
	if err != nil {
		return receipt, "", err
	}
	rd, err := atssync.OwnReading(sub, ref, reply.Readings, m)
	if err != nil {
		return receipt, "", err
	}
	receipt = atssync.Receipt{CandidateID: rd.CandidateID, ApplicationID: rd.ApplicationID, ProfileURL: rd.ProfileURL}
	if receipt.ProfileURL == "" {
		receipt.ProfileURL = address
	}
	if receipt.ApplicationID != "" {
		others, err := s.o.Store.SubmissionsByReceipt(ctx, c.ID, "", receipt.ApplicationID)
		if err != nil {
			return receipt, "", err
		}
		if err := atssync.NotFollowed(sub, receipt, others); err != nil {
			return receipt, "", err
		}
	}
	return receipt, rd.JobName, nil
}

// profileIDs takes the ATS's ids out of the address of a candidate's page.
func profileIDs(m sdk.Manifest, address string) (candidate, application string, err error) {
	if m.ProfileURL == "" {
		return "", "", atssync.Errorf(atssync.CodeConflict, "the adapter of %s does not say how the addresses of its candidates' pages look", m.Label).
			WithRemedy("send it again or give it up")
	}
	re, err := regexp.Compile(m.ProfileURL)
	if err != nil {
		return "", "", atssync.Errorf(atssync.CodeAdapter, "the adapter of %s describes its profile addresses by an expression that cannot be read", m.Label).
			WithRemedy("tell the adapter's author")
	}
	match := re.FindStringSubmatch(address)
	if i := re.SubexpIndex("candidate"); match != nil && i >= 0 {
		candidate = match[i]
	}
	if i := re.SubexpIndex("application"); match != nil && i >= 0 {
		application = match[i]
	}
	if candidate == "" {
		return "", "", invalid("the resolution", []atssync.FieldError{{
			Path: "profile_url", Message: "is not the address of a candidate's page of " + m.Label + "; open the candidate there and copy the address",
		}})
	}
	return candidate, application, nil
}

// resolveKeys are the keys, or columns, of a file of resolutions.
var resolveKeys = []string{"submission", "connection", "external_id", "action", "profile_url", "attempt"}

// ResolveFile settles the submissions of a file; connection is used for records that name their submission by
// external_id and no connection. What is wrong with a record is in the report, and the others go on.
func (s *Service) ResolveFile(ctx context.Context, r io.Reader, f Format, connection string) (ImportReport, error) {
	var report ImportReport
	err := readRecords(r, f, resolveKeys, func(rec record) error {
		report.Read++
		if rec.err != nil {
			report.refuse(rec.line, rec.err)
			return nil
		}
		req := ResolveRequest{
			ID: rec.values["submission"], Connection: rec.values["connection"], ExternalID: rec.values["external_id"],
			Action: atssync.Resolution(rec.values["action"]), ProfileURL: rec.values["profile_url"],
		}
		if req.Connection == "" {
			req.Connection = connection
		}
		var err error
		if text := rec.values["attempt"]; text != "" {
			if req.Attempt, err = strconv.Atoi(text); err != nil {
				report.refuse(rec.line, invalid("the resolution", []atssync.FieldError{{Path: "attempt", Message: "must be the number of an attempt, from 1"}}))
				return nil
			}
		}
		_, err = s.Resolve(ctx, req)
		switch code := atssync.CodeOf(err); {
		case err == nil:
			report.Stored++
		case aboutInput(err) || code == atssync.CodeCheckFailed || code == atssync.CodeATS || code == atssync.CodeAdapter:
			report.refuse(rec.line, s.told(err))
		default:
			return fmt.Errorf("settle the submission of line %d: %w", rec.line, err)
		}
		return nil
	})
	return report, err
}
