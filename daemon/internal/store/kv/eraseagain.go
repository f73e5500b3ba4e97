package kv

import (
	"context"
	"slices"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// erasedBefore is what is left of a submission that was erased after the backup and is not in it.
type erasedBefore struct {
	Erasure string    `json:"erasure"`
	At      time.Time `json:"at"`
}

// EraseAgain has erased once more what was erased after the backup.
func (s *Store) EraseAgain(ctx context.Context, in []atssync.ErasedSubmission, now time.Time) ([]atssync.Learned, error) {
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
				return atssync.Errorf(atssync.CodeConflict, "this store was never restored from a backup: it knows itself what was erased")
			}
			for i := from; i < to; i++ {
				if out[i], err = st.eraseAgain(&in[i]); err != nil {
					return err
				}
			}
			return nil
		})
	})
	return out, err
}

func (st *step) eraseAgain(x *atssync.ErasedSubmission) (atssync.Learned, error) {
	s, err := st.meant(atssync.Evidence{Submission: x.Submission, ExternalKey: x.ExternalKey})
	if err != nil {
		return "", err
	}
	if s == nil {
		return st.rememberErased(x)
	}
	e, err := record[atssync.Erasure](st.w, keyErasure(x.Erasure))
	if err != nil {
		return "", err
	}
	t := atssync.ErasureTarget{Submission: s.ID, Connection: s.Connection, Account: s.Account}
	if s.Erasure != "" || e != nil && slices.Contains(e.Waiting, t) {
		return atssync.LearnedKnown, nil
	}
	if e == nil {
		e = &atssync.Erasure{ID: x.Erasure, By: x.By, Actor: st.actor, CreatedAt: x.At}
	}
	e.Waiting, e.FinishedAt = append(e.Waiting, t), time.Time{}
	st.saveErasure(e)
	return atssync.LearnedSettled, nil
}

// rememberErased keeps the keys of what is not in the backup, so that it is answered as gone when it is sent again, and
// forgets what else is known of it.
func (st *step) rememberErased(x *atssync.ErasedSubmission) (atssync.Learned, error) {
	known := atssync.LearnedKnown
	for _, k := range []string{x.ExternalKey, x.AccountKey} {
		if k == "" {
			continue
		}
		v, err := st.w.Value(keyErasedBefore(k))
		if err != nil {
			return "", err
		}
		if v == nil {
			known = atssync.LearnedRemembered
			st.put(keyErasedBefore(k), erasedBefore{x.Erasure, x.At})
		}
	}
	st.w.Delete(keyEvidence(x.ExternalKey))
	if x.AccountKey != "" {
		st.w.Delete(keyEvidenceOf(x.AccountKey))
	}
	return known, nil
}

// goneBefore refuses what was erased after the backup that this store was restored from; nil for everything else.
func (st *step) goneBefore(keys ...string) error {
	list, err := st.restored()
	if err != nil || len(list) == 0 {
		return err
	}
	for _, k := range keys {
		if k == "" {
			continue
		}
		x, err := record[erasedBefore](st.w, keyErasedBefore(k))
		if err != nil {
			return err
		}
		if x != nil {
			return atssync.Errorf(atssync.CodeGone, "the submission with this external_id was erased on %s (%s), and its data was restored since", x.At.UTC().Format(time.DateOnly), x.Erasure).
				WithRemedy("a new application of the same person goes through under an external_id of its own")
		}
	}
	return nil
}

// mayHaveLeft reports whether a submission is held because nobody knows whether it was sent after the backup.
func (r reader) mayHaveLeft(s *atssync.Submission) (bool, error) {
	if s.State != atssync.StateHeld || s.HeldReason != atssync.HeldRestored {
		return false, nil
	}
	v, err := r.r.Value(keyRestoredHeld(s.Connection))
	return v != nil, err
}
