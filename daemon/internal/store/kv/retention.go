package kv

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// DropPayloads drops the documents of what is decided. Documents lie in the order of their submissions' ids, which is that
// of acceptance, so that a pass ends where the young ones begin.
func (s *Store) DropPayloads(ctx context.Context, q atssync.DropQuery, now time.Time) (dropped int, next string, err error) {
	prefix := table(tabPayload)
	after, err := afterCursor(prefix, q.After)
	if err != nil {
		return 0, "", err
	}
	limit := min(max(q.Limit, 1), partItems)
	var old []string
	last := ""
	end := keyPayload(atssync.FirstID(atssync.PrefixSubmission, q.Before))
	err = s.view(ctx, func(r reader) error {
		var from key
		if after != nil {
			from = append(after.clone(), 0)
		}
		looked := 0
		var failed error
		err := r.r.Scan(prefix, from, func(k, _ []byte) bool {
			if bytes.Compare(k, end) >= 0 {
				return false
			}
			if len(old) == limit || looked == maxLooked {
				next = last // there is more behind it
				return false
			}
			looked++
			last = cursorOf(k)
			f := fieldsOf(k, len(prefix))
			sub, err := r.submission(f.text())
			if failed = err; err == nil && sub != nil && droppable(sub, q.Before) {
				old = append(old, sub.ID)
			}
			return failed == nil
		})
		return errors.Join(err, failed)
	})
	if err != nil {
		return 0, "", err
	}
	err = inParts(len(old), partItems, func(a, b int) error {
		part := 0
		err := s.update(ctx, now, func(st *step) error {
			part = 0
			for _, id := range old[a:b] {
				gone, err := st.dropPayload(id, q.Before)
				if err != nil {
					return err
				}
				if gone {
					part++
				}
			}
			return nil
		})
		if err == nil {
			dropped += part
		}
		return err
	})
	return dropped, next, err
}

// droppable reports whether nothing needs a submission's document any more.
func droppable(s *atssync.Submission, before time.Time) bool {
	return s.Decided() && s.UpdatedAt.Before(before)
}

func (st *step) dropPayload(id string, before time.Time) (bool, error) {
	s, err := st.submission(id)
	if err != nil || s == nil || !droppable(s, before) {
		return false, err
	}
	was := *s
	s.PayloadGoneAt = st.now
	st.w.Delete(keyPayload(id))
	if err := st.dropNotes(id); err != nil {
		return false, err
	}
	return true, st.save(&was, s)
}

// dropNotes drops the texts that went with the attempts.
func (st *step) dropNotes(id string) error {
	var notes []key
	err := st.w.Scan(table(tabNote).text(id), nil, func(k, _ []byte) bool {
		notes = append(notes, bytes.Clone(k))
		return true
	})
	for _, k := range notes {
		st.w.Delete(k)
	}
	return err
}

// oldEvent is an event that retention looks at.
type oldEvent struct {
	place
	subject  string
	position int64
}

// DropEvents drops old events. A pass begins with those that are in the feed no more and that a webhook waited for, and
// goes on with the first of the feed.
func (s *Store) DropEvents(ctx context.Context, q atssync.DropQuery, now time.Time) (dropped int, next string, err error) {
	prefix := table(tabEventAt)
	after, err := afterCursor(prefix, q.After)
	if err != nil {
		return 0, "", err
	}
	limit := min(max(q.Limit, 1), partItems)
	err = s.update(ctx, now, func(st *step) error {
		dropped, next = 0, ""
		found, last, err := st.oldest(prefix, after, limit)
		if err != nil || len(found) == 0 {
			return err
		}
		end := false
		if dropped, end, err = st.dropEvents(found, q.Before); err != nil {
			return err
		}
		if !end && len(found) == limit {
			next = last
		}
		return nil
	})
	return dropped, next, err
}

// oldest reads the next events in the order they were written.
func (r reader) oldest(prefix, after key, limit int) (found []oldEvent, last string, err error) {
	var from key
	if after != nil {
		from = append(after.clone(), 0)
	}
	err = r.r.Scan(prefix, from, func(k, v []byte) bool {
		f := fieldsOf(k, len(prefix))
		e := oldEvent{position: f.num()}
		e.connection, _, e.subject, e.sequence = pointerOf(v)
		found, last = append(found, e), cursorOf(k)
		return len(found) < limit
	})
	return found, last, err
}

// dropEvents drops what it may of some events in order; end says that the rest is to stay.
func (st *step) dropEvents(found []oldEvent, before time.Time) (dropped int, end bool, err error) {
	live, seen, err := st.endpointsAt()
	if err != nil {
		return 0, false, err
	}
	v, err := st.w.Value(keyEventDropped(""))
	if err != nil {
		return 0, false, err
	}
	mark := number(v)
	upTo := mark
	records := make([]*eventRecord, len(found))
	for i, e := range found {
		if records[i], err = record[eventRecord](st.w, keyEvent(e.connection, e.sequence)); err != nil {
			return 0, false, err
		}
		if e.position <= mark {
			continue
		}
		if rec := records[i]; e.position > seen || rec != nil && !rec.At.Before(before) && !rec.At.After(st.now.Add(skew)) {
			end = true
			break
		} else if rec == nil || rec.At.Before(before) { // one that a clock wrote which was ahead goes with the next old one
			upTo = e.position
		}
	}
	for i, e := range found {
		if e.position > upTo {
			break
		}
		if e.position > mark {
			st.w.Set(keyEventDropped(e.connection), key{}.num(e.sequence))
		}
		owed, err := st.owed(records[i], live)
		if err != nil {
			return 0, false, err
		}
		if owed {
			continue
		}
		st.w.Delete(keyEvent(e.connection, e.sequence))
		st.w.Delete(keyEventAt(e.position))
		if e.subject != "" {
			st.w.Delete(keyEventOf(e.subject, e.position))
		}
		dropped++
	}
	if upTo > mark {
		st.w.Set(keyEventDropped(""), key{}.num(upTo))
	}
	return dropped, end, nil
}

// endpointsAt lists the endpoints there are, and the position up to which all of them have looked at the events.
func (r reader) endpointsAt() (live []string, seen int64, err error) {
	v, err := r.r.Value(keyPosition())
	if err != nil {
		return nil, 0, err
	}
	seen = number(v)
	endpoints, err := all[atssync.Endpoint](r.r, table(tabEndpoint))
	if err != nil {
		return nil, 0, err
	}
	for _, e := range endpoints {
		if e.State == atssync.EndpointRemoved {
			continue
		}
		work, err := r.endpointWork(e.ID)
		if err != nil {
			return nil, 0, err
		}
		live = append(live, e.ID)
		dropped, err := r.r.Value(keyEventDropped(""))
		if err != nil {
			return nil, 0, err
		}
		seen = min(seen, max(work.Cursor, number(dropped)))
	}
	return live, seen, nil
}

// owed reports whether an endpoint has not got an event that it wants: pending, or given up and not replayed.
func (r reader) owed(e *eventRecord, live []string) (bool, error) {
	if e == nil {
		return false, nil
	}
	for _, id := range live {
		v, err := r.r.Value(keyDeliveryOf(e.ID, id))
		if err != nil {
			return false, err
		}
		if v == nil {
			continue
		}
		d, err := r.delivery(id, number(v))
		if err != nil {
			return false, err
		}
		if d != nil && d.State != atssync.DeliveryDelivered {
			return true, nil
		}
	}
	return false, nil
}

// DropConnectLinks drops connect links that ended long ago.
func (s *Store) DropConnectLinks(ctx context.Context, q atssync.DropQuery, now time.Time) (dropped int, next string, err error) {
	page, err := s.ConnectLinks(ctx, atssync.ConnectLinkQuery{All: true, Paging: atssync.Paging{After: q.After, Limit: min(max(q.Limit, 1), partItems)}})
	if err != nil {
		return 0, "", err
	}
	var old []string
	for _, l := range page.Items {
		if endedBefore(&l, q.Before) {
			old = append(old, l.ID)
		}
	}
	if len(old) == 0 {
		return 0, page.Next, nil
	}
	err = s.update(ctx, now, func(st *step) error {
		dropped = 0
		for _, id := range old {
			l, err := st.connectLink(id)
			if err != nil {
				return err
			}
			if l != nil && endedBefore(l, q.Before) {
				st.w.Delete(keyConnectLink(id))
				dropped++
			}
		}
		return nil
	})
	return dropped, page.Next, err
}

func endedBefore(l *atssync.ConnectLink, at time.Time) bool {
	return l.ExpiresAt.Before(at) || !l.RevokedAt.IsZero() && l.RevokedAt.Before(at)
}
