package kv

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// erasePart is how many events of a submission one commit erases.
const erasePart = 50

// CreateErasure persists an erasure of what is there now.
func (s *Store) CreateErasure(ctx context.Context, in atssync.NewErasure, now time.Time) (atssync.Erasure, error) {
	ids, more, err := s.toErase(ctx, in)
	if err != nil {
		return atssync.Erasure{}, err
	}
	var out atssync.Erasure
	err = s.update(ctx, now, func(st *step) error {
		e := atssync.Erasure{
			ID: atssync.NewID(atssync.PrefixErasure, st.now), By: in.By, Within: in.Within.Clone(), More: more, Actor: st.actor, CreatedAt: st.now,
		}
		by := map[string]bool{} // the erasures that have some of it already
		for _, id := range ids {
			sub, err := st.submission(id)
			if err != nil {
				return err
			}
			if sub == nil || !in.Within.Covers(sub.Account, sub.Connection) {
				continue
			}
			by[sub.Erasure] = true
			e.Waiting = append(e.Waiting, atssync.ErasureTarget{Submission: id, Connection: sub.Connection, Account: sub.Account})
		}
		if len(e.Waiting) == 0 && in.ExternalKey != "" {
			return atssync.Errorf(atssync.CodeNotFound, "no submission was ever accepted with this external_id")
		}
		if before, err := st.sameErasure(by, &e); err != nil || before != nil {
			if err == nil {
				out = *before
			}
			return err
		}
		if len(e.Waiting) == 0 {
			e.FinishedAt = st.now
		}
		st.saveErasure(&e)
		st.note("erasure.create", e.ID, "by "+string(e.By)+", submissions: "+strconv.Itoa(len(e.Waiting)))
		out = e
		return nil
	})
	return out, err
}

// sameErasure is the erasure that has all of another one's submissions, if one has.
func (r reader) sameErasure(by map[string]bool, e *atssync.Erasure) (*atssync.Erasure, error) {
	if len(by) != 1 || by[""] {
		return nil, nil
	}
	for id := range by {
		before, err := record[atssync.Erasure](r.r, keyErasure(id))
		if err == nil && before != nil && before.Covered(e.Within) {
			return before, nil
		}
		return nil, err
	}
	return nil, nil
}

// toErase finds the submissions of a person. What is accepted after this look is another application.
func (s *Store) toErase(ctx context.Context, in atssync.NewErasure) (ids []string, more bool, err error) {
	err = s.view(ctx, func(r reader) error {
		if in.ExternalKey != "" {
			id, err := r.idAt(keyExternal(in.ExternalKey))
			if id != "" {
				ids = append(ids, id)
			}
			return err
		}
		for _, p := range in.PersonKeys {
			if err := r.r.Scan(table(tabPerson).hash(p), nil, func(k, _ []byte) bool {
				if id := submissionOf(k); !slices.Contains(ids, id) {
					more = len(ids) == atssync.MaxErasure
					if !more {
						ids = append(ids, id)
					}
				}
				return !more
			}); err != nil || more {
				return err
			}
		}
		return nil
	})
	return ids, more, err
}

func (st *step) saveErasure(e *atssync.Erasure) {
	if e.FinishedAt.IsZero() {
		st.w.Set(keyErasureWaiting(e.ID), []byte{})
	} else {
		st.w.Delete(keyErasureWaiting(e.ID))
	}
	st.put(keyErasure(e.ID), e)
}

// Erasure returns one erasure.
func (s *Store) Erasure(ctx context.Context, id string) (atssync.Erasure, error) {
	var out atssync.Erasure
	err := s.view(ctx, func(r reader) error {
		e, err := record[atssync.Erasure](r.r, keyErasure(id))
		if err == nil && e == nil {
			err = missing("erasure", id)
		}
		if err == nil {
			out = *e
		}
		return err
	})
	return out, err
}

// Erasures lists erasures in the order in which they were asked for.
func (s *Store) Erasures(ctx context.Context, q atssync.ErasureQuery) (atssync.Page[atssync.Erasure], error) {
	var out atssync.Page[atssync.Erasure]
	err := s.view(ctx, func(r reader) error {
		tab := tabErasure
		if q.Pending {
			tab = tabErasureWaiting
		}
		var err error
		out, err = page(ctx, r.r, q.Paging, listing[atssync.Erasure]{
			spans: []span{{prefix: table(tab)}},
			load: func(k, _ []byte) (*atssync.Erasure, error) {
				f := fieldsOf(k, 2)
				e, err := record[atssync.Erasure](r.r, keyErasure(f.text()))
				if err != nil || e == nil || !e.Covered(q.Within) {
					return nil, err
				}
				return e, nil
			},
		})
		return err
	})
	return out, err
}

// WorkErasure erases what can be erased of an erasure.
func (s *Store) WorkErasure(ctx context.Context, id string, now time.Time) (done bool, err error) {
	e, err := s.Erasure(ctx, id)
	if err != nil {
		return false, err
	}
	for _, t := range e.Waiting {
		for more := true; more; {
			err := s.update(ctx, now, func(st *step) error {
				var err error
				more, err = st.eraseShare(id, t)
				return err
			})
			if err != nil {
				return false, err
			}
		}
	}
	e, err = s.Erasure(ctx, id)
	return err == nil && !e.FinishedAt.IsZero(), err
}

// eraseShare goes one step on with one submission; more says that the next step can follow at once.
func (st *step) eraseShare(id string, t atssync.ErasureTarget) (more bool, err error) {
	e, err := record[atssync.Erasure](st.w, keyErasure(id))
	if err != nil || e == nil || !slices.Contains(e.Waiting, t) {
		return false, err
	}
	s, err := st.submission(t.Submission)
	if err != nil {
		return false, err
	}
	switch {
	case s == nil:
		return false, st.erased(e, t, nil)
	case !s.ErasedAt.IsZero(): // another erasure was faster
		return false, st.erasedBy(e, t, s.Erasure)
	}
	was := *s
	if s.Erasure == "" {
		s.Erasure = id
	}
	switch s.State {
	case atssync.StateSending, atssync.StateUncertain:
		if was.Erasure != "" {
			return false, nil
		}
		return false, st.save(&was, s)
	case atssync.StateQueued, atssync.StateHeld:
		c, err := st.needConn(s.Connection)
		if err != nil {
			return false, err
		}
		doubtful, err := st.mayHaveLeft(s)
		if err != nil {
			return false, err
		}
		s.PossibleDuplicate = s.PossibleDuplicate || doubtful
		return true, st.moveTo(c, s, verdict{state: atssync.StateCancelled})
	}
	n, err := st.eraseEvents(s)
	if err != nil {
		return false, err
	}
	if n > 0 {
		return true, st.save(&was, s)
	}
	item, err := st.eraseRecords(&was, s)
	if err != nil {
		return false, err
	}
	item.ErasureTarget = t
	return false, st.erased(e, t, item)
}

// erasedBy takes over what another erasure tells of a submission.
func (st *step) erasedBy(e *atssync.Erasure, t atssync.ErasureTarget, id string) error {
	other, err := record[atssync.Erasure](st.w, keyErasure(id))
	if err != nil {
		return err
	}
	var item *atssync.ErasedItem
	if other != nil {
		if i := slices.IndexFunc(other.Erased, func(i atssync.ErasedItem) bool { return i.Submission == t.Submission }); i >= 0 {
			item = &other.Erased[i]
		}
	}
	return st.erased(e, t, item)
}

// erased takes a submission off the list of those that are waited for.
func (st *step) erased(e *atssync.Erasure, t atssync.ErasureTarget, item *atssync.ErasedItem) error {
	e.Waiting = slices.DeleteFunc(e.Waiting, func(w atssync.ErasureTarget) bool { return w == t })
	if item != nil {
		e.Erased = append(e.Erased, *item)
	}
	if len(e.Waiting) == 0 {
		e.FinishedAt = st.now
	}
	st.saveErasure(e)
	return nil
}

// eraseEvents erases the data of some events about a submission and what endpoints answered to them, and returns how many.
func (st *step) eraseEvents(s *atssync.Submission) (int, error) {
	prefix := table(tabEventOf).text(s.ID)
	var places []place
	err := st.w.Scan(prefix, nil, func(_, v []byte) bool {
		connection, _, _, sequence := pointerOf(v)
		places = append(places, place{connection, sequence})
		return true
	})
	if err != nil {
		return 0, err
	}
	n := 0
	for _, p := range places {
		e, err := record[eventRecord](st.w, keyEvent(p.connection, p.sequence))
		if err != nil {
			return n, err
		}
		if e == nil || e.Erased {
			continue
		}
		if n++; n > erasePart {
			return n, nil
		}
		st.forgetReceipts(s, e.Data)
		e.Data, e.Erased = atssync.ErasedData(s.ID), true
		st.put(keyEvent(p.connection, p.sequence), e)
		if err := st.eraseDeliveries(e.ID); err != nil {
			return n, err
		}
	}
	return n, nil
}

// forgetReceipts drops the index entries of every id of the ATS that an event names, former ones among them.
func (st *step) forgetReceipts(s *atssync.Submission, data json.RawMessage) {
	var d struct {
		Receipt  atssync.Receipt `json:"receipt"`
		Merged   string          `json:"merged_into"`
		Previous string          `json:"previous_application_id"`
	}
	if json.Unmarshal(data, &d) != nil {
		return // an event of another form names none
	}
	st.forgetReceipt(s, d.Receipt.CandidateID, d.Receipt.ApplicationID)
	st.forgetReceipt(s, d.Merged, d.Previous)
}

func (st *step) forgetReceipt(s *atssync.Submission, candidate, application string) {
	if candidate != "" {
		st.w.Delete(keyReceipt(s.Connection, receiptCandidate, candidate, s.ID))
	}
	if application != "" {
		st.w.Delete(keyReceipt(s.Connection, receiptApplication, application, s.ID))
	}
}

// eraseDeliveries forgets what endpoints answered to an event; they like to repeat what they were sent.
func (st *step) eraseDeliveries(event string) error {
	prefix := table(tabDeliveryOf).text(event)
	type at struct {
		endpoint string
		sequence int64
	}
	var found []at
	err := st.w.Scan(prefix, nil, func(k, v []byte) bool {
		f := fieldsOf(k, len(prefix))
		found = append(found, at{f.text(), number(v)})
		return true
	})
	if err != nil {
		return err
	}
	for _, x := range found {
		d, err := st.delivery(x.endpoint, x.sequence)
		if err != nil {
			return err
		}
		if d == nil {
			continue
		}
		for i := range d.Log {
			d.Log[i].Answer, d.Log[i].Error = "", ""
		}
		st.put(keyDelivery(d.Endpoint, d.Sequence), d)
	}
	return nil
}

// eraseRecords leaves a tombstone of a submission, and nothing of its document, notes, attempts and application.
func (st *step) eraseRecords(was, s *atssync.Submission) (*atssync.ErasedItem, error) {
	item := &atssync.ErasedItem{State: s.State, ErasedAt: st.now, Receipt: s.Receipt, Copy: atssync.CopyNone}
	doubtful, err := st.givenUp(s)
	if err != nil {
		return nil, err
	}
	switch {
	case s.State == atssync.StateSubmitted || s.State == atssync.StateAlreadyApplied:
		item.Copy = atssync.CopyHeld
	case len(s.Continuation) > 0:
		item.Copy = atssync.CopyPartial
	case doubtful || s.PossibleDuplicate:
		item.Copy = atssync.CopyPossible
	}
	if s.Receipt != nil {
		st.forgetReceipt(s, s.Receipt.CandidateID, s.Receipt.ApplicationID)
	}
	a, err := st.application(s.Connection, s.ID)
	if err != nil {
		return nil, err
	}
	if a != nil {
		item.Receipt = &atssync.Receipt{CandidateID: a.CandidateID, ApplicationID: a.ApplicationID, ProfileURL: a.ProfileURL, Pending: a.Pending}
		st.forgetReceipt(s, a.CandidateID, a.ApplicationID)
		st.w.Delete(keyApplication(s.Connection, s.ID))
		st.w.Delete(keyQuestion(s.Connection, s.ID))
	}
	st.w.Delete(keyPayload(s.ID))
	if err := st.dropHintOf(s); err != nil {
		return nil, err
	}
	if err := st.dropNotes(s.ID); err != nil {
		return nil, err
	}
	attempts, err := all[atssync.Attempt](st.w, table(tabAttempt).text(s.ID))
	if err != nil {
		return nil, err
	}
	for _, a := range attempts {
		st.put(keyAttempt(s.ID, a.Number), atssync.Attempt{
			Submission: a.Submission, Number: a.Number, Epoch: a.Epoch, StartedAt: a.StartedAt, EndedAt: a.EndedAt, Outcome: a.Outcome,
		})
	}
	if err := st.eraseAudit(s.ID); err != nil {
		return nil, err
	}
	s.Erase(st.now)
	return item, st.save(was, s)
}

// dropHintOf forgets what the ATS hinted at lately.
func (st *step) dropHintOf(s *atssync.Submission) error {
	v, err := st.w.Value(keyHintOf(s.Connection, s.ID))
	if err != nil || v == nil {
		return err
	}
	h, err := record[atssync.Hint](st.w, keyHint(s.Connection, number(v)))
	if err != nil || h == nil {
		return err
	}
	return st.dropHints(s.Connection, []atssync.Hint{*h})
}

// eraseAudit drops the words that stand with what people did to a submission; who did what and when stays.
func (st *step) eraseAudit(object string) error {
	prefix := table(tabAuditOf).text(object)
	var keys []key
	err := st.w.Scan(prefix, nil, func(k, _ []byte) bool {
		f := fieldsOf(k, len(prefix))
		at, id := f.at(), f.text()
		keys = append(keys, keyAudit(at, id))
		return true
	})
	if err != nil {
		return err
	}
	for _, k := range keys {
		a, err := record[atssync.Audit](st.w, k)
		if err != nil {
			return err
		}
		if a != nil && a.Detail != "" {
			a.Detail = ""
			st.put(k, a)
		}
	}
	return nil
}
