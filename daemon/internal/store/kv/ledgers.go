package kv

import (
	"context"
	"time"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// Ledger returns a connection's counters.
func (s *Store) Ledger(ctx context.Context, connection string) (atssync.Ledger, error) {
	var out atssync.Ledger
	err := s.view(ctx, func(r reader) error {
		var err error
		out, err = r.ledger(connection)
		return err
	})
	return out, err
}

// ledger reads the counters; a connection that never accepted anything has zeroes.
func (r reader) ledger(connection string) (atssync.Ledger, error) {
	l, err := record[atssync.Ledger](r.r, keyLedger(connection))
	if err != nil {
		return atssync.Ledger{}, err
	}
	if l != nil {
		return *l, nil
	}
	c, err := r.r.Value(keyConnection(connection))
	if err == nil && c == nil {
		err = missing("connection", connection)
	}
	return atssync.Ledger{Connection: connection, States: map[atssync.State]int64{}}, err
}

// Ledgers lists the counters of every connection within the scope, removed ones too, in the order of their ids.
func (s *Store) Ledgers(ctx context.Context, q atssync.LedgerQuery) (atssync.Page[atssync.Ledger], error) {
	var out atssync.Page[atssync.Ledger]
	err := s.view(ctx, func(r reader) error {
		var err error
		out, err = page(ctx, r.r, q.Paging, listing[atssync.Ledger]{
			spans: []span{{prefix: table(tabConnection)}},
			load: func(k, _ []byte) (*atssync.Ledger, error) {
				f := fieldsOf(k, 2)
				ids, err := r.connectionsIn(f.text(), "", q.Within)
				if err != nil || len(ids) == 0 {
					return nil, err
				}
				l, err := r.ledger(ids[0])
				return &l, err
			},
		})
		return err
	})
	return out, err
}

// Recount counts the records themselves, found by the order of acceptance, and not the index by state: an
// index that strayed from its records shows.
func (s *Store) Recount(ctx context.Context, connection string) (atssync.LedgerLine, error) {
	var out atssync.LedgerLine
	err := s.view(ctx, func(r reader) error {
		l, err := r.ledger(connection)
		if err != nil {
			return err
		}
		out = atssync.LedgerLine{Ledger: l, Counted: make(map[atssync.State]int64)}
		looked := 0
		var failed error
		err = r.r.Scan(table(tabSubByConn).text(connection), nil, func(k, _ []byte) bool {
			if looked++; looked%1024 == 0 {
				failed = ctx.Err()
			}
			state, err := r.stateOf(submissionOf(k))
			if err != nil {
				failed = err
			} else if state != "" {
				out.Counted[state]++
			}
			return failed == nil
		})
		if err == nil {
			err = failed
		}
		return err
	})
	if err != nil {
		return atssync.LedgerLine{}, err
	}
	out.OK = adds(out)
	return out, nil
}

// stateOf reads nothing of a submission but its state.
func (r reader) stateOf(id string) (atssync.State, error) {
	v, err := r.r.Value(keySubmission(id))
	if err != nil || v == nil {
		return "", err
	}
	s, err := decode[atssync.Submission](keySubmission(id), v)
	if err != nil {
		return "", err
	}
	return s.State, nil
}

// adds reports whether counters and recount agree: what waits to the last one, and of what is decided no
// more records than the counters say, since retention removes some.
func adds(l atssync.LedgerLine) bool {
	if !l.Balanced() {
		return false
	}
	for _, s := range atssync.States() {
		counted, says := l.Counted[s], l.States[s]
		if counted > says || s.Waiting() && counted != says {
			return false
		}
	}
	return true
}

// OldestWaiting tells since when the oldest submission waits, by waiting state.
func (s *Store) OldestWaiting(ctx context.Context, connection string) (map[atssync.State]time.Time, error) {
	out := make(map[atssync.State]time.Time)
	err := s.view(ctx, func(r reader) error {
		clear(out)
		counted, err := r.ledger(connection)
		if atssync.CodeOf(err) == atssync.CodeNotFound {
			return nil // there is no such connection, and nothing waits on it
		}
		if err != nil {
			return err
		}
		for _, state := range atssync.States() {
			if !state.Waiting() || counted.States[state] == 0 { // a counter is quicker than a look
				continue
			}
			at, ok, err := r.firstAt(table(tabSubByState).text(connection).text(string(state)))
			if err != nil {
				return err
			}
			if ok {
				out[state] = at
			}
		}
		return nil
	})
	return out, err
}
