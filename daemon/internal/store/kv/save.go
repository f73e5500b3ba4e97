package kv

import (
	"bytes"
	"slices"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// entry is one key of an index; a nil key is none.
type entry struct{ key, value []byte }

// The indexes of a submission that have at most one entry each.
const (
	byConnection = iota
	byState
	byDue
	byReason
	indexes
)

// entriesOf returns the index entries that a submission has in its state.
func entriesOf(s *atssync.Submission) (out [indexes]entry) {
	out[byConnection] = entry{keySubByConn(s), []byte(s.PlatformJob)}
	out[byState] = entry{keySubByState(s), why(s)}
	switch s.State {
	case atssync.StateQueued:
		out[byDue] = entry{keyQueue(s), expiry(s)}
	case atssync.StateHeld:
		out[byReason] = entry{keyHeld(s), expiry(s)}
	}
	return out
}

// expires reports whether time may end the submission: not while the ATS holds a part of it.
func expires(s *atssync.Submission) bool {
	return (s.State == atssync.StateQueued || s.State == atssync.StateHeld) &&
		len(s.Continuation) == 0 && !s.ExpiresAt.IsZero()
}

// expiry is the value of the indexes of what waits: when it expires, nothing if never.
func expiry(s *atssync.Submission) []byte {
	if !expires(s) {
		return []byte{}
	}
	return key{}.at(s.ExpiresAt)
}

// save writes a submission with its indexes and moves the ledger from the state it was in; was is nil when
// it was just accepted. It is the only way that a submission is written, so that the ledger adds up.
func (st *step) save(was, s *atssync.Submission) error {
	var from atssync.State
	var old [indexes]entry
	if was != nil {
		from, old = was.State, entriesOf(was)
	} else {
		st.w.Set(keyExternal(s.ExternalKey), idValue(s.ID))
	}
	for i, e := range entriesOf(s) {
		o := old[i]
		if o.key != nil && !bytes.Equal(o.key, e.key) {
			st.w.Delete(o.key)
			o = entry{}
		}
		if e.key != nil && (o.key == nil || !bytes.Equal(o.value, e.value)) {
			st.w.Set(e.key, e.value)
		}
	}
	st.savePersons(was, s)
	if r := s.Receipt; r != nil && (was == nil || was.Receipt == nil || *was.Receipt != *r) {
		st.saveReceipt(s.Connection, s.ID, r.CandidateID, r.ApplicationID)
	}
	k := keySubmission(s.ID)
	if raw := st.put(k, s); raw != nil && s.State == atssync.StateSending { // its end is soon
		st.caches.submissions.keep(k, raw, ownSubmission(s))
	}
	if from == s.State {
		return nil
	}
	return st.count(s.Connection, from, s.State)
}

func (st *step) savePersons(was, s *atssync.Submission) {
	if was != nil {
		if slices.Equal(was.PersonKeys, s.PersonKeys) {
			return
		}
		for _, p := range was.PersonKeys {
			if !slices.Contains(s.PersonKeys, p) {
				st.w.Delete(keyPerson(p, s.ID))
			}
		}
	}
	for _, p := range s.PersonKeys {
		st.w.Set(keyPerson(p, s.ID), []byte{})
	}
}

// saveReceipt makes a submission findable by the ATS's ids. Entries are only ever added: a candidate that was
// merged or an application that was rekeyed is still found by its old id.
func (st *step) saveReceipt(connection, id, candidate, application string) {
	if candidate != "" {
		st.w.Set(keyReceipt(connection, receiptCandidate, candidate, id), []byte{})
	}
	if application != "" {
		st.w.Set(keyReceipt(connection, receiptApplication, application, id), []byte{})
	}
}

// saveApplication writes an application; was is nil when it is new.
func (st *step) saveApplication(was, a *atssync.Application) {
	if was == nil || was.CandidateID != a.CandidateID || was.ApplicationID != a.ApplicationID {
		st.saveReceipt(a.Connection, a.ID, a.CandidateID, a.ApplicationID)
	}
	switch open := was != nil && was.Question != ""; {
	case a.Question != "" && (!open || was.QuestionAskedAt.IsZero()): // one from before there was an index gets its time late
		st.w.Set(keyQuestion(a.Connection, a.ID), []byte{})
	case a.Question == "" && open:
		st.w.Delete(keyQuestion(a.Connection, a.ID))
	}
	st.put(keyApplication(a.Connection, a.ID), a)
}

// follow writes the application that a submission became, unless it is followed already.
func (st *step) follow(s *atssync.Submission, in *atssync.Application) error {
	if in == nil {
		return nil
	}
	was, err := st.application(s.Connection, s.ID)
	if err != nil || was != nil {
		return err
	}
	a := *in
	a.ID, a.Connection, a.Account, a.Version = s.ID, s.Connection, s.Account, 1
	st.saveApplication(nil, &a)
	return nil
}

// endAttempt writes how an attempt ended.
func (st *step) endAttempt(id string, number int, end func(*atssync.Attempt)) error {
	k := keyAttempt(id, number)
	shared, err := st.caches.attempts.record(st.w, k)
	if err != nil || shared == nil {
		return err
	}
	a := *shared
	a.Exchanges = slices.Clone(a.Exchanges)
	a.EndedAt = st.now
	end(&a)
	st.put(k, &a)
	return nil
}

// needSubmission reads a submission, or is CodeNotFound.
func (r reader) needSubmission(id string) (*atssync.Submission, error) {
	s, err := r.submission(id)
	if err == nil && s == nil {
		err = missing("submission", id)
	}
	return s, err
}
