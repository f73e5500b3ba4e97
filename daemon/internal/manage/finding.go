package manage

import (
	"context"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
	sdk "github.com/atssync/atssync/plugin-sdk"
)

// FindView is what a search in the ATS showed.
type FindView struct {
	Submission Submission `json:"submission"`
	// Settled says that a match by external id settled it; otherwise Matches are proposals.
	Settled bool    `json:"settled"`
	Matches []Match `json:"matches"`
}

// Match is one found application.
type Match struct {
	By         sdk.Find        `json:"by"`
	ExternalID string          `json:"external_id,omitempty"`
	Receipt    atssync.Receipt `json:"receipt"`
}

// Find looks for an uncertain submission in the ATS. A match by our external id settles it; one by e-mail and
// job is noted as a proposal that a person may accept with Resolve. No match proves nothing by itself.
func (s *Service) Find(ctx context.Context, id string) (FindView, error) {
	sub, err := s.submission(ctx, id)
	if err != nil {
		return FindView{}, err
	}
	if sub.State != atssync.StateUncertain {
		return FindView{}, atssync.Errorf(atssync.CodeConflict, "submission %s is %s; only an uncertain one is looked for", sub.ID, sub.State)
	}
	req, err := s.findRequest(ctx, sub)
	if err != nil {
		return FindView{}, err
	}
	c, err := s.o.Store.Connection(ctx, sub.Connection)
	if err != nil {
		return FindView{}, err
	}
	reply, err := call(ctx, s, c, sdk.PowerFind, func(cl sdk.Client, sc sdk.Connection) (sdk.FindReply, error) {
		req.Connection = sc
		return cl.Find(ctx, req)
	})
	if err != nil {
		return FindView{}, err
	}
	return s.found(ctx, sub, reply.Matches)
}

// findRequest opens what a search needs of the document: the e-mail addresses.
func (s *Service) findRequest(ctx context.Context, sub atssync.Submission) (sdk.FindRequest, error) {
	req := sdk.FindRequest{ExternalID: sub.ExternalID, JobID: sub.ATSJob}
	attempts, err := s.o.Store.Attempts(ctx, sub.ID)
	if err != nil {
		return req, err
	}
	if len(attempts) > 0 {
		req.SentAfter = attempts[0].StartedAt
	}
	payload, err := s.o.Store.Payload(ctx, sub.ID)
	if err != nil && atssync.CodeOf(err) != atssync.CodeNotFound {
		return req, err
	}
	if len(payload) == 0 {
		return req, nil
	}
	doc, err := s.o.Documents.OpenDocument(sub, payload)
	if err != nil {
		return req, err
	}
	for _, e := range doc.ForReading().Person.Emails {
		req.Emails = append(req.Emails, e.Address)
	}
	return req, nil
}

// found settles by the one match that proves the submission, or notes the one that may be it.
func (s *Service) found(ctx context.Context, sub atssync.Submission, matches []sdk.Match) (FindView, error) {
	out := FindView{Submission: submissionView(sub), Matches: make([]Match, 0, len(matches))}
	var proof, guesses []atssync.Receipt
	for _, m := range matches {
		r := atssync.Receipt{
			CandidateID: m.Receipt.CandidateID, ApplicationID: m.Receipt.ApplicationID,
			ProfileURL: m.Receipt.ProfileURL, Pending: m.Receipt.Pending,
		}
		out.Matches = append(out.Matches, Match{By: m.By, ExternalID: m.ExternalID, Receipt: r})
		if m.By == sdk.FindExternalID && m.ExternalID == sub.ExternalID {
			proof = append(proof, r)
		} else {
			guesses = append(guesses, r)
		}
	}
	now := time.Now().UTC()
	switch {
	case len(proof) > 0:
		app := atssync.NewApplication(sub, proof[0], "", now)
		saved, err := s.o.Store.Resolve(ctx, sub.ID, atssync.SettleUncertain{
			Resolution: atssync.ResolvedSubmitted, By: "find", Receipt: &proof[0], Application: &app,
		}, now)
		if err != nil {
			return out, err
		}
		out.Submission, out.Settled = submissionView(saved), true
		s.o.Wake(sub.Connection)
	case len(guesses) == 1:
		if err := s.o.Store.Propose(ctx, sub.ID, guesses[0], now); err != nil {
			return out, err
		}
		out.Submission.Proposal = &guesses[0]
	}
	return out, nil
}
