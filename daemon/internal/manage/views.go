package manage

import (
	"context"

	"github.com/atssync/atssync/daemon/internal/atssync"
)

// LedgerView is the ledger of some connections and the sum over all of them.
type LedgerView struct {
	Connections []atssync.LedgerLine `json:"connections"`
	Total       atssync.LedgerLine   `json:"total"`
	Next        string               `json:"next,omitempty"`
}

// EventPage is a page of events and the cursor after it.
type EventPage struct {
	Events []atssync.Event `json:"events"`
	After  int64           `json:"after"`
}

// Applications lists applications. q.Connection may be a name.
func (s *Service) Applications(ctx context.Context, q atssync.ApplicationQuery) (atssync.Page[atssync.Application], error) {
	var err error
	if q.Connection, err = s.idOf(ctx, q.Connection); err != nil {
		return atssync.Page[atssync.Application]{}, err
	}
	q.Within = s.scope
	return s.o.Store.Applications(ctx, q)
}

// Application returns one application; its id is its submission's.
func (s *Service) Application(ctx context.Context, id string) (atssync.Application, error) {
	a, err := s.o.Store.Application(ctx, id)
	if err == nil && !s.scope.Covers(a.Account, a.Connection) {
		return atssync.Application{}, atssync.Errorf(atssync.CodeNotFound, "there is no application %s", id)
	}
	return a, err
}

// Events returns events after a cursor: a sequence with a connection, a position without.
func (s *Service) Events(ctx context.Context, q atssync.EventQuery) (EventPage, error) {
	var err error
	if q.Connection, err = s.idOf(ctx, q.Connection); err != nil {
		return EventPage{}, err
	}
	q.Within = s.scope
	events, after, err := s.o.Store.Events(ctx, q)
	return EventPage{Events: events, After: after}, err
}

// FirstEvent returns the cursor before the first event that is still kept; "" for all connections.
func (s *Service) FirstEvent(ctx context.Context, connection string) (int64, error) {
	id, err := s.idOf(ctx, connection)
	if err != nil {
		return 0, err
	}
	return s.o.Store.FirstEvent(ctx, id)
}

// LastEvent returns the cursor after everything that was told so far; "" for all connections.
func (s *Service) LastEvent(ctx context.Context, connection string) (int64, error) {
	id, err := s.idOf(ctx, connection)
	if err != nil {
		return 0, err
	}
	return s.o.Store.LastEvent(ctx, id)
}

// Checkpoints lists how far the passes over a connection came, or over a page of connections with "".
func (s *Service) Checkpoints(ctx context.Context, connection string, p atssync.Paging) (atssync.Page[atssync.Checkpoint], error) {
	out := atssync.Page[atssync.Checkpoint]{Items: []atssync.Checkpoint{}}
	var ids []string
	if connection != "" {
		c, err := s.find(ctx, connection)
		if err != nil {
			return out, err
		}
		ids = []string{c.ID}
	} else {
		page, err := s.o.Store.Connections(ctx, atssync.ConnectionQuery{Within: s.scope, Paging: p})
		if err != nil {
			return out, err
		}
		for i := range page.Items {
			ids = append(ids, page.Items[i].ID)
		}
		out.Next = page.Next
	}
	for _, id := range ids {
		of, err := s.o.Store.Checkpoints(ctx, id)
		if err != nil {
			return out, err
		}
		out.Items = append(out.Items, of...)
	}
	return out, nil
}

// Ledger returns the ledger of one connection, or of a page of all with "" and the sum over all.
func (s *Service) Ledger(ctx context.Context, connection string, p atssync.Paging) (LedgerView, error) {
	return s.ledger(ctx, connection, p, func(l atssync.Ledger) (atssync.LedgerLine, error) {
		return atssync.LedgerLine{Ledger: l, OK: l.Balanced()}, nil
	})
}

// Recount is Ledger with the records of each shown connection counted anew and compared.
func (s *Service) Recount(ctx context.Context, connection string, p atssync.Paging) (LedgerView, error) {
	return s.ledger(ctx, connection, p, func(l atssync.Ledger) (atssync.LedgerLine, error) {
		return s.o.Store.Recount(ctx, l.Connection)
	})
}

func (s *Service) ledger(ctx context.Context, connection string, p atssync.Paging, line func(atssync.Ledger) (atssync.LedgerLine, error)) (LedgerView, error) {
	var page atssync.Page[atssync.Ledger]
	var total atssync.Ledger
	var err error
	if connection != "" {
		c, err := s.find(ctx, connection)
		if err != nil {
			return LedgerView{}, err
		}
		l, err := s.o.Store.Ledger(ctx, c.ID)
		if err != nil {
			return LedgerView{}, err
		}
		page.Items, total = []atssync.Ledger{l}, l
	} else if page, total, err = s.ledgers(ctx, p); err != nil {
		return LedgerView{}, err
	}
	out := LedgerView{
		Connections: make([]atssync.LedgerLine, len(page.Items)), Next: page.Next,
		Total: atssync.LedgerLine{Ledger: total, OK: total.Balanced()},
	}
	for i, l := range page.Items {
		if out.Connections[i], err = line(l); err != nil {
			return LedgerView{}, err
		}
		out.Total.OK = out.Total.OK && out.Connections[i].OK
	}
	return out, nil
}

// ledgers returns one page of the ledgers and the sum over all.
func (s *Service) ledgers(ctx context.Context, p atssync.Paging) (atssync.Page[atssync.Ledger], atssync.Ledger, error) {
	var total atssync.Ledger
	page, err := s.o.Store.Ledgers(ctx, atssync.LedgerQuery{Within: s.scope, Paging: p})
	if err != nil {
		return page, total, err
	}
	err = each(func(p atssync.Paging) (atssync.Page[atssync.Ledger], error) {
		return s.o.Store.Ledgers(ctx, atssync.LedgerQuery{Within: s.scope, Paging: p})
	}, func(l atssync.Ledger) error {
		total.Add(l)
		return nil
	})
	return page, total, err
}

// Audit lists what people did to an object, newest first; "" for every object.
func (s *Service) Audit(ctx context.Context, object string, p atssync.Paging) (atssync.Page[atssync.Audit], error) {
	return s.o.Store.AuditRecords(ctx, object, p)
}
