package kv

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// What one submission writes beside its payload, at most, with room to spare: records, index entries, event.
const (
	acceptBytes = 4 << 10
	acceptKeys  = 16
)

// Accept stores submissions, judged in the same commit. What is too much for one commit takes several; when
// one of the later ones fails, its items and those after it are refused with that error.
func (s *Store) Accept(ctx context.Context, in []atssync.NewSubmission, now time.Time) ([]atssync.Accepted, error) {
	if err := tooMany(len(in)); err != nil {
		return nil, err
	}
	ctx = Intake(ctx)
	out := make([]atssync.Accepted, len(in))
	stored := 0
	for stored < len(in) {
		n := acceptPart(in[stored:])
		err := inParts(n, n, func(from, to int) error {
			part, done := in[stored:stored+to-from], out[stored:stored+to-from]
			err := s.update(ctx, now, func(st *step) error {
				for i := range part {
					var err error
					if done[i], err = st.accept(&part[i]); err != nil {
						return err
					}
				}
				return nil
			})
			if err == nil {
				stored += to - from
			}
			return err
		})
		if err == nil {
			continue
		}
		if err = noSpace(err); stored == 0 {
			return nil, err
		}
		for i := stored; i < len(in); i++ {
			out[i] = atssync.Accepted{Result: atssync.AcceptRefused, Err: err}
		}
		break
	}
	return out, nil
}

// acceptPart is how many of the submissions fit one commit.
func acceptPart(in []atssync.NewSubmission) int {
	bytes, keys := 0, 0
	for i := range in {
		bytes += acceptBytes + len(in[i].Payload)
		keys += acceptKeys + len(in[i].Submission.PersonKeys)
		if i > 0 && (bytes > MaxStepBytes || keys > MaxStepKeys) {
			return i
		}
	}
	return len(in)
}

// noSpace tells an engine's refusal for want of disk space in words for whoever sends submissions.
func noSpace(err error) error {
	if !errors.Is(err, ErrLowSpace) {
		return err
	}
	return atssync.Errorf(atssync.CodeNoSpace, "the disk of the data folder is nearly full: no new submissions are taken").
		WithRemedy("free disk space, then send again; what was accepted before is safe")
}

func refused(err error) (atssync.Accepted, error) {
	if _, ok := err.(*atssync.Error); !ok { //nolint:errorlint // an *Error that a step made is a refusal; a wrapped one is a fault.
		return atssync.Accepted{}, err
	}
	return atssync.Accepted{Result: atssync.AcceptRefused, Err: err}, nil
}

// accept judges one submission. An error is a fault of the store; a refusal is in the answer.
func (st *step) accept(in *atssync.NewSubmission) (atssync.Accepted, error) {
	n := &in.Submission
	c, first, err := st.known(n)
	if err != nil {
		return refused(err)
	}
	orphan, err := st.orphaned(first)
	if err != nil {
		return atssync.Accepted{}, err
	}
	switch {
	case first == nil:
	case importedOnly(first):
		return atssync.Accepted{Result: atssync.AcceptedReplay, Submission: *first}, nil
	case first.Fingerprint == n.Fingerprint && !orphan && !signedAnew(first, n):
		if err := st.replenish(first, in); err != nil {
			return atssync.Accepted{}, err
		}
		return atssync.Accepted{Result: atssync.AcceptedReplay, Submission: *first}, nil
	case in.IfRevision != 0 && in.IfRevision != first.Revision:
		return refused(atssync.Errorf(atssync.CodeChanged, "submission %s has revision %d by now, not %d", first.ID, first.Revision, in.IfRevision).
			WithRemedy("read it again, and decide then"))
	case !first.State.Revisable() || underWay(first) && !orphan:
		return refused(notRevisable(first))
	}
	if err := st.ownJob(c.Account, n.PlatformJob, in.Within); err != nil {
		return refused(err)
	}
	doubtful, err := st.elsewhere(c, n)
	if err != nil {
		return refused(err)
	}
	if first == nil {
		if a, known, err := st.foreknown(c, in); err != nil || known {
			return a, err
		}
	}
	state, reason, err := st.judge(c, n.PlatformJob)
	if err != nil {
		return atssync.Accepted{}, err
	}
	if first != nil {
		first.PossibleDuplicate = first.PossibleDuplicate || doubtful
		return st.revise(c, first, in, verdict{state, reason})
	}
	s := st.fresh(c, n)
	s.PossibleDuplicate = doubtful
	s.State, s.HeldReason, s.NextAt = state, reason, st.now
	if err := st.save(nil, &s); err != nil {
		return atssync.Accepted{}, err
	}
	st.claim(&s)
	st.w.Set(keyPayload(s.ID), in.Payload)
	if state == atssync.StateHeld {
		st.emit(c, s.StateEvent(st.now))
	}
	return atssync.Accepted{Result: atssync.AcceptedNew, Submission: s}, nil
}

// orphaned reports whether a submission is given up only because its connection was removed, or is about to
// be by a task that is still under way.
func (st *step) orphaned(s *atssync.Submission) (bool, error) {
	if s == nil || s.State == atssync.StateCancelled {
		return s != nil && s.Orphaned, nil
	}
	if s.State != atssync.StateQueued && s.State != atssync.StateHeld {
		return false, nil
	}
	tasks, err := st.pending(s.Connection)
	for _, t := range tasks {
		if t.Kind == atssync.TaskCancel && !s.UpdatedAt.After(t.CreatedAt) {
			return true, err
		}
	}
	return false, err
}

// importedOnly reports whether a submission was never handed over: it stands for an application of an earlier integration.
// Whatever is handed over under its external id is in the ATS already.
func importedOnly(s *atssync.Submission) bool {
	return s.State == atssync.StateAlreadyApplied && s.Attempt == 0
}

// signedAnew reports whether the same content gives a submission that waits for its resume another address of it. The
// fingerprint leaves out what such an address is signed with, so that a repetition with a new signature is one; here the
// new signature is what is waited for.
func signedAnew(first, n *atssync.Submission) bool {
	return first.State == atssync.StateHeld && first.HeldReason == atssync.HeldResumeUnavailable && first.ResumeKey != n.ResumeKey
}

// underWay reports whether the ATS holds a part of a submission whose next write comes by itself. One that was refused
// or given up is revised like any other: its continuation stays, so that the part is not made a second time.
func underWay(s *atssync.Submission) bool {
	return len(s.Continuation) > 0 && (s.State == atssync.StateQueued || s.State == atssync.StateHeld)
}

// known finds the connection of a new submission and the first submission with its external id, which is nil
// when there is none.
func (st *step) known(n *atssync.Submission) (*atssync.Connection, *atssync.Submission, error) {
	c, err := st.conn(n.Connection)
	if err != nil {
		return nil, nil, err
	}
	if c == nil || c.State == atssync.ConnectionRemoved {
		return nil, nil, atssync.Errorf(atssync.CodeNotFound, "there is no connection %s", n.Connection).
			WithRemedy("connect the account first; see: atssync connections list")
	}
	if n.Account != "" && n.Account != c.Account {
		return nil, nil, atssync.Errorf(atssync.CodeAccountMismatch, "connection %s belongs to another account", c.ID)
	}
	id, err := st.idAt(keyExternal(n.ExternalKey))
	if err == nil && id == "" {
		err = st.goneBefore(n.ExternalKey, n.AccountKey)
	}
	if err != nil || id == "" {
		return c, nil, err
	}
	first, err := st.needSubmission(id)
	if err == nil {
		err = first.Gone()
	}
	return c, first, err
}

// replenish takes the document of a submission back that retention dropped and that may still be tried again.
func (st *step) replenish(first *atssync.Submission, in *atssync.NewSubmission) error {
	if first.PayloadGoneAt.IsZero() || !first.State.Revisable() {
		return nil
	}
	was := *first
	first.PayloadGoneAt, first.UpdatedAt = time.Time{}, st.now
	st.w.Set(keyPayload(first.ID), in.Payload)
	return st.save(&was, first)
}

// ownJob refuses a platform job that is known under another account and not under this one.
func (st *step) ownJob(account, job string, within atssync.Scope) error {
	if !within.Whole() {
		return st.checkOwner(account, job, within)
	}
	k := jobKey{account, job}
	if err, ok := st.owned[k]; ok {
		return err
	}
	err := st.checkOwner(account, job, within)
	if st.owned == nil {
		st.owned = make(map[jobKey]error, 4)
	}
	st.owned[k] = err
	return err
}

// checkOwner looks for a platform job among the accounts that a caller sees: who must not know of an account does not learn of its
// jobs by what is refused.
func (r reader) checkOwner(account, job string, within atssync.Scope) error {
	if err := usableID("job", job); err != nil {
		return err
	}
	own, err := r.r.Value(keyPlatformOwner(job, account))
	if err != nil || own != nil { // the usual case needs no scan
		return err
	}
	other := false
	if within.Whole() {
		err = r.r.Scan(table(tabPlatformOwner).text(job), nil, func(_, by []byte) bool {
			other = !bytes.Equal(by, ownedByPart)
			return !other
		})
	}
	for _, a := range within.Accounts {
		if own, err = r.r.Value(keyPlatformOwner(job, a)); err != nil {
			return err
		}
		other = other || own != nil
	}
	if err == nil && other {
		err = atssync.Errorf(atssync.CodeAccountMismatch, "platform job %s belongs to another account", job).
			WithRemedy("use a connection of the job's own account")
	}
	return err
}

// fresh is a submission as it is before it is judged for the first time.
func (st *step) fresh(c *atssync.Connection, n *atssync.Submission) atssync.Submission {
	s := *n
	s.Account, s.Revision, s.AcceptedAt, s.UpdatedAt = c.Account, 1, st.now, st.now
	return s
}

// revise replaces the content of a submission that nothing was sent of, and judges it again. What a person
// holds stays held: other content is no reason to let it go.
func (st *step) revise(c *atssync.Connection, first *atssync.Submission, in *atssync.NewSubmission, v verdict) (atssync.Accepted, error) {
	was := *first
	s := first
	if was.State == atssync.StateHeld && (was.HeldReason == atssync.HeldOperator || was.HeldReason == atssync.HeldRestored) {
		v = verdict{atssync.StateHeld, was.HeldReason}
	}
	if err := s.Move(v.state, v.reason, st.now); err != nil {
		return refused(err)
	}
	doubtful, err := st.givenUp(&was)
	if err != nil {
		return atssync.Accepted{}, err
	}
	n := &in.Submission
	s.PossibleDuplicate = s.PossibleDuplicate || doubtful
	s.Revision++
	s.AccountKey, s.ResumeKey, s.Warning = n.AccountKey, n.ResumeKey, ""
	s.Fingerprint, s.PersonKeys, s.PlatformJob, s.ExpiresAt = n.Fingerprint, n.PersonKeys, n.PlatformJob, n.ExpiresAt
	s.Trouble, s.Proposal, s.Failures, s.NextAt, s.Orphaned = nil, nil, 0, st.now, false
	s.PayloadGoneAt = time.Time{}
	if err := st.save(&was, s); err != nil {
		return atssync.Accepted{}, err
	}
	st.claim(s)
	st.w.Set(keyPayload(s.ID), in.Payload)
	if s.State == atssync.StateHeld || was.State == atssync.StateHeld {
		st.emit(c, s.StateEvent(st.now))
	}
	return atssync.Accepted{Result: atssync.AcceptedRevision, Submission: *s}, nil
}

// givenUp reports whether a submission was cancelled although nobody knew whether the ATS has it: what is sent for it
// now may be there already.
func (st *step) givenUp(s *atssync.Submission) (bool, error) {
	if s.State != atssync.StateCancelled || s.Attempt == 0 {
		return false, nil
	}
	a, err := record[atssync.Attempt](st.w, keyAttempt(s.ID, s.Attempt))
	return a != nil && a.Outcome == atssync.StateUncertain, err
}

func notRevisable(s *atssync.Submission) error {
	if underWay(s) {
		return atssync.Errorf(atssync.CodeConflict,
			"submission %s is %s and the ATS already holds a part of it: its content cannot be changed", s.ID, s.State).
			WithRemedy("let it be finished, and change the application in the ATS")
	}
	e := atssync.Errorf(atssync.CodeConflict, "submission %s is %s: its content cannot be changed any more", s.ID, s.State)
	switch s.State {
	case atssync.StateSending:
		return e.WithRemedy("wait for the outcome of the attempt")
	case atssync.StateUncertain:
		return e.WithRemedy("settle it first: atssync resolve %s", s.ID)
	}
	return e.WithRemedy("change the application in the ATS, or submit under a new external_id")
}

// Import follows an application that an earlier integration made.
func (s *Store) Import(ctx context.Context, in atssync.NewSubmission, app atssync.Application, now time.Time) (atssync.Accepted, error) {
	var out atssync.Accepted
	err := s.update(Intake(ctx), now, func(st *step) error {
		var err error
		out, err = st.imported(&in, app)
		return err
	})
	return out, noSpace(err)
}

func (st *step) imported(in *atssync.NewSubmission, app atssync.Application) (atssync.Accepted, error) {
	n := &in.Submission
	c, first, err := st.known(n)
	if err != nil {
		return refused(err)
	}
	if first != nil {
		if first.Fingerprint == n.Fingerprint {
			return atssync.Accepted{Result: atssync.AcceptedReplay, Submission: *first}, nil
		}
		return refused(atssync.Errorf(atssync.CodeConflict, "submission %s has this external_id already and is %s", first.ID, first.State))
	}
	if err := st.ownJob(c.Account, n.PlatformJob, in.Within); err != nil {
		return refused(err)
	}
	if _, err := st.elsewhere(c, n); err != nil {
		return refused(err)
	}
	if app.ApplicationID != "" {
		others, err := st.byReceipt(c.ID, receiptApplication, app.ApplicationID)
		if err != nil {
			return atssync.Accepted{}, err
		}
		if len(others) > 0 {
			return refused(atssync.Errorf(atssync.CodeConflict, "the ATS application %s is followed already, as submission %s", app.ApplicationID, others[0]))
		}
	}
	s := st.fresh(c, n)
	s.State, s.NextAt = atssync.StateAlreadyApplied, st.now
	if s.Receipt == nil {
		s.Receipt = &atssync.Receipt{
			CandidateID: app.CandidateID, ApplicationID: app.ApplicationID, ProfileURL: app.ProfileURL, Pending: app.Pending,
		}
	}
	if err := st.save(nil, &s); err != nil {
		return atssync.Accepted{}, err
	}
	st.claim(&s)
	if len(in.Payload) > 0 {
		st.w.Set(keyPayload(s.ID), in.Payload)
	}
	app.Imported = true
	if err := st.follow(&s, &app); err != nil {
		return atssync.Accepted{}, err
	}
	st.emit(c, s.StateEvent(st.now))
	st.note("submission.import", s.ID, "")
	return atssync.Accepted{Result: atssync.AcceptedNew, Submission: s}, nil
}
