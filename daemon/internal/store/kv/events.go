package kv

import (
	"context"
	"math"
	"slices"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// maxEventsLooked bounds the events that one call passes over, so that a rare filter does not read for long.
const maxEventsLooked = 10_000

// place is where an event lies.
type place struct {
	connection string
	sequence   int64
}

// Events reads events in order.
func (s *Store) Events(ctx context.Context, q atssync.EventQuery) ([]atssync.Event, int64, error) {
	if q.Limit <= 0 {
		q.Limit = 100
	}
	q.Limit = min(q.Limit, 1000)
	out := []atssync.Event{}
	var after int64
	err := s.view(ctx, func(r reader) error {
		var places []place
		var err error
		q := q
		if q.Newest && q.Subject == "" {
			out, after, err = r.newestEvents(q)
			return err
		}
		if err := r.stillKept(&q); err != nil {
			return err
		}
		after = q.After
		switch {
		case q.Subject != "":
			places, after, err = r.eventsOf(q)
		case q.Connection != "":
			out, after, err = r.eventsInOrder(q)
			return err
		default:
			places, after, err = r.eventsOfAll(q)
		}
		if err != nil {
			return err
		}
		for _, p := range places {
			e, err := record[eventRecord](r.r, keyEvent(p.connection, p.sequence))
			if err != nil {
				return err
			}
			if e == nil {
				continue
			}
			if e := e.event(); q.Wants(&e) {
				out = append(out, e)
			}
		}
		return nil
	})
	return out, after, err
}

// stillKept refuses a query whose range was dropped in part, and lets one begin that asks for the first there is.
func (r reader) stillKept(q *atssync.EventQuery) error {
	v, err := r.r.Value(keyEventDropped(q.Connection))
	if err != nil {
		return err
	}
	dropped := number(v)
	switch {
	case q.After < 0:
		q.After = dropped
	case q.After >= dropped:
	case q.Connection != "":
		return atssync.Errorf(atssync.CodeGone, "the events of connection %s up to number %d are no longer kept: the first one still there is %d",
			q.Connection, dropped, dropped+1)
	default:
		return atssync.Errorf(atssync.CodeGone, "events that follow this one are no longer kept: the feed would have a hole")
	}
	return nil
}

func typed(q atssync.EventQuery, t atssync.EventType) bool {
	return len(q.Types) == 0 || slices.Contains(q.Types, t)
}

// from is the number after q.After; nothing lies behind the last one.
func from(q atssync.EventQuery) (int64, bool) {
	if q.After == math.MaxInt64 {
		return 0, false
	}
	return max(q.After, 0) + 1, true
}

// eventsInOrder reads the events of one connection by sequence.
func (r reader) eventsInOrder(q atssync.EventQuery) ([]atssync.Event, int64, error) {
	out, after, looked := []atssync.Event{}, q.After, 0
	first, ok := from(q)
	if !ok {
		return out, after, nil
	}
	prefix := table(tabEvent).text(q.Connection)
	var failed error
	err := r.r.Scan(prefix, prefix.clone().num(first), func(k, v []byte) bool {
		if len(out) == q.Limit || looked == maxEventsLooked {
			return false
		}
		looked++
		e, err := decode[eventRecord](k, v)
		if err != nil {
			failed = err
			return false
		}
		after = e.Sequence
		if typed(q, e.Type) && (q.Account == "" || e.Account == q.Account) && q.Within.Covers(e.Account, e.Connection) {
			if e := e.event(); q.Wants(&e) {
				out = append(out, e)
			}
		}
		return true
	})
	if err == nil {
		err = failed
	}
	return out, after, err
}

// eventsOfAll reads the events of all connections by position.
func (r reader) eventsOfAll(q atssync.EventQuery) ([]place, int64, error) {
	return r.pointed(table(tabEventAt), q, func(_ place, position int64) int64 { return position })
}

// eventsOf reads the events of one subject: by position, or by sequence with a connection.
func (r reader) eventsOf(q atssync.EventQuery) ([]place, int64, error) {
	if q.Connection == "" {
		return r.pointed(table(tabEventOf).text(q.Subject), q, func(_ place, position int64) int64 { return position })
	}
	all := q
	all.After = 0
	places, after, err := r.pointed(table(tabEventOf).text(q.Subject), all, func(p place, _ int64) int64 {
		if p.connection != q.Connection || p.sequence <= q.After {
			return 0
		}
		return p.sequence
	})
	return places, max(after, q.After), err
}

// pointed reads an index by position. number tells the cursor of an entry, 0 to leave it out.
func (r reader) pointed(prefix key, q atssync.EventQuery, number func(place, int64) int64) ([]place, int64, error) {
	var out []place
	after, looked := q.After, 0
	first, ok := from(q)
	if !ok {
		return nil, after, nil
	}
	inside, err := r.eventSources(q)
	if err != nil {
		return nil, after, err
	}
	err = r.r.Scan(prefix, prefix.clone().num(first), func(k, v []byte) bool {
		if len(out) == q.Limit || looked == maxEventsLooked {
			return false
		}
		looked++
		f := fieldsOf(k, len(prefix))
		connection, t, _, sequence := pointerOf(v)
		p := place{connection, sequence}
		n := number(p, f.num())
		if n == 0 {
			return true
		}
		after = n
		if typed(q, t) && (inside == nil || inside[connection]) && (q.Connection == "" || q.Connection == connection) {
			out = append(out, p)
		}
		return true
	})
	return out, max(after, q.After), err
}

// eventSources are the connections whose events a query wants, nil for all.
func (r reader) eventSources(q atssync.EventQuery) (map[string]bool, error) {
	if q.Account == "" && q.Within.Whole() {
		return nil, nil
	}
	ids, err := r.connectionsIn("", q.Account, q.Within)
	out := make(map[string]bool, len(ids))
	for _, id := range ids {
		out[id] = true
	}
	return out, err
}

// FirstEvent returns the last number that was dropped.
func (s *Store) FirstEvent(ctx context.Context, connection string) (int64, error) {
	var out int64
	err := s.view(ctx, func(r reader) error {
		v, err := r.r.Value(keyEventDropped(connection))
		out = number(v)
		return err
	})
	return out, err
}

// LastEvent returns the last number given.
func (s *Store) LastEvent(ctx context.Context, connection string) (int64, error) {
	k := keyPosition()
	if connection != "" {
		k = keySequence(connection)
	}
	var out int64
	err := s.view(ctx, func(r reader) error {
		v, err := r.r.Value(k)
		out = number(v)
		return err
	})
	return out, err
}
