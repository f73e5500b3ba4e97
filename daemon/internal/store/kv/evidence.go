package kv

import (
	"context"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// learnPart is how many pieces of evidence one commit takes: each may write a submission, its application and an attempt.
const learnPart = 100

// Learn applies evidence.
func (s *Store) Learn(ctx context.Context, in []atssync.Evidence, now time.Time) ([]atssync.Learned, error) {
	if err := tooMany(len(in)); err != nil {
		return nil, err
	}
	out := make([]atssync.Learned, len(in))
	err := inParts(len(in), learnPart, func(from, to int) error {
		return s.update(ctx, now, func(st *step) error {
			list, err := st.restored()
			if err != nil {
				return err
			}
			if len(list) == 0 {
				return atssync.Errorf(atssync.CodeConflict, "this store was never restored from a backup: it knows itself what became of its submissions")
			}
			for i := from; i < to; i++ {
				if out[i], err = st.learn(in[i]); err != nil {
					return err
				}
			}
			return nil
		})
	})
	return out, err
}

func (st *step) learn(e atssync.Evidence) (atssync.Learned, error) {
	s, err := st.meant(e)
	if err != nil {
		return "", err
	}
	if s == nil {
		return st.remember(e)
	}
	c, err := st.needConn(s.Connection)
	if err != nil {
		return "", err
	}
	was := *s
	drafts, learned, err := s.Learn(e, st.now)
	if err != nil || !learned {
		return atssync.LearnedKnown, err
	}
	if err := st.save(&was, s); err != nil {
		return "", err
	}
	if err := st.evident(c, s, e); err != nil {
		return "", err
	}
	st.emit(c, drafts...)
	return atssync.LearnedSettled, nil
}

// meant finds the submission that evidence is about, nil when the store has none.
func (st *step) meant(e atssync.Evidence) (*atssync.Submission, error) {
	if e.Submission != "" {
		if s, err := st.submission(e.Submission); err != nil || s != nil {
			return s, err
		}
	}
	if e.ExternalKey == "" {
		return nil, nil //nolint:nilnil // nobody knows whose it is.
	}
	id, err := st.idAt(keyExternal(e.ExternalKey))
	if err != nil || id == "" {
		return nil, err
	}
	return st.submission(id)
}

// evident writes what else follows from evidence: the application to follow, and the attempt.
func (st *step) evident(c *atssync.Connection, s *atssync.Submission, e atssync.Evidence) error {
	if s.Receipt != nil && (s.State == atssync.StateSubmitted || s.State == atssync.StateAlreadyApplied) {
		name := ""
		if s.ATSJob != "" {
			job, err := st.caches.jobs.record(st.w, keyATSJob(c.ID, s.ATSJob))
			if err != nil {
				return err
			}
			if job != nil {
				name = job.Name
			}
		}
		app := atssync.NewApplication(*s, *s.Receipt, name, st.now)
		if err := st.follow(s, &app); err != nil {
			return err
		}
	}
	if e.Attempt == 0 {
		return nil
	}
	k := keyAttempt(s.ID, e.Attempt)
	a, err := record[atssync.Attempt](st.w, k)
	if err != nil {
		return err
	}
	if a == nil {
		a = &atssync.Attempt{Submission: s.ID, Number: e.Attempt, StartedAt: e.At, ATSJob: e.ATSJob, As: e.As}
	}
	a.EndedAt, a.Outcome, a.Trouble = st.now, s.State, s.Trouble
	st.put(k, a)
	return nil
}

// remember keeps evidence of what the store has not, until the platform sends it again.
func (st *step) remember(e atssync.Evidence) (atssync.Learned, error) {
	if e.ExternalKey == "" {
		return atssync.LearnedKnown, nil
	}
	switch err := st.goneBefore(e.ExternalKey, e.AccountKey); {
	case atssync.CodeOf(err) == atssync.CodeGone:
		return atssync.LearnedKnown, nil // nothing is kept of it
	case err != nil:
		return "", err
	}
	old, err := record[atssync.Evidence](st.w, keyEvidence(e.ExternalKey))
	if err != nil {
		return "", err
	}
	if old != nil && !e.Supersedes(*old) {
		return atssync.LearnedKnown, nil
	}
	st.put(keyEvidence(e.ExternalKey), e)
	if e.AccountKey != "" {
		st.w.Set(keyEvidenceOf(e.AccountKey), []byte(e.ExternalKey))
	}
	return atssync.LearnedRemembered, nil
}

// foreknown accepts a new submission of which evidence was kept: it is what became of it already.
func (st *step) foreknown(c *atssync.Connection, in *atssync.NewSubmission) (atssync.Accepted, bool, error) {
	list, err := st.restored()
	if err != nil || len(list) == 0 {
		return atssync.Accepted{}, false, err
	}
	e, err := st.evidence(&in.Submission)
	if err != nil || e == nil {
		return atssync.Accepted{}, false, err
	}
	s := st.fresh(c, &in.Submission)
	s.NextAt = st.now
	drafts, ok := s.Arrive(*e, st.now)
	if !ok {
		return atssync.Accepted{}, false, nil
	}
	if err := st.save(nil, &s); err != nil {
		return atssync.Accepted{}, false, err
	}
	st.claim(&s)
	st.w.Set(keyPayload(s.ID), in.Payload)
	if err := st.evident(c, &s, *e); err != nil {
		return atssync.Accepted{}, false, err
	}
	st.w.Delete(keyEvidence(e.ExternalKey))
	if e.AccountKey != "" {
		st.w.Delete(keyEvidenceOf(e.AccountKey))
	}
	st.emit(c, drafts...)
	return atssync.Accepted{Result: atssync.AcceptedNew, Submission: s}, true, nil
}

// evidence finds what was kept about a submission: under its external key, or under the key that it shares with other
// connections of the account to the same ATS.
func (r reader) evidence(n *atssync.Submission) (*atssync.Evidence, error) {
	e, err := record[atssync.Evidence](r.r, keyEvidence(n.ExternalKey))
	if err != nil || e != nil || n.AccountKey == "" {
		return e, err
	}
	k, err := r.r.Value(keyEvidenceOf(n.AccountKey))
	if err != nil || k == nil {
		return nil, err
	}
	return record[atssync.Evidence](r.r, keyEvidence(string(k)))
}
