package kv

import (
	"context"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// maxCandidates bounds the events of wanted types that one plan looks into.
const maxCandidates = 1_000

// candidate is an event that an endpoint may want.
type candidate struct {
	place
	typ      atssync.EventType
	position int64
}

// candidates reads the events of wanted types after a position. last is the last position that was looked at.
func (r reader) candidates(e *atssync.Endpoint, after int64) (out []candidate, last int64, more bool, err error) {
	dropped, err := r.r.Value(keyEventDropped(""))
	if err != nil {
		return nil, after, false, err
	}
	after = max(after, number(dropped)) // what lies before is kept for those that were to get it, if at all
	q := atssync.EventQuery{Types: e.Types, After: after}
	last = after
	first, ok := from(q)
	if !ok {
		return nil, last, false, nil
	}
	prefix, looked := table(tabEventAt), 0
	err = r.r.Scan(prefix, prefix.clone().num(first), func(k, v []byte) bool {
		if len(out) == maxCandidates || looked == maxEventsLooked {
			more = true
			return false
		}
		looked++
		f := fieldsOf(k, len(prefix))
		c := candidate{position: f.num()}
		c.connection, c.typ, _, c.sequence = pointerOf(v)
		last = c.position
		if typed(q, c.typ) {
			out = append(out, c)
		}
		return true
	})
	return out, last, more, err
}

// wanted reads the next events that an endpoint wants, at most limit.
func (r reader) wanted(e *atssync.Endpoint, after int64, limit int) (out []atssync.Event, last int64, more bool, err error) {
	found, last, more, err := r.candidates(e, after)
	if err != nil {
		return nil, after, false, err
	}
	for _, c := range found {
		if len(out) == limit {
			return out, out[limit-1].Position, true, nil
		}
		account := ""
		if len(e.Accounts) > 0 {
			con, err := r.connection(c.connection)
			if err != nil {
				return nil, after, false, err
			}
			if con != nil {
				account = con.Account
			}
		}
		if !e.Wants(c.typ, account, c.connection) {
			continue
		}
		rec, err := record[eventRecord](r.r, keyEvent(c.connection, c.sequence))
		if err != nil {
			return nil, after, false, err
		}
		if rec != nil {
			out = append(out, rec.event())
		}
	}
	return out, last, more, nil
}

// PlanDeliveries makes deliveries of the next events.
func (s *Store) PlanDeliveries(ctx context.Context, l atssync.Lease, limit int, now time.Time) (planned int, more bool, err error) {
	limit = min(max(limit, 1), partItems)
	behind := false
	err = s.view(ctx, func(r reader) error { // most looks find nothing, and a look costs less than a step
		e, err := r.leasedEndpoint(l)
		if err != nil || e.State != atssync.EndpointActive {
			return err
		}
		work, err := r.endpointWork(e.ID)
		if err != nil {
			return err
		}
		last, err := r.r.Value(keyPosition())
		behind = number(last) > work.Cursor
		return err
	})
	if err != nil || !behind {
		return 0, false, err
	}
	err = s.update(ctx, now, func(st *step) error {
		planned, more = 0, false
		e, err := st.leasedEndpoint(l)
		if err != nil || e.State != atssync.EndpointActive {
			return err
		}
		work, err := st.endpointWork(e.ID)
		if err != nil {
			return err
		}
		events, last, left, err := st.wanted(e, work.Cursor, limit)
		if err != nil || last == work.Cursor {
			return err
		}
		for i := range events {
			work.Sequence++
			if err := st.plan(e.ID, work.Sequence, &events[i]); err != nil {
				return err
			}
		}
		work.Cursor, work.Pending = last, work.Pending+int64(len(events))
		st.saveWork(work)
		planned, more = len(events), left
		return nil
	})
	return planned, more, err
}

// plan makes the delivery of one event.
func (st *step) plan(endpoint string, sequence int64, e *atssync.Event) error {
	d := &atssync.Delivery{
		Endpoint: endpoint, Sequence: sequence, Event: e.ID, Type: e.Type, Connection: e.Connection, EventSequence: e.Sequence,
		Position: e.Position, EventAt: e.At, Key: e.OrderingKey(), State: atssync.DeliveryPending, PlannedAt: st.now, NextAt: st.now,
	}
	st.w.Set(keyDeliveryOf(d.Event, endpoint), key{}.num(sequence))
	return st.enqueue(d)
}
